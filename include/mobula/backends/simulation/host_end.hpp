#pragma once

/// The end of a simulation, and its faults: when they come, and what a script does.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/host.hpp"
#include "mobula/backends/simulation/host_silence.hpp"

namespace mobula::simulation {

// --- The end -------------------------------------------------------------------------------------

inline void simulation_host::shutdown() noexcept {
  const detail::failure_ptr why =
      detail::failure_ptr::make(cancelled_error("the runtime ended before the task did"));
  {
    const turn mine(*this);
    shared_.closing = true;
    end_outside_waits();
    // What the driver has submitted is cancelled; that reaches everything below it.
    driver_->cancel_all(why);
    for (worker_process* const one : workers()) one->stop_bodies();
    // Bodies get their time to stop, which costs none.
    const instant grace = shared_.options.shutdown_grace.is_none()
                              ? engine::never
                              : shared_.options.shutdown_grace.count_ns();
    const instant end = grace > engine::never - world_.now() ? engine::never : world_.now() + grace;
    for (;;) {
      bool any = false;
      for (worker_process* const one : workers()) any = any || one->fiber_count() != 0;
      if (!any || world_.now() >= end || !world_.over().empty()) break;
      completion none;
      static_cast<void>(driver_->wait_for(none, std::min(end, world_.now() + 1'000'000),
                                          worker_process::waiting::deaf));
      for (worker_process* const one : workers()) one->stop_bodies();
    }
    shared_.ending = true;
  }
  // The rest is unwound on the simulation's own thread, where fibers run.
  world_.run_on_own_thread([this, &why] {
    for (const auto& one : workers_) {
      if (!one->alive()) continue;
      one->for_each_fiber([this](const body_fiber& fiber) {
        // Where nothing happens any more, an error has said why.
        if (fiber.body != nullptr && fiber.begun() && world_.over().empty()) {
          std::fprintf(stderr, "mobula: the runtime ends and %s still runs: it is unwound\n",
                       name_of_fiber(fiber).c_str());
        }
      });
      one->kill_process();
    }
    driver_->end_records(why);
    driver_->kill_process();
    end_outside_waits();
  });
  world_.stop();
  the_abandoned.close();
  worker_process::drain_abandoned(shared_);
  detail::record_abandoned.store(nullptr, std::memory_order_release);
  if (shared_.post_failures != 0) {
    std::fprintf(stderr, "mobula: %zu more posted calls failed\n", shared_.post_failures);
  }
}

// --- Faults --------------------------------------------------------------------------------------

template <class Process, class Fault>
void simulation_host::repeat_fault(Process& who, double per_second, random_stream random,
                                   Fault fault) {
  const instant wait = until_next(per_second, random);
  if (wait == engine::never) return;
  world_.events().after(wait, {event_kind::fault, 2, who.self().value(), {}},
                        [this, &who, per_second, random, fault]() mutable {
                          if (!who.alive() || faults_over_ || shared_.ending) return;
                          fault(random);
                          repeat_fault(who, per_second, random, fault);
                        });
}

inline void simulation_host::schedule_faults() {
  world_.net().set_faults(link_faults_of(plan_));
  if (!plan_.until.is_none()) {
    world_.events().at(plan_.until.count_ns(), {event_kind::fault, 0, 0, {}}, [this] {
      faults_over_ = true;
      world_.net().set_faults(link_faults{});
      for (const auto& one : nodes_) set_disk_faults(*one);
    });
  }
  if (head_) {
    repeat_fault(*head_, plan_.head_deaths, world_.random().split("head faults"),
                 [this](random_stream& random) { kill_head(lasting(plan_.head_death, random)); });
  }
  for (std::size_t i = 0; i < plan_.script.size(); ++i) {
    world_.events().at(plan_.script[i].at.count_ns(), {event_kind::fault, 1, i, {}}, [this, i] {
      play(plan_.script[i], world_.random().split("script").split(i));
    });
  }
}

inline void simulation_host::set_disk_faults(node_process& node) {
  node.spill_disk().set_faults(faults_over_ ? disk_faults{} : disk_faults_of(plan_));
  node.set_store_full(faults_over_ ? 0 : plan_.store_full);
}

inline void simulation_host::schedule_faults_of(worker_process& one) {
  const random_stream mine = world_.random().split("worker faults").split(one.self().value());
  random_stream slow = mine.split("slow");
  if (slow.chance(plan_.slow_workers)) {
    world_.net().set_slowness(one.self(), plan_.worker_slowness);
  }
  repeat_fault(one, plan_.worker_crashes, mine.split("crash"),
               [this, &one](random_stream&) { kill(one, crash()); });
  repeat_fault(one, plan_.worker_pauses, mine.split("pause"), [this, &one](random_stream& random) {
    pause(one.self(), lasting(plan_.pause, random));
  });
  repeat_fault(one, plan_.worker_cuts, mine.split("cut"), [this, &one](random_stream& random) {
    isolate(one.self(), lasting(plan_.cut, random));
  });
}

inline void simulation_host::schedule_faults_of(node_process& one) {
  const random_stream mine = world_.random().split("node faults").split(one.self().value());
  if (!is_drivers(one)) {
    repeat_fault(one, plan_.node_crashes, mine.split("crash"), [this, &one](random_stream& random) {
      const instant returns = lasting(plan_.node_return, random);
      const party machine = world_.net().machine_of(one.self());
      node_options what = records_.at(one.self()).given;
      kill(one);
      if (returns != engine::never) return_later(machine, what, returns);
    });
    repeat_fault(one, plan_.node_drains, mine.split("drain"), [this, &one](random_stream& random) {
      const instant lasts = lasting(plan_.node_drain, random);
      drain(one, lasts, lasting(plan_.node_return, random));
    });
  }
  repeat_fault(one, plan_.node_pauses, mine.split("pause"), [this, &one](random_stream& random) {
    const instant lasts = lasting(plan_.node_pause, random);
    const instant most = shared_.options.node_silence.is_none()
                             ? engine::never
                             : shared_.options.node_silence.count_ns() / 2;
    pause(one, is_drivers(one) ? std::min(lasts, most) : lasts);
  });
  repeat_fault(one, plan_.node_cuts, mine.split("cut"), [this, &one](random_stream& random) {
    const instant lasts = lasting(plan_.node_cut, random);
    block(drawn_cut(one, random), lasts);
  });
}

/// The shapes are Jepsen's. The head and the driver's node are on one side of all but the bridge,
/// of which the head is the middle: two halves see it, and not each other.
inline simulation_host::ways simulation_host::drawn_cut(const node_process& one,
                                                        random_stream& random) const {
  enum shape : std::uint64_t { alone, mute, deaf, halves, minority, ring, bridge, shapes };
  const std::uint64_t how = random.below(shapes);
  const party head = head_->self();
  const party drivers = world_.net().machine_of(nodes_.front()->self());
  std::vector<party> others;  // machines
  for (const auto& node : nodes_) {
    if (!node->alive() || is_drivers(*node)) continue;
    others.push_back(world_.net().machine_of(node->self()));
  }
  const party mine = world_.net().machine_of(one.self());
  std::set<party> cut;
  if (how == halves || how == minority || how == bridge) {
    std::size_t count = (others.size() + 1) / (how == minority ? 3 : 2);
    for (; count > 0 && !others.empty(); --count) {
      const std::size_t at = random.below(others.size());
      cut.insert(others[at]);
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(at));
    }
  } else if (mine != drivers && how != ring) {
    cut.insert(mine);
    std::erase(others, mine);
  }
  ways out;
  for (const party inner : cut) {
    const std::size_t inner_count = others.size();
    if (how != bridge) others.push_back(head);
    others.push_back(drivers);
    for (const party outer : others) {
      if (how != deaf) out.emplace_back(inner, outer);
      if (how != mute) out.emplace_back(outer, inner);
    }
    others.resize(inner_count);
  }
  if (how == ring || cut.empty()) {
    others.push_back(drivers);
    const std::size_t count = others.size();
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = i + 2; j < count; ++j) {
        if (i == 0 && j + 1 == count) continue;  // neighbours too
        out.emplace_back(others[i], others[j]);
        out.emplace_back(others[j], others[i]);
      }
    }
  }
  return out;
}

