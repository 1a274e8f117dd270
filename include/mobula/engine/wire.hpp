#pragma once

/// What of each message goes over the wire: its fields' names, in their order, and its enums'
/// values.
///
/// Nobody can add a field and forget to send it: `visit_fields` takes a struct apart with exactly
/// as many names as its line below has, and the compiler refuses any other number. An enumerator
/// that is missing in its `is_known` is a warning there.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "mobula/core/error_fields.hpp"
#include "mobula/core/function.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/wire_layout.hpp"
#include "mobula/engine/wire_store.hpp"
#include "mobula/engine/wire_values.hpp"

namespace mobula::engine::wire {

// --- What messages consist of --------------------------------------------------------------------

template <>
inline constexpr auto layout_of<object_key> = fields_of("object_key", "owner", "number");
template <>
inline constexpr auto layout_of<detail::function_id> =
    fields_of("function_id", "module", "index");
template <>
inline constexpr auto layout_of<error_fields> =
    fields_of("error_fields", "code", "what", "type_name", "task", "node", "process", "signal",
              "exit_code");
template <>
inline constexpr auto layout_of<carried> = fields_of("carried", "object", "value");
template <>
inline constexpr auto layout_of<invocation> =
    fields_of("invocation", "function", "arguments", "refs", "values", "filter", "name");
template <>
inline constexpr auto layout_of<death> =
    fields_of("death", "who", "kind", "signal", "exit_code", "begun", "lease", "running",
              "text");

template <>
inline constexpr auto layout_of<group_place> = fields_of("group_place", "group", "bundle");
template <>
inline constexpr auto layout_of<group_bundle> = fields_of("group_bundle", "resources", "labels");

// --- Objects -------------------------------------------------------------------------------------

template <>
inline constexpr auto layout_of<borrow> = fields_of("borrow", "object");
template <>
inline constexpr auto layout_of<borrowed> = fields_of("borrowed", "object");
template <>
inline constexpr auto layout_of<gone> = fields_of("gone", "object", "why");
template <>
inline constexpr auto layout_of<unborrow> = fields_of("unborrow", "object");
template <>
inline constexpr auto layout_of<handed_over> = fields_of("handed_over", "object", "count");
template <>
inline constexpr auto layout_of<settled> = fields_of("settled", "object", "result");
template <>
inline constexpr auto layout_of<fulfil> = fields_of("fulfil", "object", "request", "result");
template <>
inline constexpr auto layout_of<fulfilled> =
    fields_of("fulfilled", "object", "request", "accepted");
template <>
inline constexpr auto layout_of<cancel_object> =
    fields_of("cancel_object", "object", "recursive", "force");

// --- Leases --------------------------------------------------------------------------------------

template <>
inline constexpr auto layout_of<want_leases> = fields_of("want_leases", "lease_class", "wanted",
                                                         "purpose", "resources",
                                                         "resources_to_place", "what",
                                                         "fail_if_infeasible", "environment",
                                                         "where", "rule", "placed");
template <>
inline constexpr auto layout_of<lease_granted> =
    fields_of("lease_granted", "lease_class", "lease", "worker");
template <>
inline constexpr auto layout_of<lease_refused> =
    fields_of("lease_refused", "lease_class", "why");
template <>
inline constexpr auto layout_of<return_lease> = fields_of("return_lease", "lease");
template <>
inline constexpr auto layout_of<reclaim_lease> = fields_of("reclaim_lease", "lease");
template <>
inline constexpr auto layout_of<body_blocked> = fields_of("body_blocked", "lease");
template <>
inline constexpr auto layout_of<body_unblocked> = fields_of("body_unblocked", "lease");
template <>
inline constexpr auto layout_of<body_resumed> = fields_of("body_resumed", "lease");
template <>
inline constexpr auto layout_of<worker_ready> = fields_of("worker_ready");
template <>
inline constexpr auto layout_of<party_died> = fields_of("party_died", "what");
template <>
inline constexpr auto layout_of<end_worker> = fields_of("end_worker", "worker", "why");
template <>
inline constexpr auto layout_of<ask_to_leave> = fields_of("ask_to_leave", "question");
template <>
inline constexpr auto layout_of<leave_answer> = fields_of("leave_answer", "question", "needed");

// --- Tasks ---------------------------------------------------------------------------------------

template <>
inline constexpr auto layout_of<push_task> =
    fields_of("push_task", "task", "lease", "index", "attempt", "what", "actor", "life", "group",
              "report_begin", "stop_actor", "post", "retries");
template <>
inline constexpr auto layout_of<task_done> =
    fields_of("task_done", "task", "attempt", "result", "kept", "retryable", "life_over",
              "unbegun", "unread");
template <>
inline constexpr auto layout_of<call_begun> = fields_of("call_begun", "task");
template <>
inline constexpr auto layout_of<cancel_task> =
    fields_of("cancel_task", "task", "attempt", "recursive");
template <>
inline constexpr auto layout_of<steal_tasks> = fields_of("steal_tasks", "lease", "most");
template <>
inline constexpr auto layout_of<tasks_returned> =
    fields_of("tasks_returned", "lease", "tasks", "blocked");
template <>
inline constexpr auto layout_of<stream_room> =
    fields_of("stream_room", "task", "attempt", "first", "items");
template <>
inline constexpr auto layout_of<stream_item> = fields_of("stream_item", "task", "item", "result");

// --- Actors --------------------------------------------------------------------------------------

template <>
inline constexpr auto layout_of<register_actor> = fields_of(
    "register_actor", "actor", "request", "name", "name_space", "type", "label", "get_if_exists",
    "detached", "max_restarts", "max_concurrency", "groups", "purpose", "resources",
    "resources_to_place", "fail_if_infeasible", "about", "environment", "where", "rule");
template <>
inline constexpr auto layout_of<actor_registered> =
    fields_of("actor_registered", "request", "how", "actor", "type", "label", "about");
template <>
inline constexpr auto layout_of<actor_arguments> =
    fields_of("actor_arguments", "actor", "constructor", "failed");
template <>
inline constexpr auto layout_of<find_actor> =
    fields_of("find_actor", "request", "name", "name_space", "type");
template <>
inline constexpr auto layout_of<watch_actor> = fields_of("watch_actor", "actor");
template <>
inline constexpr auto layout_of<actor_changed> =
    fields_of("actor_changed", "actor", "state", "life", "worker", "why", "node");
template <>
inline constexpr auto layout_of<kill_actor> =
    fields_of("kill_actor", "actor", "restart", "who");
template <>
inline constexpr auto layout_of<make_actor> =
    fields_of("make_actor", "actor", "life", "lease", "constructor", "label", "max_concurrency",
              "groups", "restarted", "about");
template <>
inline constexpr auto layout_of<actor_made> =
    fields_of("actor_made", "actor", "life", "failed");
template <>
inline constexpr auto layout_of<end_actor> =
    fields_of("end_actor", "actor", "life", "graceful", "why");
template <>
inline constexpr auto layout_of<actor_ended> =
    fields_of("actor_ended", "actor", "life", "how");

// --- Placement groups ----------------------------------------------------------------------------

template <>
inline constexpr auto layout_of<reserve_group> = fields_of("reserve_group", "request", "name",
                                                           "name_space", "how", "bundles",
                                                           "fail_if_infeasible", "job",
                                                           "detached");
template <>
inline constexpr auto layout_of<find_group> = fields_of("find_group", "request", "name",
                                                        "name_space");
template <>
inline constexpr auto layout_of<group_registered> = fields_of("group_registered", "request", "how",
                                                              "group", "bundles", "why");
template <>
inline constexpr auto layout_of<ask_group> = fields_of("ask_group", "request", "group",
                                                       "when_decided");
template <>
inline constexpr auto layout_of<group_told> = fields_of("group_told", "request", "phase", "nodes");
template <>
inline constexpr auto layout_of<remove_group> = fields_of("remove_group", "group");
template <>
inline constexpr auto layout_of<group_removed> = fields_of("group_removed", "group", "why");

template <>
inline constexpr auto layout_of<numbered_bundle> = fields_of("numbered_bundle", "index",
                                                             "resources");
template <>
inline constexpr auto layout_of<prepare_bundles> = fields_of("prepare_bundles", "group", "attempt",
                                                             "name", "may_wait", "bundles");
template <>
inline constexpr auto layout_of<bundles_prepared> = fields_of("bundles_prepared", "group",
                                                              "attempt");
template <>
inline constexpr auto layout_of<bundles_refused> = fields_of("bundles_refused", "group", "attempt");
template <>
inline constexpr auto layout_of<commit_bundles> = fields_of("commit_bundles", "group");
template <>
inline constexpr auto layout_of<release_bundles> = fields_of("release_bundles", "group", "attempt",
                                                             "why");

// --- Many nodes ----------------------------------------------------------------------------------

template <>
inline constexpr auto layout_of<place_rule> =
    fields_of("place_rule", "kind", "soft", "node", "labels");
template <>
inline constexpr auto layout_of<join_cluster> =
    fields_of("join_cluster", "name", "total", "labels");
template <>
inline constexpr auto layout_of<node_report> = fields_of("node_report", "available", "kept");
template <>
inline constexpr auto layout_of<place_leases> =
    fields_of("place_leases", "requester", "lease_class", "wanted", "resources",
              "resources_to_place", "rule", "where");
template <>
inline constexpr auto layout_of<leases_placed> =
    fields_of("leases_placed", "requester", "lease_class", "node", "count");
template <>
inline constexpr auto layout_of<leases_unplaceable> =
    fields_of("leases_unplaceable", "requester", "lease_class", "why", "is_final");
template <>
inline constexpr auto layout_of<lease_elsewhere> =
    fields_of("lease_elsewhere", "lease_class", "node", "count");
template <>
inline constexpr auto layout_of<watch_node> = fields_of("watch_node", "node");
template <>
inline constexpr auto layout_of<ask_death> = fields_of("ask_death", "who");
template <>
inline constexpr auto layout_of<node_unheard> =
    fields_of("node_unheard", "node", "is_heard_again");
template <>
inline constexpr auto layout_of<begin_job> = fields_of("begin_job", "name_space", "node");
template <>
inline constexpr auto layout_of<job_begun> = fields_of("job_begun", "job", "name_space");
template <>
inline constexpr auto layout_of<end_job> = fields_of("end_job");
template <>
inline constexpr auto layout_of<job_ended> = fields_of("job_ended", "job");
template <>
inline constexpr auto layout_of<resume_words> = fields_of("resume_words", "kept");
template <>
inline constexpr auto layout_of<words_kept> = fields_of("words_kept", "kept");
template <>
inline constexpr auto layout_of<drain_node> = fields_of("drain_node", "request", "node", "lasts");
template <>
inline constexpr auto layout_of<drain_answer> = fields_of("drain_answer", "request", "why");
template <>
inline constexpr auto layout_of<leave_cluster> = fields_of("leave_cluster", "lasts", "others");
template <>
inline constexpr auto layout_of<other_nodes> = fields_of("other_nodes", "others");
template <>
inline constexpr auto layout_of<node_drained> = fields_of("node_drained");
template <>
inline constexpr auto layout_of<may_leave> = fields_of("may_leave");

// --- Walking over them ---------------------------------------------------------------------------

/// Calls `f(name, member)` for each, in order. A compiler's "cannot decompose" or "n names
/// provided" here means that a struct and its line above differ.
template <class T, class F>
constexpr void visit_fields(T& value, F&& f) {
  using type = std::remove_const_t<T>;
  constexpr std::size_t n = layout_of<type>.fields.size();
  static_assert(n <= 19, "one more line below, please");
  [[maybe_unused]] const auto each = [&f](auto&... members) {
    std::size_t at = 0;
    (f(layout_of<type>.fields[at++], members), ...);
  };
  // clang-format off
  if constexpr (n == 0) { static_assert(std::is_empty_v<type>, "a field is not in the layout"); }
  else if constexpr (n == 1) { auto& [a] = value; each(a); }
  else if constexpr (n == 2) { auto& [a, b] = value; each(a, b); }
  else if constexpr (n == 3) { auto& [a, b, c] = value; each(a, b, c); }
  else if constexpr (n == 4) { auto& [a, b, c, d] = value; each(a, b, c, d); }
  else if constexpr (n == 5) { auto& [a, b, c, d, e] = value; each(a, b, c, d, e); }
  else if constexpr (n == 6) { auto& [a, b, c, d, e, g] = value; each(a, b, c, d, e, g); }
  else if constexpr (n == 7) { auto& [a, b, c, d, e, g, h] = value; each(a, b, c, d, e, g, h); }
  else if constexpr (n == 8) {
    auto& [a, b, c, d, e, g, h, i] = value;
    each(a, b, c, d, e, g, h, i);
  } else if constexpr (n == 9) {
    auto& [a, b, c, d, e, g, h, i, j] = value;
    each(a, b, c, d, e, g, h, i, j);
  } else if constexpr (n == 11) {
    auto& [a, b, c, d, e, g, h, i, j, k, l] = value;
    each(a, b, c, d, e, g, h, i, j, k, l);
  } else if constexpr (n == 12) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m] = value;
    each(a, b, c, d, e, g, h, i, j, k, l, m);
  } else if constexpr (n == 19) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u] = value;
    each(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u);
  } else {
    static_assert(n == 0, "one more line above, please");
  }
  // clang-format on
}

