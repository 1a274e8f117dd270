#pragma once

/// The futures and promises of a simulated process: records of the front end, and the keys that
/// they have between processes.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/foreign.hpp"
#include "mobula/backend/promise_state.hpp"
#include "mobula/backends/simulation/worker_process.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::simulation {

/// A record that was settled, or will be, without the backend (a part of `split`, say), and has to
/// have a key: it becomes an object that is settled with it.
struct worker_process::local_object {
  detail::waiter link;  // first: a fired waiter is found back by its address
  worker_process* process = nullptr;
  detail::record_ptr record;
  engine::object_key key;

  static void fired(detail::waiter& link) noexcept {
    auto& self = reinterpret_cast<local_object&>(link);
    worker_process& in = *self.process;
    in.local_objects_.erase(self.key);
    engine::outcome value;
    if (const detail::failure* const why = self.record->failed()) {
      value = engine::failed_outcome(describe(why->cause()));
    } else {
      try {
        output written;
        self.record->type().save_value(*self.record, written);
        packed made = in.pack_here(written.take());
        value.kind = engine::outcome_kind::value;
        value.value = std::move(made.bytes);
        value.refs = std::move(made.refs);
      } catch (const error& thrown) {
        value = engine::failed_outcome(describe(thrown));
      } catch (const std::exception& thrown) {
        value = engine::failed_outcome(
            {.code = error_code::serialization,
             .what = std::string("a value could not be sent: ") + thrown.what()});
      }
    }
    if (in.alive_) {
      in.event([&] {
        in.take_refs(value.refs);
        in.owner_.fulfil(self.key, 0, std::move(value), in.world_.now());
      });
    }
    delete &self;
  }
};

namespace detail_of_simulation {

/// A future that arrived.
struct arrived_object final : detail::foreign_object {
  arrived_object(worker_process& in, engine::object_key of) : process(in), key(of) {}
  detail::record_ptr bind(const detail::object_maker& of) override {
    return process.record_for(key, of);
  }
  worker_process& process;
  const engine::object_key key;
};
/// The value of one that was an argument.
struct arrived_value final : detail::foreign_object {
  arrived_value(worker_process& in, const engine::carried& of) : process(in), what(of) {}
  detail::record_ptr bind(const detail::object_maker& of) override {
    return process.value_for(what.value, what.object, of);
  }
  worker_process& process;
  const engine::carried what;
};
struct arrived_actor final : detail::foreign_actor {
  arrived_actor(worker_process& in, engine::object_key of) : process(in), key(of) {}
  detail::actor_ptr bind(const std::type_info& type) override {
    return process.actor_for(key, type, {}, detail::demangle(type));
  }
  worker_process& process;
  const engine::object_key key;
};
struct arrived_promise final : detail::foreign_promise {
  arrived_promise(worker_process& in, engine::object_key of) : process(in), key(of) {}
  std::shared_ptr<detail::promise_state> bind(const detail::object_maker& of) override {
    return process.promise_for(key, of);
  }
  worker_process& process;
  const engine::object_key key;
};

}  // namespace detail_of_simulation

inline worker_process::~worker_process() {
  for (auto& [key, one] : local_objects_) {
    static_cast<void>(one->record->remove_waiter(one->link));
    delete one;
  }
}

// --- Keys ----------------------------------------------------------------------------------------

inline void worker_process::bind(detail::record& one, engine::object_key key) {
  drain_abandoned(shared_);
  one.flags |= detail::record::tracked;
  shared_.bindings[&one] = {this, key};
  records_[key] = &one;
}

/// Its outcome may have been decided while it was submitted, before anybody knew its record.
inline void worker_process::bind_submitted(detail::record& one, engine::object_key key) {
  bind(one, key);
  const engine::outcome* const known = owner_.result(key);
  if (known != nullptr && known->kind != engine::outcome_kind::pending) {
    later([this, key] { load(key); });
  }
}

