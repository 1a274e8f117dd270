#pragma once

/// Bodies of a simulated process: how they run, wait, stop and die.

#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/backends/hosting/actors.hpp"
#include "mobula/backends/hosting/bodies.hpp"
#include "mobula/backends/hosting/hearing.hpp"
#include "mobula/backends/hosting/loads.hpp"
#include "mobula/backends/hosting/objects.hpp"
#include "mobula/backends/hosting/promises.hpp"
#include "mobula/backends/hosting/stored.hpp"
#include "mobula/backends/hosting/streams.hpp"
#include "mobula/backends/simulation/worker_process.hpp"

namespace mobula::simulation {

// --- Fibers and waits ----------------------------------------------------------------------------

inline body_fiber& worker_process::start_fiber(engine::body* body, action what) {
  const std::uint64_t number = ++shared_.fibers_made;
  fibers_.push_back(
      std::make_unique<body_fiber>(world_.fibers(), *this, body, number, std::move(what)));
  body_fiber& made = *fibers_.back();
  made.wake_queued = true;
  world_.events().after(world_.delay(1'000, 20'000),
                        {event_kind::body, self().value(), number, self()}, [this, &made] {
                          made.wake_queued = false;
                          run_fiber(made);
                        });
  return made;
}
/// As a reader of an error knows it. Reads nothing that another thread could change while the fiber
/// runs: the watchdog asks.
inline std::string name_of_fiber(const body_fiber& one) {
  if (one.body == nullptr) return "the program, a script or a callback";
  if (one.body->kind == engine::body_kind::destructor) return "the destructor of an actor";
  const detail::function_entry* const known = one.function.load(std::memory_order_acquire);
  const engine::invocation& what = one.body->what();
  const std::string name = !what.name.empty()  ? what.name
                           : known != nullptr ? detail::readable_name(*known)
                                              : "that reads its arguments";
  if (one.body->actor == nullptr) return "task \"" + name + "\"";
  return "actor \"" + one.body->actor->made.label + "\", " +
         (one.body->kind == engine::body_kind::constructor ? "constructor" : "call") + " \"" +
         name + "\"";
}
/// Until it waits or ends. On the simulation's thread, outside of any machine's event.
inline void worker_process::run_fiber(body_fiber& one) {
  {
    const watchdog::look looks(world_.watch(), one.number, [&one] { return name_of_fiber(one); });
    one.resume();
  }
  if (!one.ended()) return;
  const auto at = std::find_if(fibers_.begin(), fibers_.end(),
                               [&](const auto& held) { return held.get() == &one; });
  if (at != fibers_.end()) fibers_.erase(at);
  drain_abandoned(shared_);
}
inline body_fiber* worker_process::fiber_of(const engine::body& one) noexcept {
  for (const auto& held : fibers_) {
    if (held->body == &one) return held.get();
  }
  return nullptr;
}

inline bool worker_process::wait_for(completion& what, instant deadline, waiting how) {
  body_fiber* const inside = body_fiber::current();
  const auto out_of_time = [&] { return deadline != engine::never && world_.now() >= deadline; };
  if (inside == nullptr) {
    if (world_.on_own_thread()) {
      // A destructor of an argument, or the like, in the midst of an event.
      throw cancelled_error("there is no body here that could wait");
    }
    if (what.done) return true;
    if (out_of_time()) return false;
    if (shared_.ending) {
      throw std::logic_error("the runtime has ended: nothing happens that a thread could wait for");
    }
    if (!world_.over().empty()) shared_.throw_over();  // nothing would ever end this wait
    struct outside_sleeper final : hosting::sleeper {
      explicit outside_sleeper(world& in) : sim(in) {}
      void completed() override { sim.end_wait(wait); }
      world& sim;
      outside_wait wait;
    } sleeping(world_);
    outside_wait& outside = sleeping.wait;
    what.waiter = &sleeping;
    event_id timer;
    if (deadline != engine::never) {
      timer = world_.events().at(deadline, {event_kind::wake, self().value(), 0, self()},
                                 [&] { world_.end_wait(outside); });
    }
    shared_.outside.push_back(&outside);
    world_.wait_outside(outside);
    shared_.outside.erase(std::find(shared_.outside.begin(), shared_.outside.end(), &outside));
    world_.events().cancel(timer);
    what.waiter = nullptr;
    if (!what.done && !out_of_time() && !world_.over().empty()) shared_.throw_over();
    return what.done;
  }

  const auto must_throw = [&] {
    return inside->killed || (inside->stop && how != waiting::deaf);
  };
  const auto refuse = [&] {
    throw cancelled_error(inside->killed ? "the process was killed while the body waited"
                                         : "the task was cancelled while it waited");
  };
  // Whoever waited until then sees that it is over: else a coroutine would ask again and again.
  struct publish {
    const world& sim;
    ~publish() { world::published_now.store(sim.now(), std::memory_order_release); }
  } const at_the_end{world_};
  if (must_throw()) refuse();
  if (what.done) return true;
  if (out_of_time()) return false;
  what.waiter = inside;
  event_id timer;
  if (deadline != engine::never) {
    timer = world_.events().at(deadline, {event_kind::wake, self().value(), inside->number, self()},
                               [this, inside] { wait_ended(*inside); });
  }
  const bool gives_way = how == waiting::gives_way;
  if ((how == waiting::lends || gives_way) && inside->body != nullptr) {
    inside->lent = true;
    event([&] { executor_.body_blocked(*inside->body, now(), gives_way); });
  }
  do {
    inside->waits = true;
    fiber::yield();
    inside->waits = false;
    // A body that has lent its CPUs goes on when it has them again.
  } while (!inside->killed &&
           (inside->lent || !(what.done || out_of_time() || must_throw())));
  if (!inside->killed) world_.events().cancel(timer);
  what.waiter = nullptr;
  if (must_throw()) refuse();
  return what.done;
}
inline void body_fiber::completed() { process.wake(*this); }
inline void worker_process::wake(body_fiber& one) {
  if (!alive_ || one.wake_queued || one.going_on) return;
  if (one.lent) {
    // It asks for its CPUs; `resume` follows.
    one.going_on = true;
    event([&] { executor_.body_unblocked(*one.body, now()); });
    return;
  }
  one.wake_queued = true;
  world_.events().after(world_.delay(100, 5'000),
                        {event_kind::wake, self().value(), one.number, self()}, [this, &one] {
                          one.wake_queued = false;
                          if (one.waits) run_fiber(one);
                        });
}

/// Of its wait. A body that can go on does so at once.
inline void worker_process::wait_ended(body_fiber& one) {
  if (!one.waits || one.lent || one.wake_queued) return wake(one);
  run_fiber(one);
}

// --- The executor's wishes -----------------------------------------------------------------------

inline void worker_process::run(engine::body& one) {
  later([this, &one] {
    start_fiber(&one, [this, &one] { run_body(one); });
  });
}
inline void worker_process::resume(engine::body& one) {
  later([this, &one] {
    body_fiber* const fiber = fiber_of(one);
    if (fiber == nullptr) return;
    fiber->lent = false;
    fiber->going_on = false;
    wake(*fiber);
  });
}
inline void worker_process::request_stop(engine::body& one, bool recursive) {
  later([this, &one, recursive] {
    if (body_fiber* const fiber = fiber_of(one)) ask_to_stop(*fiber, recursive);
  });
}
inline void worker_process::ask_to_stop(body_fiber& one, bool recursive) {
  one.stop = true;
  one.stop_children = one.stop_children || recursive;
  if (detail::frame* const body = one.body_frame) {
    // Callbacks of its stop token may call Mobula: they have a fiber.
    if (body->has_stop_token()) {
      start_fiber(nullptr, [&one, number = one.number, body, this] {
        if (is_running(number)) body->request_stop();
      });
    } else {
      body->request_stop();
    }
    if (recursive) cancel_children(*body);
  }
  if (one.waits) wake(one);
}
inline bool worker_process::is_running(std::uint64_t number) const noexcept {
  return std::any_of(fibers_.begin(), fibers_.end(), [&](const auto& held) {
    return held->number == number && !held->ended();
  });
}
inline void worker_process::stop_bodies() {
  for (std::size_t i = 0; i < fibers_.size(); ++i) {
    if (fibers_[i]->body != nullptr) ask_to_stop(*fibers_[i], false);
  }
}

// --- Death ---------------------------------------------------------------------------------------

/// Runs what is left of it: each of its waits throws.
inline void worker_process::unwind(body_fiber& one) {
  one.killed = true;
  // A body that catches and waits again is thrown at again. One that never ends is a bug of the
  // program's that the log should name.
  for (int rounds = 0; one.begun() && !one.ended(); ++rounds) {
    if (rounds == 100'000) {
      std::fprintf(stderr,
                   "mobula: simulation: a killed body catches every exception and goes on\n");
    }
    one.resume();
  }
}
inline void worker_process::kill_process() {
  if (!alive_) return;
  die();
  while (!fibers_.empty()) {
    const std::unique_ptr<body_fiber> last = std::move(fibers_.back());
    fibers_.pop_back();
    unwind(*last);
  }
  take_actor_objects([this](const detail::function_entry& constructor, void* instance) {
    body_fiber last(world_.fibers(), *this, nullptr, 0,
                    [&constructor, instance] { constructor.destroy_instance(instance); });
    last.killed = true;
    while (!last.ended()) last.resume();
  });
  end_records(detail::failure_ptr::make(cancelled_error("its process was killed")));
}

}  // namespace mobula::simulation
