#pragma once

/// One of each message as it is common, and one with nothing in it, for the golden bytes and for
/// the fuzz targets' first inputs. No two fields of one example that could be mixed up are equal.

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/wire.hpp"

namespace codec_examples {

using namespace mobula;
using namespace mobula::engine;

inline payload bytes_of(const std::string& text) {
  std::vector<std::byte> bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return payload(std::move(bytes));
}
inline object_key key(std::uint64_t owner, std::uint64_t number) { return {party(owner), number}; }

inline error_fields threw() {
  return {.code = error_code::task,
          .what = "no",
          .type_name = "E",
          .task = "add",
          .node = "n1",
          .process = 77};
}
inline error_fields crashed() {
  return {.code = error_code::worker_died, .what = "dead", .signal = 9, .exit_code = -1};
}
inline std::shared_ptr<const error_fields> why(error_fields fields) {
  return std::make_shared<const error_fields>(std::move(fields));
}
inline outcome inline_value(const std::string& text, key_list refs = {}) {
  outcome made;
  made.kind = outcome_kind::value;
  made.value = bytes_of(text);
  made.refs = std::move(refs);
  return made;
}
inline outcome stored_value(std::uint64_t size, key_list refs = {}) {
  outcome made;
  made.kind = outcome_kind::stored;
  made.node = party(34);
  made.size = size;
  made.refs = std::move(refs);
  return made;
}
inline invocation call(const std::string& name) {
  invocation made;
  made.function = {0x1122334455667788, 5};
  made.arguments = bytes_of("ab");
  made.refs = {key(2, 3)};
  made.values.push_back({key(4, 5), inline_value("c")});
  made.values.push_back({key(6, 7), stored_value(4096, {key(8, 9)})});
  made.filter = 10;
  made.name = name;
  return made;
}
inline resource_vector some_resources(double cpus) {
  const resource_map custom{{"camera", 0.5}, {"license", 3}};
  return resource_vector({.cpus = cpus, .gpus = 0.25, .memory = 1 << 20, .custom = &custom},
                         "test");
}

inline std::vector<message> typical() {
  std::vector<message> all;
  const object_key object = key(1, 0x0203);
  const lease_id lease(0x30);
  all.push_back(borrow{object});
  all.push_back(borrowed{object});
  all.push_back(gone{object, crashed()});
  all.push_back(unborrow{object});
  all.push_back(handed_over{object, 2});
  all.push_back(settled{object, inline_value("value", {key(2, 3)})});
  all.push_back(fulfil{object, 6, stored_value(100000)});
  all.push_back(fulfilled{object, 6, true});
  all.push_back(cancel_object{object, true, false});
  all.push_back(
      want_leases{.lease_class = 7,
                  .wanted = 8,
                  .purpose = lease_purpose::shared_process,
                  .resources = some_resources(2),
                  .resources_to_place = resource_vector::of_cpus(resource_amount::from_steps(1)),
                  .what = "task \"add\"",
                  .fail_if_infeasible = true,
                  .environment = bytes_of("env"),
                  .where = {31, 1},
                  .rule = {place_kind::on_node, true, party(34), {{"disk", "ssd"}, {"zone", "a"}}},
                  .placed = true});
  all.push_back(lease_granted{7, lease, party(9)});
  all.push_back(lease_refused{7, {.code = error_code::infeasible, .what = "too much"}});
  all.push_back(return_lease{lease});
  all.push_back(reclaim_lease{lease});
  all.push_back(body_blocked{lease});
  all.push_back(body_unblocked{lease});
  all.push_back(body_resumed{lease});
  all.push_back(worker_ready{});
  all.push_back(party_died{{.who = party(9),
                            .kind = death_kind::crashed,
                            .signal = 11,
                            .exit_code = -2,
                            .begun = 12,
                            .lease = lease_id(0x22),
                            .text = "oops"}});
  all.push_back(end_worker{party(9), "killed"});
  all.push_back(push_task{.task = object,
                          .lease = lease,
                          .index = 13,
                          .attempt = 2,
                          .what = call("add"),
                          .actor = key(14, 15),
                          .life = 16,
                          .group = "io",
                          .report_begin = true,
                          .stop_actor = false,
                          .post = true,
                          .retries = 3});
  all.push_back(task_done{.task = object,
                          .attempt = 2,
                          .result = failed_outcome(threw()),
                          .kept = {key(2, 3), key(4, 5), key(6, 7)},
                          .retryable = true,
                          .life_over = true,
                          .unread = key(8, 9)});
  all.push_back(call_begun{object});
  all.push_back(cancel_task{object, 2, false});
  all.push_back(steal_tasks{lease, 17});
  all.push_back(tasks_returned{lease, {object, key(1, 4)}, true});
  all.push_back(register_actor{.actor = key(18, 19),
                               .request = 20,
                               .name = "tally",
                               .name_space = "ns",
                               .type = 21,
                               .label = "counter",
                               .get_if_exists = true,
                               .detached = false,
                               .max_restarts = -1,
                               .max_concurrency = 22,
                               .groups = {{"cpu", 1}, {"io", 23}},
                               .purpose = lease_purpose::tasks,
                               .resources = {},
                               .resources_to_place = some_resources(1),
                               .fail_if_infeasible = true,
                               .about = bytes_of("about"),
                               .environment = bytes_of("env"),
                               .where = {31, group_place::any},
                               .rule = {place_kind::spread, false, {}, {{"zone", "a"}}}});
  all.push_back(actor_registered{20, registration::taken, key(18, 19), 21, "counter", bytes_of("about")});
  all.push_back(actor_arguments{key(18, 19), call("counter"), why(threw())});
  all.push_back(find_actor{20, "tally", "ns", 21});
  all.push_back(watch_actor{key(18, 19)});
  all.push_back(actor_changed{key(18, 19), actor_state::restarting, 24, party(9), why(crashed()),
                              party(34)});
  all.push_back(kill_actor{key(18, 19), true, "its owner"});
  all.push_back(make_actor{.actor = key(18, 19),
                           .life = 24,
                           .lease = lease,
                           .constructor = call("counter"),
                           .label = "tally",
                           .max_concurrency = 22,
                           .groups = {{"io", 23}},
                           .restarted = true,
                           .about = bytes_of("about")});
  all.push_back(actor_made{key(18, 19), 24, why(threw())});
  all.push_back(end_actor{key(18, 19), 24, true, why(crashed())});
  all.push_back(actor_ended{key(18, 19), 24, actor_end::exited});
  all.push_back(create_object{object, 25, true});
  all.push_back(object_created{object, store_status::disk_full,
                               {.code = error_code::out_of_disk, .what = "full"},
                               {27, 28, 29}});
  all.push_back(publish_object{object, {party{3}, draft_bit | 4}});
  all.push_back(pin_object{object, party(34), 25});
  all.push_back(object_pinned{object, store_status::unknown, crashed(), {27, 28, 29}});
  all.push_back(unpin_object{object});
  all.push_back(free_object{object});
  all.push_back(object_lost{object, {.code = error_code::object_lost, .what = "gone"}});
  all.push_back(ask_to_leave{26});
  all.push_back(leave_answer{26, true});
  all.push_back(stream_room{key(1, 30), 31, 32, {key(1, 33), key(1, 34)}});
  all.push_back(stream_item{key(1, 30), key(1, 33), stored_value(35, {key(2, 36)})});
  const std::vector<group_bundle> bundles{{some_resources(2), {{"disk", "ssd"}, {"zone", "a"}}},
                                          {some_resources(1), {}}};
  all.push_back(reserve_group{32, "trainers", "ns", group_strategy::spread, bundles, true, 40,
                              true});
  all.push_back(find_group{32, "trainers", "ns"});
  all.push_back(group_registered{32, group_answer_kind::found, 31, bundles, why(crashed())});
  all.push_back(ask_group{33, 31, true});
  all.push_back(group_told{33, group_phase::created, {party(1), party(34)}});
  all.push_back(remove_group{31});
  all.push_back(group_removed{31, "gone"});
  const place_rule rule{place_kind::on_node, true, party(34), {{"zone", "a"}}};
  all.push_back(join_cluster{"left", some_resources(4), {{"disk", "ssd"}, {"zone", "a"}}});
  all.push_back(node_report{some_resources(3), some_resources(1)});
  all.push_back(place_leases{party(9), 7, 8, some_resources(2), some_resources(3), rule, {31, 1}});
  all.push_back(leases_placed{party(9), 7, party(34), 5});
  all.push_back(leases_unplaceable{party(9), 7, crashed(), true});
  all.push_back(lease_elsewhere{7, party(34), 5});
  all.push_back(watch_node{party(34)});
  all.push_back(ask_death{party(9)});
  all.push_back(fetch_object{object, 37, 25, 36, party(35)});
  all.push_back(fetch_answer{object, 37, store_status::full, party(34), 36, crashed()});
  all.push_back(fetch_part{object, 37, 38, 39});
  all.push_back(object_part{object, 37, 38, bytes_of("part")});
  all.push_back(end_fetch{object, 37});
  all.push_back(object_kept{object, true});
  all.push_back(object_dropped{object});
  all.push_back(keep_object{object});
  all.push_back(prepare_bundles{
      31, 4, "trainers", true, {{0, some_resources(2)}, {2, some_resources(1)}}});
  all.push_back(bundles_prepared{31, 4});
  all.push_back(bundles_refused{31, 4});
  all.push_back(commit_bundles{31});
  all.push_back(release_bundles{31, 4, "gone"});
  all.push_back(begin_job{"ns", party(34)});
  all.push_back(job_begun{40, "ns"});
  all.push_back(end_job{});
  all.push_back(job_ended{40});
  all.push_back(resume_words{41});
  all.push_back(words_kept{42});
  all.push_back(drain_node{43, party(34), 44});
  all.push_back(drain_answer{43, why(crashed())});
  all.push_back(leave_cluster{44, {party(1), party(35)}});
  all.push_back(other_nodes{{party(1), party(35)}});
  all.push_back(node_drained{});
  all.push_back(may_leave{});
  all.push_back(take_object{object, 25});
  all.push_back(object_taken{object, true});
  all.push_back(object_moved{object, party(35)});
  all.push_back(put_value{45, "ns", "run/1", bytes_of("value"), false});
  all.push_back(value_put{45, put_result::refused, why(crashed())});
  all.push_back(get_value{45, "ns", "run/1", false});
  all.push_back(value_told{45, true, bytes_of("value")});
  all.push_back(erase_values{45, "ns", "run/", true});
  all.push_back(values_erased{45, 46, true});
  all.push_back(list_keys{45, "ns", "run/", "run/1"});
  all.push_back(keys_listed{45, {"run/1", "run/2"}, "run/3"});
  all.push_back(node_unheard{party(34), true});
  return all;
}

template <class... Alternatives>
std::vector<message> empty_ones(const std::variant<Alternatives...>*) {
  return {message(Alternatives{})...};
}
inline std::vector<message> empty() { return empty_ones(static_cast<const message*>(nullptr)); }

inline std::string name_of(const message& one) {
  return std::visit(
      [](const auto& alternative) {
        return std::string(wire::layout_of<std::decay_t<decltype(alternative)>>.name);
      },
      one);
}

}  // namespace codec_examples
