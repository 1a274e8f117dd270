#pragma once

/// Actors: objects that live in the runtime and are called through handles, one call at a time.

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "mobula/backend/attachment.hpp"
#include "mobula/backend/backend.hpp"
#include "mobula/context.hpp"
#include "mobula/core/demangle.hpp"
#include "mobula/core/holds.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/detail/group_wishes.hpp"
#include "mobula/detail/received.hpp"
#include "mobula/detail/submit.hpp"
#include "mobula/detail/wishes.hpp"
#include "mobula/future.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

template <class A>
class actor;

namespace detail {

template <class Actor, auto Member, class Prepare, class... Arguments>
auto submit_member(const actor_ptr& to, const char* name, bool post, Prepare prepare,
                   Arguments&&... arguments) {
  using policy = call_member<Actor, Member>;
  check_call<policy, Arguments...>();
  using handle = handle_of_call<policy, Arguments...>;
  if constexpr (shape_of<policy, Arguments...>::ok) {
    if (!to) throw std::logic_error(std::string{name} + ": the actor's handle is empty");
    backend& host = require_backend(name, to->epoch());
    record_ptr made = make_call<policy>(
        [&](task& one) {
          one.actor = to.get();
          to->add_reference();
          one.posted = post;
          prepare(one);
        },
        std::forward<Arguments>(arguments)...);
    submit(host, static_cast<task&>(*made));
    return handle{std::move(made)};
  } else {
    return handle{};
  }
}

}  // namespace detail

/// A handle to an actor of class `A`. Copies refer to the same actor; when the last one goes,
/// wherever it is, queued calls finish and the actor's destructor runs. Default-constructed it is
/// empty. `A` may be incomplete. Thread safety: like `std::shared_ptr`. Calls of one caller run in
/// the order in which they were made; one that was cancelled or lost an argument holds up nobody.
/// An actor that runs one call at a time and waits in it for another call of itself waits for ever,
/// as with a mutex that is locked twice: give that `get` a timeout, or the actor a
/// `.max_concurrency`. The destructor of an `A` runs by itself, in nobody's call, and may wait for
/// others; what it waits for may fail, at the latest when the runtime ends, so it has to catch: a
/// destructor that throws ends the program, as anywhere in C++. The actor's name is free when the
/// destructor has run, which is a moment after the last handle went; `kill` and `this_actor::exit`
/// free it at once.
///
///   mobula::actor<counter> hits = mobula::spawn<counter>(100);
///   int now = mobula::get(hits.call<&counter::increment>(5));
template <class A>
class actor {
 public:
  actor() = default;
  /// For Mobula's own parts.
  explicit actor(detail::actor_ptr state) noexcept : state_(std::move(state)) {}

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }
  /// Throws `std::logic_error` for an empty handle.
  [[nodiscard]] actor_id id() const { return require("id")->id(); }

  /// Calls a member; `Member` may be inherited, const or virtual. An actor that is dead fails the
  /// future with `actor_died_error`; one with too many calls waiting throws `pending_calls_error`
  /// here. One allocation.
  template <auto Member, class... Arguments>
  requires(!detail::starts_with_options<Arguments...>) auto call(Arguments&&... arguments) const {
    return detail::submit_member<A, Member>(
        state_, "call", false, [](detail::task&) {}, std::forward<Arguments>(arguments)...);
  }
  template <auto Member, class... Arguments>
  auto call(call_options options, Arguments&&... arguments) const {
    return detail::submit_member<A, Member>(
        state_, "call", false,
        [&options](detail::task& made) {
          validate(options);
          detail::apply(options, made);
        },
        std::forward<Arguments>(arguments)...);
  }

  /// Calls without a result. Keeps the order among calls, never blocks; errors are counted and
  /// logged once a second at most.
  template <auto Member, class... Arguments>
  void post(Arguments&&... arguments) const {
    using shape = detail::shape_of<detail::call_member<A, Member>, Arguments...>;
    using handle = detail::handle_of_call<detail::call_member<A, Member>, Arguments...>;
    static_assert(detail::holds<!shape::ok || !detail::is_stream<handle>>,
                  "mobula: nobody reads the stream of a posted call: call<...>(...) it");
    static_cast<void>(detail::submit_member<A, Member>(
        state_, "post", true, [](detail::task&) {}, std::forward<Arguments>(arguments)...));
  }

  /// Say where the member goes.
  template <class Member, class... Arguments>
  requires std::is_member_function_pointer_v<Member>
  auto call(Member, Arguments&&...) const {
    static_assert(detail::holds<!std::is_member_function_pointer_v<Member>>,
                  "mobula: the member is a template argument: handle.call<&A::m>(arguments...)");
    return future<std::decay_t<typename detail::signature<Member>::result>>{};
  }
  template <class Member, class... Arguments>
  requires std::is_member_function_pointer_v<Member>
  void post(Member, Arguments&&...) const {
    static_assert(detail::holds<!std::is_member_function_pointer_v<Member>>,
                  "mobula: the member is a template argument: handle.post<&A::m>(arguments...)");
  }

  /// Runs what is queued, then the destructor; the future is ready when that has happened. Later
  /// calls fail with `actor_died_error`.
  future<void> stop() const {
    detail::actor_state& of = *require("stop");
    detail::backend& host = detail::require_backend("stop", of.epoch());
    detail::record_ptr done = detail::make_pending<void>(of.epoch(), detail::object_record);
    host.stop(of, done);
    return future<void>{std::move(done)};
  }

  friend bool operator==(const actor&, const actor&) noexcept = default;

  const detail::actor_ptr& state() const noexcept { return state_; }
  const detail::actor_ptr& require(const char* call) const {
    if (!state_) throw std::logic_error(std::string{call} + ": the actor's handle is empty");
    return state_;
  }

 private:
  detail::actor_ptr state_;
};

