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
    owner_.refs().arrived(program_.node_party, key);
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
  const auto at = covers_.find(&one);
  if (at == covers_.end()) return kept;
  const engine::key_list mentions = std::move(at->second);
  covers_.erase(at);
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
  covers_[&one] = std::move(mentions);
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
      if (const auto at = covers_.find(&one); at != covers_.end()) {
        arrived = std::move(at->second);
        covers_.erase(at);
      }
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
inline void program_process::run_function(engine::body& one, engine::body_end& end) {
  if (one.kind == engine::body_kind::destructor) {
    run_destructor(one);
    end.result.kind = engine::outcome_kind::value;
    return;
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
    return;
  }
  for (std::uint32_t attempt = one.kind == engine::body_kind::constructor ? 1 : one.push.attempt;;
       ++attempt) {
    auto* const record = new body_task(program_.epoch, *entry);
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
      mine.body = &one;
      mine.instance = instance;
      mine.restarted = one.actor != nullptr && one.actor->made.restarted;
      if (self) place_in_group(static_cast<actor_handle&>(*self), mine);
      function_begins(entry, mine);
      detail::fault(detail::fault_point::body_begins);
      try {
        run_attempt(one, *entry, *record, instance, end);
        detail::fault(detail::fault_point::body_ended);
      } catch (const detail::actor_exit&) {
        end.exited = true;
        end.result = engine::failed_outcome(
            {.code = error_code::task,
             .what = "this_actor::exit was called in a task",
             .task = record->name(),
             .node = program_.node.name});
      } catch (...) {
        thrown = std::current_exception();
        const detail::failure_ptr why = detail::failure_of_current_exception(
            detail::body_runner::subject(*record), record->name(), program_.node.name);
        end.result = engine::failed_outcome(describe(why->cause()));
      }
      function_ended(mine);
    }
    record->end();
    if (thrown == nullptr || end.exited) break;
    const inside held(loop_);
    if (!alive()) break;
    end.retryable = program_.filter(what.filter).matches(thrown);
    if (!end.retryable || retries == 0 || asked_to_stop()) break;
    if (retries > 0) --retries;
    if (is_call) one.push.attempt = attempt + 1;
  }
  if (one.actor == nullptr) return;
  glance held(loop_);
  if (one.kind == engine::body_kind::constructor && instance != nullptr) {
    one.actor->user = new actor_object{instance, entry};
  }
  if (self && count_handles_in_house(static_cast<actor_handle&>(*self))) held.changed();
  self = {};
}

/// Throws what the function throws, and what its arguments and its result do on their way.
inline void program_process::run_attempt(engine::body& one, const detail::function_entry& entry,
                                         detail::task& record, void*& instance,
                                         engine::body_end& end) {
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
  message arguments = unpack_here(sent.bytes, what.refs, &what.values);
  output written(spare_to_write::take());
  {
    input read(arguments);
    entry.invoke(instance, read, written);
  }
  spare_to_read::give_back(std::move(arguments));
  message result = written.take();
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
    owner_.refs().arrived(program_.node_party, of.key());
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
