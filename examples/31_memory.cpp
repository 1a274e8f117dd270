// An object lives as long as a future to it does, and no longer. Where there are more than the
// store has room for, those that nobody reads at the moment are spilled to disk, and read again
// when somebody wants them.
//
//   $ ./31_memory
//   24 objects of 1 MiB: all there
//   dropped

#include <cstddef>
#include <iostream>
#include <span>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

constexpr std::size_t per_mib = (std::size_t{1} << 20) / sizeof(int);

mobula::array<int> block(int value) {
  return mobula::make_array<int>(per_mib, [value](std::span<int> all) {
    for (int& each : all) each = value;
  });
}
bool is_whole(std::span<const int> all, int value) {
  for (const int each : all) {
    if (each != value) return false;
  }
  return all.size() == per_mib;
}

int main(int argc, char** argv) {
  // On `processes` and in a simulation; the objects of `threads` lie on the heap.
  mobula::runtime runtime{argc, argv, {.store_memory = std::size_t{16} << 20}};

  std::vector<mobula::future<mobula::array<int>>> blocks;
  for (int i = 0; i < 24; ++i) blocks.push_back(mobula::async<block>(i));
  int whole = 0;
  for (int i = 0; i < 24; ++i) {
    whole += mobula::get(mobula::async<is_whole>(blocks[static_cast<std::size_t>(i)], i)) ? 1 : 0;
  }
  std::cout << whole << " objects of 1 MiB: all there\n";

  blocks.clear();  // their memory, or their place on disk, is given back
  std::cout << "dropped\n";
}
