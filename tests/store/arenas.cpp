// Goal: blocks are where and whose they have to be, and not more memory is held than allowed.
// Method: small arenas and a few writers by hand. What the system has given is asked of it (the
// blocks that `fstat` counts).

#include "mobula/store/arenas.hpp"

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using mobula::store::arena_options;
using mobula::store::arenas;
using mobula::store::place;

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
const std::uint64_t page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));

constexpr std::uint64_t ada = 0, bob = 7, cyd = UINT64_MAX;

std::uint64_t memory_of(const arenas& all, std::uint32_t segment) {
  struct stat facts {};
  REQUIRE(::fstat(all.descriptor(segment), &facts) == 0);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

// What a process may have of something, while it lives. Makes no assertion, which may need it.
class limit_for_now {
 public:
  limit_for_now(int what, rlim_t value) : what_(what) {
    ::getrlimit(what_, &before_);
    rlimit now = before_;
    now.rlim_cur = value;
    ::setrlimit(what_, &now);
  }
  limit_for_now(const limit_for_now&) = delete;
  limit_for_now& operator=(const limit_for_now&) = delete;
  ~limit_for_now() { ::setrlimit(what_, &before_); }

 private:
  int what_;
  rlimit before_{};
};

TEST_CASE("small blocks share a page, large ones begin at one", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  for (const std::uint64_t size : {0, 1, 63, 64, 65, 100, 1000, 4000}) {
    const place at = all.allocate(ada, size);
    CHECK(at.segment == 1);
    CHECK(at.offset % 64 == 0);
    CHECK(at.offset / page == (at.offset + size) / page);
  }
  CHECK(all.live_bytes() + all.warm_bytes() == 2 * page);
  for (const std::uint64_t size : {page, page + 1, 3 * page - 1, mib, mib + 1}) {
    const std::uint64_t before = all.live_bytes();
    CHECK(all.allocate(ada, size).offset % page == 0);
    CHECK(all.live_bytes() - before == (size + page - 1) / page * page);
  }
}

TEST_CASE("what was freed is used again before anything fresh", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  const place first = all.allocate(ada, mib);
  const place second = all.allocate(ada, 3 * mib);
  const place third = all.allocate(ada, mib);
  all.free(second);
  all.free(first);
  CHECK(all.live_bytes() == mib);
  CHECK(all.warm_bytes() == 4 * mib);

  CHECK(all.allocate(ada, 4 * mib) == first);  // both are one
  CHECK(all.warm_bytes() == 0);
  all.free(third);
  CHECK(all.allocate(ada, mib) == third);
  CHECK(all.live_bytes() == 5 * mib);
  CHECK(memory_of(all, 1) == 5 * mib);
}

TEST_CASE("living writers never share a segment", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  const place of_ada = all.allocate(ada, mib);
  all.free(of_ada);
  const place of_bob = all.allocate(bob, mib);
  const place of_cyd = all.allocate(cyd, 64);
  CHECK(of_bob.segment != of_ada.segment);
  CHECK(of_cyd.segment != of_ada.segment);
  CHECK(of_cyd.segment != of_bob.segment);
  CHECK(all.allocate(ada, mib) == of_ada);
  CHECK(all.segments() == 3);
}

TEST_CASE("a dead writer's segment goes to who asks next, its warm memory included", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  const place published = all.allocate(ada, mib);
  const place unpublished = all.allocate(ada, 2 * mib);
  all.writer_gone(ada);
  all.free(unpublished);
  CHECK(all.live_bytes() == mib);
  CHECK(all.warm_bytes() == 2 * mib);

  CHECK(all.allocate(bob, 2 * mib) == unpublished);
  CHECK(all.allocate(cyd, mib).segment != published.segment);
  all.free(published);
  CHECK(all.allocate(bob, mib) == published);
  CHECK(all.segments() == 2);

  all.writer_gone(ada);  // twice, and one who never wrote: nothing
  all.writer_gone(12345);
  CHECK(all.segments() == 2);
}

TEST_CASE("who has a segment takes warm memory of nobody's before fresh memory", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  const place of_bob = all.allocate(bob, mib);
  const place of_ada = all.allocate(ada, mib);
  all.writer_gone(ada);
  all.free(of_ada);
  CHECK(all.allocate(bob, mib) == of_ada);
  CHECK(all.allocate(bob, mib).segment == of_bob.segment);
}

TEST_CASE("trim gives memory back and keeps what is in use", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  std::vector<place> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(all.allocate(ada, mib));
  for (int i = 0; i < 8; i += 2) all.free(blocks[i]);
  CHECK(memory_of(all, 1) == 8 * mib);

  CHECK(all.trim(5 * mib).empty());
  CHECK(memory_of(all, 1) == 8 * mib);
  CHECK(all.trim(2 * mib + 1).empty());
  CHECK(all.warm_bytes() == 2 * mib);
  CHECK(memory_of(all, 1) == 6 * mib);
  all.trim(mib / 2);
  CHECK(memory_of(all, 1) == 4 * mib + mib / 2);
  all.trim(0);
  CHECK(all.warm_bytes() == 0);
  CHECK(all.live_bytes() == 4 * mib);
  CHECK(memory_of(all, 1) == 4 * mib);

  CHECK(all.allocate(ada, mib).segment == 1);
  CHECK(memory_of(all, 1) == 5 * mib);
}

TEST_CASE("a page with a small object in it stays until that is freed", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  const place one = all.allocate(ada, 64);
  all.trim(0);
  CHECK(all.warm_bytes() == page - 64);
  CHECK(memory_of(all, 1) == page);
  all.free(one);
  all.trim(0);
  CHECK(all.warm_bytes() == 0);
  CHECK(memory_of(all, 1) == 0);
}

TEST_CASE("a segment is closed when it is nobody's and empty", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  const place one = all.allocate(ada, mib);
  const place other = all.allocate(bob, mib);
  all.free(one);
  all.free(other);
  CHECK(all.trim(0).empty());  // both may want to write again
  CHECK(all.segments() == 2);

  const place kept = all.allocate(ada, mib);
  all.writer_gone(ada);
  all.writer_gone(bob);
  CHECK(all.trim(0) == std::vector{other.segment});
  CHECK(all.segments() == 1);
  all.free(kept);
  CHECK(all.trim(mib).empty());  // its memory is to be kept, for the next writer
  CHECK(all.trim(0) == std::vector{kept.segment});
  CHECK(all.segments() == 0);

  CHECK(all.allocate(ada, mib).segment == 3);  // old numbers never come back
}

TEST_CASE("another's warm memory is given back when the bound is reached", "[store]") {
  arenas all{{.bytes_max = 10 * mib}};
  std::vector<place> of_ada;
  for (int i = 0; i < 8; ++i) of_ada.push_back(all.allocate(ada, mib));
  for (const place at : of_ada) all.free(at);
  CHECK(all.warm_bytes() == 8 * mib);

  const place of_bob = all.allocate(bob, 5 * mib);
  CHECK(all.live_bytes() == 5 * mib);
  CHECK(all.warm_bytes() == 5 * mib);
  CHECK(memory_of(all, 1) == 5 * mib);
  CHECK(memory_of(all, of_bob.segment) == 5 * mib);
}

TEST_CASE("an object that is larger than a segment gets a larger one", "[store]") {
  arenas all{{.bytes_max = 64 * mib, .segment_bytes = mib}};
  CHECK(all.allocate(ada, mib) == place{1, 0});
  CHECK(all.allocate(ada, 5 * mib) == place{2, 0});
  CHECK(all.allocate(ada, 3 * mib) == place{2, 5 * mib});  // it has a power of two
  CHECK(all.allocate(ada, mib) == place{3, 0});
}

TEST_CASE("fragments don't keep anything from being allocated", "[store]") {
  // Every other page is live, so half of the bound is warm and nowhere two pages of it.
  arenas all{{.bytes_max = 4 * mib, .segment_bytes = 4 * mib}};
  std::vector<place> pages;
  while (all.live_bytes() < 4 * mib) pages.push_back(all.allocate(ada, page));
  for (std::size_t i = 0; i < pages.size(); i += 2) all.free(pages[i]);
  const place large = all.allocate(ada, 2 * mib);
  CHECK(large.segment == 2);
  CHECK(all.live_bytes() == 4 * mib);
  CHECK(all.warm_bytes() == 0);
  CHECK(memory_of(all, 1) + memory_of(all, 2) == 4 * mib);
}

TEST_CASE("memory that is not reserved comes with the first touch", "[store]") {
  arenas all{{.bytes_max = 64 * mib, .reserve = false}};
  CHECK(all.allocate(ada, mib).segment == 1);
  CHECK(all.live_bytes() == mib);
  CHECK(memory_of(all, 1) == 0);
}

TEST_CASE("options that make no sense are refused by name", "[store]") {
  CHECK_THROWS_WITH(arenas({.bytes_max = 0}), ContainsSubstring("arena_options.bytes_max = 0"));
  CHECK_THROWS_WITH(arenas({.bytes_max = 1, .segment_bytes = UINT64_MAX}),
                    ContainsSubstring("arena_options.segment_bytes = 18446744073709551615"));
  CHECK_THROWS_AS(arenas({.bytes_max = 0}), std::invalid_argument);
}

TEST_CASE("what the system refuses is told with the call, and costs no block", "[store]") {
  arenas all{{.bytes_max = 64 * mib}};
  const auto refused = [&](std::errc error, const std::string& text, std::uint64_t size,
                           int limited = RLIMIT_CORE, rlim_t limit = 0) {
    const std::uint64_t live = all.live_bytes(), warm = all.warm_bytes();
    try {
      const limit_for_now now(limited, limit);
      (void)all.allocate(ada, size);
    } catch (const std::system_error& failure) {
      CHECK(failure.code() == error);
      CHECK_THAT(failure.what(), ContainsSubstring(text));
      CHECK_THAT(failure.what(), ContainsSubstring("segment 1 of the object store"));
    }
    CHECK(all.live_bytes() == live);
    CHECK(all.warm_bytes() == warm);
  };

  refused(std::errc::too_many_files_open, "memfd_create of 4294967296 bytes", mib, RLIMIT_NOFILE);
  refused(std::errc::too_many_files_open, "`ulimit -n`", mib, RLIMIT_NOFILE);
  refused(std::errc::file_too_large, "`ulimit -f`", mib, RLIMIT_FSIZE, mib);
  CHECK(all.segments() == 0);

  // Another file in the segment's place, which has no memory to reserve.
  const place first = all.allocate(ada, mib);
  CHECK(first.segment == 1);
  all.free(first);
  const int number = all.descriptor(1);
  const int aside = ::dup(number);
  const int other = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  REQUIRE(aside != -1);
  REQUIRE(::dup2(other, number) == number);
  refused(std::errc::no_such_device, "fallocate of 2097152 bytes", 3 * mib);
  REQUIRE(::dup2(aside, number) == number);
  ::close(aside);
  ::close(other);
  CHECK(all.allocate(ada, 3 * mib) == first);
  CHECK(memory_of(all, 1) == 3 * mib);
}

}  // namespace
