#pragma once

/// A node with a host that only writes down what it is asked for, for tests by script.

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/node/node.hpp"

#include "support/catch.hpp"

namespace node_test {

using namespace mobula::engine;  // Not all of mobula: its node_options are the user's.
using mobula::resource_amount;
using mobula::resource_vector;

inline constexpr instant ms = 1'000'000;
inline constexpr party self{1};
/// Drivers are 2 to 9, workers 11 and so on.
inline constexpr party ada{2}, bob{3}, eve{4};

inline resource_vector cpus(double count) {
  return resource_vector(mobula::resource_set{.cpus = count, .custom = {}});
}
inline resource_vector both(double cpus, double gpus) {
  return resource_vector(mobula::resource_set{.cpus = cpus, .gpus = gpus, .custom = {}});
}
inline object_key key(party owner, std::uint64_t number) { return {owner, number}; }

/// A line a call, leases named L1, L2, ... in the order of their grants:
/// "start", "end 11: it was idle", "2: granted 7 L1 11", "restore 2:1", ...
class recorder : public node_host {
 public:
  std::vector<std::string> lines;
  std::vector<std::pair<party, message>> sent;
  std::vector<lease_id> leases;
  std::uint64_t last_kind = 0;  ///< of what was last started

  void send(party to, message&& one) override {
    note(to, one);
    sent.emplace_back(to, std::move(one));
  }
  void send(party, push_task&&) override { FAIL("a node pushes no tasks"); }
  void send(party, task_done&&) override { FAIL("a node runs no tasks"); }
  void start_worker(const worker_kind& what) override {
    std::string line = what.environment.empty() ? "start" : "start ";
    for (const std::byte one : what.environment.bytes()) line += static_cast<char>(one);
    for (const std::uint32_t index : what.gpus) line += " gpu " + std::to_string(index);
    lines.push_back(line);
    last_kind = what.number;
  }
  void end_worker(party worker, death_kind kind, const std::string& why) override {
    lines.push_back("end " + text(worker) + ": " + why);
    kinds.push_back(kind);
  }
  void release_memory(object_key object) override {
    lines.push_back("release " + to_string(object));
  }
  void spill(object_key object, std::uint64_t) override {
    lines.push_back("spill " + to_string(object));
  }
  void restore(object_key object, std::uint64_t) override {
    lines.push_back("restore " + to_string(object));
  }
  void erase_spilled(object_key object) override { lines.push_back("erase " + to_string(object)); }
  void take_memory(object_key object, std::uint64_t) override {
    lines.push_back("memory " + to_string(object));
  }
  void write_part(const object_part& what) override {
    lines.push_back("write " + to_string(what.object) + " " + std::to_string(what.offset) + "+" +
                    std::to_string(what.bytes.size()));
  }
  void send_part(party to, const fetch_part& what) override {
    lines.push_back(text(to) + ": part " + to_string(what.object) + " " +
                    std::to_string(what.offset) + "+" + std::to_string(what.size));
  }
  void warn(const std::string& text) override { lines.push_back("warn: " + text); }

  std::vector<death_kind> kinds;

  static std::string text(party one) { return std::to_string(one.value()); }
  std::string name(lease_id id) {
    for (std::size_t at = 0; at < leases.size(); ++at) {
      if (leases[at] == id) return "L" + std::to_string(at + 1);
    }
    leases.push_back(id);
    return "L" + std::to_string(leases.size());
  }

