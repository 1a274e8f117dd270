// Goal: whatever is asked in whatever order, no two blocks overlap, no living writers share a
// segment, and the counts are those of the blocks and of the system.
// Method: 100 000 random steps beside a model that knows the blocks' ends and the segments' writers
// and nothing else. Sizes and writers come in streaks, so that memory is used again, is too small,
// and is another's.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "mobula/store/arenas.hpp"

#include "support/catch.hpp"

namespace {

using mobula::store::arenas;
using mobula::store::place;

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
const std::uint64_t page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));

class model {
 public:
  explicit model(std::uint64_t seed) : random_(seed) {}

  void step() {
    const std::uint64_t roll = below(1000);
    if (roll < 500) {
      allocate();
    } else if (roll < 990) {
      free_one();
    } else if (roll < 995) {
      lose(below(writers));
    } else if (roll < 999) {
      trim(below(bytes_max));
    } else {
      trim(0);
    }
    REQUIRE(arenas_.live_bytes() == live_);
    REQUIRE(arenas_.live_bytes() + arenas_.warm_bytes() <= bytes_max + blocks_.size() * page);
  }

  /// What the system says that all segments have is what they say.
  void compare_with_system() {
    REQUIRE(arenas_.segments() == open_.size());
    std::uint64_t bytes = 0;
    for (const std::uint32_t segment : open_) {
      struct stat facts {};
      REQUIRE(::fstat(arenas_.descriptor(segment), &facts) == 0);
      bytes += static_cast<std::uint64_t>(facts.st_blocks) * 512;
    }
    REQUIRE(bytes == arenas_.live_bytes() + arenas_.warm_bytes());
  }

  void free_all() {
    while (!blocks_.empty()) free_one();
    for (std::uint64_t writer = 0; writer < writers; ++writer) lose(writer);
    trim(0);
    REQUIRE(arenas_.live_bytes() == 0);
    REQUIRE(arenas_.warm_bytes() == 0);
    REQUIRE(arenas_.segments() == 0);
    REQUIRE(open_.empty());
  }

 private:
  static constexpr std::uint64_t writers = 4;
  static constexpr std::uint64_t bytes_max = 32 * mib;
  static constexpr std::uint64_t segment_bytes = 16 * mib;

  struct block {
    place at;
    std::uint64_t size;
  };

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::uint64_t some_size() {
    if (below(100) == 0) kind_ = below(4);
    switch (kind_) {
      case 0:
        return below(page);
      case 1:
        return below(16 * page);
      case 2:
        return (1 + below(3)) * mib / 4;
      default:
        return below(200) == 0 ? below(20 * mib) : below(3 * page);
    }
  }

  static std::uint64_t rounded(std::uint64_t size) {
    if (size == 0) return page / 64;
    if (size <= 63 * (page / 64)) return (size + page / 64 - 1) / (page / 64) * (page / 64);
    return (size + page - 1) / page * page;
  }

  void allocate() {
    if (below(20) == 0) writer_ = below(writers);
    const std::uint64_t size = some_size();
    while (asked_ + size > bytes_max) free_one();
    const place at = arenas_.allocate(writer_, size);
    const std::uint64_t end = at.offset + rounded(size);

    REQUIRE(at.segment != 0);
    REQUIRE(at.offset % (size < page / 2 ? 64 : rounded(size) < page ? page / 64 : page) == 0);
    if (rounded(size) < page) REQUIRE(at.offset / page == (end - 1) / page);
    open_.insert(at.segment);
    const auto owned = writer_of_.try_emplace(at.segment, writer_).first;
    REQUIRE(owned->second == writer_);
    auto& ends = ends_[at.segment];
    const auto next = ends.lower_bound(at.offset);
    REQUIRE((next == ends.end() || end <= next->first));
    REQUIRE((next == ends.begin() || std::prev(next)->second <= at.offset));
    ends.emplace_hint(next, at.offset, end);
    blocks_.push_back({at, size});
    live_ += rounded(size);
    asked_ += size;
  }

  void free_one() {
    if (blocks_.empty()) return;
    std::swap(blocks_[below(blocks_.size())], blocks_.back());
    const block gone = blocks_.back();
    blocks_.pop_back();
    arenas_.free(gone.at);
    ends_[gone.at.segment].erase(gone.at.offset);
    live_ -= rounded(gone.size);
    asked_ -= gone.size;
  }

  void lose(std::uint64_t writer) {
    arenas_.writer_gone(writer);
    std::erase_if(writer_of_, [&](const auto& one) { return one.second == writer; });
  }

  void trim(std::uint64_t warm_bytes_max) {
    for (const std::uint32_t closed : arenas_.trim(warm_bytes_max)) {
      REQUIRE(open_.erase(closed) == 1);
      REQUIRE(ends_[closed].empty());
      REQUIRE_FALSE(writer_of_.contains(closed));
    }
    REQUIRE(arenas_.warm_bytes() <= warm_bytes_max + blocks_.size() * page);
  }

  std::mt19937_64 random_;
  arenas arenas_{{.bytes_max = bytes_max, .segment_bytes = segment_bytes}};
  std::uint64_t kind_ = 0, writer_ = 0, live_ = 0, asked_ = 0;
  std::vector<block> blocks_;
  std::set<std::uint32_t> open_;
  std::map<std::uint32_t, std::uint64_t> writer_of_;
  std::map<std::uint32_t, std::map<std::uint64_t, std::uint64_t>> ends_;
};

TEST_CASE("blocks don't overlap and memory adds up, in any order of calls", "[store]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    model world(seed);
    for (int step = 0; step < 20'000; ++step) {
      world.step();
      if (step % 100 == 0) world.compare_with_system();
    }
    world.free_all();
  }
}

}  // namespace
