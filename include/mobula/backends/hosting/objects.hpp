#pragma once

/// The futures and promises of a process: records of the front end, and the keys that they have
/// between processes.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/foreign.hpp"
#include "mobula/backend/promise_state.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::hosting {

/// A record that was settled, or will be, without the backend (a part of `split`, say), and has to
/// have a key: it becomes an object that is settled with it.
struct program_process::local_object {
  detail::waiter link;  // first: a fired waiter is found back by its address
  program_process* process = nullptr;
  detail::record_ptr record;
  engine::object_key key;

  static void fired(detail::waiter& link) noexcept {
    auto& self = reinterpret_cast<local_object&>(link);
    program_process& in = *self.process;
    engine::outcome value;
    if (const detail::failure* const why = self.record->failed()) {
      value = engine::failed_outcome(describe(why->cause()));
    } else {
      try {
        output written;
        self.record->type().save_value(*self.record, written);
        const inside held(in.loop_);
        packed made = in.pack_here(written.take());
        value.kind = engine::outcome_kind::value;
        value.refs = std::move(made.refs);
        value.value = made.take();
      } catch (const error& thrown) {
        value = engine::failed_outcome(describe(thrown));
      } catch (const std::exception& thrown) {
        value = engine::failed_outcome(
            {.code = error_code::serialization,
             .what = std::string("a value could not be sent: ") + thrown.what()});
      }
    }
    const inside held(in.loop_);
    in.local_objects_.erase(self.key);
    if (in.alive()) {
      in.event([&] {
        in.take_refs(value.refs);
        in.owner_.fulfil(self.key, 0, std::move(value), in.now());
      });
    }
    delete &self;
  }
};

namespace arriving {

/// A future that arrived.
struct arrived_object final : detail::foreign_object {
  arrived_object(program_process& in, engine::object_key of) : process(in), key(of) {}
  detail::record_ptr bind(const detail::object_maker& of) override {
    return process.record_for(key, of);
  }
  program_process& process;
  const engine::object_key key;
};
/// The value of one that was an argument.
struct arrived_value final : detail::foreign_object {
  arrived_value(program_process& in, const engine::carried& of) : process(in), what(of) {}
  detail::record_ptr bind(const detail::object_maker& of) override {
    return process.value_for(what.value, what.object, of);
  }
  program_process& process;
  const engine::carried what;
};
struct arrived_actor final : detail::foreign_actor {
  arrived_actor(program_process& in, engine::object_key of, actor_about what)
      : process(in), key(of), about(std::move(what)) {}
  detail::actor_ptr bind(const std::type_info& type) override {
    return process.actor_for(key, type, about);
  }
  program_process& process;
  const engine::object_key key;
  const actor_about about;
};
struct arrived_promise final : detail::foreign_promise {
  arrived_promise(program_process& in, engine::object_key of) : process(in), key(of) {}
  std::shared_ptr<detail::promise_state> bind(const detail::object_maker& of) override {
    return process.promise_for(key, of);
  }
  program_process& process;
  const engine::object_key key;
};

}  // namespace arriving

inline program_process::~program_process() {
  for (auto& [key, one] : local_objects_) {
    static_cast<void>(one->record->remove_waiter(one->link));
    delete one;
  }
  for (const auto& [key, one] : actors_) {
    if (one->in_house) one->drop_reference();
  }
}

// --- Keys ----------------------------------------------------------------------------------------

inline void program_process::bind(detail::record& one, engine::object_key key) {
  drain_abandoned(program_);
  one.flags |= detail::record::tracked;
  program_.bindings[&one] = {this, key};
  records_[key] = &one;
}

/// Its outcome may have been decided while it was submitted, before anybody knew its record.
inline void program_process::bind_submitted(detail::record& one, engine::object_key key) {
  bind(one, key);
  const engine::outcome* const known = owner_.result(key);
  if (known != nullptr && known->kind != engine::outcome_kind::pending) {
    later([this, key] { load(key); });
  }
}

