#pragma once

/// Bodies of a process: what is done before and after the program's function, and what becomes of
/// how it ends.

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/body_task.hpp"
#include "mobula/backends/hosting/calls.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/core/fault_point.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::hosting {

inline void program_process::cancel_children(detail::frame& of) {
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
inline void program_process::cancel_all(const detail::failure_ptr& why) {
  drain_abandoned(program_);
  std::vector<engine::object_key> all;
  owner_.for_each_task(
      [&](engine::object_key key, const engine::invocation&) { all.push_back(key); });
  for (const engine::object_key key : all) {
    event([&] { owner_.cancel(key, {}, describe(why->cause()), now()); });
  }
}
inline void program_process::discard(engine::actor_life& one) {
  auto* const object = static_cast<actor_object*>(one.user);
  one.user = nullptr;
  delete object;
  if (const auto at = actors_.find(one.made.actor);
      at != actors_.end() && at->second->in_house.exchange(false)) {
    actor_handle& handle = *at->second;
    if (!handle.has_handles() && !handle.counted) actors_.erase(at);
    handle.drop_reference();
  }
  if (one.begun) return;
  engine::for_each_mention(one.made.constructor, [this](engine::object_key key) {
    owner_.refs().arrived(home_.directory, key);
    owner_.refs().drop(key);
  });
  owner_.step(now());
}
inline bool program_process::is_coroutine(const detail::function_id& of) const {
  try {
    return program_.function(of).begin != nullptr;
  } catch (const error&) {  // it is not in this program, which the call is told when it runs
    return false;
  }
}
inline bool program_process::shares_worker(const engine::body& one) const {
  return holds_only_cpus(one.what().arguments);
}
inline std::string program_process::function_name(const detail::function_id& of) const {
  return detail::readable_name(program_.function(of));
}
inline std::string program_process::subject(engine::object_key task,
                                           const engine::invocation& what) {
  const auto record = records_.find(task);
  if (record != records_.end() && record->second->kind == detail::task_record) {
    return detail::body_runner::subject(static_cast<const detail::task&>(*record->second));
  }
  return "task \"" +
         (what.name.empty() ? detail::readable_name(program_.function(what.function)) : what.name) +
         "\"";
}

/// References in an answer are on their way when it goes.
inline void program_process::send(party to, engine::task_done&& one) {
  for (const engine::object_key& key : one.result.refs) owner_.refs().sending(to, key);
  transmit(to, std::move(one));
}

inline engine::key_list program_process::uncovered(engine::body& one) {
  engine::key_list kept;
  if (one.covers.empty()) return kept;
  const engine::key_list mentions = std::exchange(one.covers, {});
  owner_.refs().end_cover(one.caller, mentions, kept);
  return kept;
}

/// An actor's body is where the actor is.
inline void place_in_group(const actor_handle& of, detail::frame& body) noexcept {
  if (!of.about().placed_in) return;
  body.group = &of.about().placed_in;
  body.captures_children = of.about().captures_children;
}

// --- One body ------------------------------------------------------------------------------------

/// For whoever has entered, before `run_function`.
inline void program_process::begin_body(engine::body& one) {
  if (one.kind == engine::body_kind::destructor) return;
  engine::key_list mentions;
  engine::append_mentions(one.what(), mentions);
  if (mentions.empty()) return;
  const bool plain = one.kind == engine::body_kind::constructor;
  event([&] {
    for (const engine::object_key& key : mentions) {
      plain ? owner_.refs().arrived(one.caller, key) : owner_.refs().covered(one.caller, key);
    }
  });
  one.covers = std::move(mentions);
}
/// For whoever has entered. The slot is another body's afterwards.
inline void program_process::end_body(engine::body& one, engine::body_end&& end) {
  drain_abandoned(program_);
  if (!alive()) return;
  event([&] {
    // Whoever gets the result gets the references in it before the call's cover ends.
    const engine::key_list sent = end.result.refs;
    engine::key_list arrived;
    if (one.kind == engine::body_kind::constructor) {
      arrived = std::exchange(one.covers, {});
    } else {
      end.kept = uncovered(one);
    }
    if (!arrived.empty()) drop_refs(arrived);
    executor_.body_ended(one, std::move(end), now());
    if (!sent.empty()) drop_refs(sent);
  });
}

inline void program_process::run_body(engine::body& one) {
  {
    const inside held(loop_);
    begin_body(one);
  }
  engine::body_end end;
  run_function(one, end);
  const inside held(loop_);
  end_body(one, std::move(end));
}

/// The function, its arguments and its result. For whoever has not entered.
inline bool program_process::run_function(engine::body& one, engine::body_end& end,
                                          std::unique_ptr<coroutine_body>* waits) {
  if (one.kind == engine::body_kind::destructor) {
    run_destructor(one);
    end.result.kind = engine::outcome_kind::value;
    return true;
  }
  const engine::invocation& what = one.what();
  const bool is_call = one.kind == engine::body_kind::call;
  std::int32_t retries = is_call ? one.push.retries : 0;
  const detail::function_entry* entry = nullptr;
  detail::actor_ptr self;
  void* instance = nullptr;
  try {
    const glance held(loop_);
    entry = &program_.function(what.function);
    const auto* const object =
        static_cast<const actor_object*>(one.actor == nullptr ? nullptr : one.actor->user);
    if (is_call) instance = object->instance;
    if (one.actor != nullptr) {
      self = handle_in_house(*one.actor, object != nullptr ? *object->constructor : *entry);
    }
  } catch (const error& unknown) {
    end.result = engine::failed_outcome(describe(unknown));
    return true;
  }
  std::uint32_t attempt = one.kind == engine::body_kind::constructor ? 1 : one.push.attempt;
  if (waits != nullptr && entry->begin != nullptr) {
    *waits = std::make_unique<coroutine_body>();
    coroutine_body& run = **waits;
    run.entry = entry;
    run.self = std::move(self);
    run.instance = instance;
    run.retries = retries;
    run.attempt = attempt;
    return run_coroutine(one, run, end);
  }
  for (;; ++attempt) {
    body_task* const record = make_record(one, *entry, self, attempt);
    std::exception_ptr thrown;
    {
      detail::frame mine(*record);
      mine.body = &one;
      mine.instance = instance;
      mine.restarted = one.actor != nullptr && one.actor->made.restarted;
      if (self) place_in_group(static_cast<actor_handle&>(*self), mine);
      function_begins(entry, mine);
      detail::fault(detail::fault_point::body_begins);
      try {
        run_attempt(one, *entry, *record, instance, end);
        detail::fault(detail::fault_point::body_ended);
      } catch (...) {
        thrown = note_exception(*record, end);
      }
      function_ended(mine);
    }
    record->end();
    if (!tries_again(one, thrown, retries, end)) break;
  }
  function_is_over(one, *entry, instance, std::move(self));
  return true;
}

/// The same for a coroutine: its first segment, or the next. For whoever has not entered.
inline bool program_process::run_coroutine(engine::body& one, coroutine_body& run,
                                           engine::body_end& end) {
  for (;;) {
    if (run.record == nullptr) {
      run.record = make_record(one, *run.entry, run.self, run.attempt);
      run.frame.emplace(*run.record);
      run.frame->body = &one;
      run.frame->instance = run.instance;
      run.frame->restarted = one.actor != nullptr && one.actor->made.restarted;
      if (run.self) place_in_group(static_cast<actor_handle&>(*run.self), *run.frame);
      function_begins(run.entry, *run.frame);
      detail::fault(detail::fault_point::body_begins);
    } else {
      run.frame->come_to_thread();
    }
    std::exception_ptr thrown;
    try {
      if (!run.segments) {
        run.arguments = read_arguments(one, *run.record);
        input read(run.arguments);
        run.segments = run.entry->begin(nullptr, run.instance, false, &read);
      }
      if (asked_to_stop()) run.frame->request_stop();  // what was asked while it was on no thread
      if (!run.segments->resume()) {
        run.frame->leave_thread();
        return false;
      }
      output written(spare_to_write::take());
      run.segments->save_result(written);
      run.segments.reset();
      spare_to_read::give_back(std::move(run.arguments));
      write_result(one, written.take(), end);
      detail::fault(detail::fault_point::body_ended);
    } catch (...) {
      thrown = note_exception(*run.record, end);
    }
    run.segments.reset();
    run.arguments = {};
    function_ended(*run.frame);
    run.frame.reset();
    std::exchange(run.record, nullptr)->end();
    if (!tries_again(one, thrown, run.retries, end)) break;
    ++run.attempt;
  }
  function_is_over(one, *run.entry, run.instance, std::move(run.self));
  return true;
}

inline body_task* program_process::make_record(const engine::body& one,
                                               const detail::function_entry& entry,
                                               const detail::actor_ptr& self,
                                               std::uint32_t attempt) {
  auto* const record = new body_task(program_.epoch, entry);
  if (!one.what().name.empty()) record->make_wishes().name = one.what().name;
  const engine::object_key key = one.push.task;
  record->number = key.owner.value() << 48 ^ key.number;
  record->attempt = attempt;
  if (self) {
    record->actor = self.get();
    self->add_reference();
  }
  return record;
}
/// In a `catch` block around an attempt. Gives what a filter may ask of; null of an `exit`.
inline std::exception_ptr program_process::note_exception(detail::task& record,
                                                          engine::body_end& end) {
  try {
    throw;
  } catch (const detail::actor_exit&) {
    end.exited = true;
    end.result = engine::failed_outcome(
        {.code = error_code::task,
         .what = "this_actor::exit was called in a task",
         .task = record.name(),
         .node = home_.about.name});
    return nullptr;
  } catch (...) {
    const detail::failure_ptr why = detail::failure_of_current_exception(
        detail::body_runner::subject(record), record.name(), home_.about.name);
    end.result = engine::failed_outcome(describe(why->cause()));
    return std::current_exception();
  }
}
/// After an attempt. True: another follows.
inline bool program_process::tries_again(engine::body& one, const std::exception_ptr& thrown,
                                         std::int32_t& retries, engine::body_end& end) {
  if (thrown == nullptr || end.exited) return false;
  const inside held(loop_);
  if (!alive()) return false;
  end.retryable = program_.filter(one.what().filter).matches(thrown);
  if (!end.retryable || retries == 0 || asked_to_stop()) return false;
  if (retries > 0) --retries;
  if (one.kind == engine::body_kind::call) ++one.push.attempt;
  return true;
}
/// After the last.
inline void program_process::function_is_over(engine::body& one,
                                              const detail::function_entry& entry, void* instance,
                                              detail::actor_ptr&& self) {
  if (one.actor == nullptr) return;
  glance held(loop_);
  if (one.kind == engine::body_kind::constructor && instance != nullptr) {
    one.actor->user = new actor_object{instance, &entry};
  }
  if (self && count_handles_in_house(static_cast<actor_handle&>(*self))) held.changed();
  self = {};
}

/// Throws what the function throws, and what its arguments and its result do on their way.
inline void program_process::run_attempt(engine::body& one, const detail::function_entry& entry,
                                         detail::task& record, void*& instance,
                                         engine::body_end& end) {
  message arguments = read_arguments(one, record);
  output written(spare_to_write::take());
  {
    input read(arguments);
    entry.invoke(instance, read, written);
  }
  spare_to_read::give_back(std::move(arguments));
  write_result(one, written.take(), end);
}
inline message program_process::read_arguments(const engine::body& one, detail::task& record) {
  const engine::invocation& what = one.what();
  sent_arguments sent = take_resources(what.arguments, record);
  if (record.wishes && record.wishes->where.facts()) {
    detail::frame::current->group = &record.wishes->where.facts();
    detail::frame::current->captures_children = record.wishes->capture_children;
  }
  if (sent.are_stored) {
    const engine::carried& stored = what.values.back();
    const inside held(loop_);
    sent.bytes = read_stored(stored.object, pins_.at(stored.object).place, stored.value.size);
  }
  return unpack_here(sent.bytes, what.refs, &what.values);
}
inline void program_process::write_result(engine::body& one, message&& result,
                                          engine::body_end& end) {
  // Its handles keep what it refers to, for now.
  const std::vector<attachment> kept = result.attachments;
  if (kept.empty()) {
    packed made = pack_here(std::move(result));
    if (made.size() <= engine::inline_bytes_max) {  // it goes with the message: no lock is needed
      end.result = outcome_of(one.push.task, std::move(made), one.push.attempt == 1);
      spare_to_write::give_back(std::move(result));
      return;
    }
    const inside held(loop_);
    end.result = outcome_of(one.push.task, std::move(made), one.push.attempt == 1);
    return;
  }
  const inside held(loop_);
  packed made = pack_here(std::move(result));
  event([&] { take_refs(made.refs); });
  try {
    end.result = outcome_of(one.push.task, std::move(made), one.push.attempt == 1);
  } catch (...) {
    event([&] { drop_refs(made.refs); });
    throw;
  }
}

/// In nobody's call, but `this_actor` knows it.
inline void program_process::run_destructor(engine::body& one) {
  auto* const object = static_cast<actor_object*>(one.actor->user);
  if (object == nullptr || object->instance == nullptr) return;
  void* const instance = std::exchange(object->instance, nullptr);
  auto* const record = new body_task(program_.epoch, *object->constructor);
  detail::actor_ptr self;
  {
    const glance held(loop_);
    self = handle_in_house(*one.actor, *object->constructor);
  }
  if (self) {
    record->actor = self.get();
    self->add_reference();
  }
  {
    detail::frame mine(*record);
    mine.restarted = one.actor->made.restarted;
    if (self) place_in_group(static_cast<actor_handle&>(*self), mine);
    function_begins(nullptr, mine);
    object->constructor->destroy_instance(instance);
    function_ended(mine);
  }
  record->end();
  if (!self) return;
  const glance held(loop_);
  --static_cast<actor_handle&>(*self).running_calls;
  self = {};
}
/// A handle to the actor itself, for one of its bodies: the caller's cover, or nothing, keeps it.
inline detail::actor_ptr program_process::handle_in_house(
    const engine::actor_life& life, const detail::function_entry& constructor) {
  if (constructor.actor_class == nullptr) return {};
  const engine::object_key key = life.made.actor;
  const auto known = actors_.find(key);
  detail::actor_ptr made =
      known != actors_.end()
          ? detail::actor_ptr::share(known->second)
          : detail::actor_ptr::adopt(
                handle_for(key, *constructor.actor_class, actor_about::of(life.made.about)));
  auto& one = static_cast<actor_handle&>(*made);
  if (!one.in_house.exchange(true)) one.add_reference();
  ++one.running_calls;
  return made;
}
/// A call that had one ends. Handles that it has kept count from now on: they are used while its
/// cover lasts, or, of a constructor, which nobody covers, borrowed from the node. True: they do.
inline bool program_process::count_handles_in_house(actor_handle& of) {
  const bool others = of.handle_count() > of.running_calls;
  --of.running_calls;
  if (!others || of.counted || !alive()) return false;
  of.counted = true;
  event([&] {
    if (owner_.refs().holds(of.key())) return owner_.refs().use(of.key());
    owner_.refs().arrived(home_.directory, of.key());
  });
  return true;
}

// --- The end of a process ------------------------------------------------------------------------

/// Calls `destroy(constructor, instance)` for the object of each life, which is given up by that.
template <class Visit>
void program_process::take_actor_objects(Visit destroy) {
  std::vector<actor_object*> objects;
  executor_.for_each_life([&](const engine::actor_life& life) {
    if (life.user != nullptr) objects.push_back(static_cast<actor_object*>(life.user));
  });
  for (actor_object* const one : objects) {
    if (one->instance != nullptr) destroy(*one->constructor, std::exchange(one->instance, nullptr));
    delete one;
  }
}

}  // namespace mobula::hosting