inline void simulation_host::disturb(const link_faults& faults, instant lasts) {
  const std::uint64_t number = ++disturbances_;
  world_.net().set_faults(faults);
  if (lasts == engine::never) return;
  world_.events().after(lasts, {event_kind::fault, 6, number, {}}, [this, number] {
    if (number != disturbances_) return;  // a later one lasts longer
    world_.net().set_faults(faults_over_ ? link_faults{} : link_faults_of(plan_));
  });
}
inline void simulation_host::isolate(party who, instant lasts) {
  world_.net().isolate(who);
  if (lasts == engine::never) return;
  world_.events().after(lasts, {event_kind::fault, 4, who.value(), {}},
                        [this, who] { world_.net().rejoin(who); });
}
inline worker_process* simulation_host::find_worker(party who) const {
  worker_process* const one = roster_.worker(who);
  return one != nullptr && one->alive() ? one : nullptr;
}
/// The living node of this name, and where none is named any but the driver's; or null.
inline node_process* simulation_host::other_node(const std::string& which,
                                                 random_stream& random) const {
  if (!which.empty()) return node_named(which);
  std::vector<node_process*> there;
  for (const auto& one : nodes_) {
    if (one->alive() && !is_drivers(*one)) there.push_back(one.get());
  }
  return there.empty() ? nullptr : there[random.below(there.size())];
}
inline worker_process* simulation_host::chosen_worker(const std::string& which,
                                                      random_stream& random) const {
  std::vector<worker_process*> there = workers();
  if (!which.empty()) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (std::to_string(i) == which && workers_[i]->alive()) return workers_[i].get();
    }
    return nullptr;
  }
  if (there.empty()) return nullptr;
  return there[random.below(there.size())];
}

