#pragma once

/// From a call's options and arguments to a submitted task.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/dependencies.hpp"
#include "mobula/core/holds.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/detail/arguments.hpp"
#include "mobula/detail/call_record.hpp"
#include "mobula/detail/group_wishes.hpp"
#include "mobula/future.hpp"

namespace mobula::detail {

template <class T>
inline constexpr bool is_pointer_parameter = std::is_pointer_v<std::remove_cvref_t<T>>;

/// Whether the function can be a task, or a call of that actor, with whatever arguments. Where it
/// can't, no arguments are right for it: this only finds the words.
template <class Policy>
struct function_fits {
  static constexpr bool is_no_member = true;
  static constexpr bool is_no_data = true;
  static constexpr bool is_of_class = true;
};
template <auto Member>
requires std::is_member_pointer_v<decltype(Member)>
struct function_fits<call_function<Member>> : function_fits<void> {
  static constexpr bool is_no_member = false;
};
template <class Actor, auto Member>
requires std::is_member_object_pointer_v<decltype(Member)>
struct function_fits<call_member<Actor, Member>> : function_fits<void> {
  static constexpr bool is_no_data = false;
};
template <class Actor, class Class, class Type, Type Class::*Member>
requires std::is_member_function_pointer_v<Type Class::*>
struct function_fits<call_member<Actor, Member>> : function_fits<void> {
  static constexpr bool is_of_class = std::is_base_of_v<Class, Actor>;
};

template <class Argument>
inline constexpr bool is_void_future =
    std::is_same_v<std::remove_cvref_t<Argument>, future<void>>;

/// Whether what `stored_t` says can be made of an argument: not where it would have to be copied
/// and can't be.
template <class Stored, class Argument>
inline constexpr bool is_storable =
    object_count<Stored> != 0 || is_gathered<Stored> || is_span<std::remove_cvref_t<Argument>> ||
    std::is_constructible_v<Stored, Argument>;
template <class Argument>
inline constexpr bool is_storable<void, Argument> = true;

/// Whether an argument would be all right if it were moved.
template <class Parameter, class Argument>
inline constexpr bool is_unmoved = [] {
  using stored = stored_t<Parameter, Argument>;
  if constexpr (!std::is_void_v<stored>) {
    return !is_storable<stored, Argument>;
  } else {
    return std::is_lvalue_reference_v<Argument> &&
           !std::is_void_v<stored_t<Parameter, std::remove_cvref_t<Argument>>>;
  }
}();

/// Everything that is known of a call before the program runs. Each check is one sentence; after
/// the first that fails nothing more is instantiated.
template <class Policy, class Parameters, class... Arguments>
struct call_shape {
  static constexpr bool right_count = false;
  static constexpr bool ok = false;
};
template <class Policy, class... Parameters, class... Arguments>
requires(sizeof...(Parameters) ==
         sizeof...(Arguments)) struct call_shape<Policy, type_list<Parameters...>, Arguments...> {
  static constexpr bool right_count = true;
  static constexpr bool no_pointers = !(is_pointer_parameter<Parameters> || ...);
  static constexpr bool have_values = (!is_void_future<Arguments> && ...);
  static constexpr bool moved = [] {
    if constexpr (no_pointers && have_values) {
      return !(is_unmoved<Parameters, Arguments> || ...);
    } else {
      return false;
    }
  }();
  static constexpr bool arguments_fit = [] {
    if constexpr (moved) {
      return !(std::is_void_v<stored_t<Parameters, Arguments>> || ...);
    } else {
      return false;
    }
  }();
  static constexpr bool callable = [] {
    if constexpr (arguments_fit) {
      return Policy::template takes<decltype(pass<Parameters>(
          std::declval<stored_t<Parameters, Arguments>&>(), false))...>;
    } else {
      return false;
    }
  }();
  static constexpr bool returns_value = [] {
    if constexpr (callable) {
      using result =
          typename returned<typename Policy::template result<decltype(pass<Parameters>(
              std::declval<stored_t<Parameters, Arguments>&>(), false))...>>::value;
      return !std::is_reference_v<result> && !std::is_pointer_v<result>;
    } else {
      return false;
    }
  }();
  static constexpr bool ok = callable && returns_value;
};

template <class T>
inline constexpr bool holds_futures =
    future_traits<std::remove_cvref_t<T>>::single || future_traits<std::remove_cvref_t<T>>::list;

/// For a function whose parameters are not known: futures are resolved where it can be called so,
/// else some of them are passed on as they are. `Choice` has a bit for each of the first
/// `choosable` arguments that are futures.
template <class Policy, std::size_t Choice, class... Arguments>
struct chosen_parameters {
  static constexpr std::size_t choosable = 5;
  static constexpr std::size_t futures =
      std::min(choosable, (std::size_t{holds_futures<Arguments>} + ... + std::size_t{0}));

