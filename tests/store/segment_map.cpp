// Goal: what one process writes another reads where it lies, and nobody but the writer can change
// it; an object after the first costs no page fault.
// Method: a node in the test's process, writers and readers in forked ones, which say by their exit
// codes what they saw. Page faults are counted by the kernel; a foreign one may fall into a run,
// but not into all of them.

#include "mobula/store/segment_map.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mobula/store/arenas.hpp"

#include "store/child.hpp"
#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using mobula::protocol_error;
using mobula::store::arenas;
using mobula::store::place;
using mobula::store::segment_map;
using support::run_in_child;

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint64_t ada = 1, bob = 2;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

// Each object has its own bytes.
std::vector<std::byte> bytes_of(unsigned number, std::size_t size) {
  std::vector<std::byte> made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<std::byte>(number + i * 7 + i / 256);
  return made;
}

// A node and the view of it that its own process has.
struct node {
  arenas all{{.bytes_max = 64 * mib}};
  segment_map here{::getpid()};

  place put(std::uint64_t writer, const std::vector<std::byte>& bytes) {
    const place at = all.allocate(writer, bytes.size());
    std::memcpy(here.writable(at, all.descriptor(at.segment), bytes.size()), bytes.data(),
                bytes.size());
    return at;
  }
  const std::byte* get(place at, std::size_t size) {
    return here.readable(at, all.descriptor(at.segment), size);
  }
};

TEST_CASE("another process reads what was written, and its answer is read here", "[store]") {
  node one;
  const auto request = bytes_of(1, mib + 17);
  const auto answer = bytes_of(2, 3 * mib);
  const place at = one.put(ada, request);
  const place answer_at = one.all.allocate(bob, answer.size());
  const pid_t node_process = ::getpid();

  const int code = run_in_child([&] {
    segment_map there(node_process);
    const std::byte* const seen =
        there.readable(at, one.all.descriptor(at.segment), request.size());
    if (std::memcmp(seen, request.data(), request.size()) != 0) return 1;
    std::byte* const mine =
        there.writable(answer_at, one.all.descriptor(answer_at.segment), answer.size());
    std::memcpy(mine, answer.data(), answer.size());
    return 0;
  });
  REQUIRE(code == 0);
  CHECK(std::memcmp(one.get(answer_at, answer.size()), answer.data(), answer.size()) == 0);
}

TEST_CASE("a write to what was only to be read is a SIGSEGV", "[store]") {
  node one;
  const auto bytes = bytes_of(1, 100);
  const place at = one.put(ada, bytes);
  const std::byte* const read_only = one.get(at, bytes.size());
  const int code = run_in_child([&] {
    if (read_only[3] != bytes[3]) return 1;
    const_cast<volatile std::byte&>(read_only[3]) = std::byte{0};
    return 0;
  });
  CHECK(code == -SIGSEGV);
  // Nor can it be made writable: the descriptor behind it is not.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const segment = const_cast<std::byte*>(read_only - at.offset);
  CHECK(::mprotect(segment, page, PROT_READ | PROT_WRITE) == -1);
  CHECK(std::memcmp(read_only, bytes.data(), bytes.size()) == 0);
}

TEST_CASE("nobody can shrink or grow a segment under its readers", "[store]") {
  node one;
  const place at = one.put(ada, bytes_of(1, 100));
  CHECK(::ftruncate(one.all.descriptor(at.segment), 0) == -1);
  CHECK(::ftruncate(one.all.descriptor(at.segment), std::int64_t{1} << 40) == -1);
}

TEST_CASE("a writer that is killed leaves its blocks to the node", "[store]") {
  node one;
  const place at = one.all.allocate(ada, mib);
  const pid_t node_process = ::getpid();
  const int code = run_in_child([&] {
    segment_map there(node_process);
    std::memset(there.writable(at, one.all.descriptor(at.segment), mib), 7, mib);
    ::raise(SIGKILL);
    return 0;
  });
  CHECK(code == -SIGKILL);
  one.all.free(at);
  one.all.writer_gone(ada);
  CHECK(one.all.live_bytes() == 0);
  CHECK(one.all.allocate(bob, mib) == at);
}

TEST_CASE("memory that was given back reads as zeros where it is still mapped", "[store]") {
  node one;
  const place gone = one.put(ada, bytes_of(1, mib));
  const auto bytes = bytes_of(2, mib);
  const place kept = one.put(ada, bytes);
  const std::byte* const seen = one.get(gone, mib);
  one.all.free(gone);
  one.all.trim(0);
  CHECK(std::all_of(seen, seen + mib, [](std::byte b) { return b == std::byte{0}; }));
  CHECK(std::memcmp(one.get(kept, mib), bytes.data(), mib) == 0);
}

