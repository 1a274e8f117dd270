// Feeds files to a fuzz target, so that inputs which once broke something are tested by every
// compiler.
//
//   $ replay_archive corpus/archive some_other_file

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

bool replay(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(in),
                                std::istreambuf_iterator<char>()};
  if (!in) {
    std::cerr << "can't read " << path << '\n';
    return false;
  }
  // A copy of just this size, so that the address sanitizer sees the first byte that is read behind
  // it.
  const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
  std::cout << path.filename().string() << ' ' << std::flush;
  LLVMFuzzerTestOneInput(input.data(), input.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path given = argv[i];
    if (std::filesystem::is_directory(given)) {
      for (const auto& entry : std::filesystem::directory_iterator(given)) {
        if (!replay(entry.path())) {
          return 1;
        }
        ++count;
      }
    } else if (replay(given)) {
      ++count;
    } else {
      return 1;
    }
  }
  std::cout << '\n' << count << " inputs replayed\n";
  return count > 0 ? 0 : 1;
}
