#include "mobula/core/record.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "mobula/detail/value_record.hpp"

#include "support/catch.hpp"

using namespace mobula::detail;

namespace {

struct counted {
  static inline std::atomic<int> alive{0};
  counted() { ++alive; }
  counted(const counted&) { ++alive; }
  counted(counted&&) noexcept { ++alive; }
  counted& operator=(const counted&) = default;
  ~counted() { --alive; }
};

struct counting_waiter : waiter {
  std::atomic<int> fired{0};
  counting_waiter() {
    fire = [](waiter& self) noexcept { static_cast<counting_waiter&>(self).fired.fetch_add(1); };
  }
};

failure_ptr some_failure() { return failure_ptr::make(mobula::cancelled_error("because")); }

}  // namespace

template <>
struct mobula::serializer<counted> {
  static void save(const counted&, output&) {}
  static counted load(input&) { return {}; }
};

TEST_CASE("the value goes with the last handle, not with the memory", "[record]") {
  record_ptr one = make_ready<counted>(1);
  REQUIRE(counted::alive == 1);
  record* const raw = one.get();
  raw->pin();
  record_ptr other = one;
  one = {};
  CHECK(counted::alive == 1);
  other = {};
  CHECK(counted::alive == 0);
  CHECK_FALSE(raw->has_handles());
  raw->unpin();
}

TEST_CASE("a value that nobody has asked for goes when its producer ends", "[record]") {
  record_ptr promised = make_pending<counted>(1, object_record);
  record* const raw = promised.release();
  raw->drop_handle();
  ::new (raw->value()) counted;
  CHECK(raw->settle_value());
  CHECK(counted::alive == 1);
  raw->end_producing();
  CHECK(counted::alive == 0);
}

TEST_CASE("an outcome is decided once", "[record][clause-15]") {
  record_ptr one = make_pending<counted>(1, object_record);
  CHECK_FALSE(one->settled());
  CHECK(one->settle_failure(some_failure()));
  CHECK_FALSE(one->settle_failure(some_failure()));
  ::new (one->value()) counted;
  CHECK_FALSE(one->settle_value());
  one->type().destroy_value(*one);
  CHECK(one->failed() != nullptr);
  CHECK_THROWS_AS(one->failed()->raise(), mobula::cancelled_error);
  one->end_producing();
  CHECK(counted::alive == 0);
}

TEST_CASE("waiters are fired once each, in the order in which they came", "[record]") {
  record_ptr one = make_pending<void>(1, object_record);
  static std::string order;
  order.clear();
  struct named : waiter {
    char name = '?';
  } all[3];
  for (int i = 0; i < 3; ++i) {
    all[i].name = static_cast<char>('a' + i);
    all[i].fire = [](waiter& self) noexcept { order += static_cast<named&>(self).name; };
    CHECK(one->add_waiter(all[i]));
  }
  CHECK(one->remove_waiter(all[1]));
  one->settle_value();
  CHECK(order == "ac");
  CHECK_FALSE(one->remove_waiter(all[0]));
  CHECK_FALSE(one->add_waiter(all[1]));
  one->end_producing();
}

// Goal: a waiter that leaves while the record is being settled is either removed or fired, never
// both, never neither. Method: many rounds of two waiters that leave against one thread that
// settles.
TEST_CASE("leaving and settling at once", "[record][stress]") {
  for (int round = 0; round < 2'000; ++round) {
    record_ptr one = make_pending<void>(1, object_record);
    counting_waiter waiters[2];
    std::atomic<int> ready{0};
    int removed[2] = {0, 0};
    const auto leave = [&](int which) {
      const bool linked = one->add_waiter(waiters[which]);
      ready.fetch_add(1);
      if (!linked) {
        removed[which] = 1;
      } else if (one->remove_waiter(waiters[which])) {
        removed[which] = 1;
      }
    };
    std::thread settles([&] {
      while (ready.load() == 0) relax();
      one->settle_value();
    });
    std::thread leaves([&] { leave(0); });
    leave(1);
    settles.join();
    leaves.join();
    one->end_producing();
    for (int i = 0; i < 2; ++i) REQUIRE(waiters[i].fired + removed[i] == 1);
  }
}

TEST_CASE("a chain of objects that hold each other is destroyed without a deep stack",
          "[record][clause-10]") {
  static record_type chained{};
  struct holder final : record {
    explicit holder(record_ptr inner)
        : record(chained, 1, one_handle + one_pin), next(std::move(inner)) {
      set_ready();
    }
    record_ptr next;
  };
  chained.destroy_value = [](record& of) noexcept { static_cast<holder&>(of).next = {}; };
  chained.destroy_record = [](record& of) noexcept { delete static_cast<holder*>(&of); };
  record_ptr last;
  for (int i = 0; i < 300'000; ++i) last = record_ptr::adopt(new holder(std::move(last)));
  last = {};
  SUCCEED();
}

// Goal: blocks that one thread makes and another frees are used again, and none is given out twice.
// Method: a producer and a consumer with a bounded queue between them; each block carries its
// number.
TEST_CASE("records' memory wanders between threads", "[record][stress]") {
  constexpr std::size_t count = 50'000;
  std::vector<std::atomic<std::size_t*>> handed(64);
  std::thread consumer([&] {
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t* block = nullptr;
      while ((block = handed[i % handed.size()].exchange(nullptr)) == nullptr)
        std::this_thread::yield();
      if (*block != i) std::abort();
      record_memory::release(block, 100);
    }
  });
  for (std::size_t i = 0; i < count; ++i) {
    auto* const block = static_cast<std::size_t*>(record_memory::allocate(100));
    *block = i;
    while (handed[i % handed.size()].load() != nullptr) std::this_thread::yield();
    handed[i % handed.size()].store(block);
  }
  consumer.join();
  SUCCEED();
}