 private:
  static const char* status(store_status how) {
    constexpr const char* names[] = {"ok", "full", "disk_full", "unknown"};
    return names[static_cast<int>(how)];
  }
  void note(party to, const message& one) {
    std::string line = text(to) + ": ";
    if (const auto* granted = std::get_if<lease_granted>(&one)) {
      line += "granted " + std::to_string(granted->lease_class) + " " + name(granted->lease) + " " +
              text(granted->worker);
    } else if (const auto* refused = std::get_if<lease_refused>(&one)) {
      line += "refused " + std::to_string(refused->lease_class) + ": " + refused->why.what;
    } else if (const auto* back = std::get_if<reclaim_lease>(&one)) {
      line += "reclaim " + name(back->lease);
    } else if (const auto* resumed = std::get_if<body_resumed>(&one)) {
      line += "resumed " + name(resumed->lease);
    } else if (const auto* died = std::get_if<party_died>(&one)) {
      line += "died " + text(died->what.who);
    } else if (const auto* created = std::get_if<object_created>(&one)) {
      line += "created " + to_string(created->object) + " " + status(created->status);
    } else if (const auto* pinned = std::get_if<object_pinned>(&one)) {
      line += "pinned " + to_string(pinned->object) + " " + status(pinned->status);
    } else if (const auto* fetch = std::get_if<fetch_object>(&one)) {
      line += "fetch " + to_string(fetch->object);
      if (fetch->not_at.empty() && fetch->from_transfer != 0) line += " of " + std::to_string(fetch->from_transfer);
      if (!fetch->not_at.empty()) line += " not at " + text(fetch->not_at);
    } else if (const auto* fetched = std::get_if<fetch_answer>(&one)) {
      line += "fetch " + to_string(fetched->object) + " " + status(fetched->status);
      if (!fetched->at.empty()) line += " at " + text(fetched->at);
    } else if (const auto* part = std::get_if<fetch_part>(&one)) {
      line += "part? " + to_string(part->object) + " " + std::to_string(part->offset) + "+" +
              std::to_string(part->size);
    } else if (const auto* end = std::get_if<end_fetch>(&one)) {
      line += "end " + to_string(end->object);
    } else if (const auto* kept = std::get_if<object_kept>(&one)) {
      line += (kept->is_copy ? "kept " : "stored ") + to_string(kept->object);
    } else if (const auto* dropped = std::get_if<object_dropped>(&one)) {
      line += "dropped " + to_string(dropped->object);
    } else if (const auto* lost = std::get_if<object_lost>(&one)) {
      line += "lost " + to_string(lost->object);
    } else if (const auto* asked = std::get_if<ask_to_leave>(&one)) {
      line += "leave? " + std::to_string(asked->question);
    } else if (const auto* group = std::get_if<group_registered>(&one)) {
      constexpr const char* names[] = {"made", "found", "none", "taken", "refused"};
      line += "group " + std::to_string(group->group) + " " + names[static_cast<int>(group->how)];
      if (group->why) line += ": " + group->why->what;
    } else if (const auto* is = std::get_if<group_told>(&one)) {
      constexpr const char* names[] = {"pending", "created", "rescheduling", "removed"};
      line += "answer " + std::to_string(is->request) + " " + names[static_cast<int>(is->phase)];
      if (!is->nodes.empty()) line += " on " + std::to_string(is->nodes.size());
    } else if (const auto* over = std::get_if<group_removed>(&one)) {
      line += "group " + std::to_string(over->group) + " over: " + over->why;
    } else if (const auto* place = std::get_if<place_leases>(&one)) {
      line += "place " + text(place->requester) + ":" + std::to_string(place->lease_class) + " " +
              std::to_string(place->wanted);
    } else if (const auto* elsewhere = std::get_if<lease_elsewhere>(&one)) {
      line += "elsewhere " + std::to_string(elsewhere->lease_class) + " " +
              text(elsewhere->node) + " x" + std::to_string(elsewhere->count);
    } else if (const auto* joins = std::get_if<join_cluster>(&one)) {
      line += "join " + joins->name + " " + to_string(joins->total);
    } else if (const auto* report = std::get_if<node_report>(&one)) {
      line += "left " + to_string(report->available);
      if (report->kept != resource_vector()) line += ", kept " + to_string(report->kept);
    } else if (const auto* take = std::get_if<take_object>(&one)) {
      line += "take " + to_string(take->object);
    } else if (const auto* taken = std::get_if<object_taken>(&one)) {
      line += (taken->taken ? "taken " : "not taken ") + to_string(taken->object);
    } else if (const auto* moved = std::get_if<object_moved>(&one)) {
      line += "moved " + to_string(moved->object) + " to " + text(moved->to);
    } else if (const auto* other = std::get_if<node_unheard>(&one)) {
      line += (other->is_heard_again ? "hears " : "does not hear ") + text(other->node);
    } else if (std::holds_alternative<node_drained>(one)) {
      line += "drained";
    } else if (const auto* yes = std::get_if<bundles_prepared>(&one)) {
      line += "prepared " + std::to_string(yes->group) + "." + std::to_string(yes->attempt);
    } else if (const auto* no = std::get_if<bundles_refused>(&one)) {
      line += "no room for " + std::to_string(no->group) + "." + std::to_string(no->attempt);
    } else {
      line += "message " + std::to_string(one.index());
    }
    lines.push_back(line);
  }
};

/// Checks the node after each event.
class script {
 public:
  explicit script(node_options options) : machine(std::move(options), host) {
    for (const party one : {ada, bob, eve}) machine.party_joined(one, party_kind::driver, now);
    check();
  }

