// Goal: between processes a large value is written once and read where it lies, and a steady state
// takes no new memory. Method: count what the heap is asked for and what pages are touched for the
// first time, by the driver's thread and in workers, on warm runs; the kernel's word on where the
// elements lie. What other threads do may fall into one run, but not into all: the least counts.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "backends/processes_support.hpp"
#include "counters/allocations.hpp"
#include "support/skip.hpp"

using namespace processes_tests;
using mobula::array;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::make_array;
using mobula::put;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
/// What is around a value: its record, its key, messages.
constexpr std::size_t small = 64 << 10;
constexpr int runs = 10;

long page_faults() {
  rusage used{};
  getrusage(RUSAGE_THREAD, &used);
  return used.ru_minflt + used.ru_majflt;
}
template <class Count>
long least_difference(Count count, void (*work)(const array<char>&), const array<char>& with) {
  long least = -1;
  for (int run = 0; run < runs && least != 0; ++run) {
    const long before = count();
    work(with);
    const long difference = count() - before;
    least = least < 0 ? difference : std::min(least, difference);
  }
  return least;
}

/// Each is gone before the next one comes.
void put_ten(const array<char>& what) {
  for (int i = 0; i < 10; ++i) {
    const future<array<char>> one = put(what);
    if (get(one).size() != what.size()) throw std::logic_error("a wrong size");
  }
}
long bytes_asked() { return static_cast<long>(support::allocations_now().asked); }

struct measured {
  long faults;
  long bytes;
};
/// What ten puts of 1 MiB take, where they are known to be made.
measured measure_puts(const array<char>& what) {
  for (int i = 0; i < 5; ++i) put_ten(what);
  return {least_difference(page_faults, put_ten, what),
          least_difference(bytes_asked, put_ten, what)};
}
measured measure_puts_in_worker() { return measure_puts(make_array<char>(mebibyte, 'x')); }

struct received {
  bool is_right;
  long bytes;         ///< asked for by the `get`
  std::string where;  ///< the mapping that it lies in
};
received receive(const future<array<char>>& one, char expected) {
  const long before = bytes_asked();
  const array<char> all = get(one);
  const long bytes = bytes_asked() - before;
  const bool is_right = all.size() == mebibyte && std::all_of(all.begin(), all.end(), [=](char c) {
    return c == expected;
  });
  return {is_right, bytes, mapping_of(all.data())};
}
received receive_in_worker(const std::vector<future<array<char>>>& one) {
  return receive(one.at(0), 'y');
}
array<char> made(char of) { return make_array<char>(mebibyte, of); }

}  // namespace

TEST_CASE("a steady put of 1 MiB touches no new page and copies once", "[counters][processes]") {
  if (sanitized) SKIP_CASE("a sanitizer touches pages of its own");
  const mobula::runtime runtime{on_processes()};
  const measured here = measure_puts(made('x'));
  CHECK(here.faults == 0);
  // The one copy is into the store; ten of them on the heap would be 10 MiB.
  CHECK(here.bytes < static_cast<long>(small));
  const measured there = get(async<measure_puts_in_worker>());
  CHECK(there.faults == 0);
  CHECK(there.bytes < static_cast<long>(small));
}

TEST_CASE("a get of an array between processes copies nothing", "[counters][processes]") {
  if (sanitized) SKIP_CASE("a sanitizer has another heap");
  const mobula::runtime runtime{on_processes()};
  const auto check_least = [](auto once) {
    received least = once();
    for (int run = 1; run < runs; ++run) {
      const received one = once();
      CHECK(one.is_right);
      CHECK(one.where.find("mobula-store") != std::string::npos);
      least.bytes = std::min(least.bytes, one.bytes);
    }
    CHECK(least.bytes < static_cast<long>(small));
  };
  check_least([] { return get(async<receive_in_worker>(std::vector{put(made('y'))})); });
  check_least([] { return receive(async<made>('z'), 'z'); });
}