inline engine::object_key program_process::key_of(detail::record& one) {
  drain_abandoned(program_);
  const auto at = program_.bindings.find(&one);
  return at != program_.bindings.end() ? at->second.key : adopt(one);
}
inline engine::object_key program_process::key_of(const attachment& one) {
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
inline engine::object_key program_process::adopt(detail::record& one) {
  engine::object_key key;
  event([&] { key = owner_.make_pending(); });
  leave_producer(one);
  bind(one, key);
  auto* const local = new local_object{{}, this, detail::record_ptr::share(&one), key};
  local->link.fire = &local_object::fired;
  local_objects_[key] = local;
  if (!one.add_waiter(local->link)) {
    loop_.run_outside([local] { local_object::fired(local->link); });
  }
  return key;
}

inline void program_process::drain_noted(program_state& program) {
  while (the_abandoned.any()) {
    const abandoned_inbox::contents now = the_abandoned.take();
    // In the simulation records belong to several processes.
    program_process* of = nullptr;
    engine::key_list keys;
    const auto drop_all = [&] {
      if (of != nullptr && of->alive()) of->event([&] { of->drop_refs(keys); });
      keys.clear();
    };
    for (detail::record* const one : now.records) {
      const auto at = program.bindings.find(one);
      if (at != program.bindings.end()) {
        const binding was = at->second;
        program.bindings.erase(at);
        program_process& in = *was.process;
        const auto record = in.records_.find(was.key);
        if (record != in.records_.end() && record->second == one) in.records_.erase(record);
        if (of != &in) drop_all();
        of = &in;
        keys.push_back(was.key);
      }
    }
    drop_all();
    for (detail::record* const one : now.records) one->unpin();
    for (actor_handle* const one : now.actors) {
      program_process& in = one->process();
      if (!one->has_handles()) {
        const auto at = in.actors_.find(one->key());
        if (!one->in_house && at != in.actors_.end() && at->second == one) in.actors_.erase(at);
        if (one->counted.exchange(false)) in.drop(one->key());
      }
      one->drop_reference();
    }
  }
}

inline void program_process::drop(engine::object_key key) {
  if (!alive()) return;
  event([&] {
    owner_.refs().drop(key);
    owner_.step(now());
  });
}
inline void program_process::take_refs(const engine::key_list& refs) {
  for (const engine::object_key& key : refs) owner_.refs().use(key);
}
inline void program_process::drop_refs(const engine::key_list& refs) {
  for (const engine::object_key& key : refs) owner_.refs().drop(key);
  owner_.step(now());
}

// --- Values --------------------------------------------------------------------------------------

inline packed program_process::pack_here(message&& written, std::span<const std::byte> label) {
  return packed(
      std::move(written), [this](const attachment& one) { return key_of(one); },
      [](const attachment& one) -> const actor_about& {
        auto* const state = static_cast<detail::actor_state*>(one.handle.get());
        return static_cast<const actor_handle*>(state)->about();
      },
      label);
}
inline message program_process::unpack_here(const packed_bytes& bytes,
                                           const engine::key_list& refs,
                                           const engine::carried_list* values) {
  using namespace arriving;
  return unpack(bytes, [&](packed_kind kind, std::size_t index,
                           const actor_about& about) -> attachment {
    if (kind == packed_kind::value) {
      return detail::attach_value(std::make_shared<arrived_value>(*this, (*values)[index]));
    }
    const engine::object_key key = refs.at(index);  // another run may have made fewer
    if (kind == packed_kind::actor) {
      return detail::attach_actor(std::make_shared<arrived_actor>(*this, key, about));
    }
    if (kind == packed_kind::promise) {
      return detail::attach_promise(std::make_shared<arrived_promise>(*this, key));
    }
    return detail::attach_object(std::make_shared<arrived_object>(*this, key));
  });
}

inline detail::record_ptr program_process::record_for(engine::object_key key,
                                                     const detail::object_maker& of) {
  const inside held(loop_);
  drain_abandoned(program_);
  const auto known = records_.find(key);
  if (known != records_.end() && known->second->try_add_handle()) {
    return detail::record_ptr::adopt(known->second);
  }
  detail::record_ptr made = of.make_pending(program_.epoch);
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
        if (record == records_.end()) return;
        if (!record->second->try_add_handle()) return;
        loop_.run_outside([kept = detail::record_ptr::adopt(record->second), why] {
          kept->settle_failure(failure_of(*why));
        });
      });
    }
  });
  return made;
}