namespace detail {

/// In the running body's group, where that captures children and they don't say otherwise. Throws
/// where a bundle could never hold it.
inline actor_ptr spawn_placed(backend& host, task& constructor, const actor_options& options,
                              const std::type_info& type) {
  if (!is_captured(options.where)) {
    check_room(options.where, resources_to_place(options), "actor_options");
    return host.spawn(constructor, {options, type});
  }
  actor_options captured = options;
  captured.where = captured_place();
  captured.capture_children = true;
  check_room(captured.where, resources_to_place(captured), "actor_options");
  return host.spawn(constructor, {captured, type});
}

/// The options have been validated.
template <class A, class... Arguments>
actor<A> spawn_with(const actor_options& options, Arguments&&... arguments) {
  using policy = call_constructor<A>;
  static_assert(holds<std::is_class_v<A> && !std::is_abstract_v<A>>,
                "mobula: an actor is an object of a class that can be made");
  if constexpr (!std::is_class_v<A> || std::is_abstract_v<A>) {
    return actor<A>{};
  } else if constexpr (check_call<policy, Arguments...>(); shape_of<policy, Arguments...>::ok) {
    backend& host = require_backend("spawn");
    const record_ptr made = make_call<policy>(
        [&](task& one) {
          if (options.max_restarts != 0) refuse_retry_of_moves(one, "actor_options.max_restarts");
        },
        std::forward<Arguments>(arguments)...);
    task& constructor = static_cast<task&>(*made);
    actor_ptr state;
    try {
      state = spawn_placed(host, constructor, options, typeid(A));
    } catch (...) {
      discard(constructor);
      throw;
    }
    if (frame::current != nullptr) constructor.unpin();
    return actor<A>{std::move(state)};
  } else {
    return actor<A>{};
  }
}

}  // namespace detail

/// Makes an actor: `A(arguments...)` is constructed where there is room, and calls wait for it. A
/// constructor that throws makes every call fail with `actor_died_error`. Braces are used where `A`
/// is an aggregate.
template <class A, class... Arguments>
requires(!detail::starts_with_options<Arguments...>)
    [[nodiscard]] actor<A> spawn(Arguments&&... arguments) {
  static const actor_options none{};
  return detail::spawn_with<A>(none, std::forward<Arguments>(arguments)...);
}
/// The same with options. With a name it waits for the answer: `name_taken_error` where a living
/// actor of the namespace has it, or with `.get_if_exists` a handle to that actor.
template <class A, class... Arguments>
[[nodiscard]] actor<A> spawn(actor_options options, Arguments&&... arguments) {
  validate(options);
  return detail::spawn_with<A>(options, std::forward<Arguments>(arguments)...);
}

