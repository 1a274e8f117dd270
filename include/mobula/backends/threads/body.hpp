#pragma once

/// Running one attempt of a function's body, with the arguments where they are or through bytes.

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/attachment.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/coroutine_body.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/message.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::detail {

/// The arguments of a call that goes through bytes, written when it was submitted.
struct sent_arguments final : task_extension {
  message arguments;
};

/// How a body ended.
struct body_end {
  failure_ptr why;            ///< none: with a value, which is in the record
  std::exception_ptr thrown;  ///< what left the body, where it threw
  bool exited = false;        ///< by `this_actor::exit`
};

/// A copy of a ready object that went through bytes. Belongs to one reader.
inline record_ptr through_bytes(const record& object) {
  output written;
  object.type().save_value(object, written);
  const message sent = written.take();
  input read(sent);
  record_ptr copy = record_ptr::adopt(object.type().load_value(read));
  read.expect_end();
  copy->set_epoch(object.epoch());
  return copy;
}

/// One attempt. `subject` is for errors: `task "add"`. Never throws.
class body_runner {
 public:
  body_runner(bool through_bytes, std::string node)
      : bytes_(through_bytes), node_(std::move(node)) {}

  [[nodiscard]] bool through_bytes() const noexcept { return bytes_; }

  /// Before the call may run; throws `serialization_error`. A failed dependency may claim the task
  /// meanwhile, on any thread, and drop its arguments: it waits until they are written, or was
  /// there first and nothing is to be sent.
  void send_arguments(task& one) const {
    if (!bytes_ || !one.hold_unclaimed()) return;
    struct holding {
      task& what;
      ~holding() { what.release_producer(); }
    };
    const holding until_written{one};
    output written;
    save_arguments(one, written);
    auto sent = std::make_unique<sent_arguments>();
    sent->arguments = written.take();
    one.extension = std::move(sent);
  }

  /// Throws `serialization_error` that names the call.
  static void save_arguments(const task& one, output& to) {
    try {
      one.function->save_arguments(one, to);
    } catch (const serialization_error& thrown) {
      throw serialization_error(subject(one) + ": its arguments can't be sent: " + thrown.what());
    }
  }
  /// Of `put`.
  static void save_object(const record& object, output& to) {
    try {
      object.type().save_value(object, to);
    } catch (const serialization_error& thrown) {
      throw serialization_error(std::string{"put: the value can't be sent: "} + thrown.what());
    }
  }

  body_end run(task& one, void*& instance, bool keep) const noexcept {
    body_end end;
    try {
      if (bytes_) {
        run_through_bytes(one, instance);
      } else {
        one.function->run(one, instance, keep);
      }
    } catch (...) {
      note_exception(one, end);
    }
    return end;
  }
  /// One segment of a coroutine: the first of an attempt, where it has no `run`, or the next. True:
  /// the attempt has ended, and what it had is gone. False: it waits.
  [[nodiscard]] bool run_segment(coroutine_body& body, void*& instance, bool keep,
                                 body_end& end) const noexcept {
    task& one = body.of;
    try {
      if (!body.run) begin(body, instance, keep);
      if (!body.run->resume()) return false;
      if (bytes_) {
        output written;
        body.run->save_result(written);
        load_result(one, written.take());
      } else {
        body.run->take_result(one);
      }
    } catch (...) {
      note_exception(one, end);
    }
    body.run.reset();
    body.arguments = {};
    body.copies.clear();
    return true;
  }

  static std::string subject(const task& one) {
    if (one.function->kind == function_kind::constructor) {  // before `spawn` it has no actor
      return "actor \"" + (one.actor != nullptr ? one.actor->label() : one.name()) + "\"";
    }
    if (one.actor == nullptr) return "task \"" + one.name() + "\"";
    return "actor \"" + one.actor->label() + "\", call \"" + one.name() + "\"";
  }

  /// Whose body calls `kill` on this thread; outside of bodies it is the driver, the actor's owner.
  static std::string killer_of(const actor_state& killed) {
    if (frame::current == nullptr) return "its owner";
    const task& by = frame::current->running();
    if (by.actor == nullptr) return subject(by);
    if (by.actor->id() == killed.id()) return "itself";
    return "actor \"" + by.actor->label() + "\"";
  }

 private:
  /// To an object that is an argument and nothing else: the argument's, and its attachment's.
  static constexpr std::uint32_t handles_of_argument = 2;

  /// In a `catch` block around the body.
  void note_exception(const task& one, body_end& end) const noexcept {
    try {
      throw;
    } catch (const actor_exit&) {
      end.exited = true;
    } catch (...) {
      end.thrown = std::current_exception();
      end.why = failure_of_current_exception(subject(one), one.name(), node_);
      // Across processes the original stays behind.
      if (bytes_) end.why = failure_ptr{new failure(rebuild(describe(end.why->cause())))};
    }
  }

  void begin(coroutine_body& body, void*& instance, bool keep) const {
    task& one = body.of;
    if (!bytes_) {
      body.run = one.function->begin(&one, instance, keep, nullptr);
      return;
    }
    body.arguments = copied_arguments(one, body.copies);
    input read(body.arguments);
    body.run = one.function->begin(nullptr, instance, keep, &read);
  }

  /// A reader's own. The attachments refer to `copies`, which have to live as long.
  static message copied_arguments(const task& one, std::vector<record_ptr>& copies) {
    message arguments = static_cast<const sent_arguments&>(*one.extension).arguments;
    for (attachment& sent : arguments.attachments) {
      if (sent.kind != value_attachment) continue;
      const record& object = *static_cast<const record*>(sent.handle.get());
      copies.push_back(detail::through_bytes(object));
      copies.back()->flags |= record::private_copy;
      if (object.handles() > handles_of_argument) copies.back()->flags |= record::copy_of_shared;
      sent.handle = std::shared_ptr<void>(std::shared_ptr<void>{}, copies.back().get());
    }
    return arguments;
  }

  void run_through_bytes(task& one, void*& instance) const {
    std::vector<record_ptr> copies;
    const message arguments = copied_arguments(one, copies);
    input read(arguments);
    output written;
    one.function->invoke(instance, read, written);
    load_result(one, written.take());
  }
  static void load_result(task& one, const message& result) {
    try {
      input back(result);
      one.function->load_result(one, back);
      back.expect_end();
    } catch (const serialization_error& thrown) {
      throw unsent_error(std::string{"its result can't be read: "} + thrown.what());
    }
  }

  const bool bytes_;
  const std::string node_;
};

}  // namespace mobula::detail