/// Whether `T` is one of the messages.
template <class T, class Variant = message>
inline constexpr bool is_message = false;
template <class T, class... Alternatives>
inline constexpr bool is_message<T, std::variant<Alternatives...>> =
    (std::is_same_v<T, Alternatives> || ...);

/// Its number on the wire.
template <class T, class... Alternatives>
constexpr std::uint8_t number_in(const std::variant<Alternatives...>*) {
  static_assert(sizeof...(Alternatives) <= 256, "the type has one byte");
  constexpr std::array<bool, sizeof...(Alternatives)> same{std::is_same_v<T, Alternatives>...};
  for (std::size_t at = 0; at < same.size(); ++at) {
    if (same[at]) return static_cast<std::uint8_t>(at);
  }
  return 255;
}
template <class T>
inline constexpr std::uint8_t type_of = number_in<T>(static_cast<const message*>(nullptr));

// --- Enums ---------------------------------------------------------------------------------------

constexpr bool is_known(outcome_kind one) {
  switch (one) {
    case outcome_kind::pending:
    case outcome_kind::value:
    case outcome_kind::stored:
    case outcome_kind::failed:
      return true;
  }
  return false;
}
constexpr bool is_known(lease_purpose one) {
  switch (one) {
    case lease_purpose::tasks:
    case lease_purpose::own_process:
    case lease_purpose::shared_process:
    case lease_purpose::automatic:
      return true;
  }
  return false;
}
constexpr bool is_known(death_kind one) {
  switch (one) {
    case death_kind::exited:
    case death_kind::crashed:
    case death_kind::ended:
    case death_kind::out_of_memory:
    case death_kind::lost:
    case death_kind::drained:
      return true;
  }
  return false;
}
constexpr bool is_known(actor_state one) {
  switch (one) {
    case actor_state::pending:
    case actor_state::alive:
    case actor_state::restarting:
    case actor_state::dead:
      return true;
  }
  return false;
}
constexpr bool is_known(registration one) {
  switch (one) {
    case registration::made:
    case registration::found:
    case registration::taken:
    case registration::other_type:
      return true;
  }
  return false;
}
constexpr bool is_known(group_strategy one) {
  switch (one) {
    case group_strategy::pack:
    case group_strategy::strict_pack:
    case group_strategy::spread:
    case group_strategy::strict_spread:
      return true;
  }
  return false;
}
constexpr bool is_known(group_phase one) {
  switch (one) {
    case group_phase::pending:
    case group_phase::created:
    case group_phase::rescheduling:
    case group_phase::removed:
      return true;
  }
  return false;
}
constexpr bool is_known(group_answer_kind one) {
  switch (one) {
    case group_answer_kind::made:
    case group_answer_kind::found:
    case group_answer_kind::none:
    case group_answer_kind::taken:
    case group_answer_kind::refused:
      return true;
  }
  return false;
}
constexpr bool is_known(place_kind one) {
  switch (one) {
    case place_kind::anywhere:
    case place_kind::spread:
    case place_kind::on_node:
    case place_kind::labels:
      return true;
  }
  return false;
}
constexpr bool is_known(actor_end one) {
  switch (one) {
    case actor_end::asked:
    case actor_end::stopped:
    case actor_end::exited:
      return true;
  }
  return false;
}
constexpr bool is_known(store_status one) {
  switch (one) {
    case store_status::ok:
    case store_status::full:
    case store_status::disk_full:
    case store_status::unknown:
      return true;
  }
  return false;
}
constexpr bool is_known(error_code one) {
  switch (one) {
    case error_code::error:
    case error_code::task:
    case error_code::cancelled:
    case error_code::timeout:
    case error_code::worker_died:
    case error_code::out_of_memory:
    case error_code::actor:
    case error_code::actor_died:
    case error_code::actor_unavailable:
    case error_code::name_taken:
    case error_code::pending_calls:
    case error_code::object_lost:
    case error_code::owner_died:
    case error_code::reconstruction:
    case error_code::store_full:
    case error_code::out_of_disk:
    case error_code::node_died:
    case error_code::placement_group_removed:
    case error_code::unschedulable:
    case error_code::infeasible:
    case error_code::environment:
    case error_code::serialization:
    case error_code::unknown_function:
    case error_code::broken_promise:
    case error_code::connection:
    case error_code::authentication:
    case error_code::protocol:
      return true;
  }
  return false;
}

}  // namespace mobula::engine::wire