/// `h.call<&A::m>(...)` where `h`'s type depends on a template's parameter.
template <auto Member, class A, class... Arguments>
requires(!detail::starts_with_options<Arguments...>) auto call(const actor<A>& to,
                                                               Arguments&&... arguments) {
  return to.template call<Member>(std::forward<Arguments>(arguments)...);
}
template <auto Member, class A, class... Arguments>
auto call(const actor<A>& to, call_options options, Arguments&&... arguments) {
  return to.template call<Member>(std::move(options), std::forward<Arguments>(arguments)...);
}
template <auto Member, class A, class... Arguments>
void post(const actor<A>& to, Arguments&&... arguments) {
  to.template post<Member>(std::forward<Arguments>(arguments)...);
}

/// The living actor of that name, in the job's namespace or in the given one. Throws
/// `std::invalid_argument` where that actor is of another class.
template <class A>
std::optional<actor<A>> find(const std::string& name, const std::string& name_space = {}) {
  detail::backend& host = detail::require_backend("find");
  detail::actor_ptr found = host.find(name, name_space, typeid(A));
  if (!found) return std::nullopt;
  return actor<A>{std::move(found)};
}

/// Ends the actor at once: what is queued and what runs fails with `actor_died_error`, a running
/// body is asked to stop; the destructor runs when it has. Never blocks. With `.restart` it takes
/// away one life, begun or not: a new one begins if one is left, with what is queued.
template <class A>
void kill(const actor<A>& which, kill_options how = {}) {
  detail::actor_state& of = *which.require("kill");
  detail::require_backend("kill", of.epoch()).kill(of, how);
}

/// About the actor whose call runs on this thread. Outside of one every function throws
/// `std::logic_error`.
namespace this_actor {

inline actor_id id() { return detail::require_actor_frame("this_actor::id").running().actor->id(); }
/// Empty where it has none.
inline std::string name() {
  return detail::require_actor_frame("this_actor::name").running().actor->name();
}
/// True in every life but the first.
inline bool restarted() { return detail::require_actor_frame("this_actor::restarted").restarted; }
/// Ends the actor from within: this call is unwound and fails with `actor_died_error`, as does what
/// is queued.
[[noreturn]] inline void exit() {
  detail::require_actor_frame("this_actor::exit");
  throw detail::actor_exit{};
}
/// A handle to the actor itself. Keeping it in the actor is a cycle: it lives until `kill`, `stop`
/// or the job's end.
template <class A>
actor<A> self() {
  detail::frame& inner = detail::require_actor_frame("this_actor::self");
  detail::actor_state& of = *inner.running().actor;
  if (of.type() != typeid(A)) {
    throw std::invalid_argument("this_actor::self: the actor is of class " +
                                detail::demangle(of.type()) + ", not " + detail::type_name<A>());
  }
  return actor<A>{detail::actor_ptr::share(&of)};
}

}  // namespace this_actor

/// A handle in a value travels as a handle, and keeps the actor alive.
template <class A>
struct serializer<actor<A>> {
  static void save(const actor<A>& value, output& to) {
    to.number(static_cast<std::uint8_t>(value.valid()));
    if (!value.valid()) return;
    value.state()->add_handle();
    to.number(to.attach(
        {detail::actor_attachment, std::shared_ptr<void>(value.state().get(), [](void* handle) {
           static_cast<detail::actor_state*>(handle)->drop_handle();
         })}));
  }
  static actor<A> load(input& from) {
    if (from.number<std::uint8_t>() == 0) return {};
    return actor<A>{
        detail::received_actor(from.attachment(from.number<std::uint32_t>()), typeid(A))};
  }
};

}  // namespace mobula

template <class A>
struct std::hash<mobula::actor<A>> {
  std::size_t operator()(const mobula::actor<A>& of) const noexcept {
    return std::hash<const void*>{}(of.state().get());
  }
};
