#pragma once

/// How outcomes come into the records of a process, at once or when somebody wants what is in the
/// store.

#include <memory>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/objects.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/core/error_fields.hpp"

namespace mobula::hosting {

/// Keeps a record, and its value, while it is settled: by a handle, or where it has a producer by a
/// pin, so that whoever has the only handle is seen to have the only one. False: it is gone.
class program_process::kept_record {
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
  kept_record(kept_record&& other) noexcept
      : record_(std::exchange(other.record_, nullptr)), handle_(std::move(other.handle_)) {}
  kept_record& operator=(kept_record&&) = delete;
  ~kept_record() { let_go(); }
  void let_go() noexcept {
    const detail::record_ptr handle = std::move(handle_);
    detail::record* const one = std::exchange(record_, nullptr);
    if (one != nullptr && !handle) one->unpin();
  }
  explicit operator bool() const noexcept { return record_ != nullptr; }
  detail::record& operator*() const noexcept { return *record_; }

 private:
  detail::record* record_;
  detail::record_ptr handle_;
};

/// The outcome of a key is known: its record gets it. What is in the store stays there until
/// somebody wants it here, so that a program can have futures of more than the store holds.
inline void program_process::load(engine::object_key key) {
  drain_abandoned(program_);
  const auto at = records_.find(key);
  if (at == records_.end()) return end_fetch(key);
  kept_record held(at->second);
  if (!held) return end_fetch(key);
  const engine::outcome* const known = owner_.result(key);
  if (known == nullptr || known->kind == engine::outcome_kind::pending) return;
  const bool is_stored = known->kind == engine::outcome_kind::stored;
  const auto wanted = fetches_.find(key);
  const bool is_wanted = wanted != fetches_.end();
  if (is_stored && is_wanted && (*held).is_elsewhere()) {
    held.let_go();
    if (!std::exchange(wanted->second.reading, true)) read(key);
    return;
  }
  if (known->refs.empty() && !known->why && !is_stored && !is_wanted) {  // with no allocation
    loop_.run_outside([this, held = std::move(held), value = known->value]() mutable {
      const packed_bytes bytes(value);
      settle(*held, &bytes, {}, nullptr);
      held.let_go();
    });
    return;
  }
  loop_.run_outside([this, key, held = std::move(held), refs = known->refs,
                     value = packed_bytes(known->value), why = known->why, is_stored,
                     is_wanted]() mutable {
    settle(*held, is_stored ? nullptr : &value, refs, why);
    held.let_go();
    if (!is_wanted) return;
    const inside again(loop_);
    end_fetch(key);
  });
}

inline void program_process::fetch(detail::record& one, detail::record_ptr here) {
  const inside held(loop_);
  const engine::object_key key = key_of(one);
  fetches_[key].waiting.push_back(std::move(here));
  event([&] { load(key); });
}
/// Who waits for the value looks at the record again.
inline void program_process::end_fetch(engine::object_key key) {
  const auto at = fetches_.find(key);
  if (at == fetches_.end()) return;
  loop_.run_outside([waiting = std::move(at->second.waiting)] {
    for (const detail::record_ptr& here : waiting) {
      here->settle_value();
      here->end_producing();
    }
  });
  fetches_.erase(at);
}

/// Brings a stored value into its record.
inline void program_process::read(engine::object_key key) {
  const engine::outcome* const where = owner_.result(key);
  const engine::outcome nowhere;
  use_pin(key, where != nullptr ? *where : nowhere,
          [this, key, asked = owner_.settlings()](const pin_failure& failed) {
    if (failed && failed->code == error_code::object_lost) return lost(key, asked);
    const auto record = records_.find(key);
    kept_record kept(record == records_.end() ? nullptr : record->second);
    const engine::outcome* const known = owner_.result(key);
    const bool is_stored = known != nullptr && known->kind == engine::outcome_kind::stored;
    if (kept && (failed || is_stored)) {
      packed_bytes bytes;
      if (!failed) bytes = read_stored(key, pins_.at(key).place, known->size);
      loop_.run_outside([this, key, failed, kept = std::move(kept), bytes = std::move(bytes),
                         refs = failed ? engine::key_list{} : known->refs]() mutable {
        settle(*kept, &bytes, refs, failed);
        kept.let_go();  // whoever waits may have the only handle
        const inside again(loop_);
        if (!failed) drop_pin(key);
        end_fetch(key);
      });
      return;
    }
    // It was lost meanwhile, and what is there is for its next outcome; or nobody wants it.
    if (!failed) drop_pin(key);
    if (const auto wanted = fetches_.find(key); wanted != fetches_.end()) {
      wanted->second.reading = false;
    }
    load(key);
  });
}

/// Gives a record its outcome, and ends its producer where it has one. Without `bytes` its value is
/// in the store. For whoever has not entered.
inline void program_process::settle(detail::record& one, const packed_bytes* bytes,
                                    const engine::key_list& refs,
                                    const std::shared_ptr<const error_fields>& why) {
  const bool has_producer = takes_producer(one);
  const auto fail = [&one](detail::failure_ptr cause) {
    if (!one.settle_failure(cause)) one.bring_failure(std::move(cause));
  };
  if (why) {
    if (one.kind == detail::task_record && static_cast<detail::task&>(one).posted) {
      const inside held(loop_);
      log_post_failure(static_cast<detail::task&>(one), *why);
    }
    fail(failure_of(*why));
  } else if (bytes == nullptr) {
    one.settle_elsewhere();
  } else if (!one.settled() || one.is_elsewhere()) {
    try {
      load_bytes(one, *bytes, refs);
      if (!one.settle_value() && !one.bring_value() && one.type().destroy_value != nullptr) {
        one.type().destroy_value(one);
      }
    } catch (...) {
      fail(detail::failure_of_current_exception("a value that was received", "",
                                                home_.about.name));
    }
  }
  if (one.kind == detail::task_record) drop_early(static_cast<detail::task&>(one));
  if (has_producer) one.end_producing();
}
/// A task that was cancelled while its arguments were waited for lets go of them. Those that have
/// no producer here would not fire any more without a handle: they are kept until they have.
inline void program_process::drop_early(detail::task& one) {
  if (one.blockers.load(std::memory_order_acquire) == 0 || !takes_arguments(one)) return;
  std::vector<detail::record_ptr> kept;
  for (std::uint32_t i = 0; i < one.dependency_count; ++i) {
    detail::record* const target = one.dependencies[i].target;
    if (!target->settled() && !target->is_producing()) {
      kept.push_back(detail::record_ptr::share(target));
    }
  }
  one.drop_arguments();
  if (kept.empty()) return;
  const inside held(loop_);
  if (one.blockers.load(std::memory_order_acquire) == 0) return;  // `unblocked` may have looked
  program_.waited_for[&one] = std::move(kept);
}
/// Nobody waits for the task's arguments any more. For whoever has not entered.
inline void program_process::arguments_are_free(detail::task& one) {
  if (takes_arguments(one)) one.drop_arguments();
  std::vector<detail::record_ptr> kept;
  {
    const glance held(loop_);
    if (const auto at = program_.waited_for.find(&one); at != program_.waited_for.end()) {
      kept = std::move(at->second);
      program_.waited_for.erase(at);
    }
  }
  one.unpin();
}

inline void program_process::settled(engine::object_key object, const engine::outcome&) {
  if (records_.contains(object)) later([this, object] { load(object); });
}

}  // namespace mobula::hosting
