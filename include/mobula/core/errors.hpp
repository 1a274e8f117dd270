#pragma once

/// Everything that can go wrong with a task, an actor, an object or a cluster, as exceptions.
///
/// Misuse is not here: a bad value is `std::invalid_argument`, a bad order of calls
/// `std::logic_error`. Copying one never throws, so that one stored error can be thrown to many
/// getters.

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace mobula {

/// Which class an error is of, on the wire. A number is never given twice; new classes go last.
enum class error_code : std::uint16_t {
  error = 0,
  task = 1,
  cancelled = 2,
  timeout = 3,
  worker_died = 4,
  out_of_memory = 5,
  actor = 6,
  actor_died = 7,
  actor_unavailable = 8,
  name_taken = 9,
  pending_calls = 10,
  object_lost = 11,
  owner_died = 12,
  reconstruction = 13,
  store_full = 14,
  out_of_disk = 15,
  node_died = 16,
  placement_group_removed = 17,
  unschedulable = 18,
  infeasible = 19,
  environment = 20,
  serialization = 21,
  unknown_function = 22,
  broken_promise = 23,
  connection = 24,
  authentication = 25,
  protocol = 26,
};

/// The base of all. `what()` is the whole message; its first line says what failed, where and why.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;

  virtual error_code code() const noexcept { return error_code::error; }

  /// Throws a copy of the whole object, not only of its base.
  [[noreturn]] virtual void raise() const { throw *this; }

  /// The same copy, not thrown yet. Two getters that each take one never share an exception object.
  virtual std::exception_ptr to_exception_ptr() const { return std::make_exception_ptr(*this); }
};

namespace detail {

/// What every class below `error` repeats: its code, and how its own kind is copied and thrown.
template <class Self, class Base, error_code Code>
class error_class : public Base {
 public:
  using Base::Base;

  error_code code() const noexcept override { return Code; }
  [[noreturn]] void raise() const override { throw static_cast<const Self&>(*this); }
  std::exception_ptr to_exception_ptr() const override {
    return std::make_exception_ptr(static_cast<const Self&>(*this));
  }
};

}  // namespace detail

/// Where a task's exception came from.
struct task_error_origin {
  /// The thrown object's dynamic type, demangled: `std::out_of_range`; `int` for `throw 42`.
  std::string type_name{};
  /// The task's name, or the actor's and its member's.
  std::string task{};
  /// The node's name.
  std::string node{};
  /// The process id; 0 where it is not known.
  int process = 0;
};

/// A task, an actor's call or a promise's maker threw. Where the original never left the process it
/// is nested:
///
///   try { mobula::get(f); }
///   catch (const mobula::task_error& e) { std::rethrow_if_nested(e); }
class task_error : public detail::error_class<task_error, error, error_code::task> {
 public:
  explicit task_error(const std::string& message, task_error_origin origin = {})
      : error_class(message),
        origin_(std::make_shared<const task_error_origin>(std::move(origin))) {}
  task_error(const task_error&) = default;  // No moves: every object has an origin, always.
  task_error& operator=(const task_error&) = default;

  const std::string& type_name() const noexcept { return origin_->type_name; }
  const std::string& task() const noexcept { return origin_->task; }
  const std::string& node() const noexcept { return origin_->node; }
  int process() const noexcept { return origin_->process; }

 private:
  std::shared_ptr<const task_error_origin> origin_;  // Shared, so that copying can't throw.
};

/// The task was cancelled, or the runtime ended before it could run.
class cancelled_error : public detail::error_class<cancelled_error, error, error_code::cancelled> {
 public:
  using error_class::error_class;
};

/// A `get` waited its time, or a task its `.timeout`.
class timeout_error : public detail::error_class<timeout_error, error, error_code::timeout> {
 public:
  using error_class::error_class;
};

/// The worker process that ran it ended, and no retries are left.
class worker_died_error
    : public detail::error_class<worker_died_error, error, error_code::worker_died> {
 public:
  explicit worker_died_error(const std::string& message, int signal = 0, int exit_code = 0)
      : error_class(message), signal_(signal), exit_code_(exit_code) {}

  /// 0 where it exited by itself.
  int signal() const noexcept { return signal_; }
  /// Of use where `signal()` is 0.
  int exit_code() const noexcept { return exit_code_; }

 private:
  int signal_;
  int exit_code_;
};

/// The node's memory was spent, and this task's worker was ended for it; the message says who used
/// what.
class out_of_memory_error
    : public detail::error_class<out_of_memory_error, error, error_code::out_of_memory> {
 public:
  using error_class::error_class;
};

/// Something is wrong with the actor, not with the call.
class actor_error : public detail::error_class<actor_error, error, error_code::actor> {
 public:
  using error_class::error_class;
};

