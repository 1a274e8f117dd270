#include "mobula/backends/threads/ledger.hpp"

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "mobula/detail/call_record.hpp"

#include "support/catch.hpp"

using namespace mobula;
using detail::ledger;
using detail::one_cpu;

namespace {

resource_vector of(double cpus, double gpus = 0) {
  return resource_vector(resource_vector::amounts{.cpus = cpus, .gpus = gpus}, "test");
}

/// A task that is never run: something with a function and a wish to stand in the ledger's lines.
class wisher : public detail::task {
 public:
  static constexpr detail::record_type no_value{};
  wisher(const detail::function_entry& of_function, resource_vector what)
      : task(no_value, 0, of_function, false) {
    make_wishes().resources = std::move(what);
  }
};

const detail::function_entry first_function{};
const detail::function_entry second_function{};

}  // namespace

TEST_CASE("a ledger gives all that is asked for or nothing", "[ledger][clause-18]") {
  ledger books(of(2, 1));
  CHECK(books.try_take(of(1.5, 1)));
  CHECK_FALSE(books.try_take(of(0.6)));
  CHECK_FALSE(books.try_take(of(0.1, 0.5)));
  CHECK(books.available().cpus == 0.5);
  CHECK(books.available().gpus == 0);
  CHECK(books.try_take_cpu(one_cpu / 2));
  CHECK_FALSE(books.try_take_cpu(1));
  books.give(of(1.5, 1));
  books.give_cpu(one_cpu / 2);
  CHECK(books.available().cpus == 2);
  CHECK(books.available().gpus == 1);
}

TEST_CASE("functions that wait take turns", "[ledger][clause-18]") {
  ledger books(of(1));
  REQUIRE(books.try_take_cpu(one_cpu));
  std::vector<std::unique_ptr<wisher>> flood;
  for (int i = 0; i < 100; ++i) {
    flood.push_back(std::make_unique<wisher>(first_function, of(1)));
    books.enqueue(*flood.back());
  }
  wisher late(second_function, of(1));
  books.enqueue(late);
  CHECK(books.grant().empty());
  books.give_cpu(one_cpu);
  std::vector<detail::task*> order;
  for (int i = 0; i < 2; ++i) {
    const auto granted = books.grant();
    REQUIRE(granted.size() == 1);
    order.push_back(granted.front());
    books.give(of(1));
  }
  CHECK(std::find(order.begin(), order.end(), &late) != order.end());
  CHECK(books.drain().size() == 99);
}

TEST_CASE("a wide task that waits long makes plain ones hold back", "[ledger][clause-18]") {
  ledger books(of(2));
  REQUIRE(books.try_take_cpu(one_cpu));
  wisher wide(first_function, of(2));
  books.enqueue(wide);
  CHECK(books.grant().empty());
  CHECK_FALSE(books.contended());
  books.reserve();
  CHECK(books.contended());  // from now on threads give back their CPUs instead of taking the next
                             // plain task
  books.give_cpu(one_cpu);
  REQUIRE(books.grant().size() == 1);
  CHECK_FALSE(books.contended());
  books.give(of(2));
}

TEST_CASE("a body that comes back is served before those that wait in line", "[ledger][clause-9]") {
  ledger books(of(1));
  REQUIRE(books.try_take_cpu(one_cpu));
  wisher waiting(first_function, of(1));
  books.enqueue(waiting);
  detail::parker bed;
  std::thread body([&] { books.take_cpu_again(one_cpu, bed); });
  while (!books.contended()) std::this_thread::yield();
  books.give_cpu(one_cpu);
  CHECK(books.grant().empty());
  body.join();  // it has the CPU
  books.give_cpu(one_cpu);
  CHECK(books.grant().size() == 1);
  books.give(of(1));
}
