#pragma once

/// What simulated processes live in: virtual time, a network, and the one thread that runs it all.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "mobula/backends/hosting/party_loop.hpp"
#include "mobula/backends/simulation/fiber.hpp"
#include "mobula/backends/simulation/frame_pool.hpp"
#include "mobula/backends/simulation/machine_clock.hpp"
#include "mobula/backends/simulation/network.hpp"
#include "mobula/backends/simulation/random.hpp"
#include "mobula/backends/simulation/schedule.hpp"
#include "mobula/backends/simulation/watchdog.hpp"
#include "mobula/core/options.hpp"
#include "mobula/engine/link_options.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::simulation {

/// Kinds of events, as the trace has them.
namespace event_kind {
inline constexpr std::uint32_t frame = 1;   ///< from, to
inline constexpr std::uint32_t timer = 2;   ///< whose
inline constexpr std::uint32_t local = 3;   ///< whose: a machine's word to another of its process
inline constexpr std::uint32_t cut = 4;     ///< whose link, to whom
inline constexpr std::uint32_t body = 5;    ///< of which worker; how-manieth of the world
inline constexpr std::uint32_t wake = 6;    ///< of which process; how-manieth body, or 0
inline constexpr std::uint32_t start = 7;   ///< of a worker: who
inline constexpr std::uint32_t death = 8;   ///< of a worker: who
inline constexpr std::uint32_t disk = 9;    ///< an answer
inline constexpr std::uint32_t fault = 10;  ///< which
}  // namespace event_kind

class world;

class party_base : public hosting::party_loop {
 public:
  party_base(world& in, party self) : party_loop(self), world_(in) {}
  virtual ~party_base() = default;

  virtual void frame_arrived(party from, std::span<const std::byte> frame) = 0;
  virtual void peer_gone(party who) = 0;
  /// With whom it has had to do. In order.
  virtual std::vector<party> peers() const = 0;
  virtual bool has_peer(party who) const = 0;

 protected:
  world& world_;
};

/// A thread that is not the simulation's and waits for it.
struct outside_wait {
  bool over = false;
  std::condition_variable wake;
};

/// Everything in it happens on one thread of its own, one event after the other, under a mutex.
/// Threads of the program come in by `enter`; the simulation goes on only while one of them waits.
/// So a program with one thread is the simulation's clockwork too: the same seed gives the same
/// run.
///
/// Invariants:
///  - Time stands while no thread of the program waits (or has asked for a step).
///  - Fibers run on the simulation's thread alone.
class world {
 public:
  world(std::uint64_t seed, instant time_limit, const stack_options& stacks, fiber_hooks* hooks)
      : random_(seed),
        events_({.ties_by_seed = random_.split("ties").next(), .time_limit = time_limit}),
        network_(random_.split("network")),
        delays_(random_.split("delays")),
        fibers_(stacks, hooks),
        watch_(seed),
        seed_(seed) {}
  ~world() { MOBULA_ASSERT(!thread_.joinable(), "a world is stopped before it goes"); }

