// Goal: a backend that counts references across processes learns once when nobody can get a handle
// to a record any more. Method: a hook that notes the records it is told of, and records whose
// handles go in every order.

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "mobula/core/record.hpp"
#include "mobula/detail/value_record.hpp"

#include "support/catch.hpp"

using namespace mobula::detail;

namespace {

/// While it lives, the hook is set.
class abandoned_records {
 public:
  abandoned_records() { record_abandoned = &note; }
  ~abandoned_records() { record_abandoned = nullptr; }
  static std::vector<const record*>& told() {
    static std::vector<const record*> all;
    return all;
  }
  static std::vector<const record*> take() { return std::exchange(told(), {}); }

 private:
  static void note(record& one) noexcept {
    told().push_back(&one);
    if (one.try_add_handle()) std::abort();
  }
};

record_ptr tracked(record_ptr one) {
  one->flags |= record::tracked;
  return one;
}

}  // namespace

TEST_CASE("the backend is told of a tracked record's last handle, once", "[record][clause-36]") {
  const abandoned_records hook;
  record_ptr one = tracked(make_ready<int>(1, 7));
  const record* const address = one.get();
  record_ptr copy = one;
  one = {};
  CHECK(hook.take().empty());
  copy->pin();
  record* const pinned = copy.get();
  copy = {};
  CHECK(hook.take() == std::vector{address});
  CHECK_FALSE(pinned->try_add_handle());
  pinned->unpin();
  CHECK(hook.take().empty());
}

TEST_CASE("of a record that nobody tracks the backend hears nothing", "[record]") {
  const abandoned_records hook;
  static_cast<void>(make_ready<int>(1, 7));
  CHECK(hook.take().empty());
}

TEST_CASE("without a hook a tracked record goes as any other", "[record]") {
  static_cast<void>(tracked(make_ready<int>(1, 7)));
  SUCCEED();
}

TEST_CASE("a tracked record whose producer owes the outcome is told of when both are gone",
          "[record]") {
  const abandoned_records hook;
  SECTION("the handle goes first, and may come back until the producer ends") {
    record* const one = tracked(make_pending<int>(1, object_record)).release();
    one->drop_handle();
    CHECK(hook.take().empty());
    REQUIRE(one->try_add_handle());
    one->drop_handle();
    one->end_producing();
    CHECK(hook.take() == std::vector<const record*>{one});
  }
  SECTION("the producer goes first, with an outcome or without") {
    const bool settle = GENERATE(true, false);
    record_ptr one = tracked(make_pending<void>(1, object_record));
    const record* const address = one.get();
    one->end_producing();
    CHECK(hook.take().empty());
    if (settle) one->settle_value();
    one = {};
    CHECK(hook.take() == std::vector{address});
  }
}

TEST_CASE("a record is told of before the handles in its value go", "[record]") {
  const abandoned_records hook;
  record_ptr inner = tracked(make_ready<int>(1, 7));
  const record* const inner_address = inner.get();
  static record_type holding{};
  struct holder final : record {
    explicit holder(record_ptr inside)
        : record(holding, 1, one_handle + one_pin), next(std::move(inside)) {
      set_ready();
    }
    record_ptr next;
  };
  holding.destroy_value = [](record& of) noexcept { static_cast<holder&>(of).next = {}; };
  holding.destroy_record = [](record& of) noexcept { delete static_cast<holder*>(&of); };
  record_ptr outer = tracked(record_ptr::adopt(new holder(std::move(inner))));
  const record* const outer_address = outer.get();
  outer = {};
  CHECK(hook.take() == std::vector{outer_address, inner_address});

  // Deep chains are put on a list when they are let go, and told of at once all the same.
  std::vector<const record*> chain;
  record_ptr last = tracked(make_ready<int>(1, 7));
  chain.push_back(last.get());
  for (int i = 0; i < 1000; ++i) {
    last = tracked(record_ptr::adopt(new holder(std::move(last))));
    chain.push_back(last.get());
  }
  std::reverse(chain.begin(), chain.end());
  last = {};
  CHECK(hook.take() == chain);
}

// Goal: between the last handle and the hook nobody gets a handle. Method: one thread drops it
// while another, which knows the record by its address, tries for one, as a backend's table does.
TEST_CASE("a handle is got before the last one goes, or never", "[record][stress]") {
  static std::atomic<int> told{0};
  static std::atomic<bool> may_look{false};
  for (int round = 0; round < 2'000; ++round) {
    told = 0;
    may_look = false;
    record* const one = make_ready<int>(1, 7).release();
    one->flags |= record::tracked;
    one->pin();  // keeps the memory for whoever looks
    record_abandoned = [](record&) noexcept { ++told; };
    std::thread drops([&] {
      while (!may_look) relax();
      one->drop_handle();
    });
    may_look = true;
    const bool got = one->try_add_handle();
    drops.join();
    if (got) {
      CHECK(told == 0);
      one->drop_handle();
    }
    CHECK(told == 1);
    CHECK_FALSE(one->try_add_handle());
    record_abandoned = nullptr;
    one->unpin();
  }
}