inline detail::record_ptr program_process::value_for(const engine::outcome& value,
                                                    engine::object_key key,
                                                    const detail::object_maker& of) {
  detail::record_ptr made = of.make_pending(program_.epoch);
  packed_bytes bytes(value.value);
  if (value.kind == engine::outcome_kind::stored) {
    const inside held(loop_);
    bytes = read_stored(key, pins_.at(key).place, value.size);
  }
  load_bytes(*made, bytes, value.refs);
  made->flags |= detail::record::private_copy;
  made->settle_value();
  made->end_producing();
  return made;
}

inline void program_process::load_bytes(detail::record& into, const packed_bytes& bytes,
                                        const engine::key_list& refs) {
  message sent = unpack_here(bytes, refs, nullptr);
  input read(sent);
  if (into.kind == detail::task_record) {
    auto& task = static_cast<detail::task&>(into);
    if (task.function->load_result != nullptr) task.function->load_result(task, read);
  } else {
    const detail::record_ptr loaded = detail::record_ptr::adopt(into.type().load_value(read));
    into.type().move_value(*loaded, into);
  }
  read.expect_end();
  spare_to_read::give_back(std::move(sent));
}

inline detail::failure_ptr program_process::failure_of(const error_fields& why) {
  return detail::failure_ptr{new detail::failure(rebuild(why))};
}

/// The value of an object of this process's own: with the message, or in the store. Throws the
/// store's error where there is no room. What was packed may be gone afterwards.
inline engine::outcome program_process::outcome_of(engine::object_key key, packed&& what,
                                                   bool is_new) {
  engine::outcome made;
  made.kind = engine::outcome_kind::value;
  if (what.size() > engine::inline_bytes_max) {
    made = stored(key, what, is_new);
  } else {
    made.value = what.take();
  }
  made.refs = std::move(what.refs);
  return made;
}

/// A small value goes through bytes here as it does elsewhere, so that what can't be read is found
/// at once; a large one is in the store already, and not read again.
inline detail::record_ptr program_process::put(detail::record_ptr ready) {
  output written;
  detail::body_runner::save_object(*ready, written);
  engine::object_key key;
  engine::outcome value;
  {
    const inside held(loop_);
    packed made = pack_here(written.take());
    event([&] { key = owner_.make_pending(); });
    try {
      value = outcome_of(key, std::move(made), true);
    } catch (...) {
      drop(key);
      throw;
    }
    event([&] {
      take_refs(value.refs);
      owner_.fulfil(key, 0, engine::outcome(value), now());
    });
  }
  if (value.kind == engine::outcome_kind::value) {
    const message sent = unpack_here(value.value, value.refs, nullptr);
    input read(sent);
    ready = detail::record_ptr::adopt(ready->type().load_value(read));
    read.expect_end();
    ready->set_epoch(program_.epoch);
  }
  const inside held(loop_);
  bind(*ready, key);
  return ready;
}

inline void program_process::cancel(detail::record& one, cancel_options how,
                                    const detail::failure_ptr& why) {
  {
    const inside held(loop_);
    const engine::object_key key = key_of(one);
    // It may have an outcome that its record is only about to get.
    const engine::outcome* const known = owner_.result(key);
    if (known != nullptr && known->kind != engine::outcome_kind::pending) return;
    event([&] {
      owner_.cancel(key, {.recursive = how.recursive, .force = how.force}, describe(why->cause()),
                    now());
    });
  }
  one.settle_failure(why);
}

}  // namespace mobula::hosting
