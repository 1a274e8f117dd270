// Counts the words of all text files below a directory: tasks over batches of equal size, a tree of
// tasks that adds their results, and an actor that shows the progress. The same program runs on
// every backend.
//
//   $ ./wordcount                                   # /usr/include, on all cores
//   $ ./wordcount ~/src --top 5
//   $ ./wordcount ~/src --mobula-backend=loopback   # every value is serialised on its way
//
// On several machines the directory has to be reachable under the same name on all of them.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>
#include <unistd.h>

#include "files.hpp"
#include "progress.hpp"
#include "word_counts.hpp"

namespace wordcount {

constexpr const char* usage =
    R"(usage: wordcount [DIRECTORY] [--top N | --all] [--batch-bytes N] [--mobula-...]

Counts the words of the text files below DIRECTORY (default: /usr/include).

  --top N          print the N most frequent words (default: 20)
  --all            print all words
  --batch-bytes N  how much one task reads (default: 4194304)
  --mobula-...     Mobula's own: --mobula-backend=loopback, --mobula-cpus=2 and so on

A word is a run of ASCII letters, digits and underscores. A file with a zero byte in its first
8 KiB is binary and passed over. Symbolic links are not followed. What can't be read is named on
standard error and left out.
)";

struct settings {
  std::string directory = "/usr/include";
  std::size_t top = 20;
  std::uint64_t batch_bytes = 4 << 20;
  bool help = false;
};

// What one task found, or several.
struct summary {
  word_counts words;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t total = 0;  // words
  std::uint64_t binary_files = 0;
  std::uint64_t unreadable_files = 0;
};

// The task: counts the words of one batch. It has all it needs from its arguments, so it can run
// anywhere.
summary count(const batch& pieces, const mobula::actor<progress>& shown) {
  summary found;
  std::vector<char> buffer(256 * 1024);
  for (const piece& part : pieces) {
    const bool is_first = part.begin == 0;  // a file that is taken apart is one file all the same
    try {
      const file_result result = read_words(part, buffer, [&found](std::string_view word) {
        found.words.add(word);
        ++found.total;
      });
      found.bytes += result.bytes;
      (result.is_binary ? found.binary_files : found.files) += is_first;
    } catch (const std::system_error& error) {
      found.unreadable_files += is_first;
      if (is_first) shown.post<&progress::failed>(part.path + ": " + error.code().message());
    }
  }
  shown.post<&progress::counted>(found.files + found.binary_files, found.bytes);
  return found;
}

// The other task: adds the smaller result to the larger one.
summary add(summary a, summary b) {
  if (a.words.entries.size() < b.words.entries.size()) std::swap(a, b);
  a.words.add(b.words);
  a.files += b.files;
  a.bytes += b.bytes;
  a.total += b.total;
  a.binary_files += b.binary_files;
  a.unreadable_files += b.unreadable_files;
  return a;
}

// Adds results that don't exist yet, as one adds 1 to a binary number: `levels[i]` is the sum of
// 2^i of them. So the tree is balanced without knowing how many there will be, and sums replace
// their parts as early as possible.
class adder {
 public:
  void add(mobula::future<summary> part) {
    for (mobula::future<summary>& level : levels_) {
      if (!level.valid()) {
        level = std::move(part);
        return;
      }
      part = mobula::async<wordcount::add>(std::exchange(level, {}), std::move(part));
    }
    levels_.push_back(std::move(part));
  }
  mobula::future<summary> sum() && {
    mobula::future<summary> all = mobula::put(summary{});
    for (mobula::future<summary>& level : levels_) {
      if (level.valid()) all = mobula::async<wordcount::add>(std::move(level), std::move(all));
    }
    return all;
  }

 private:
  std::vector<mobula::future<summary>> levels_;
};

