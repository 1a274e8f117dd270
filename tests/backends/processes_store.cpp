// Goal: large values lie once in the store, whole and in place, for as long as somebody can read
// them and no longer; a full store spills, and what is larger than all of it is refused. Method:
// values whose every element is known; the kernel's word on where memory is mapped, and on how
// much of it and of files without a name this process holds.

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::array;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::make_array;
using mobula::put;

using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// So many bytes of numbers that follow from the first.
std::vector<int> numbers(std::size_t bytes, int first) {
  std::vector<int> made(bytes / sizeof(int));
  std::iota(made.begin(), made.end(), first);
  return made;
}
array<int> number_array(std::size_t bytes, int first) {
  return make_array<int>(bytes / sizeof(int), [first](std::span<int> where) {
    std::iota(where.begin(), where.end(), first);
  });
}
bool are_numbers(std::span<const int> all, std::size_t bytes, int first) {
  if (all.size() != bytes / sizeof(int)) return false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] != first + static_cast<int>(i)) return false;
  }
  return true;
}

bool check_vector(const std::vector<int>& all, std::size_t bytes, int first) {
  return are_numbers(all, bytes, first);
}
bool check_array(array<int> all, std::size_t bytes, int first) {
  return are_numbers(all, bytes, first);
}
std::string where_array(array<int> all) { return mapping_of(all.data()); }
std::string where_span(std::span<const int> all) { return mapping_of(all.data()); }

mobula::runtime_options small_store(double cpus = 2) {
  return on_processes({.cpus = cpus, .store_memory = 64 * mebibyte});
}

/// What is written through the maker's own address is seen by who reads the object: it was never
/// copied. (Programs don't: elements never change.)
void scribble(const array<int>& on, int what) { const_cast<int&>(on[1]) = what; }
int second_of(std::span<const int> all) { return all[1]; }
/// Keeps what it has returned.
struct maker {
  array<int> make(std::size_t bytes) { return kept = number_array(bytes, 0); }
  void write(int what) { scribble(kept, what); }
  void forget() { kept = {}; }
  array<int> kept;
};

/// An array that can be read up to its middle, and then costs the process.
array<char> treacherous(std::size_t bytes) {
  without_core();
  std::signal(SIGSEGV, SIG_DFL);
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  char* const first = static_cast<char*>(memory);
  std::fill_n(first, bytes / 2, 'x');
  ::mprotect(first + bytes / 2, bytes / 2, PROT_NONE);
  return array<char>(std::shared_ptr<const void>(memory, [](const void*) {}), first, bytes);
}

}  // namespace

TEST_CASE("results and arguments of 2 MiB arrive whole", "[processes][clause-2][clause-35]") {
  mobula::runtime runtime{on_processes()};
  for (int i = 0; i < 10; ++i) {
    const future<std::vector<int>> result = async<numbers>(2 * mebibyte, i);
    const future<array<int>> in_place = async<number_array>(2 * mebibyte, i);
    CHECK(get(async<check_vector>(result, 2 * mebibyte, i)));
    CHECK(get(async<check_array>(in_place, 2 * mebibyte, i)));
    CHECK(are_numbers(get(result), 2 * mebibyte, i));
    CHECK(are_numbers(get(in_place), 2 * mebibyte, i));
    CHECK(get(async<check_vector>(numbers(2 * mebibyte, -i), 2 * mebibyte, -i)));
    CHECK(get(async<check_array>(number_array(2 * mebibyte, -i), 2 * mebibyte, -i)));
    CHECK(get(async<check_vector>(put(numbers(2 * mebibyte, i)), 2 * mebibyte, i)));
  }
}