  // What happens in it: on its own thread, or by a thread that has entered.

  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] instant now() const noexcept { return events_.now(); }
  schedule& events() noexcept { return events_; }
  simulation::network& net() noexcept { return network_; }
  const simulation::network& net() const noexcept { return network_; }
  const random_stream& random() const noexcept { return random_; }
  fiber_pool& fibers() noexcept { return fibers_; }
  engine::link_options& links() noexcept { return links_; }
  /// No two agree by more than chance: ahead by up to so much, and fast or slow by up to so many
  /// parts per million.
  void set_clocks(instant ahead_max, instant drift_max) noexcept {
    ahead_max_ = ahead_max;
    drift_max_ = drift_max;
  }
  [[nodiscard]] machine_clock clock_of(party who) const {
    random_stream random = random_.split("clocks").split(who.value());
    const instant ahead = random.between(0, ahead_max_);
    return {ahead, random.between(-drift_max_, drift_max_)};
  }
  /// A small delay from the seed, in nanoseconds: what a process takes to do something.
  instant delay(instant low, instant high) { return delays_.between(low, high); }

  void add(party_base& one, party machine) {
    parties_[one.self()] = &one;
    network_.put(one.self(), machine);
    on_machine_[machine].insert(one.self());
  }
  /// It is dead. Others may still send to it, and find that.
  void died(party one) { on_machine_[network_.machine_of(one)].erase(one); }
  /// Called by processes that go.
  void remove(party one) { parties_.erase(one); }
  party_base* find(party who) const {
    const auto at = parties_.find(who);
    return at == parties_.end() ? nullptr : at->second;
  }
  /// The number of the next process: small, for it is a part of what users read.
  party next_party() noexcept { return party{++parties_made_}; }

  /// How often a party has come back from death, under the same name: the head, nobody else. Each
  /// life's links are others.
  [[nodiscard]] std::uint64_t life_of(party one) const {
    const auto at = lives_.find(one);
    return at == lives_.end() ? 0 : at->second;
  }
  void lives_again(party one) { ++lives_[one]; }

  /// A frame leaves.
  void carry(party from, party to, std::span<const std::byte> frame) {
    const arrivals when = network_.send(from, to, frame.size(), now());
    if (when.empty()) {
      if (on_blocked && network_.is_blocked(from, to)) on_blocked(from, to);
      return;
    }
    const frame_pool::frame sent = frames_.make(frame);
    for (const instant at : when) {
      events_.at(at, {event_kind::frame, from.value(), to.value(), to}, [this, from, to, sent] {
        party_base* const there = find(to);
        if (there == nullptr) return;
        if (there->alive()) return there->frame_arrived(from, sent.bytes());
        party_base* const back = find(from);
        if (back != nullptr && back->alive()) cut_link(to, *back);
      });
    }
  }
  /// When all that has left for there has arrived; now, where it has.
  [[nodiscard]] instant all_arrived(party from, party to) const {
    return network_.all_arrived(from, to, now());
  }
  /// A process is dead: all others learn that when what was on its way to them is there. Those of
  /// its machine that have no link to it too, for one may be about to make it: a lease of the dead
  /// is on its way. Of other machines they learn it when what they send there finds nobody, as does
  /// who starts later.
  void cut_links_of(const party_base& dead) {
    for (const party peer : those_near(dead.self())) cut_link(dead.self(), *parties_.at(peer));
    cut_far_links_of(dead, {});
    linked_.erase(dead.self());  // who makes one later finds nobody
  }
  /// For those on other machines than the dead's that can hear of it from there. What one of them
  /// has sent may never have arrived, so the dead need not know of the link.
  void cut_far_links_of(const party_base& dead, party teller) {
    const party machine = network_.machine_of(dead.self());
    std::vector<party> all = dead.peers();
    if (const auto at = linked_.find(dead.self()); at != linked_.end()) {
      all.insert(all.end(), at->second.begin(), at->second.end());
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    for (const party peer : all) {
      note_look();
      party_base* const there = find(peer);
      if (there == nullptr || !there->alive() || network_.machine_of(peer) == machine) continue;
      if (!dead.has_peer(peer) && !there->has_peer(dead.self())) continue;
      cut_link(dead.self(), *there, teller);
    }
  }
  /// A party has made a link to another; that one may not know of it.
  void linked(party from, party to) { linked_[to].push_back(from); }
  /// A way between machines is open again: who could not hear of a death does now.
  void tell_deaths() {
    std::vector<untold_death> then;
    then.swap(untold_);
    for (const untold_death& one : then) {
      party_base* const there = find(one.peer);
      if (there != nullptr && there->alive()) cut_link(one.dead, *there, one.teller);
    }
  }

  /// A frame was lost because its way is blocked.
  std::function<void(party from, party to)> on_blocked;
  /// How many parties, and pairs of them, deaths and cuts have been about, ever.
  [[nodiscard]] std::uint64_t looks() const noexcept { return looks_; }
  void note_look() const noexcept { ++looks_; }

  /// Every message that a machine receives, for those who look on.
  std::function<void(instant now, party from, party to, const engine::message&)> watcher;
  void saw(party from, party to, const engine::message& one) {
    if (watcher) watcher(now(), from, to, one);
  }

  // The thread.

  void start() {
    thread_ = std::thread([this] { run(); });
    watch_.start();
  }
  /// No event runs afterwards, and every thread that had entered has left. For a thread of the
  /// program that has not entered, when all waits have ended.
  void stop() {
    {
      const std::lock_guard held{mutex_};
      stopping_ = true;
    }
    go_.notify_all();
    stepped_.notify_all();
    if (thread_.joinable()) thread_.join();
    watch_.stop();
    while (users_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  }
  [[nodiscard]] bool on_own_thread() const noexcept {
    return std::this_thread::get_id() == thread_.get_id();
  }

  /// Takes the calling thread in; it holds `mutex` until `leave`. Not from the simulation's own
  /// thread.
  std::unique_lock<std::mutex> enter() {
    users_.fetch_add(1, std::memory_order_relaxed);
    callers_.fetch_add(1, std::memory_order_acq_rel);
    std::unique_lock held{mutex_};
    callers_.fetch_sub(1, std::memory_order_acq_rel);
    inside_ = &held_here();
    return held;
  }
  void leave(std::unique_lock<std::mutex>& held) noexcept {
    inside_ = nullptr;
    const bool more = events_.waiting() != known_waiting_;
    held.unlock();
    if (more) go_.notify_all();  // somebody may wait for something to happen
    users_.fetch_sub(1, std::memory_order_release);  // the last: the world may go now
  }
  /// It has entered, perhaps further up its stack.
  [[nodiscard]] bool held_by_this_thread() const noexcept { return inside_ == &held_here(); }

  /// Blocks the calling thread, which has entered, until `end_wait`; the simulation goes on
  /// meanwhile.
  void wait_outside(outside_wait& one) {
    if (one.over) return;
    ++waiting_;
    inside_ = nullptr;
    go_.notify_all();
    std::unique_lock held{mutex_, std::adopt_lock};
    one.wake.wait(held, [&] { return one.over; });
    static_cast<void>(held.release());
    inside_ = &held_here();
  }
  /// Of one that waits. The simulation stops before its next event, if nobody else waits.
  void end_wait(outside_wait& one) {
    if (std::exchange(one.over, true)) return;
    --waiting_;
    one.wake.notify_all();
  }
  /// Lets one event happen, for a thread that asks again and again.
  void step_outside() {
    ++steps_wanted_;
    inside_ = nullptr;
    go_.notify_all();
    std::unique_lock held{mutex_, std::adopt_lock};
    const std::uint64_t ticket = ++step_tickets_;
    stepped_.wait(held, [&] { return steps_done_ >= ticket || stopping_; });
    static_cast<void>(held.release());
    inside_ = &held_here();
  }
  /// Runs it on the simulation's thread, between two events. Not from there, and without having
  /// entered.
  void run_on_own_thread(action what) {
    std::unique_lock held{mutex_};
    errand_ = std::move(what);
    go_.notify_all();
    stepped_.wait(held, [&] { return !errand_; });
  }

  /// Set when the time limit has passed, or nothing can happen any more: every wait ends.
  [[nodiscard]] const std::string& over() const noexcept { return over_; }
  /// Called once, when `over` was set.
  std::function<void()> on_over;
  /// Nothing happens any more, for this reason, and every wait ends. Only the first counts.
  void end(std::string why) {
    if (!over_.empty()) return;
    over_ = std::move(why);
    if (on_over) on_over();
  }
  /// Asked when nothing is left to happen while somebody waits. A text ends the simulation; an
  /// empty one leaves it to the threads of the program to make something happen.
  std::function<std::string()> on_idle;

  /// Of bodies that really block.
  watchdog& watch() noexcept { return watch_; }

 private:
  struct untold_death {
    party dead;
    party peer;
    party teller;
  };

  /// The living others of its machine.
  std::vector<party> those_near(party who) const {
    const auto at = on_machine_.find(network_.machine_of(who));
    std::vector<party> out;
    if (at == on_machine_.end()) return out;
    std::copy_if(at->second.begin(), at->second.end(), std::back_inserter(out),
                 [who](party one) { return one != who; });
    return out;
  }
  /// Once for each death and peer. Told by the dead's own machine, as by a reset, or by another
  /// party that knows.
  void cut_link(party dead, party_base& from, party teller = {}) {
    const party peer = from.self();
    if (cut_.contains({dead, peer})) return;
    if (network_.is_blocked(teller.empty() ? dead : teller, peer)) {
      untold_.push_back({dead, peer, teller});
      return;
    }
    cut_.insert({dead, peer});
    events_.at(all_arrived(dead, peer) + delay(1'000, 100'000),
               {event_kind::cut, dead.value(), peer.value(), peer}, [this, dead, peer] {
                 if (party_base* const there = find(peer)) there->peer_gone(dead);
                 network_.forget(dead, peer);
               });
  }

  void run() {
    std::unique_lock held{mutex_};
    for (;;) {
      go_.wait(held, [&] { return stopping_ || errand_ || waiting_ > 0 || steps_wanted_ > 0; });
      if (errand_) {
        action what = std::move(errand_);
        what();
        errand_ = nullptr;
        stepped_.notify_all();
        continue;
      }
      if (stopping_) return;
      const step what = over_.empty() ? events_.run_next() : step::idle;
      published_now.store(events_.now(), std::memory_order_release);
      if (steps_wanted_ > 0) {
        steps_wanted_ = 0;
        steps_done_ = step_tickets_;
        stepped_.notify_all();
      }
      if (what == step::time_limit || what == step::in_circles) {
        const std::string why = what == step::time_limit
                                    ? "the simulation's time limit has passed"
                                    : "the simulation runs in circles: its time stands still";
        end(why + " (seed " + std::to_string(seed_) + ")");
      }
      if (what == step::idle && waiting_ > 0) {
        if (over_.empty() && on_idle) {
          if (std::string why = on_idle(); !why.empty()) {
            end(std::move(why));
            continue;
          }
        }
        wait_for_others(held);
      }
      if (callers_.load(std::memory_order_acquire) > 0) {
        held.unlock();
        while (callers_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
        held.lock();
      }
    }
  }

  /// Nothing is left to happen, unless a thread of the program makes something.
  void wait_for_others(std::unique_lock<std::mutex>& held) {
    known_waiting_ = events_.waiting();
    const int waited = waiting_;
    const auto changed = [&] {
      return stopping_ || errand_ || waiting_ != waited || steps_wanted_ > 0 ||
             events_.waiting() != known_waiting_ || !over_.empty();
    };
    if (!go_.wait_for(held, std::chrono::seconds(5), changed) && !warned_) {
      warned_ = true;
      std::fprintf(stderr,
                   "mobula: simulation, seed %llu: nothing is left to happen, and %d thread%s "
                   "wait%s: a dead-lock\n",
                   static_cast<unsigned long long>(seed_), waiting_, waiting_ == 1 ? "" : "s",
                   waiting_ == 1 ? "s" : "");
    }
    go_.wait(held, changed);
  }

 public:
  /// The virtual time for `mobula::clock`.
  static inline std::atomic<std::int64_t> published_now{0};

 private:
  /// An address that differs from thread to thread.
  static const void*& held_here() noexcept {
    static thread_local const void* mark = nullptr;
    return mark;
  }

  random_stream random_;
  frame_pool frames_;  // first: events have some
  schedule events_;
  simulation::network network_;
  random_stream delays_;
  fiber_pool fibers_;
  watchdog watch_;
  engine::link_options links_;
  instant ahead_max_ = 0;
  instant drift_max_ = 0;
  const std::uint64_t seed_;
  boost::unordered_flat_map<party, party_base*, std::hash<party>> parties_;
  std::map<party, std::set<party>> on_machine_;  ///< those that live
  boost::unordered_flat_set<ends, ends_hash> cut_;  ///< the dead, and who was or will be told
  boost::unordered_flat_map<party, std::vector<party>, std::hash<party>> linked_;  ///< who to it
  mutable std::uint64_t looks_ = 0;
  std::vector<untold_death> untold_;       ///< to those who could not hear of it yet
  std::map<party, std::uint64_t> lives_;   ///< of those that came back
  std::uint64_t parties_made_ = 0;

  std::thread thread_;
  mutable std::mutex mutex_;
  std::atomic<int> callers_{0};  ///< threads that want the mutex: let in between two events
  std::atomic<int> users_{0};    ///< threads between `enter` and the end of `leave`
  std::atomic<const void*> inside_{nullptr};  ///< which thread has entered
  action errand_;
  std::uint64_t step_tickets_ = 0;
  std::uint64_t steps_done_ = 0;
  std::size_t known_waiting_ = 0;
  std::condition_variable go_;
  std::condition_variable stepped_;
  int waiting_ = 0;
  int steps_wanted_ = 0;
  bool stopping_ = false;
  bool warned_ = false;
  std::string over_;
};

}  // namespace mobula::simulation