/// The living node of this name, or any.
inline node_process* simulation_host::chosen_node(const std::string& which,
                                                  random_stream& random) const {
  std::vector<node_process*> there;
  for (const auto& one : nodes_) {
    if (one->alive() && (which.empty() || one->home().about.name == which)) {
      there.push_back(one.get());
    }
  }
  if (there.empty()) return nullptr;
  return there.size() == 1 ? there.front() : there[random.below(there.size())];
}

inline void simulation_host::play(const fault_event& line, random_stream random) {
  const instant lasts = line.lasts.is_none() ? engine::never : line.lasts.count_ns();
  const auto later_on = [&](action what) {
    if (lasts != engine::never) {
      world_.events().after(lasts, {event_kind::fault, 5, 0, {}}, std::move(what));
    }
  };
  switch (line.what) {
    case fault::kill_worker:
      if (worker_process* const one = chosen_worker(line.which, random)) kill(*one, crash());
      return;
    case fault::kill_actor: {
      party lives_in;
      std::vector<party> all;
      actors().for_each_actor([&](const engine::actor_record& one) {
        if (one.worker.empty()) return;
        if (one.made.name == line.which) lives_in = one.worker;
        all.push_back(one.worker);
      });
      if (line.which.empty() && !all.empty()) lives_in = all[random.below(all.size())];
      if (worker_process* const one = find_worker(lives_in)) kill(*one, crash());
      return;
    }
    case fault::pause_worker:
      if (worker_process* const one = chosen_worker(line.which, random)) pause(one->self(), lasts);
      return;
    case fault::slow_worker:
      if (worker_process* const one = chosen_worker(line.which, random)) {
        const party who = one->self();
        world_.net().set_slowness(who, line.factor);
        later_on([this, who] { world_.net().set_slowness(who, 1); });
      }
      return;
    case fault::cut_worker:
      if (worker_process* const one = chosen_worker(line.which, random)) {
        isolate(one->self(), lasts);
      }
      return;
    case fault::kill_node:
      if (node_process* const one = other_node(line.which, random)) kill(*one);
      return;
    case fault::pause_node:
      if (node_process* const one = other_node(line.which, random)) pause(*one, lasts);
      return;
    case fault::cut_node:
      if (node_process* const one = other_node(line.which, random)) block(ways_around(*one), lasts);
      return;
    case fault::drain_node:
      if (node_process* const one = other_node(line.which, random)) {
        if (!is_drivers(*one)) drain(*one, lasts);
      }
      return;
    case fault::kill_head:
      return kill_head(lasts);
    case fault::slow_disk:
      if (node_process* const node = chosen_node(line.which, random)) {
        disk_faults now = node->spill_disk().faults();
        now.slowness = line.factor;
        node->spill_disk().set_faults(now);
        later_on([this, node] {
          disk_faults after = node->spill_disk().faults();
          after.slowness = faults_over_ ? 1 : plan_.disk_slowness;
          node->spill_disk().set_faults(after);
        });
      }
      return;
    case fault::fill_disk:
      if (node_process* const node = chosen_node(line.which, random)) {
        node->spill_disk().set_full(true);
        later_on([node] { node->spill_disk().set_full(false); });
      }
      return;
    case fault::fill_store:
      if (node_process* const node = chosen_node(line.which, random)) {
        node->fill_store();
        later_on([node] { node->free_store(); });
      }
      return;
  }
}

}  // namespace mobula::simulation