inline engine::object_key worker_process::key_of(detail::record& one) {
  drain_abandoned(shared_);
  const auto at = shared_.bindings.find(&one);
  return at != shared_.bindings.end() ? at->second.key : adopt(one);
}
inline engine::object_key worker_process::key_of(const attachment& one) {
  if (one.kind == detail::actor_attachment) {
    auto* const state = static_cast<detail::actor_state*>(one.handle.get());
    return static_cast<const actor_handle*>(state)->key();
  }
  if (one.kind == detail::promise_attachment) {
    return engine::promise_key(
        key_of(*static_cast<detail::promise_state*>(one.handle.get())->target()));
  }
  return key_of(*static_cast<detail::record*>(one.handle.get()));
}
inline engine::object_key worker_process::adopt(detail::record& one) {
  engine::object_key key;
  event([&] { key = owner_.make_pending(); });
  bind(one, key);
  auto* const local = new local_object{{}, this, detail::record_ptr::share(&one), key};
  local->link.fire = &local_object::fired;
  local_objects_[key] = local;
  if (!one.add_waiter(local->link)) local_object::fired(local->link);
  return key;
}

inline void worker_process::drain_abandoned(shared_state& shared) {
  for (;;) {
    const abandoned_inbox::contents now = the_abandoned.take();
    if (now.records.empty() && now.actors.empty()) return;
    for (detail::record* const one : now.records) {
      const auto at = shared.bindings.find(one);
      if (at != shared.bindings.end()) {
        const binding was = at->second;
        shared.bindings.erase(at);
        worker_process& in = *was.process;
        const auto record = in.records_.find(was.key);
        if (record != in.records_.end() && record->second == one) in.records_.erase(record);
        in.drop(was.key);
      }
      one->unpin();
    }
    for (actor_handle* const one : now.actors) {
      worker_process& in = one->process();
      if (!one->has_handles()) {
        const auto at = in.actors_.find(one->key());
        if (at != in.actors_.end() && at->second == one) in.actors_.erase(at);
        if (std::exchange(one->counted, false)) in.drop(one->key());
      }
      one->drop_reference();
    }
  }
}

inline void worker_process::drop(engine::object_key key) {
  if (!alive_) return;
  event([&] {
    owner_.refs().drop(key);
    owner_.step(world_.now());
  });
}
inline void worker_process::take_refs(const engine::key_list& refs) {
  for (const engine::object_key& key : refs) owner_.refs().use(key);
}
inline void worker_process::drop_refs(const engine::key_list& refs) {
  for (const engine::object_key& key : refs) owner_.refs().drop(key);
  owner_.step(world_.now());
}

// --- Values --------------------------------------------------------------------------------------

inline packed worker_process::pack_here(const message& written) {
  return pack(written, [this](const attachment& one) { return key_of(one); });
}
inline message worker_process::unpack_here(const engine::payload& bytes,
                                           const engine::key_list& refs,
                                           const engine::carried_list* values) {
  using namespace detail_of_simulation;
  return unpack(bytes, [&](packed_kind kind, std::size_t index) -> attachment {
    if (kind == packed_kind::value) {
      return detail::attach_value(std::make_shared<arrived_value>(*this, (*values)[index]));
    }
    const engine::object_key key = refs.at(index);  // another run may have made fewer
    if (kind == packed_kind::actor) {
      return detail::attach_actor(std::make_shared<arrived_actor>(*this, key));
    }
    if (kind == packed_kind::promise) {
      return detail::attach_promise(std::make_shared<arrived_promise>(*this, key));
    }
    return detail::attach_object(std::make_shared<arrived_object>(*this, key));
  });
}

inline detail::record_ptr worker_process::record_for(engine::object_key key,
                                                     const detail::object_maker& of) {
  drain_abandoned(shared_);
  const auto known = records_.find(key);
  if (known != records_.end() && known->second->try_add_handle()) {
    return detail::record_ptr::adopt(known->second);
  }
  detail::record_ptr made = of.make_pending(shared_.epoch);
  made->end_producing();
  event([&] {
    owner_.refs().use(key);
    bind(*made, key);
    owner_.want(key);
    const engine::outcome* const outcome = owner_.result(key);
    if (outcome != nullptr && outcome->kind != engine::outcome_kind::pending) {
      later([this, key] { load(key); });
    } else if (const auto why = owner_.refs().loss(key)) {
      later([this, key, why] {
        const auto record = records_.find(key);
        if (record != records_.end()) record->second->settle_failure(failure_of(*why));
      });
    }
  });
  return made;
}

inline std::shared_ptr<detail::promise_state> worker_process::promise_for(
    engine::object_key key, const detail::object_maker& of) {
  std::weak_ptr<detail::promise_state>& known = promises_[key];
  if (auto state = known.lock()) return state;
  detail::record_ptr target = record_for(engine::object_of_promise(key), of);
  event([&] { owner_.refs().use(key); });
  auto state = std::make_shared<detail::promise_state>(detail::promise_state::opened_elsewhere{},
                                                       std::move(target));
  known = state;
  return state;
}

