#pragma once

/// The nodes of a simulation, and its head: how they come and go.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/host.hpp"

namespace mobula::simulation {

// --- What there is -------------------------------------------------------------------------------

inline node_info simulation_host::info_of(const node_process& one) {
  node_info made = one.home().about;
  made.alive = one.alive();
  made.available = one.alive() ? one.machine().available().to_set() : resource_set{};
  return made;
}
inline node_process* simulation_host::find_node(party who) const {
  return roster_.node(who);
}
inline node_process* simulation_host::node_named(std::string_view name) const {
  return roster_.living_node(name);
}
inline std::vector<node_info> simulation_host::nodes() const {
  const turn mine(const_cast<simulation_host&>(*this), false);
  std::vector<node_info> all;
  for (const auto& one : nodes_) all.push_back(info_of(*one));
  return all;
}
inline resource_set simulation_host::available_resources() const {
  const turn mine(const_cast<simulation_host&>(*this), false);
  resource_vector sum;
  for (const auto& one : nodes_) {
    if (one->alive()) sum += one->machine().available();
  }
  return sum.to_set();
}
inline node_info simulation_host::this_node() const {
  const turn mine(const_cast<simulation_host&>(*this), false);
  return info_of(*find_node(mine.process().home().node));
}

// --- They come and go ----------------------------------------------------------------------------

/// On a new machine, or on one that was there.
inline node_process& simulation_host::make_node(const node_options& given, party machine) {
  hosting::node_place home;
  home.node = world_.next_party();
  home.directory = head_ ? head_->self() : home.node;
  node_info& about = home.about;
  about.id = hosting::id_of_node(home.node);
  about.name = given.name.empty() ? "node" + std::to_string(nodes_.size()) : given.name;
  about.total.cpus = given.cpus;
  about.total.gpus = given.gpus;
  about.total.memory = given.memory;
  about.total.custom = given.resources;
  about.labels = given.labels;
  about.available = about.total;
  engine::node_options made;
  made.self = home.node;
  made.name = about.name;
  if (head_) made.head = head_->self();
  made.total = resource_vector(about.total);
  made.labels = about.labels;
  made.store_bytes = shared_.options.store_memory.value_or(about.total.memory * 3 / 10);
  made.prestart = static_cast<unsigned>(std::min(64.0, about.total.cpus));
  nodes_.push_back(std::make_unique<node_process>(shared_, home, made, *this));
  node_process& one = *nodes_.back();
  world_.add(one, machine.empty() ? one.self() : machine);
  roster_.add(one, world_.net().machine_of(one.self()));
  records_[one.self()].given = given;
  records_[one.self()].given.name = about.name;
  set_disk_faults(one);
  return one;
}
inline node_process& simulation_host::add_node(const node_options& what) {
  MOBULA_ASSERT(head_, "a node joins a head");
  node_process& made = make_node(what);
  made.begin();
  schedule_faults_of(made);
  return made;
}
inline void simulation_host::kill(node_process& node) {
  if (!node.alive()) return;
  world_.events().history().note(
      {world_.now(), event_kind::death, node.self().value(), node.self().value()});
  if (is_drivers(node)) {
    return world_.end("the driver's node is dead, and the driver with it (seed " +
                      std::to_string(world_.seed()) + ")");
  }
  records_.erase(node.self());
  roster_.for_each_worker_on(node.self(), [this](worker_process& one) {
    if (!one.alive()) return;
    one.kill_process();
    world_.cut_links_of(one);
  });
  node.die();
  world_.cut_links_of(node);
}

inline void simulation_host::kill(worker_process& one, const engine::death& how) {
  if (!one.alive()) return;
  world_.events().history().note({world_.now(), event_kind::death, one.self().value(),
                                  static_cast<std::uint64_t>(how.signal)});
  engine::death what = how;
  what.who = one.self();
  what.begun = one.begun();
  what.lease = one.last_lease();
  what.running = one.running_calls();
  one.kill_process();
  world_.cut_links_of(one);
  // What it had sent to the node is received first: perhaps it has published what it answered.
  node_process* const node = find_node(one.home().node);
  const instant seen = world_.all_arrived(one.self(), node->self());
  world_.events().at(seen + world_.delay(1'000, 300'000),
                     {event_kind::death, one.self().value(), 0, node->self()},
                     [node, what] { node->saw_death(what); });
}

inline void simulation_host::drain(node_process& node, instant lasts, instant returns) {
  MOBULA_ASSERT(head_ && !is_drivers(node), "the driver's node stays");
  if (!node.alive()) return;
  records_.at(node.self()).returns = returns;
  driver_->drain(node.self(), lasts == engine::never ? UINT64_MAX
                                                     : static_cast<std::uint64_t>(lasts));
}
inline void simulation_host::leave(node_process& node) {
  if (!node.alive()) return;
  const node_record record = records_.at(node.self());
  const party machine = world_.net().machine_of(node.self());
  kill(node);
  if (record.returns != engine::never) return_later(machine, record.given, record.returns);
}
/// As a new node, when it can hear the head then.
inline void simulation_host::return_later(party machine, const node_options& what,
                                          instant after) {
  world_.events().after(after, {event_kind::fault, 11, machine.value(), {}},
                        [this, machine, what] {
                          gone_.emplace_back(machine, what);
                          let_come_back();
                        });
}
inline void simulation_host::start_worker(node_process& node) {
  const party who = world_.next_party();
  world_.events().after(
      world_.delay(200'000, 600'000), {event_kind::start, who.value(), 0, node.self()},
      [this, who, &node] {
        if (shared_.ending || !node.alive()) return;
        workers_.push_back(std::make_unique<worker_process>(shared_, who, node.home(), node));
        worker_process& made = *workers_.back();
        world_.add(made, world_.net().machine_of(node.self()));
        roster_.add(made);
        node.joined(who, engine::party_kind::worker);
        made.begin();
        schedule_faults_of(made);
      });
}

/// A program begins when its nodes are there, and its job.
inline void simulation_host::let_all_join() {
  if (!head_) return;
  driver_->begin_job();
  auto all_are_there = [this, there = std::size_t{0}]() mutable {
    const engine::cluster_view& view = head_->machine().view();
    while (there < nodes_.size() && view.find(nodes_[there]->self()) != nullptr) ++there;
    return there == nodes_.size();
  };
  while (!all_are_there() || shared_.job == 0) static_cast<void>(world_.events().run_next());
}

// --- The head's death ----------------------------------------------------------------------------

/// Nodes tell its death from a cut, for connections to it are refused, not lost. So none takes
/// itself for cut off, however long it lasts.
inline void simulation_host::kill_head(instant lasts) {
  if (!head_ || !head_->is_up()) return;
  world_.events().history().note(
      {world_.now(), event_kind::death, head_->self().value(), head_->self().value()});
  head_->kill();
  if (lasts == engine::never) return;
  world_.events().after(lasts, {event_kind::fault, 12, head_->self().value(), {}},
                        [this] { restart_head(); });
}
/// Everybody finds that it is there again after a while of his own.
inline void simulation_host::restart_head() {
  if (!head_ || head_->is_up() || shared_.ending) return;
  head_->restart();
  const std::uint64_t life = world_.life_of(head_->self());
  const auto connect = [&](party_process& one) {
    if (!one.alive() || (!one.has_peer(head_->self()) && !head_->knows(one.self()))) return;
    world_.events().after(world_.delay(100'000, 20'000'000),
                          {event_kind::fault, 13, one.self().value(), one.self()},
                          [this, life, &one] {
                            if (!head_->is_up() || life != world_.life_of(head_->self())) return;
                            head_->link_made(one.self());
                            one.head_is_back();
                          });
  };
  for (const auto& one : nodes_) connect(*one);
  connect(*driver_);
  for (const auto& one : workers_) connect(*one);
  let_come_back();
}

}  // namespace mobula::simulation