  recorder host;
  node machine;
  instant now = 0;

  template <class Message>
  script& say(party from, Message one) {
    machine.receive(from, message(std::move(one)), now);
    return check();
  }
  script& want(party from, std::uint64_t lease_class, std::uint32_t wanted, resource_vector what,
               lease_purpose purpose = lease_purpose::tasks, resource_vector to_place = {},
               bool fail = false) {
    return say(from, want_leases{lease_class, wanted, purpose, std::move(what), std::move(to_place),
                                 "task \"" + std::to_string(lease_class) + "\"", fail});
  }
  /// Bundles of these CPUs.
  script& reserve(party from, std::vector<resource_vector> bundles, const std::string& name = {},
                  group_strategy how = group_strategy::pack) {
    reserve_group one;
    one.name = name;
    one.how = how;
    for (resource_vector& each : bundles) one.bundles.push_back({std::move(each), {}});
    return say(from, std::move(one));
  }
  script& want_in(party from, std::uint64_t lease_class, std::uint32_t wanted, resource_vector what,
                  group_place where, lease_purpose purpose = lease_purpose::tasks) {
    want_leases one{lease_class,     wanted, purpose,
                    std::move(what), {},     "task \"" + std::to_string(lease_class) + "\""};
    one.where = where;
    return say(from, std::move(one));
  }
  /// The process that was asked for exists, and says its first word.
  script& join(std::uint64_t worker) {
    return appear(worker, 0).say(party{worker}, worker_ready{});
  }
  script& join_last(std::uint64_t worker) {
    return appear(worker, host.last_kind).say(party{worker}, worker_ready{});
  }
  /// It has not spoken yet.
  script& appear(std::uint64_t worker, std::uint64_t kind) {
    machine.party_joined(party{worker}, party_kind::worker, now, kind);
    return check();
  }
  script& die(std::uint64_t who, death_kind kind = death_kind::crashed) {
    machine.party_gone({.who = party{who}, .kind = kind, .text = "killed"}, now);
    return check();
  }
  script& leave(std::uint64_t worker, std::uint64_t question, bool needed = false) {
    return say(party{worker}, leave_answer{question, needed});
  }
  script& give_back(party holder, int lease) { return say(holder, return_lease{id(lease)}); }
  script& at(instant time) {
    now = time;
    if (machine.next_timer() <= now) machine.timer(now);
    check();
    CHECK(machine.next_timer() > now);
    return *this;
  }
  lease_id id(int lease) const { return host.leases.at(static_cast<std::size_t>(lease - 1)); }

  /// What the host was asked for since the last time.
  std::vector<std::string> said() { return std::exchange(host.lines, {}); }

  script& check() {
    machine.verify();
    return *this;
  }
};

using lines = std::vector<std::string>;

}  // namespace node_test