TEST_CASE("a steady put of 1 MiB has no page fault", "[store]") {
  node one;
  const auto bytes = bytes_of(1, mib);
  const auto faults_of_puts = [&](int count) {
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < count; ++i) one.all.free(one.put(ada, bytes));
    ::getrusage(RUSAGE_SELF, &after);
    return after.ru_minflt - before.ru_minflt;
  };
  const long pages = static_cast<long>(mib) / ::sysconf(_SC_PAGESIZE);
  CHECK(faults_of_puts(1) >= pages);

  long least = pages;
  for (int run = 0; run < 10; ++run) least = std::min(least, faults_of_puts(20));
  // A sanitizer's allocator keeps what was freed, so the node's tables get fresh memory now and
  // then.
  CHECK(least <= (sanitized ? 5 : 0));
}

TEST_CASE("a segment is mapped once, by any thread, until it is forgotten", "[store]") {
  node one;
  std::vector<place> at;
  for (unsigned writer = 0; writer < 4; ++writer)
    at.push_back(one.put(writer, bytes_of(writer, 999)));
  segment_map other(::getpid());
  std::vector<std::vector<const std::byte*>> seen(4);
  std::vector<std::thread> readers;
  for (auto& mine : seen) {
    readers.emplace_back([&] {
      for (const place where : at) {
        mine.push_back(other.readable(where, one.all.descriptor(where.segment), 999));
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  for (const auto& mine : seen) CHECK(mine == seen[0]);
  for (unsigned writer = 0; writer < 4; ++writer) {
    CHECK(std::memcmp(seen[0][writer], bytes_of(writer, 999).data(), 999) == 0);
  }

  // Once it is mapped nobody asks for the descriptor, which is none here.
  CHECK(other.readable(at[0], -1, 999) == seen[0][0]);
  other.forget(at[0].segment);
  CHECK_THROWS_AS(other.readable(at[0], -1, 999), std::system_error);
  CHECK(other.readable(at[1], -1, 999) == seen[0][1]);
}

TEST_CASE("a place that is not in its segment is refused", "[store]") {
  node one;
  const place at = one.put(ada, bytes_of(1, 100));
  const std::uint64_t end = std::uint64_t{4} << 30;
  CHECK_NOTHROW(one.get({at.segment, end - 100}, 100));
  CHECK_THROWS_AS(one.get({at.segment, end - 100}, 101), protocol_error);
  CHECK_THROWS_AS(one.get({at.segment, end + 1}, 0), protocol_error);
  CHECK_THROWS_AS(one.get({at.segment, UINT64_MAX}, 2), protocol_error);
  CHECK_THROWS_WITH(one.get({at.segment, 5}, UINT64_MAX),
                    ContainsSubstring("bytes at 5 are not in segment 1, which has 4294967296"));
}

TEST_CASE("a segment that can't be opened is told with its path and the reason", "[store]") {
  node one;
  const place at = one.put(ada, bytes_of(1, 100));
  segment_map other(::getpid());
  CHECK_THROWS_WITH(other.readable(at, 987654, 100),
                    ContainsSubstring("/fd/987654 (segment 1 of the object store of process " +
                                      std::to_string(::getpid()) + ")") &&
                        ContainsSubstring("has closed the segment"));
  CHECK_THROWS_AS(other.readable(at, 987654, 100), std::system_error);

  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  REQUIRE(file != -1);
  CHECK_THROWS_WITH(other.writable(at, file, 100), ContainsSubstring("is no segment"));
  CHECK_THROWS_AS(other.writable(at, file, 100), protocol_error);
  ::close(file);

  // After all that it can still be opened.
  CHECK_NOTHROW(other.readable(at, one.all.descriptor(at.segment), 100));

  const pid_t gone = support::start_child([] { return 0; });
  REQUIRE(support::end_of(gone) == 0);
  segment_map of_the_dead(gone);
  CHECK_THROWS_WITH(of_the_dead.readable(at, 3, 100), ContainsSubstring("the process is gone"));
}

TEST_CASE("address space that is not to be had is told with its limit", "[store]") {
  if (sanitized) SKIP_CASE("a sanitizer needs the address space itself");
  node one;
  const place at = one.all.allocate(ada, 100);
  const pid_t node_process = ::getpid();
  const int code = run_in_child([&] {
    segment_map there(node_process);
    rlimit now{};
    ::getrlimit(RLIMIT_AS, &now);
    now.rlim_cur = std::uint64_t{1} << 30;
    ::setrlimit(RLIMIT_AS, &now);
    try {
      (void)there.readable(at, one.all.descriptor(at.segment), 100);
    } catch (const std::system_error& failure) {
      return failure.code() == std::errc::not_enough_memory &&
                     std::strstr(failure.what(), "`ulimit -v`") != nullptr
                 ? 0
                 : 1;
    }
    return 2;
  });
  CHECK(code == 0);
}

}  // namespace