/// Dead for good. The message says who and why; for a constructor that threw, what it threw.
class actor_died_error
    : public detail::error_class<actor_died_error, actor_error, error_code::actor_died> {
 public:
  using error_class::error_class;
};

/// Restarting, or out of reach: a later call may succeed.
class actor_unavailable_error : public detail::error_class<actor_unavailable_error, actor_error,
                                                           error_code::actor_unavailable> {
 public:
  using error_class::error_class;
};

/// Another living actor or group of the namespace has the name.
class name_taken_error
    : public detail::error_class<name_taken_error, error, error_code::name_taken> {
 public:
  using error_class::error_class;
};

/// The actor has `max_pending_calls` waiting; thrown by the call itself.
class pending_calls_error
    : public detail::error_class<pending_calls_error, error, error_code::pending_calls> {
 public:
  using error_class::error_class;
};

/// No copy of the object is left.
class object_lost_error
    : public detail::error_class<object_lost_error, error, error_code::object_lost> {
 public:
  using error_class::error_class;
};

/// The process that made the future is gone, and with it the knowledge of where the value is.
class owner_died_error
    : public detail::error_class<owner_died_error, object_lost_error, error_code::owner_died> {
 public:
  using error_class::error_class;
};

/// The object was lost and rebuilding it failed, or may not be tried again.
class reconstruction_error : public detail::error_class<reconstruction_error, object_lost_error,
                                                        error_code::reconstruction> {
 public:
  using error_class::error_class;
};

/// The object store is full of values in use.
class store_full_error
    : public detail::error_class<store_full_error, error, error_code::store_full> {
 public:
  using error_class::error_class;
};

/// The store had to spill, and the disk is full.
class out_of_disk_error
    : public detail::error_class<out_of_disk_error, error, error_code::out_of_disk> {
 public:
  using error_class::error_class;
};

/// The node that ran it is gone, and no retries are left.
class node_died_error : public detail::error_class<node_died_error, error, error_code::node_died> {
 public:
  using error_class::error_class;
};

/// Its placement group was removed before it could run.
class placement_group_removed_error
    : public detail::error_class<placement_group_removed_error, error,
                                 error_code::placement_group_removed> {
 public:
  using error_class::error_class;
};

/// Its placement names a node that is dead or can't hold it.
class unschedulable_error
    : public detail::error_class<unschedulable_error, error, error_code::unschedulable> {
 public:
  using error_class::error_class;
};

/// It asks for what no node has, and `infeasible_policy::fail` says not to wait.
class infeasible_error
    : public detail::error_class<infeasible_error, error, error_code::infeasible> {
 public:
  using error_class::error_class;
};

/// Its environment could not be made; the message has the set-up command's output.
class environment_error
    : public detail::error_class<environment_error, error, error_code::environment> {
 public:
  using error_class::error_class;
};

/// A value could not be written or read.
class serialization_error
    : public detail::error_class<serialization_error, error, error_code::serialization> {
 public:
  using error_class::error_class;
};

/// The process that should run it was built from a program without that function.
class unknown_function_error
    : public detail::error_class<unknown_function_error, error, error_code::unknown_function> {
 public:
  using error_class::error_class;
};

/// Every handle to the promise is gone and none fulfilled it.
class broken_promise_error
    : public detail::error_class<broken_promise_error, error, error_code::broken_promise> {
 public:
  using error_class::error_class;
};

/// No connection, or one that broke.
class connection_error
    : public detail::error_class<connection_error, error, error_code::connection> {
 public:
  using error_class::error_class;
};

/// The secret, a certificate or the peer's credentials are not what they have to be.
class authentication_error
    : public detail::error_class<authentication_error, error, error_code::authentication> {
 public:
  using error_class::error_class;
};

/// A peer said something that makes no sense: another version, or not Mobula at all.
class protocol_error : public detail::error_class<protocol_error, error, error_code::protocol> {
 public:
  using error_class::error_class;
};

namespace detail {

/// A `task_error` whose original is at hand. A class of its own, because `std::rethrow_if_nested`
/// ends the program for a `std::nested_exception` that holds nothing.
class task_error_with_cause final
    : public error_class<task_error_with_cause, task_error, error_code::task>,
      public std::nested_exception {
 public:
  /// To be made in a `catch` block: it takes the exception being handled as its cause.
  explicit task_error_with_cause(const std::string& message, task_error_origin origin = {})
      : error_class(message, std::move(origin)) {}
};

/// A call's arguments or result could not be written or read. Whoever runs the call knows its name,
/// and puts that in front.
class unsent_error final
    : public error_class<unsent_error, serialization_error, error_code::serialization> {
 public:
  using error_class::error_class;
};

}  // namespace detail

}  // namespace mobula