summary count_all(const settings& wanted) {
  const auto shown = mobula::spawn<progress>(isatty(STDERR_FILENO) == 1);
  adder results;
  std::uint64_t unlisted = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  // Counting begins while the walk goes on.
  dealer batches(wanted.batch_bytes, [&](batch pieces) {
    shown.post<&progress::found>(std::exchange(files, 0), std::exchange(bytes, 0));
    results.add(mobula::async<count>(std::move(pieces), shown));
  });
  walk(
      wanted.directory,
      [&](const std::string& path, std::uint64_t size) {
        ++files;
        bytes += size;
        batches.add(path, size);
      },
      [&](const std::string& path, const std::string& reason) {
        ++unlisted;
        shown.post<&progress::failed>(path + ": " + reason);
      });
  batches.flush();

  summary total = mobula::get(std::move(results).sum());
  total.unreadable_files += unlisted;
  mobula::get(shown.call<&progress::finish>());
  return total;
}

void print(const summary& found, std::size_t top) {
  std::vector<const word_counts::entry*> order;
  for (const auto& each : found.words.entries) order.push_back(&each);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(std::min(top, order.size()));
  std::partial_sort(order.begin(), middle, order.end(), [&](const auto* a, const auto* b) {
    return a->count != b->count ? a->count > b->count : found.words.word(*a) < found.words.word(*b);
  });
  for (auto each = order.begin(); each != middle; ++each) {
    const std::string_view word = found.words.word(**each);
    std::printf("%7llu ", static_cast<unsigned long long>((*each)->count));  // as `uniq -c` does
    std::fwrite(word.data(), 1, word.size(), stdout);
    std::putchar('\n');
  }
}

std::uint64_t read_number(std::string_view option, const char* text) {
  std::uint64_t number = 0;
  const char* const end = text == nullptr ? nullptr : text + std::strlen(text);
  if (text != nullptr) {
    const auto [stop, error] = std::from_chars(text, end, number);
    if (error == std::errc{} && stop == end && number > 0) return number;
  }
  throw std::invalid_argument(std::string(option) + " needs a number above zero" +
                              (text == nullptr ? "" : ", not '" + std::string(text) + "'"));
}

// Mobula's own flags are gone from `argv` already.
settings read_arguments(char** argv) {
  settings wanted;
  bool has_directory = false;
  bool only_names = false;
  for (char** at = argv + 1; *at != nullptr; ++at) {
    const std::string_view argument = *at;
    if (only_names || !argument.starts_with('-')) {
      if (std::exchange(has_directory, true)) {
        throw std::invalid_argument("one directory only, and '" + std::string(argument) +
                                    "' is a second one");
      }
      wanted.directory = argument;
    } else if (argument == "--") {
      only_names = true;
    } else if (argument == "--help" || argument == "-h") {
      wanted.help = true;
    } else if (argument == "--all") {
      wanted.top = SIZE_MAX;
    } else if (argument == "--top") {
      wanted.top = read_number(argument, at[1]);
      ++at;
    } else if (argument == "--batch-bytes") {
      wanted.batch_bytes = read_number(argument, at[1]);
      ++at;
    } else {
      throw std::invalid_argument("unknown option '" + std::string(argument) + "'");
    }
  }
  return wanted;
}

}  // namespace wordcount

int main(int argc, char** argv) {
  using namespace wordcount;
  using number = unsigned long long;
  try {
    mobula::runtime runtime{argc, argv};
    const settings wanted = read_arguments(argv);
    if (wanted.help) {
      std::fputs(usage, stdout);
      return 0;
    }
    const auto start = mobula::clock::now();
    const summary found = count_all(wanted);
    const double seconds = std::chrono::duration<double>(mobula::clock::now() - start).count();

    print(found, wanted.top);
    std::printf("\n%llu files, %llu bytes, %llu words, %llu of them different\n",
                number{found.files}, number{found.bytes}, number{found.total},
                number{found.words.entries.size()});
    if (found.binary_files + found.unreadable_files > 0) {
      std::printf("left out: %llu binary, %llu unreadable\n", number{found.binary_files},
                  number{found.unreadable_files});
    }
    std::printf("%.3f seconds, %.1f MB/s, on %s\n", seconds,
                static_cast<double>(found.bytes) / 1e6 / seconds,
                std::string(runtime.backend()).c_str());
    if (std::fflush(stdout) != 0)
      throw std::system_error(errno, std::generic_category(), "standard output");
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "wordcount: %s\n(see wordcount --help)\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wordcount: %s\n", error.what());
    return 1;
  }
}
