// Objects: put and get of small values, get of ten thousand, wait on a thousand.

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "pairs.hpp"

namespace {

std::uint64_t increment(std::uint64_t value) { return value + 1; }

void mobula_put_get(std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += mobula::get(mobula::put(static_cast<std::uint64_t>(i)));
  }
  bench::check(sum == count * (count - 1) / 2, "put and get");
}
void shared_put_get(std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::shared_ptr<const std::uint64_t> one = std::make_shared<std::uint64_t>(i);
    benchmark::DoNotOptimize(one);
    sum += *one;
  }
  bench::check(sum == count * (count - 1) / 2, "put and get of a shared_ptr");
}
void promise_put_get(std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::promise<std::uint64_t> one;
    one.set_value(i);
    sum += one.get_future().get();
  }
  bench::check(sum == count * (count - 1) / 2, "put and get of a std::promise");
}

// What is there already, got again and again: no allocation, no lock.
void mobula_get(const mobula::future<std::uint64_t>& seven, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += mobula::get(seven);
  bench::check(sum == 7 * count, "get");
}
void promise_get(const std::shared_future<std::uint64_t>& seven, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += seven.get();
  bench::check(sum == 7 * count, "get of a std::shared_future");
}

void mobula_promise(std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const mobula::promise<std::uint64_t> one;
    const mobula::future<std::uint64_t> there = one.get_future();
    one.set_value(i);
    sum += mobula::get(there);
  }
  bench::check(sum == count * (count - 1) / 2, "promise");
}

void mobula_get_many(std::size_t count) {
  std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) futures.push_back(mobula::async<increment>(i));
  std::uint64_t sum = 0;
  for (std::uint64_t one : mobula::get(std::move(futures))) sum += one;
  bench::check(sum == count * (count + 1) / 2, "get of many");
}
/// As Ray measures it: one more is waited for until none is left.
void mobula_wait(std::size_t count) {
  std::vector<mobula::future<std::uint64_t>> pending;
  pending.reserve(count);
  for (std::size_t i = 0; i < count; ++i) pending.push_back(mobula::async<increment>(i));
  std::uint64_t sum = 0;
  while (!pending.empty()) {
    auto [ready, rest] = mobula::wait(std::move(pending));
    for (const auto& one : ready) sum += mobula::get(one);
    pending = std::move(rest);
  }
  bench::check(sum == count * (count + 1) / 2, "wait");
}
void mobula_as_completed(std::size_t count) {
  std::vector<mobula::future<std::uint64_t>> pending;
  pending.reserve(count);
  for (std::size_t i = 0; i < count; ++i) pending.push_back(mobula::async<increment>(i));
  std::uint64_t sum = 0;
  for (const auto& one : mobula::as_completed(pending)) sum += mobula::get(one);
  bench::check(sum == count * (count + 1) / 2, "as_completed");
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime{mobula::runtime_options{.backend = "threads"}};
  const mobula::future<std::uint64_t> seven = mobula::put(std::uint64_t{7});
  std::promise<std::uint64_t> std_promise;
  std_promise.set_value(7);
  const std::shared_future<std::uint64_t> std_seven = std_promise.get_future().share();

  constexpr std::size_t thousand = 1000;
  bench::table table;
  table.add({"put + get of a number",
             {{"Mobula", 50 * thousand, [] { mobula_put_get(50 * thousand); }},
              {"std::make_shared", 50 * thousand, [] { shared_put_get(50 * thousand); }},
              {"std::promise", 50 * thousand, [] { promise_put_get(50 * thousand); }}}});
  table.add(
      {"get of what is there",
       {{"Mobula", 200 * thousand, [&] { mobula_get(seven, 200 * thousand); }},
        {"std::shared_future", 200 * thousand, [&] { promise_get(std_seven, 200 * thousand); }}}});
  table.add({"promise: made, set, got",
             {{"Mobula", 50 * thousand, [] { mobula_promise(50 * thousand); }},
              {"std::promise", 50 * thousand, [] { promise_put_get(50 * thousand); }}}});
  table.add({"get of 10 000 futures at once, a future",
             {{"Mobula", 10 * thousand, [] { mobula_get_many(10 * thousand); }}}});
  // Ray waits 5.1 times a second on 1 000: 196 000 ns a future on its machine of 64 cores.
  table.add({"wait on 1 000, one at a time, a future",
             {{"Mobula", thousand, [] { mobula_wait(thousand); }},
              {"Mobula, as_completed", thousand, [] { mobula_as_completed(thousand); }}},
             {{"", 196'000}}});
  return table.main(argc, argv);
}