TEST_CASE("a reader's array lies in the store itself, and can't be written there",
          "[processes][clause-2][clause-35]") {
  mobula::runtime runtime{on_processes()};
  const future<array<int>> made = async<number_array>(2 * mebibyte, 3);
  const std::string here = mapping_of(get(made).data());
  CHECK_THAT(here, ContainsSubstring("memfd:"));
  CHECK_THAT(here, ContainsSubstring(" r--s "));
  for (const std::string& there :
       {get(async<where_array>(made)), get(async<where_span>(made)),
        get(async<where_array>(put(number_array(2 * mebibyte, 4)))),
        get(async<where_span>(put(number_array(2 * mebibyte, 5)))),
        get(async<where_array>(number_array(2 * mebibyte, 6)))}) {
    CHECK_THAT(there, ContainsSubstring("memfd:"));
    CHECK_THAT(there, ContainsSubstring(" r--s "));
  }
}

TEST_CASE("a task that dies while it writes its result leaves no memory behind",
          "[processes][clause-14][clause-36]") {
  mobula::runtime runtime{small_store(1)};
  // All together would not fit, and what is spilled would have to be written first.
  for (int round = 0; round < 6; ++round) {
    const auto how = error_of<mobula::worker_died_error>(
        async<treacherous>({.max_retries = 0}, 40 * mebibyte));
    CHECK(how.signal() == SIGSEGV);
  }
  CHECK(get(async<number_array>(40 * mebibyte, 1)).size() == 40 * mebibyte / sizeof(int));
}

TEST_CASE("a store of 64 MiB holds 200 objects of 1 MiB", "[processes][clause-37]") {
  mobula::runtime runtime{small_store()};
  SECTION("that the driver puts") {
    std::vector<future<std::vector<int>>> all;
    for (int i = 0; i < 200; ++i) all.push_back(put(numbers(mebibyte, i)));
    for (int i = 0; i < 200; ++i) {
      REQUIRE(get(async<check_vector>(all[static_cast<std::size_t>(i)], mebibyte, i)));
    }
  }
  SECTION("that tasks return") {
    std::vector<future<std::vector<int>>> all;
    for (int i = 0; i < 200; ++i) all.push_back(async<numbers>(mebibyte, i));
    for (int i = 0; i < 200; ++i) {
      REQUIRE(are_numbers(get(std::move(all[static_cast<std::size_t>(i)])), mebibyte, i));
    }
  }
  SECTION("that tasks return, read backwards by tasks") {
    std::vector<future<std::vector<int>>> all;
    for (int i = 0; i < 200; ++i) all.push_back(async<numbers>(mebibyte, i));
    for (int i = 199; i >= 0; --i) {
      REQUIRE(get(async<check_vector>(all[static_cast<std::size_t>(i)], mebibyte, i)));
    }
  }
}

TEST_CASE("a program has futures of more than the store holds, and reads each when it wants it",
          "[processes][clause-37]") {
  mobula::runtime runtime(small_store());
  std::vector<future<array<int>>> arrays;
  std::vector<future<std::vector<int>>> vectors;
  for (int i = 0; i < 30; ++i) {
    arrays.push_back(async<number_array>(4 * mebibyte, i));
    vectors.push_back(async<numbers>(2 * mebibyte, i));
  }
  CHECK(mobula::wait(arrays, {.count = 30}).pending.empty());
  CHECK(mobula::wait(vectors, {.count = 30}).pending.empty());
  for (int i = 0; i < 30; ++i) {
    CHECK(arrays[i].ready());
    CHECK(are_numbers(get(std::move(arrays[i]), 0s), 4 * mebibyte, i));
  }
  const std::vector<std::vector<int>> all = get(vectors);
  for (int i = 0; i < 30; ++i) CHECK(are_numbers(all[i], 2 * mebibyte, i));
  CHECK(&get(vectors[7]) == &get(vectors[7]));
}

