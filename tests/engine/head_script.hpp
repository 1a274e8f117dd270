#pragma once

/// What the tests of the head's machine have in common: a script of messages against a host that
/// writes down what is sent. The head checks all its invariants after each event.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/head/head.hpp"

#include "support/catch.hpp"

namespace head_test {

using namespace mobula::engine;
using mobula::error_code;
using mobula::group_id;
using mobula::resource_vector;

using lines = std::vector<std::string>;
inline constexpr party self{1};
inline constexpr party a{3}, b{4}, c{5};  ///< nodes
inline constexpr party ada{20}, bob{21};  ///< drivers
inline constexpr instant ms = 1'000'000;

inline resource_vector cpus(double count) {
  return resource_vector(mobula::resource_set{.cpus = count, .custom = {}});
}
inline std::string text(party who) { return std::to_string(who.value()); }
inline std::string text(std::uint64_t group, std::uint64_t attempt) {
  return std::to_string(group) + "." + std::to_string(attempt);
}
inline std::string label(std::uint64_t number) {
  return "placement group " + to_string(group_id(number));
}

/// A message in a word or two.
inline std::string words(const message& any) {
  if (const auto* made = std::get_if<group_registered>(&any)) {
    constexpr const char* names[] = {"made", "found", "none", "taken", "refused"};
    return "group " + std::to_string(made->group) + " " + names[static_cast<int>(made->how)] +
           (made->why ? ": " + made->why->what : "") +
           (made->bundles.empty() ? "" : " of " + std::to_string(made->bundles.size()));
  }
  if (const auto* told = std::get_if<group_told>(&any)) {
    constexpr const char* names[] = {"pending", "created", "rescheduling", "removed"};
    std::string out = names[static_cast<int>(told->phase)];
    for (const party one : told->nodes) out += one.empty() ? " -" : " " + text(one);
    return out;
  }
  if (const auto* one = std::get_if<prepare_bundles>(&any)) {
    std::string out = "prepare " + text(one->group, one->attempt) + ":";
    for (const numbered_bundle& each : one->bundles) out += " " + std::to_string(each.index);
    return out + (one->may_wait ? ", may wait" : "");
  }
  if (const auto* one = std::get_if<commit_bundles>(&any)) {
    return "commit " + std::to_string(one->group);
  }
  if (const auto* one = std::get_if<release_bundles>(&any)) {
    if (one->attempt == 0) return "remove " + std::to_string(one->group) + ": " + one->why;
    return "release " + text(one->group, one->attempt);
  }
  if (const auto* one = std::get_if<group_removed>(&any)) {
    return "over " + std::to_string(one->group) + ": " + one->why;
  }
  if (const auto* one = std::get_if<leases_placed>(&any)) {
    return text(one->requester) + ":" + std::to_string(one->lease_class) + " at " +
           text(one->node) + " x" + std::to_string(one->count);
  }
  if (const auto* one = std::get_if<leases_unplaceable>(&any)) {
    return text(one->requester) + ":" + std::to_string(one->lease_class) +
           (one->is_final ? " never: " : " not yet: ") + one->why.what;
  }
  if (const auto* one = std::get_if<party_died>(&any)) {
    return (one->what.begun == death::unknown ? "lost " : "died ") + text(one->what.who);
  }
  if (const auto* one = std::get_if<drain_answer>(&any)) {
    return one->why ? "no: " + one->why->what : "it drains";
  }
  if (const auto* one = std::get_if<leave_cluster>(&any)) {
    std::string out = "leave";
    for (const party other : one->others) out += " " + text(other);
    return out;
  }
  if (const auto* one = std::get_if<other_nodes>(&any)) {
    std::string out = "others";
    for (const party other : one->others) out += " " + text(other);
    return out;
  }
  if (std::holds_alternative<may_leave>(any)) return "may leave";
  if (const auto* one = std::get_if<job_begun>(&any)) {
    return "job " + std::to_string(one->job) + " in " + one->name_space;
  }
  if (const auto* one = std::get_if<job_ended>(&any)) {
    return "job " + std::to_string(one->job) + " is over";
  }
  return "message " + std::to_string(any.index());
}

class script : public head_host {
 public:
  script() : machine({.self = self}, *this) {}

  void send(party, push_task&&) override { FAIL("a head pushes no tasks"); }
  void send(party, task_done&&) override { FAIL("a head runs no tasks"); }
  void warn(const std::string& what) override { all.push_back("warn: " + what); }
  void take_for_dead(party node) override { all.push_back("take for dead " + text(node)); }
  void send(party to, message&& one) override { all.push_back(text(to) + ": " + words(one)); }

  template <class Message>
  script& say(party from, Message one) {
    machine.receive(from, message(std::move(one)), now);
    machine.verify();
    return *this;
  }
  script& join(party node, double cpu_count, label_list labels = {}) {
    return say(node, join_cluster{"n" + text(node), cpus(cpu_count), std::move(labels)});
  }
  script& left(party node, double cpu_count, double kept = 0) {
    return say(node, node_report{cpus(cpu_count), cpus(kept)});
  }
  script& reserve(std::vector<double> sizes, group_strategy how = group_strategy::spread,
                  std::string name = {}, bool fail = false) {
    reserve_group what;
    what.request = 7;
    what.name = std::move(name);
    what.how = how;
    what.fail_if_infeasible = fail;
    for (const double one : sizes) what.bundles.push_back({cpus(one), {}});
    return say(ada, std::move(what));
  }
  script& ask(std::uint64_t group, bool when_decided = true) {
    return say(bob, ask_group{5, group, when_decided});
  }
  script& yes(party node, std::uint64_t group, std::uint64_t attempt) {
    return say(node, bundles_prepared{group, attempt});
  }
  script& no(party node, std::uint64_t group, std::uint64_t attempt) {
    return say(node, bundles_refused{group, attempt});
  }
  script& place(party from, std::uint64_t lease_class, std::uint32_t wanted, place_rule rule = {},
                double cpu_count = 1) {
    return say(from, place_leases{.requester = ada,
                                  .lease_class = lease_class,
                                  .wanted = wanted,
                                  .resources = cpus(cpu_count),
                                  .resources_to_place = cpus(cpu_count),
                                  .rule = std::move(rule)});
  }
  /// Work in a group.
  script& place(party from, std::uint32_t wanted, group_place where, double cpu_count = 1,
                party requester = {}) {
    place_leases what;
    what.requester = requester.empty() ? from : requester;
    what.lease_class = 9;
    what.wanted = wanted;
    what.resources = what.resources_to_place = cpus(cpu_count);
    what.where = where;
    return say(from, std::move(what));
  }
  script& cut(party who) {
    machine.party_cut(who, now);
    machine.verify();
    return *this;
  }
  script& at(instant time) {
    now = time;
    if (machine.next_timer() <= now) machine.timer(now);
    machine.verify();
    CHECK(machine.next_timer() > now);
    return *this;
  }
  lines said() { return std::exchange(all, {}); }

  lines all;
  instant now = 0;
  head machine;
};

}  // namespace head_test
