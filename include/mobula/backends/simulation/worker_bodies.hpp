#pragma once

/// Bodies of a simulated process: how they run, wait, stop and die.

#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/backends/simulation/body_task.hpp"
#include "mobula/backends/simulation/worker_actors.hpp"
#include "mobula/backends/simulation/worker_process.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"

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
    outside_wait outside;
    what.outside = &outside;
    event_id timer;
    if (deadline != engine::never) {
      timer = world_.events().at(deadline, {event_kind::wake, self().value(), 0, self()},
                                 [&] { world_.end_wait(outside); });
    }
    shared_.outside.push_back(&outside);
    world_.wait_outside(outside);
    shared_.outside.erase(std::find(shared_.outside.begin(), shared_.outside.end(), &outside));
    world_.events().cancel(timer);
    what.outside = nullptr;
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
  if (must_throw()) refuse();
  if (what.done) return true;
  if (out_of_time()) return false;
  what.fiber = inside;
  event_id timer;
  if (deadline != engine::never) {
    timer = world_.events().at(deadline, {event_kind::wake, self().value(), inside->number, self()},
                               [this, inside] { wake(*inside); });
  }
  if (how == waiting::lends && inside->body != nullptr) {
    inside->lent = true;
    event([&] { executor_.body_blocked(*inside->body, world_.now()); });
  }
  do {
    inside->waits = true;
    fiber::yield();
    inside->waits = false;
    // A body that has lent its CPUs goes on when it has them again.
  } while (!inside->killed &&
           (inside->lent || !(what.done || out_of_time() || must_throw())));
  if (!inside->killed) world_.events().cancel(timer);
  what.fiber = nullptr;
  if (must_throw()) refuse();
  return what.done;
}
inline void worker_process::finish(completion& what) {
  if (what.done) return;
  what.done = true;
  if (what.fiber != nullptr) what.fiber->process.wake(*what.fiber);
  if (what.outside != nullptr) world_.end_wait(*what.outside);
}
inline void worker_process::wake(body_fiber& one) {
  if (!alive_ || one.wake_queued || one.going_on) return;
  if (one.lent) {
    // It asks for its CPUs; `resume` follows.
    one.going_on = true;
    event([&] { executor_.body_unblocked(*one.body, world_.now()); });
    return;
  }
  one.wake_queued = true;
  world_.events().after(world_.delay(100, 5'000),
                        {event_kind::wake, self().value(), one.number, self()}, [this, &one] {
                          one.wake_queued = false;
                          if (one.waits) run_fiber(one);
                        });
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
inline void worker_process::cancel_children(detail::frame& of) {
  std::vector<detail::record_ptr> children;
  of.for_each_child([&](detail::record& child) {
    if (!child.settled() && child.try_add_handle()) {
      children.push_back(detail::record_ptr::adopt(&child));
    }
  });
  for (const detail::record_ptr& child : children) {
    cancel(*child, {},
           detail::failure_ptr::make(
               cancelled_error("the task that submitted it was cancelled")));
  }
}
/// The end of the program: its tasks are cancelled, and with them all that hangs on them.
inline void worker_process::cancel_all(const detail::failure_ptr& why) {
  drain_abandoned(shared_);
  std::vector<engine::object_key> all;
  owner_.for_each_task(
      [&](engine::object_key key, const engine::invocation&) { all.push_back(key); });
  for (const engine::object_key key : all) {
    event([&] { owner_.cancel(key, {}, describe(why->cause()), world_.now()); });
  }
}
inline void worker_process::stop_bodies() {
  for (std::size_t i = 0; i < fibers_.size(); ++i) {
    if (fibers_[i]->body != nullptr) ask_to_stop(*fibers_[i], false);
  }
}

inline void worker_process::discard(engine::actor_life& one) {
  auto* const object = static_cast<actor_object*>(one.user);
  one.user = nullptr;
  delete object;
  if (one.begun) return;
  engine::for_each_mention(one.made.constructor, [this](engine::object_key key) {
    owner_.refs().arrived(shared_.node_party, key);
    owner_.refs().drop(key);
  });
  owner_.step(world_.now());
}
inline std::string worker_process::function_name(const detail::function_id& of) const {
  return detail::readable_name(shared_.function(of));
}
inline std::string worker_process::subject(engine::object_key task,
                                           const engine::invocation& what) {
  const auto record = records_.find(task);
  if (record != records_.end() && record->second->kind == detail::task_record) {
    return detail::body_runner::subject(static_cast<const detail::task&>(*record->second));
  }
  return "task \"" +
         (what.name.empty() ? detail::readable_name(shared_.function(what.function)) : what.name) +
         "\"";
}

/// References in an answer are on their way when it goes.
inline void worker_process::send(party to, engine::task_done&& one) {
  for (const engine::object_key& key : one.result.refs) owner_.refs().sending(to, key);
  transmit(to, std::move(one));
}

inline engine::key_list worker_process::uncovered(engine::body& one) {
  engine::key_list kept;
  const auto at = covers_.find(&one);
  if (at == covers_.end()) return kept;
  const engine::key_list mentions = std::move(at->second);
  covers_.erase(at);
  owner_.refs().end_cover(one.caller, mentions, kept);
  return kept;
}

// --- One body ------------------------------------------------------------------------------------

inline void worker_process::run_body(engine::body& one) {
  engine::body_end end;
  if (one.kind == engine::body_kind::destructor) {
    run_destructor(one);
    end.result.kind = engine::outcome_kind::value;
  } else {
    engine::key_list mentions;
    engine::append_mentions(one.what(), mentions);
    const bool plain = one.kind == engine::body_kind::constructor;
    event([&] {
      for (const engine::object_key& key : mentions) {
        plain ? owner_.refs().arrived(one.caller, key) : owner_.refs().covered(one.caller, key);
      }
    });
    if (!plain) covers_[&one] = mentions;
    run_function(one, end);
    drain_abandoned(shared_);
    if (plain && alive_) event([&] { drop_refs(mentions); });
  }
  if (!alive_) return;
  event([&] {
    // Whoever gets the result gets the references in it before the call's cover ends.
    const engine::key_list sent = end.result.refs;
    end.kept = uncovered(one);
    executor_.body_ended(one, std::move(end), world_.now());
    drop_refs(sent);
  });
}

inline void worker_process::run_function(engine::body& one, engine::body_end& end) {
  const engine::invocation& what = one.what();
  const auto* const object =
      static_cast<const actor_object*>(one.actor == nullptr ? nullptr : one.actor->user);
  const bool is_call = one.kind == engine::body_kind::call;
  std::int32_t retries = is_call ? one.push.retries : 0;
  void* instance = is_call ? object->instance : nullptr;
  const detail::function_entry* entry = nullptr;
  try {
    entry = &shared_.function(what.function);
  } catch (const error& unknown) {
    end.result = engine::failed_outcome(describe(unknown));
    return;
  }
  detail::actor_ptr self;
  if (one.actor != nullptr) self = handle_in_house(*one.actor);
  for (std::uint32_t attempt = one.kind == engine::body_kind::constructor ? 1 : one.push.attempt;;
       ++attempt) {
    auto* const record = new body_task(shared_.epoch, *entry);
    if (!what.name.empty()) record->make_wishes().name = what.name;
    const engine::object_key key = one.push.task;
    record->number = key.owner.value() << 48 ^ key.number;
    record->attempt = attempt;
    if (self) {
      record->actor = self.get();
      self->add_reference();
    }
    std::exception_ptr thrown;
    {
      detail::frame mine(*record);
      mine.instance = instance;
      mine.restarted = one.actor != nullptr && one.actor->made.restarted;
      body_fiber& fiber = *body_fiber::current();
      fiber.body_frame = &mine;
      fiber.function.store(entry, std::memory_order_release);
      if (fiber.stop) mine.request_stop();
      try {
        const engine::payload sent_arguments = take_resources(what.arguments, *record);
        const message arguments = unpack_here(sent_arguments, what.refs, &what.values);
        input read(arguments);
        output written;
        entry->invoke(instance, read, written);
        const message sent = written.take();  // its handles keep what it refers to, for now
        packed made = pack_here(sent);
        event([&] { take_refs(made.refs); });
        end.result = {};
        if (made.bytes.size() > engine::inline_bytes_max &&
            one.kind != engine::body_kind::constructor) {
          end.result = stored(key, made.bytes);
        } else {
          end.result.kind = engine::outcome_kind::value;
          end.result.value = std::move(made.bytes);
        }
        end.result.refs = std::move(made.refs);
      } catch (const detail::actor_exit&) {
        end.exited = true;
        end.result = engine::failed_outcome(
            {.code = error_code::task,
             .what = "this_actor::exit was called in a task",
             .task = record->name(),
             .node = shared_.node.name});
      } catch (...) {
        thrown = std::current_exception();
        const detail::failure_ptr why = detail::failure_of_current_exception(
            detail::body_runner::subject(*record), record->name(), shared_.node.name);
        end.result = engine::failed_outcome(describe(why->cause()));
      }
      fiber.body_frame = nullptr;
      if (fiber.stop_children) cancel_children(mine);
    }
    record->end();
    if (thrown == nullptr || end.exited || !alive_) break;
    end.retryable = shared_.filter(what.filter).matches(thrown);
    if (!end.retryable || retries == 0 || body_fiber::current()->stop) break;
    if (retries > 0) --retries;
    if (is_call) one.push.attempt = attempt + 1;
  }
  if (one.kind == engine::body_kind::constructor && instance != nullptr) {
    one.actor->user = new actor_object{instance, entry};
  }
  if (!self) return;
  // A constructor is covered by nobody: handles to the actor itself that it has kept are borrowed
  // now.
  auto& handle = static_cast<actor_handle&>(*self);
  if (!handle.counted && handle.has_other_handles() && alive_) {
    handle.counted = true;
    event([&] { owner_.refs().arrived(shared_.node_party, handle.key()); });
  }
  self = {};
}

/// In nobody's call, but `this_actor` knows it.
inline void worker_process::run_destructor(engine::body& one) {
  auto* const object = static_cast<actor_object*>(one.actor->user);
  if (object == nullptr || object->instance == nullptr) return;
  void* const instance = std::exchange(object->instance, nullptr);
  auto* const record = new body_task(shared_.epoch, *object->constructor);
  const detail::actor_ptr self = handle_in_house(*one.actor);
  if (self) {
    record->actor = self.get();
    self->add_reference();
  }
  {
    detail::frame mine(*record);
    mine.restarted = one.actor->made.restarted;
    body_fiber::current()->body_frame = &mine;
    object->constructor->destroy_instance(instance);
    body_fiber::current()->body_frame = nullptr;
  }
  record->end();
}
/// A handle to the actor itself, for its own bodies; the caller's cover, or nothing, keeps it.
inline detail::actor_ptr worker_process::handle_in_house(const engine::actor_life& life) {
  const auto known = shared_.actor_classes.find(life.made.actor);
  if (known == shared_.actor_classes.end()) return {};
  if (!owner_.refs().holds(life.made.actor)) {
    const bool fresh = !actors_.contains(life.made.actor);
    actor_handle* const one =
        handle_for(life.made.actor, *known->second.type, known->second.name, life.made.label);
    return fresh ? detail::actor_ptr::adopt(one) : detail::actor_ptr::share(one);
  }
  return actor_for(life.made.actor, *known->second.type, known->second.name, life.made.label);
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
  std::vector<actor_object*> objects;
  executor_.for_each_life([&](const engine::actor_life& life) {
    if (life.user != nullptr) objects.push_back(static_cast<actor_object*>(life.user));
  });
  for (actor_object* const one : objects) {
    if (one->instance != nullptr) {
      body_fiber last(world_.fibers(), *this, nullptr, 0, [one] {
        one->constructor->destroy_instance(std::exchange(one->instance, nullptr));
      });
      last.killed = true;
      while (!last.ended()) last.resume();
    }
    delete one;
  }
  end_records(detail::failure_ptr::make(cancelled_error("its process was killed")));
}

}  // namespace mobula::simulation