  static constexpr bool whole(std::size_t index) {
    constexpr bool is_future[] = {holds_futures<Arguments>..., false};
    std::size_t before = 0;
    for (std::size_t i = 0; i < index; ++i) before += is_future[i] ? 1 : 0;
    return is_future[index] && before < choosable && ((Choice >> before) & 1) != 0;
  }
  template <std::size_t... Indices>
  static auto choose(std::index_sequence<Indices...>)
      -> type_list<std::conditional_t<whole(Indices), whole_parameter, any_parameter>...>;
  using list = decltype(choose(std::index_sequence_for<Arguments...>{}));

  static constexpr auto pick() {
    if constexpr (call_shape<Policy, list, Arguments...>::callable) {
      return list{};
    } else if constexpr (Choice + 1 < (std::size_t{1} << futures)) {
      return chosen_parameters<Policy, Choice + 1, Arguments...>::pick();
    } else {
      return type_list<as_any<Arguments>...>{};
    }
  }
  template <class>
  using as_any = any_parameter;
};

/// The parameter list against which the arguments are checked: the function's own, or one that
/// takes what it is given.
template <class Policy, class... Arguments>
struct parameters_for {
  using type = decltype(chosen_parameters<Policy, 0, Arguments...>::pick());
};
template <class Policy, class... Arguments>
requires Policy::known::known struct parameters_for<Policy, Arguments...> {
  using type = typename Policy::known::parameters;
};

template <class Policy, class... Arguments>
using shape_of =
    call_shape<Policy, typename parameters_for<Policy, Arguments...>::type, Arguments...>;

// What explains has deduced results: so it is instantiated where it is called, and its sentence
// comes before whatever else a compiler may say about the call.

template <class Policy, class Shape>
constexpr auto explain_result() {
  constexpr bool constructs = Policy::kind == function_kind::constructor;
  static_assert(holds<Shape::callable || !constructs>,
                "mobula: the actor's class can't be made of these arguments (text is passed as "
                "std::string)");
  static_assert(holds<Shape::callable || constructs>,
                "mobula: the function can't be called with these arguments");
  static_assert(holds<!Shape::callable>,
                "mobula: the function returns a reference or a pointer, which can't be sent: "
                "return the value");
}

template <class Policy, class Shape>
constexpr auto explain_arguments() {
  static_assert(holds<Shape::right_count>,
                "mobula: the number of arguments is not the function's (default arguments are not "
                "filled in)");
  if constexpr (Shape::right_count) {
    static_assert(holds<Shape::no_pointers>,
                  "mobula: a parameter of the function is a pointer, which can't be sent: take the "
                  "value, or std::string for text");
    static_assert(holds<Shape::have_values || !Shape::no_pointers>,
                  "mobula: a future<void> has no value to pass as an argument: use .after for "
                  "order");
    if constexpr (Shape::no_pointers && Shape::have_values) {
      static_assert(holds<Shape::moved>,
                    "mobula: an argument can't be copied: pass it as std::move(argument)");
      static_assert(
          holds<Shape::arguments_fit || !Shape::moved>,
          "mobula: an argument has a type that the function's parameter can't be made of");
      if constexpr (Shape::arguments_fit) explain_result<Policy, Shape>();
    }
  }
}

template <class Policy, class Shape>
constexpr auto explain_call() {
  using fits = function_fits<Policy>;
  static_assert(holds<fits::is_no_member>,
                "mobula: a member function is not a task: spawn an actor and "
                "call<&A::m>(...) it, or write a function that takes the object");
  static_assert(holds<fits::is_no_data>,
                "mobula: a data member can't be called: give the actor a member function that "
                "returns it");
  static_assert(holds<fits::is_of_class>,
                "mobula: the function is not a member of the actor's class");
  if constexpr (fits::is_no_member && fits::is_no_data && fits::is_of_class) {
    explain_arguments<Policy, Shape>();
  }
}

template <class Policy, class... Arguments>
constexpr auto check_call() {
  using shape = shape_of<Policy, Arguments...>;
  if constexpr (!shape::ok) explain_call<Policy, shape>();
}

/// Of a stored argument: the type that goes through bytes.
template <class Stored>
struct sent_type {
  using type = Stored;
};
template <class T>
struct sent_type<resolved<T>> {
  using type = T;
};
template <class T>
struct sent_type<gathered<T>> {
  using type = std::vector<T>;
};

template <class Policy, class Parameters, class... Arguments>
struct record_for;
template <class Policy, class... Parameters, class... Arguments>
struct record_for<Policy, type_list<Parameters...>, Arguments...> {
  using record = call_record<Policy, type_list<Parameters...>, stored_t<Parameters, Arguments>...>;
  using entry = call_entry<
      Policy, type_list<Parameters...>,
      type_list<scheme_tag<typename sent_type<stored_t<Parameters, Arguments>>::type>...>,
      stored_t<Parameters, Arguments>...>;
  static constexpr void check_types() {
    (check_sendable<typename sent_type<stored_t<Parameters, Arguments>>::type>(), ...);
    if constexpr (record::returns::yields) {
      check_sendable<typename record::returns::item>();
    } else if constexpr (!std::is_void_v<typename record::result>) {
      check_sendable<typename record::result>();
    }
  }
};
template <class Policy, class... Arguments>
using record_for_call =
    record_for<Policy, typename parameters_for<Policy, Arguments...>::type, Arguments...>;

/// What the caller gets. Where the call is wrong, what it would be, if that is known: one message
/// is all.
template <class Policy, class... Arguments>
constexpr auto handle_type() {
  if constexpr (shape_of<Policy, Arguments...>::ok) {
    using returns = typename record_for_call<Policy, Arguments...>::record::returns;
    return std::type_identity<typename returns::handle>{};
  } else if constexpr (Policy::known::known) {
    return std::type_identity<
        typename returned<std::decay_t<typename Policy::known::result>>::handle>{};
  } else {
    return std::type_identity<future<void>>{};
  }
}
template <class Policy, class... Arguments>
using handle_of_call = typename decltype(handle_type<Policy, Arguments...>())::type;

/// Links the objects of the arguments and of `.after`. While it links the task is claimed: a
/// failing edge only counts down, and the arguments, whose handles keep the targets, stay.
template <class Record>
void link_all(Record& made) {
  std::size_t count = Record::fixed_dependencies;
  const std::size_t after = made.wishes ? made.wishes->after_count : 0;
  dependency* edges = made.own_dependencies().data();
  if constexpr (Record::varying_dependencies) {
    count = 0;
    made.for_each_argument_object([&](record&) { ++count; });
  }
  if (count + after == 0) return;
  if (Record::varying_dependencies || after != 0) {
    made.make_wishes().dependencies = std::make_unique<dependency[]>(count + after);
    edges = made.wishes->dependencies.get();
  }
  static_cast<void>(made.claim());
  made.dependencies = edges;
  made.dependency_count = static_cast<std::uint32_t>(count + after);
  dependency* next = edges;
  const auto link = [&](record& target) { link_dependency(made, *next++, target); };
  made.for_each_argument_object(link);
  for (std::size_t i = 0; i < after; ++i) link(*made.wishes->after[i]);
  made.unclaim();
  // An edge that failed before the claim was given back has found it taken, and says so. Who looks
  // which one it was has the claim, for another edge may fail now, and with the task its arguments
  // go, and what they keep.
  if (!made.failed_early.load(std::memory_order_relaxed) || !made.claim()) return;
  for (std::uint32_t i = 0; i < made.dependency_count; ++i) {
    if (failure* cause = edges[i].target->failed()) {
      return retire_claimed(made, failure_ptr::share(cause));
    }
  }
}

/// For a task that was made and could not be submitted: its queue's pin goes when its last edge has
/// fired.
inline void discard(task& unsubmitted) noexcept {
  if (unsubmitted.claim()) {
    unsubmitted.drop_arguments();
    unsubmitted.end_producing();
  }
  if (frame::current != nullptr) unsubmitted.unpin();
  release_blocker(unsubmitted);
}

/// Hands the task to its backend; the caller keeps the handle. The running body becomes its parent.
inline void submit(backend& host, task& made) {
  try {
    host.submit(made);
  } catch (...) {
    discard(made);
    throw;
  }
  if (frame::current != nullptr) frame::current->adopt(made);
}

/// Of a generator's call; of any other it refuses the option.
template <class Returns>
void open_stream(task& made) {
  const std::size_t buffer = made.wishes ? made.wishes->stream_buffer : 0;
  if constexpr (Returns::yields) {
    call_wishes& wishes = made.make_wishes();
    wishes.stream = std::make_unique<stream_state>(
        object_maker_of<typename Returns::item>,
        [](std::uint32_t epoch) { return make_pending<void>(epoch, gate_record); }, buffer);
    wishes.stream->watch(made);
  } else if (buffer != 0) {
    throw std::invalid_argument(".stream_buffer is " + std::to_string(buffer) + ", but '" +
                                made.name() + "' is no generator");
  }
}

/// Makes the record of a call. `prepare(task&)` adds wishes and the actor before anything is
/// linked.
template <class Policy, class Prepare, class... Arguments>
record_ptr make_call(Prepare prepare, Arguments&&... arguments) {
  using made_for = record_for_call<Policy, Arguments...>;
  using made_record = typename made_for::record;
  made_for::check_types();
  const function_entry& entry = made_for::entry::entry;
  static_cast<void>(
      &made_for::entry::enrolled);  // odr-used, so that it is in the table before main
  auto* const raw =
      new made_record(the_runtime.epoch.load(std::memory_order_relaxed), entry,
                      frame::current != nullptr, std::forward<Arguments>(arguments)...);
  record_ptr made = record_ptr::adopt(raw);
  try {
    prepare(*raw);
    open_stream<typename made_record::returns>(*raw);
    if constexpr (Policy::kind == function_kind::task) {
      if (frame::current != nullptr) stay_in_group(*raw);
    }
    if constexpr (made_record::fixed_dependencies != 0 || made_record::varying_dependencies) {
      link_all(*raw);
    } else {
      if (raw->wishes && raw->wishes->after_count != 0) link_all(*raw);
    }
  } catch (...) {
    discard(*raw);
    throw;
  }
  return made;
}

inline void take_after(call_wishes& into, const std::vector<any_future>& after) {
  if (after.empty()) return;
  into.after = std::make_unique<record_ptr[]>(after.size());
  for (const any_future& one : after) {
    if (!one.valid()) throw std::logic_error(".after: a future in the list is empty");
    require_backend(".after", one.state()->epoch());
    into.after[into.after_count++] = one.state();
  }
}

inline void refuse_retry_of_moves(const task& of, const char* field) {
  if (!of.function->copyable) {
    throw std::invalid_argument(
        std::string{field} + ": '" + of.name() +
        "' has an argument that can't be copied, so it can't be tried again");
  }
}

}  // namespace mobula::detail
