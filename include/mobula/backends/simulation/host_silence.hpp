#pragma once

/// The nodes of a simulation: how they stand still, lose sight of each other, and are taken for
/// dead.

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/host_nodes.hpp"

namespace mobula::simulation {

inline void simulation_host::pause(node_process& node, instant lasts) {
  if (world_.events().held(node.self())) return;
  roster_.for_each_party_on(node, [this](const party_base& one) {
    if (one.alive()) world_.events().hold(one.self());
  });
  if (head_ && node.alive()) look_at_silence(node);
  if (lasts == engine::never) return;
  world_.events().after(lasts, {event_kind::fault, 7, node.self().value(), {}},
                        [this, &node] { release(node); });
}
inline void simulation_host::release(node_process& node) {
  roster_.for_each_party_on(node, [this](const party_base& one) {
    if (one.alive()) world_.events().release(one.self());
  });
  if (head_ && node.alive()) look_at_silence(node);
}
inline std::uint64_t simulation_host::block(ways which, instant lasts) {
  for (const auto& [from, to] : which) world_.net().cuts().block(from, to);
  const std::uint64_t made = ++cuts_made_;
  look_at_silence(cuts_.emplace(made, std::move(which)).first->second);
  if (lasts != engine::never) {
    world_.events().after(lasts, {event_kind::fault, 8, made, {}}, [this, made] { unblock(made); });
  }
  return made;
}
inline void simulation_host::unblock(std::uint64_t cut) {
  const auto at = cuts_.find(cut);
  if (at == cuts_.end()) return;
  const ways which = std::move(at->second);
  cuts_.erase(at);
  open(which);
}
inline void simulation_host::unblock_all() {
  ways all;
  for (const auto& [number, which] : cuts_) all.insert(all.end(), which.begin(), which.end());
  cuts_.clear();
  open(all);
}
inline void simulation_host::open(const ways& which) {
  for (const auto& [from, to] : which) world_.net().cuts().unblock(from, to);
  world_.tell_deaths();
  silences_.way_is_open();
  look_at_silence(which);
}

/// These ways are blocked now, or not any more; of interest are those from and to the head.
inline void simulation_host::look_at_silence(const ways& changed) {
  if (!head_) return;
  std::set<party> machines;
  for (const auto& [from, to] : changed) {
    if (from == head_->self() || from.empty()) machines.insert(to);
    if (to == head_->self() || to.empty()) machines.insert(from);
  }
  for (const party one : machines) {
    node_process* const node = roster_.node_on(one);
    if (node != nullptr && node->alive()) look_at_silence(*node);
  }
  let_come_back();
}
/// Who was dead to the head, and can hear all that live again.
inline void simulation_host::let_come_back() {
  if (gone_.empty()) return;
  const machine_cuts& cuts = world_.net().cuts();
  const auto is_dead = [this](party machine) {
    world_.note_look();
    const node_process* const node = roster_.node_on(machine);
    return node == nullptr || !node->alive();
  };
  const bool all_are_heard = cuts.for_each_alone(is_dead);
  std::vector<std::pair<party, node_options>> back;
  std::erase_if(gone_, [&](const auto& one) {
    const bool hears = all_are_heard && !cuts.are_apart(head_->self(), one.first) &&
                       cuts.for_each_apart(one.first, is_dead);
    if (hears) back.push_back(one);
    return hears;
  });
  for (const auto& [machine, what] : back) come_back(machine, what);
}
/// Who hears nothing of the other for `node_silence` takes it for dead: the head a node, and a node
/// itself. Here nobody has to ask for signs of life to notice, so that a simulation in which
/// nothing is left to happen is known as one.
inline void simulation_host::look_at_silence(node_process& node) {
  node_record& record = records_.at(node.self());
  const instant silence = shared_.options.node_silence.is_none()
                              ? engine::never
                              : shared_.options.node_silence.count_ns();
  const bool stands = world_.events().held(node.self());
  const bool is_mute = stands || world_.net().is_blocked(node.self(), head_->self());
  const bool is_deaf = world_.net().is_blocked(head_->self(), node.self());
  // Each waits by its own clock.
  const auto is_over = [&](bool is_silent, instant& since, const machine_clock& by) {
    if (!is_silent) {
      since = engine::never;
      return false;
    }
    const bool is_new = since == engine::never;
    if (is_new) since = world_.now();
    if (silence == engine::never) return false;
    const instant end = by.when(by.at(since) + silence);
    if (!is_new) return world_.now() >= end;
    world_.events().at(end, {event_kind::fault, 9, node.self().value(), {}}, [this, &node] {
      if (node.alive()) look_at_silence(node);
    });
    return false;
  };
  const bool head_gives_up = is_over(is_mute, record.head_hears_nothing_since, head_->own_clock());
  const bool gives_up = is_over(is_deaf, record.hears_nothing_since, node.own_clock());
  if (head_gives_up && !record.is_buried) bury(node);
  if (stands || !node.alive()) return;
  if (gives_up || (record.is_buried && !is_deaf)) {
    go_and_return(node);
  }
}
/// What still runs there ends; it comes back as another when it hears all others.
inline void simulation_host::go_and_return(node_process& node) {
  const party machine = world_.net().machine_of(node.self());
  node_options what = records_.at(node.self()).given;
  kill(node);
  if (!world_.over().empty()) return;
  gone_.emplace_back(machine, std::move(what));
  world_.events().after(world_.delay(1'000'000, 50'000'000),
                        {event_kind::fault, 10, machine.value(), {}}, [this] { let_come_back(); });
}
inline bool simulation_host::all_hear_all() {
  const auto is_held = [this](const auto& one) {
    return one->alive() && world_.events().held(one->self());
  };
  return world_.net().is_whole() && (!head_ || head_->is_up()) && !is_held(driver_) &&
         std::none_of(nodes_.begin(), nodes_.end(), is_held) &&
         std::none_of(workers_.begin(), workers_.end(), is_held);
}
/// Of two nodes that don't hear each other the head has chosen this one. It ends when it hears of
/// that.
inline void simulation_host::take_for_dead(party node) {
  node_process* const one = find_node(node);
  if (one == nullptr || !one->alive() || records_.at(node).is_buried) return;
  bury(*one);
  look_at_silence(*one);
}
/// The head takes it for dead, and so does everybody who hears of the head. Whatever it still says
/// reaches nobody.
inline void simulation_host::bury(node_process& node) {
  records_.at(node.self()).is_buried = true;
  roster_.for_each_party_on(
      node, [this](const party_base& one) { world_.cut_far_links_of(one, head_->self()); });
}
/// As a new node.
inline void simulation_host::come_back(party machine, const node_options& what) {
  if (shared_.ending) return;
  node_process& made = make_node(what, machine);
  made.begin();
  schedule_faults_of(made);
}

}  // namespace mobula::simulation
