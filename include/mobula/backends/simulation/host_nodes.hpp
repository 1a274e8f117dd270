#pragma once

/// The nodes of a simulation: how they come, go, stand still, lose sight of each other, and are
/// taken for dead.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
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
  for (const auto& one : nodes_) {
    if (one->alive() && one->home().about.name == name) return one.get();
  }
  return nullptr;
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
    const std::vector<party> peers = one.peers();
    const bool has_link = std::find(peers.begin(), peers.end(), head_->self()) != peers.end();
    if (!one.alive() || (!has_link && !head_->knows(one.self()))) return;
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

// --- Silence -------------------------------------------------------------------------------------

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
  for (const auto& [from, to] : which) world_.net().block(from, to);
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
  for (const auto& [from, to] : which) world_.net().unblock(from, to);
  cuts_.erase(at);
  world_.tell_deaths();
  silences_.way_is_open();
  look_at_silence(which);
}
inline void simulation_host::unblock_all() {
  while (!cuts_.empty()) unblock(cuts_.begin()->first);
}

/// These ways are blocked now, or not any more; of interest are those from and to the head.
inline void simulation_host::look_at_silence(const ways& changed) {
  if (!head_) return;
  std::set<party> machines;
  for (const auto& [from, to] : changed) {
    if (from == head_->self()) machines.insert(to);
    if (to == head_->self()) machines.insert(from);
  }
  for (const party one : machines) {
    node_process* const node = roster_.node_on(one);
    if (node != nullptr && node->alive()) look_at_silence(*node);
  }
  let_come_back();
}
/// Who was dead to the head, and can hear it again.
inline void simulation_host::let_come_back() {
  std::vector<std::pair<party, node_options>> back;
  std::erase_if(gone_, [&](const auto& one) {
    const bool hears = !are_apart(head_->self(), one.first) &&
                       std::none_of(nodes_.begin(), nodes_.end(), [&](const auto& other) {
                         return other->alive() && are_apart(other->self(), one.first);
                       });
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
                        {event_kind::fault, 10, machine.value(), {}},
                        [this] { let_come_back(); });
}
/// In one direction or both.
inline bool simulation_host::are_apart(party one, party other) const {
  return world_.net().is_blocked(one, other) || world_.net().is_blocked(other, one);
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
  roster_.for_each_party_on(node,
                    [this](const party_base& one) { world_.cut_far_links_of(one, head_->self()); });
}
/// As a new node.
inline void simulation_host::come_back(party machine, const node_options& what) {
  if (shared_.ending) return;
  node_process& made = make_node(what, machine);
  made.begin();
  schedule_faults_of(made);
}

}  // namespace mobula::simulation
