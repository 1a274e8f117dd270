#pragma once

/// The end of a simulation, and its faults: when they come, and what a script does.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/host.hpp"

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

template <class Fault>
void simulation_host::repeat_fault(party who, double per_second, random_stream random,
                                   Fault fault) {
  const instant wait = until_next(per_second, random);
  if (wait == engine::never) return;
  world_.events().after(wait, {event_kind::fault, 2, who.value(), {}},
                        [this, who, per_second, random, fault]() mutable {
                          worker_process* const there = find_worker(who);
                          if (there == nullptr || faults_over_ || shared_.ending) return;
                          fault(*there, random);
                          repeat_fault(who, per_second, random, fault);
                        });
}

inline void simulation_host::schedule_faults() {
  world_.net().set_faults(link_faults_of(plan_));
  node_->spill_disk().set_faults(disk_faults_of(plan_));
  node_->set_store_full(plan_.store_full);
  if (!plan_.until.is_none()) {
    world_.events().at(plan_.until.count_ns(), {event_kind::fault, 0, 0, {}}, [this] {
      faults_over_ = true;
      world_.net().set_faults(link_faults{});
      node_->spill_disk().set_faults(disk_faults{});
      node_->set_store_full(0);
    });
  }
  for (std::size_t i = 0; i < plan_.script.size(); ++i) {
    world_.events().at(plan_.script[i].at.count_ns(), {event_kind::fault, 1, i, {}}, [this, i] {
      play(plan_.script[i], world_.random().split("script").split(i));
    });
  }
}

inline void simulation_host::schedule_faults_of(worker_process& one) {
  const random_stream mine = world_.random().split("worker faults").split(one.self().value());
  random_stream slow = mine.split("slow");
  if (slow.chance(plan_.slow_workers)) {
    world_.net().set_slowness(one.self(), plan_.worker_slowness);
  }
  repeat_fault(one.self(), plan_.worker_crashes, mine.split("crash"),
               [this](worker_process& who, random_stream&) { kill(who, crash()); });
  repeat_fault(one.self(), plan_.worker_pauses, mine.split("pause"),
               [this](worker_process& who, random_stream& random) {
                 pause(who.self(), lasting(plan_.pause, random));
               });
  repeat_fault(one.self(), plan_.worker_cuts, mine.split("cut"),
               [this](worker_process& who, random_stream& random) {
                 isolate(who.self(), lasting(plan_.cut, random));
               });
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
      node_->actors().for_each_actor([&](const engine::actor_record& one) {
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
    case fault::slow_disk: {
      disk_faults now = node_->spill_disk().faults();
      now.slowness = line.factor;
      node_->spill_disk().set_faults(now);
      later_on([this] {
        disk_faults after = node_->spill_disk().faults();
        after.slowness = faults_over_ ? 1 : plan_.disk_slowness;
        node_->spill_disk().set_faults(after);
      });
      return;
    }
    case fault::fill_disk:
      node_->spill_disk().set_full(true);
      later_on([this] { node_->spill_disk().set_full(false); });
      return;
    case fault::fill_store:
      node_->fill_store();
      later_on([this] { node_->free_store(); });
      return;
  }
}

}  // namespace mobula::simulation
