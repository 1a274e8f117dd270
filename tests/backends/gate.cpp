// Goal: whoever is woken by a gate may destroy it at once, though who woke it has not come back
// yet. Method: what waits for the gate's signal destroys the gate while it is fired, on the thread
// that settles the last record: where the gate waited for that thread, this would not end.

#include "mobula/detail/gate.hpp"

#include <memory>

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "support/catch.hpp"

namespace {

using mobula::detail::gate;
using mobula::detail::require_backend;

/// Waits for the gate's signal, and then is rid of the gate.
struct destroyer {
  mobula::detail::waiter node;  // first: it is found back by its address
  std::unique_ptr<gate>* of = nullptr;
  bool has_fired = false;
};

}  // namespace

TEST_CASE("a gate may be destroyed by what it wakes", "[backends]") {
  const mobula::runtime runtime{mobula::runtime_options{.backend = "threads", .cpus = 1}};
  const bool fails = GENERATE(false, true);
  const mobula::promise<int> first, last;
  const mobula::future<int> one = first.get_future(), two = last.get_future();
  auto both = std::make_unique<gate>(require_backend("the test"), one.state()->epoch(), 2, 2, true);
  both->add(*one.state());
  both->add(*two.state());
  destroyer waits;
  waits.of = &both;
  waits.node.fire = [](mobula::detail::waiter& node) noexcept {
    auto& self = reinterpret_cast<destroyer&>(node);
    self.of->reset();
    self.has_fired = true;
  };
  REQUIRE(both->signal().add_waiter(waits.node));

  if (fails) {
    first.set_exception(std::make_exception_ptr(1));  // the other is still pending
  } else {
    first.set_value(1);
    CHECK_FALSE(waits.has_fired);
    last.set_value(2);
  }
  CHECK(waits.has_fired);
  CHECK(both == nullptr);
}