TEST_CASE("the parts of a large result are read by who wants them", "[processes][clause-11]") {
  mobula::runtime runtime(small_store());
  const auto large = [] {
    return std::vector{numbers(mebibyte, 1), numbers(mebibyte, 2), numbers(mebibyte, 3)};
  };
  const auto parts = mobula::split(async(large), 3);
  CHECK(get(async<check_vector>(parts[1], mebibyte, 2)));
  auto whole = async(large);
  CHECK(mobula::wait({whole}).ready.size() == 1);
  const auto late = mobula::split(std::move(whole), 3);
  for (int i = 0; i < 3; ++i) CHECK(are_numbers(get(late[i]), mebibyte, i + 1));
}

TEST_CASE("without descriptors for memory an object fails by name, and costs the store nothing",
          "[processes][clause-37]") {
  if (sanitized) {
    SKIP_CASE("the sanitizer itself needs descriptors, to see whether memory can be read");
  }
  mobula::runtime runtime{small_store(1)};
  get(async([] { return 0; }));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);  // the lowest that is free
  REQUIRE(next >= 0);
  ::close(next);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  std::vector<future<std::vector<int>>> all;
  for (int i = 0; i < 10; ++i) all.push_back(async<numbers>({.max_retries = 0}, 8 * mebibyte, i));
  std::vector<std::string> said;
  for (const auto& one : all) said.push_back(error_of<mobula::store_full_error>(one).what());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  for (const std::string& one : said) {
    CHECK_THAT(one, ContainsSubstring("Too many open files") && ContainsSubstring("ulimit -n"));
  }
  for (int i = 0; i < 10; ++i) {
    CHECK(are_numbers(get(async<numbers>(8 * mebibyte, i)), 8 * mebibyte, i));
  }
}

TEST_CASE("an object that is larger than the store is refused by name",
          "[processes][clause-37]") {
  mobula::runtime runtime{small_store()};
  const future<std::vector<int>> result = async<numbers>({.name = "giant"}, 100 * mebibyte, 1);
  const auto how = error_of<mobula::store_full_error>(result);
  CHECK_THAT(how.what(), ContainsSubstring("104857"));
  CHECK_THROWS_AS(get(async<check_vector>(result, 100 * mebibyte, 1)), mobula::store_full_error);
  CHECK_THROWS_AS(get(async<check_vector>(numbers(100 * mebibyte, 1), 100 * mebibyte, 1)),
                  mobula::store_full_error);
  CHECK(get(async<check_vector>(numbers(mebibyte, 1), mebibyte, 1)));
}

TEST_CASE("what get has returned stays valid while everything else is spilled",
          "[processes][clause-37][clause-59]") {
  mobula::runtime runtime{small_store()};
  const future<array<int>> in_place = async<number_array>(4 * mebibyte, 11);
  const future<std::vector<int>> copied = async<numbers>(4 * mebibyte, 12);
  const array<int>& one = get(in_place);
  const std::vector<int>& other = get(copied);
  const int* const where = one.data();
  std::vector<future<std::vector<int>>> flood;
  for (int i = 0; i < 100; ++i) {
    flood.push_back(i % 2 == 0 ? put(numbers(2 * mebibyte, i)) : async<numbers>(2 * mebibyte, i));
  }
  for (int i = 0; i < 100; ++i) {
    REQUIRE(get(async<check_vector>(flood[static_cast<std::size_t>(i)], 2 * mebibyte, i)));
  }
  CHECK(one.data() == where);
  CHECK(are_numbers(one, 4 * mebibyte, 11));
  CHECK(are_numbers(other, 4 * mebibyte, 12));
  CHECK(&get(in_place) == &one);
  CHECK(get(async<check_array>(in_place, 4 * mebibyte, 11)));
}