inline detail::record_ptr worker_process::value_for(const engine::outcome& value,
                                                    engine::object_key key,
                                                    const detail::object_maker& of) {
  detail::record_ptr made = of.make_pending(shared_.epoch);
  const engine::payload bytes =
      value.kind == engine::outcome_kind::stored ? memory_.read(key) : value.value;
  load_bytes(*made, bytes, value.refs);
  made->flags |= detail::record::private_copy;
  made->settle_value();
  made->end_producing();
  return made;
}

inline void worker_process::load_bytes(detail::record& into, const engine::payload& bytes,
                                       const engine::key_list& refs) {
  const message sent = unpack_here(bytes, refs, nullptr);
  input read(sent);
  if (into.kind == detail::task_record) {
    auto& task = static_cast<detail::task&>(into);
    if (task.function->load_result != nullptr) task.function->load_result(task, read);
  } else {
    const detail::record_ptr loaded = detail::record_ptr::adopt(into.type().load_value(read));
    into.type().move_value(*loaded, into);
  }
  read.expect_end();
}

inline detail::failure_ptr worker_process::failure_of(const error_fields& why) {
  return detail::failure_ptr{new detail::failure(rebuild(why))};
}

/// Keeps a record, and its value, while it is settled: by a handle, or where it has a producer by a
/// pin, so that whoever has the only handle is seen to have the only one. False: it is gone.
class worker_process::kept_record {
 public:
  explicit kept_record(detail::record* one) : record_(one) {
    if (one == nullptr) return;
    if (one->is_producing()) {
      one->pin();
    } else if (one->try_add_handle()) {
      handle_ = detail::record_ptr::adopt(one);
    } else {
      record_ = nullptr;
    }
  }
  explicit kept_record(detail::record& one) : kept_record(&one) {}
  kept_record(const kept_record&) = delete;
  kept_record& operator=(const kept_record&) = delete;
  ~kept_record() {
    if (record_ != nullptr && !handle_) record_->unpin();
  }
  explicit operator bool() const noexcept { return record_ != nullptr; }
  detail::record& operator*() const noexcept { return *record_; }

 private:
  detail::record* record_;
  detail::record_ptr handle_;
};

/// The outcome of a key is known: its record gets it.
inline void worker_process::load(engine::object_key key) {
  drain_abandoned(shared_);
  const auto at = records_.find(key);
  if (at == records_.end()) return;
  const kept_record held(*at->second);
  if (!held) return;
  detail::record& one = *held;
  const engine::outcome* const known = owner_.result(key);
  if (known == nullptr || known->kind == engine::outcome_kind::pending) return;
  if (known->kind == engine::outcome_kind::stored && !one.settled()) {
    use_pin(key, [this, key, asked = owner_.settlings()](const pin_failure& failed) {
      if (failed && failed->code == error_code::object_lost) return lost(key, asked);
      const auto record = records_.find(key);
      const engine::outcome* const now_known = owner_.result(key);
      const bool is_stored =
          now_known != nullptr && now_known->kind == engine::outcome_kind::stored;
      if (const kept_record kept{record == records_.end() ? nullptr : record->second}) {
        // What is not stored any more was lost, and what is there is for its next outcome.
        if (failed || is_stored) {
          settle(*kept, failed ? engine::key_list{} : now_known->refs,
                 failed ? engine::payload{} : memory_.read(key), failed);
        }
      }
      if (!failed) drop_pin(key);
      if (!failed && !is_stored) load(key);
    });
    return;
  }
  const engine::outcome outcome = *known;
  settle(one, outcome.refs, outcome.value, outcome.why);
}

