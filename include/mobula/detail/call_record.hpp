#pragma once

/// A task of a known function and known argument types: one allocation for arguments, result and
/// state.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/detail/arguments.hpp"
#include "mobula/detail/coroutine_call.hpp"
#include "mobula/detail/value_record.hpp"

namespace mobula::detail {

template <auto Function>
constexpr const char* signature_of_value() noexcept {
  return __PRETTY_FUNCTION__;
}
template <class Function>
constexpr const char* signature_of_type() noexcept {
  return __PRETTY_FUNCTION__;
}

// Policies: what is called, and how. `parameters` is a list of types, or `signature` does not know
// them.

/// `async<f>`.
template <auto Function>
struct call_function {
  static constexpr function_kind kind = function_kind::task;
  using known = signature_of_callable<decltype(Function)>;
  template <class... Arguments>
  static decltype(auto) call(void*&, Arguments&&... arguments) {
    return Function(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  static constexpr bool takes = std::is_invocable_v<decltype(Function), Arguments...>;
  template <class... Arguments>
  using result = std::invoke_result_t<decltype(Function), Arguments...>;
  static constexpr const char* name() noexcept { return signature_of_value<Function>(); }
};

/// `async(g)`, with an empty `g`.
template <class Callable>
struct call_object {
  static constexpr function_kind kind = function_kind::task;
  using known = signature_of_callable<Callable>;
  template <class... Arguments>
  static decltype(auto) call(void*&, Arguments&&... arguments) {
    if constexpr (outlives_call<result<Arguments...>>) {
      static Callable made{};  // the coroutine refers to it; it has no state
      return made(std::forward<Arguments>(arguments)...);
    } else {
      return Callable{}(std::forward<Arguments>(arguments)...);
    }
  }
  template <class... Arguments>
  static constexpr bool takes = std::is_invocable_v<Callable, Arguments...>;
  template <class... Arguments>
  using result = std::invoke_result_t<Callable, Arguments...>;
  static constexpr const char* name() noexcept { return signature_of_type<Callable>(); }
};

/// `handle.call<&A::m>`.
template <class Actor, auto Member>
struct call_member {
  static constexpr function_kind kind = function_kind::call;
  using known = signature_of_callable<decltype(Member)>;
  template <class... Arguments>
  static decltype(auto) call(void*& instance, Arguments&&... arguments) {
    auto* const actor = static_cast<Actor*>(instance);
    if constexpr (std::is_member_function_pointer_v<decltype(Member)>) {
      return (actor->*Member)(std::forward<Arguments>(arguments)...);
    } else {  // what a library asks of an actor that it knows nothing of
      return Member(*actor, std::forward<Arguments>(arguments)...);
    }
  }
  template <class... Arguments>
  static constexpr bool takes = std::is_invocable_v<decltype(Member), Actor&, Arguments...>;
  template <class... Arguments>
  using result = std::invoke_result_t<decltype(Member), Actor&, Arguments...>;
  static constexpr const char* name() noexcept { return signature_of_value<Member>(); }
};

/// `spawn<A>`.
template <class Actor>
struct call_constructor {
  using actor_class = Actor;
  static constexpr function_kind kind = function_kind::constructor;
  using known = signature<void>;
  template <class... Arguments>
  static void call(void*& instance, Arguments&&... arguments) {
    if constexpr (std::is_constructible_v<Actor, Arguments&&...>) {
      instance = new Actor(std::forward<Arguments>(arguments)...);
    } else {
      instance = new Actor{std::forward<Arguments>(arguments)...};
    }
  }
  static void destroy(void* instance) noexcept { delete static_cast<Actor*>(instance); }
  template <class... Arguments>
  static constexpr bool takes = requires(Arguments&&... arguments) {
    Actor{std::forward<Arguments>(arguments)...};
  }
  || std::is_constructible_v<Actor, Arguments&&...>;
  template <class... Arguments>
  using result = void;
  static constexpr const char* name() noexcept { return signature_of_type<Actor>(); }
};

template <class Policy, class Parameters, class... Stored>
class call_record;

/// The static descriptor of a function with stored argument types. Schemes of serialisation are
/// part of the key, so that two files which choose differently are two functions.
template <class Policy, class Parameters, class Schemes, class... Stored>
struct call_entry {
  using made = call_record<Policy, Parameters, Stored...>;
  static const function_entry entry;
  static const registrar enrolled;
};

template <class Policy, class... Parameters, class... Stored>
class call_record<Policy, type_list<Parameters...>, Stored...> final : public task {
 public:
  using function_result = std::remove_cvref_t<typename Policy::template result<
      decltype(pass<Parameters>(std::declval<Stored&>(), false))...>>;
  using returns = returned<function_result>;
  using result = typename returns::value;

  template <class... Arguments>
  call_record(std::uint32_t epoch, const function_entry& of, bool has_parent,
              Arguments&&... arguments)
      : task(type_, epoch, of, has_parent),
        arguments_{store<Stored>(std::forward<Arguments>(arguments))...} {}
  ~call_record() {}  // the arguments are dropped by whoever claims the task

  /// Calls `visit(record&)` for each object that the arguments wait for.
  template <class Visit>
  void for_each_argument_object(Visit visit) const {
    std::apply([&](const Stored&... each) { (for_each_object(each, visit), ...); }, arguments_);
  }
  static constexpr std::size_t fixed_dependencies = (object_count<Stored> + ... + 0);
  static constexpr bool varying_dependencies = (is_gathered<Stored> || ...);
  std::array<dependency, fixed_dependencies>& own_dependencies() noexcept { return dependencies_; }

  static constexpr function_entry describe() noexcept {
    function_entry made;
    made.run = [](task& self, void*& instance, bool keep) {
      static_cast<call_record&>(self).run(instance, keep);
    };
    made.save_arguments = [](const task& self, output& to) {
      std::apply([&](const Stored&... each) { (save_stored(to, each), ...); },
                 static_cast<const call_record&>(self).arguments_);
    };
    made.invoke = [](void*& instance, input& arguments, output& to) {
      const char* what = "its arguments can't be read";
      try {
        // Braces, so that the arguments are read in order.
        std::tuple<Stored...> loaded{stored_loader<Stored>::load(arguments)...};
        what = nullptr;
        if constexpr (std::is_void_v<result>) {
          call(loaded, instance, false);
        } else {
          const result value = call(loaded, instance, false);
          what = "its result can't be sent";
          serialization::save(to, value);
        }
      } catch (const serialization_error& thrown) {
        if (what == nullptr) throw;  // out of a `get` in the function
        throw unsent_error(std::string{what} + ": " + thrown.what());
      }
    };
    if constexpr (returns::is_coroutine) {
      made.begin = [](task* self, void*& instance, bool keep, input* arguments) {
        return arguments == nullptr ? static_cast<call_record&>(*self).begin(instance, keep)
                                    : coroutine::read(instance, *arguments);
      };
    }
    made.load_result = [](task& self, input& from) {
      if constexpr (!std::is_void_v<result>) {
        ::new (self.value()) result(serialization::load<result>(from));
      }
    };
    made.drop_arguments = [](task& self) noexcept {
      std::destroy_at(std::addressof(static_cast<call_record&>(self).arguments_));
    };
    if constexpr (Policy::kind == function_kind::constructor) {
      made.destroy_instance = [](void* instance) noexcept { Policy::destroy(instance); };
      made.actor_class = &typeid(typename Policy::actor_class);
    }
    made.signature = Policy::name();
    made.kind = Policy::kind;
    made.copyable = (is_repeatable<Parameters, Stored> && ...);
    return made;
  }

 private:
  template <class T>
  static constexpr bool is_copyable = std::is_copy_constructible_v<T>;
  /// Whether another attempt finds the argument as the first one did: a function that takes a value
  /// that can't be copied has moved it out of the future's object.
  template <class Parameter, class T>
  static constexpr bool is_repeatable = is_copyable<typename value_of_stored<T>::type> ||
                                        (object_count<T> != 0 && reads_only<Parameter, T>);

  using coroutine = coroutine_call<Policy, type_list<Parameters...>, Stored...>;

  static decltype(auto) call(std::tuple<Stored...>& arguments, void*& instance, bool keep) {
    if constexpr (returns::is_coroutine) {
      return coroutine::run_here(arguments, instance, keep);
    } else if constexpr (returns::yields) {
      using with = held_call<Policy, type_list<Parameters...>, Stored...>;
      typename with::held held = with::hold(arguments, keep);
      give_items(with::call(held, instance));
    } else {
      return std::apply(
          [&](Stored&... each) -> decltype(auto) {
            return Policy::call(instance, pass<Parameters>(each, keep)...);
          },
          arguments);
    }
  }

  std::unique_ptr<coroutine_run> begin(void*& instance, bool keep) {
    if constexpr ((is_copyable<Stored> && ...)) {
      if (keep) {
        std::tuple<Stored...> copy = arguments_;
        return std::make_unique<coroutine>(std::in_place, std::move(copy), instance, true);
      }
    }
    return std::make_unique<coroutine>(arguments_, instance, keep);
  }

  void run(void*& instance, bool keep) {
    if (keep) {
      if constexpr ((is_copyable<Stored> && ...)) {
        std::tuple<Stored...> copy = arguments_;
        run_with(copy, instance, true);
        return;
      }
    }
    run_with(arguments_, instance, keep);
  }
  void run_with(std::tuple<Stored...>& arguments, void*& instance, bool keep) {
    if constexpr (std::is_void_v<result>) {
      call(arguments, instance, keep);
    } else {
      ::new (value()) result(call(arguments, instance, keep));
    }
  }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
  static constexpr std::uint32_t offset() noexcept {
    if constexpr (std::is_void_v<result>) {
      return 0;
    } else {
      return offsetof(call_record, slot_);
    }
  }
#pragma GCC diagnostic pop
  static const record_type type_;

  [[no_unique_address]] value_slot<result> slot_;
  [[no_unique_address]] std::array<dependency, fixed_dependencies> dependencies_;
  union {
    [[no_unique_address]] std::tuple<Stored...> arguments_;
  };
};

template <class Policy, class... Parameters, class... Stored>
inline constexpr record_type call_record<Policy, type_list<Parameters...>, Stored...>::type_ =
    record_functions<typename call_record<Policy, type_list<Parameters...>, Stored...>::result,
                     call_record<Policy, type_list<Parameters...>, Stored...>>::
        make(call_record<Policy, type_list<Parameters...>, Stored...>::offset());

template <class List>
inline constexpr std::uint64_t joined_scheme = 0;
template <class... Tags>
inline constexpr std::uint64_t joined_scheme<type_list<Tags...>> = [] {
  std::uint64_t joined = 14695981039346656037ULL;  // FNV-1a
  ((joined = (joined ^ Tags::fingerprint) * 1099511628211ULL), ...);
  return joined;
}();

template <class Policy, class Parameters, class Schemes, class... Stored>
inline constexpr function_entry call_entry<Policy, Parameters, Schemes, Stored...>::entry = [] {
  function_entry made = call_record<Policy, Parameters, Stored...>::describe();
  made.key = &typeid(type_list<Policy, Parameters, Stored...>);
  made.scheme = joined_scheme<Schemes>;
  return made;
}();
template <class Policy, class Parameters, class Schemes, class... Stored>
inline const registrar call_entry<Policy, Parameters, Schemes, Stored...>::enrolled{entry};

}  // namespace mobula::detail