TEST_CASE("make_array writes into the store itself, and nothing is copied when it is put or returned",
          "[processes][clause-2]") {
  mobula::runtime runtime{small_store()};
  SECTION("put") {
    array<int> made = number_array(4 * mebibyte, 0);
    const future<array<int>> object = put(made);
    REQUIRE(get(async<check_array>(object, 4 * mebibyte, 0)));
    scribble(made, 77);
    CHECK(get(async<second_of>(object)) == 77);
    const future<array<int>> again = put(made);  // a copy: the memory is that object's
    scribble(made, 78);
    CHECK(get(async<second_of>(object)) == 78);
    CHECK(get(async<second_of>(again)) == 77);
  }
  SECTION("an argument") {
    const array<int> made = number_array(4 * mebibyte, 5);
    CHECK(get(async<check_array>(made, 4 * mebibyte, 5)));
  }
  SECTION("a result") {
    const mobula::actor<maker> at = mobula::spawn<maker>();
    const array<int> here = get(at.call<&maker::make>(4 * mebibyte));
    REQUIRE(are_numbers(here, 4 * mebibyte, 0));
    get(at.call<&maker::write>(79));
    CHECK(here[1] == 79);
    get(at.call<&maker::forget>());
    for (int i = 0; i < 40; ++i) static_cast<void>(put(numbers(4 * mebibyte, i)));
    CHECK(here[1] == 79);
  }
}

TEST_CASE("arrays that become no object give their memory back, and take no object's place",
          "[processes][clause-36][clause-37]") {
  mobula::runtime runtime{small_store()};
  for (int i = 0; i < 200; ++i) REQUIRE(are_numbers(number_array(2 * mebibyte, i), 2 * mebibyte, i));
  wait_until([] { return bytes_held("memfd:mobula-store") < 3 * mebibyte; }, "the memory");
  std::vector<array<int>> kept;
  for (int i = 0; i < 60; ++i) kept.push_back(number_array(2 * mebibyte, i));
  CHECK(bytes_held("memfd:mobula-store") <= 33 * mebibyte);
  std::vector<future<std::vector<int>>> all;
  for (int i = 0; i < 60; ++i) all.push_back(put(numbers(2 * mebibyte, i)));
  for (int i = 0; i < 60; ++i) {
    const auto at = static_cast<std::size_t>(i);
    CHECK(are_numbers(kept[at], 2 * mebibyte, i));
    CHECK(get(async<check_vector>(all[at], 2 * mebibyte, i)));
  }
}

TEST_CASE("arrays outlive the runtime", "[processes][clause-36][clause-55]") {
  array<int> made;
  array<int> object;
  array<int> result;
  for (int round = 0; round < 2; ++round) {
    mobula::runtime runtime{small_store()};
    made = number_array(2 * mebibyte, 1);
    object = get(put(number_array(2 * mebibyte, 2)));
    result = get(async<number_array>(2 * mebibyte, 3));
  }
  CHECK(are_numbers(made, 2 * mebibyte, 1));
  CHECK(are_numbers(object, 2 * mebibyte, 2));
  CHECK(are_numbers(result, 2 * mebibyte, 3));
  mobula::runtime runtime{small_store()};
  CHECK(get(async<check_array>(made, 2 * mebibyte, 1)));
}

TEST_CASE("an array that outlives its future stays readable", "[processes][clause-36]") {
  mobula::runtime runtime{small_store()};
  array<int> kept = get(async<number_array>(8 * mebibyte, 9));
  for (int i = 0; i < 40; ++i) {
    static_cast<void>(get(async<check_vector>(numbers(4 * mebibyte, i), 4 * mebibyte, i)));
  }
  CHECK(are_numbers(kept, 8 * mebibyte, 9));
}

TEST_CASE("the memory of objects that nobody has any more is given back",
          "[processes][clause-36]") {
  mobula::runtime runtime{small_store()};
  for (int round = 0; round < 3; ++round) {
    {
      std::vector<future<array<int>>> all;
      for (int i = 0; i < 20; ++i) all.push_back(async<number_array>(2 * mebibyte, i));
      for (const auto& one : all) REQUIRE(get(async<check_array>(one, 2 * mebibyte, get(one)[0])));
      CHECK(bytes_held("memfd:mobula-store") >= 30 * mebibyte);
    }
    wait_until([] { return bytes_held("memfd:mobula-store") < 2 * mebibyte; }, "the memory");
  }
}