/// Gives a record its outcome, and ends its producer where it has one.
inline void worker_process::settle(detail::record& one, const engine::key_list& refs,
                                   const engine::payload& bytes,
                                   const std::shared_ptr<const error_fields>& why) {
  const bool has_producer = one.is_producing();
  if (why) {
    if (one.kind == detail::task_record && static_cast<detail::task&>(one).posted) {
      log_post_failure(static_cast<detail::task&>(one), *why);
    }
    one.settle_failure(failure_of(*why));
  } else if (!one.settled()) {
    try {
      load_bytes(one, bytes, refs);
      if (!one.settle_value() && one.type().destroy_value != nullptr) one.type().destroy_value(one);
    } catch (...) {
      one.settle_failure(detail::failure_of_current_exception("a value that was received", "",
                                                              shared_.node.name));
    }
  }
  if (one.kind == detail::task_record) drop_early(static_cast<detail::task&>(one));
  if (has_producer) one.end_producing();
}
/// A task that was cancelled while its arguments were waited for lets go of them. Those that have
/// no producer here would not fire any more without a handle: they are kept until they have.
inline void worker_process::drop_early(detail::task& one) {
  if (one.spare != claimed_by_submit || one.blockers.load(std::memory_order_acquire) == 0) return;
  std::vector<detail::record_ptr> kept;
  for (std::uint32_t i = 0; i < one.dependency_count; ++i) {
    detail::record* const target = one.dependencies[i].target;
    if (!target->settled() && !target->is_producing()) {
      kept.push_back(detail::record_ptr::share(target));
    }
  }
  one.spare = 0;
  one.drop_arguments();
  if (!kept.empty()) shared_.waited_for[&one] = std::move(kept);
}

inline void worker_process::settled(engine::object_key object, const engine::outcome&) {
  if (records_.contains(object)) later([this, object] { load(object); });
}

inline detail::record_ptr worker_process::put(const detail::record& ready) {
  output written;
  detail::body_runner::save_object(ready, written);
  packed made = pack_here(written.take());
  engine::object_key key;
  if (made.bytes.size() > engine::inline_bytes_max) {
    event([&] { key = owner_.make_pending(); });
    engine::outcome value;
    try {
      value = stored(key, made.bytes);
    } catch (...) {
      drop(key);
      throw;
    }
    value.refs = made.refs;
    event([&] {
      take_refs(value.refs);
      owner_.fulfil(key, 0, std::move(value), world_.now());
    });
  } else {
    engine::outcome value;
    value.kind = engine::outcome_kind::value;
    value.value = made.bytes;
    value.refs = made.refs;
    event([&] {
      take_refs(value.refs);
      key = owner_.put(std::move(value), world_.now());
    });
  }
  const message sent = unpack_here(made.bytes, made.refs, nullptr);
  input read(sent);
  detail::record_ptr copy = detail::record_ptr::adopt(ready.type().load_value(read));
  read.expect_end();
  copy->set_epoch(shared_.epoch);
  bind(*copy, key);
  return copy;
}

// --- Promises ------------------------------------------------------------------------------------

inline void worker_process::open_promise(detail::record& one) {
  engine::object_key key;
  event([&] { key = owner_.make_promise(); });
  bind(one, key);
}

inline bool worker_process::fulfil(detail::record& target, const detail::record_ptr& made,
                                   const detail::failure_ptr& why) {
  const engine::object_key key = key_of(target);
  engine::outcome value;
  if (why) {
    value = engine::failed_outcome(describe(why->cause()));
  } else {
    value.kind = engine::outcome_kind::value;
    if (made) {
      output written;
      made->type().save_value(*made, written);
      packed bytes = pack_here(written.take());
      value.value = std::move(bytes.bytes);
      value.refs = std::move(bytes.refs);
    }
  }
  if (key.owner == self()) {
    if (!fulfilled_.insert(key).second) return false;
    event([&] {
      take_refs(value.refs);
      owner_.fulfil(key, 0, std::move(value), world_.now());
    });
    return true;
  }
  auto answer = std::make_shared<promise_answer>();
  const std::uint64_t request = ++requests_;
  promise_answers_[request] = answer;
  event([&] {
    take_refs(value.refs);
    owner_.fulfil(key, request, std::move(value), world_.now());
  });
  wait_for(answer->arrived, engine::never, waiting::deaf);
  return answer->accepted;
}
inline void worker_process::promise_answered(std::uint64_t request, bool accepted) {
  const auto at = promise_answers_.find(request);
  if (at == promise_answers_.end()) return;
  const std::shared_ptr<promise_answer> answer = at->second;
  promise_answers_.erase(at);
  answer->accepted = accepted;
  finish(answer->arrived);
}
inline void worker_process::abandon_promise(detail::record& target) {
  if (!alive_) return;
  drop(engine::promise_key(key_of(target)));
}

inline void worker_process::cancel(detail::record& one, cancel_options how,
                                   const detail::failure_ptr& why) {
  const engine::object_key key = key_of(one);
  event([&] {
    owner_.cancel(key, {.recursive = how.recursive, .force = how.force}, describe(why->cause()),
                  world_.now());
  });
  one.settle_failure(why);
}

}  // namespace mobula::simulation
