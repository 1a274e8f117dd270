#pragma once

/// Virtual time: what is to happen, in the order in which it does.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/backends/hosting/action.hpp"
#include "mobula/backends/simulation/random.hpp"
#include "mobula/backends/simulation/trace.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

using hosting::action;

using engine::party;

struct schedule_options {
  /// Which of several events of one instant comes first: the one that was added first; or, with a
  /// seed, any, for each event draws its turn.
  std::optional<std::uint64_t> ties_by_seed{};
  /// Events after this instant are not run. Nanoseconds.
  instant time_limit = engine::never;
  /// Events that may run without that time moves; more means that the simulated program runs in
  /// circles. Above the number of events that a large program has at one instant.
  std::uint64_t same_instant_max = 100'000'000;
};

/// Names an event until it has run or was cancelled; afterwards it names none. A default one never
/// names any.
struct event_id {
  std::uint32_t slot = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t generation = 0;

  friend bool operator==(const event_id&, const event_id&) noexcept = default;
};

/// What the trace says of an event when it runs. Its owner is whose event it is: a party that is
/// held or dropped takes its events along. The empty one is nobody's.
struct event_label {
  std::uint32_t kind = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  party owner{};
};

enum class step : std::uint8_t {
  ran,         ///< an event
  idle,        ///< there is none, or all are held
  time_limit,  ///< the next is after the time limit
  in_circles,  ///< `same_instant_max` events ran and time did not move
};

/// A queue of events in virtual time. Adding, cancelling and running one is O(log n). Not
/// thread-safe; events may add, cancel, hold and drop others while they run.
///
///   schedule events;
///   events.at(5'000, {.kind = timer}, [] { ... });
///   while (events.run_next() == step::ran) {}
class schedule {
 public:
  explicit schedule(const schedule_options& options = {})
      : options_(options), ties_(options.ties_by_seed.value_or(0)) {}
  schedule(const schedule&) = delete;
  schedule& operator=(const schedule&) = delete;

  /// The time of the event that runs or ran last; 0 at first.
  instant now() const noexcept { return now_; }

  /// What ran is noted here, and may be noted here by others.
  trace& history() noexcept { return trace_; }
  const trace& history() const noexcept { return trace_; }

  /// Adds an event. One in the past happens now; one at `engine::never` does not, but counts as
  /// waiting.
  event_id at(instant when, const event_label& label, action what) {
    MOBULA_ASSERT(what, "an event does something");
    const std::uint32_t slot = free_slot();
    event& one = events_[slot];
    one.label = label;
    one.what = std::move(what);
    one.key = {.when = std::max(when, now_), .tie = next_tie(), .number = ++added_};
    if (!label.owner.empty()) {
      owned& owners = owners_[label.owner];
      link(owners, slot);
      if (owners.held) {
        one.heap_index = set_aside;
        ++set_aside_count_;
        return {slot, one.generation};
      }
    }
    push(slot);
    return {slot, one.generation};
  }

  /// The same, this much later; `delay` is not negative.
  event_id after(instant delay, const event_label& label, action what) {
    MOBULA_ASSERT(delay >= 0, "nothing happens before now");
    const instant when = delay > engine::never - now_ ? engine::never : now_ + delay;
    return at(when, label, std::move(what));
  }

  /// Whether the event was still to come.
  bool cancel(event_id id) {
    if (!waits(id)) return false;
    remove(id.slot);
    return true;
  }

  bool waits(event_id id) const noexcept {
    return id.slot < events_.size() && events_[id.slot].generation == id.generation &&
           events_[id.slot].heap_index != no_index;
  }

  /// Runs the next event. Its time becomes `now`, and the trace has it before it runs.
  step run_next() {
    if (heap_.empty()) return step::idle;
    const auto [key, slot] = heap_.front();
    const instant when = key.when;
    if (when == engine::never) return step::idle;
    if (when > options_.time_limit) return step::time_limit;
    if (when > now_) {
      now_ = when;
      same_instant_ = 0;
    }
    if (same_instant_ >= options_.same_instant_max) return step::in_circles;
    ++same_instant_;
    const event_label label = events_[slot].label;
    action what = std::move(events_[slot].what);
    remove(slot);
    trace_.note({.when = now_, .kind = label.kind, .a = label.a, .b = label.b});
    what();
    return step::ran;
  }

  /// When the next event is due; `engine::never` if there is none.
  instant next_time() const noexcept {
    return heap_.empty() ? engine::never : heap_.front().key.when;
  }

  /// Of events to come, those of held parties included.
  std::size_t waiting() const noexcept { return heap_.size() + set_aside_count_; }

  /// From now on the party's events wait, whatever their time: it is stopped, as by SIGSTOP.
  void hold(party owner) {
    MOBULA_ASSERT(!owner.empty(), "what belongs to nobody can't be held");
    owned& owners = owners_[owner];
    if (std::exchange(owners.held, true)) return;
    for (std::uint32_t slot = owners.first; slot != no_slot; slot = events_[slot].next) {
      pull(slot);
      events_[slot].heap_index = set_aside;
      ++set_aside_count_;
    }
  }

  bool held(party owner) const {
    const auto found = owners_.find(owner);
    return found != owners_.end() && found->second.held;
  }

  /// The party goes on. What was due meanwhile happens now, in its order.
  void release(party owner) {
    const auto found = owners_.find(owner);
    if (found == owners_.end() || !found->second.held) return;
    found->second.held = false;
    std::vector<std::uint32_t> late;
    for (std::uint32_t slot = found->second.first; slot != no_slot; slot = events_[slot].next) {
      --set_aside_count_;
      if (events_[slot].key.when <= now_) {
        late.push_back(slot);
      } else {
        push(slot);
      }
    }
    std::sort(late.begin(), late.end(), [this](std::uint32_t one, std::uint32_t other) {
      return events_[one].key < events_[other].key;
    });
    // They share an instant now, and must not change places by its ties.
    const std::uint64_t tie = next_tie();
    for (const std::uint32_t slot : late) {
      events_[slot].key = {.when = now_, .tie = tie, .number = ++added_};
      push(slot);
    }
  }

  /// The party is gone, and all of its events with it.
  void drop(party owner) {
    const auto found = owners_.find(owner);
    if (found == owners_.end()) return;
    found->second.held = false;
    // The actions go last: their destructors may come back to this schedule.
    std::vector<action> actions;
    std::uint32_t slot = found->second.first;
    while (slot != no_slot) {
      const std::uint32_t next = events_[slot].next;
      actions.push_back(std::move(events_[slot].what));
      remove(slot);
      slot = next;
    }
    owners_.erase(owner);
  }

 private:
  static constexpr std::uint32_t no_slot = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t no_index = no_slot;       ///< of a slot that is free
  static constexpr std::uint32_t set_aside = no_slot - 1;  ///< of an event that is held

  struct sort_key {
    instant when = 0;
    std::uint64_t tie = 0;
    std::uint64_t number = 0;
    friend bool operator<(const sort_key& a, const sort_key& b) noexcept {
      if (a.when != b.when) return a.when < b.when;
      if (a.tie != b.tie) return a.tie < b.tie;
      return a.number < b.number;
    }
  };

  /// Free slots are chained by `next`, an owner's events by `next` and `previous`.
  struct event {
    sort_key key;
    event_label label;
    action what;
    std::uint32_t heap_index = no_index;
    std::uint32_t generation = 0;
    std::uint32_t next = no_slot;
    std::uint32_t previous = no_slot;
  };

  struct owned {
    std::uint32_t first = no_slot;
    bool held = false;
  };
  /// Never iterated over. Who had an event has a place until he is dropped.
  using owner_map = boost::unordered_flat_map<party, owned, std::hash<party>>;

  std::uint64_t next_tie() noexcept { return options_.ties_by_seed ? ties_.next() : 0; }

  std::uint32_t free_slot() {
    if (first_free_ != no_slot) {
      const std::uint32_t slot = first_free_;
      first_free_ = std::exchange(events_[slot].next, no_slot);
      return slot;
    }
    MOBULA_ASSERT(events_.size() < set_aside, "fewer than four thousand million events wait");
    events_.emplace_back();
    return static_cast<std::uint32_t>(events_.size() - 1);
  }

  /// Takes the event out of everything and frees its slot.
  void remove(std::uint32_t slot) {
    event& one = events_[slot];
    if (one.heap_index == set_aside) {
      --set_aside_count_;
    } else {
      pull(slot);
    }
    one.heap_index = no_index;
    ++one.generation;
    if (!one.label.owner.empty()) {
      unlink(one.label.owner, slot);
    }
    const action gone = std::move(one.what);
    one.next = first_free_;
    one.previous = no_slot;
    first_free_ = slot;
    // What the action held is destroyed here, when everything is in order again.
  }

  void link(owned& owners, std::uint32_t slot) noexcept {
    events_[slot].next = owners.first;
    events_[slot].previous = no_slot;
    if (owners.first != no_slot) events_[owners.first].previous = slot;
    owners.first = slot;
  }

  void unlink(party owner, std::uint32_t slot) noexcept {
    const event& one = events_[slot];
    if (one.previous != no_slot) {
      events_[one.previous].next = one.next;
    } else {
      owners_.find(owner)->second.first = one.next;
    }
    if (one.next != no_slot) events_[one.next].previous = one.previous;
  }

  // A heap in which each has up to four below it, which lie together. Each event knows its place.

  static constexpr std::size_t ways = 4;
  struct node {
    sort_key key;
    std::uint32_t slot = no_slot;
  };

  void put(std::size_t index, const node& one) noexcept {
    heap_[index] = one;
    events_[one.slot].heap_index = static_cast<std::uint32_t>(index);
  }

  void push(std::uint32_t slot) {
    const node one{events_[slot].key, slot};
    heap_.push_back(one);
    rise(heap_.size() - 1, one);
  }

  void pull(std::uint32_t slot) noexcept {
    const std::size_t hole = events_[slot].heap_index;
    const node last = heap_.back();
    heap_.pop_back();
    if (last.slot == slot) return;
    if (hole > 0 && last.key < heap_[(hole - 1) / ways].key) {
      rise(hole, last);
    } else {
      sink(hole, last);
    }
  }

  void rise(std::size_t index, const node one) noexcept {
    while (index > 0) {
      const std::size_t parent = (index - 1) / ways;
      if (!(one.key < heap_[parent].key)) break;
      put(index, heap_[parent]);
      index = parent;
    }
    put(index, one);
  }

  void sink(std::size_t index, const node one) noexcept {
    for (;;) {
      const std::size_t first = ways * index + 1;
      if (first >= heap_.size()) break;
      std::size_t child = first;
      for (std::size_t at = first + 1; at < std::min(first + ways, heap_.size()); ++at) {
        if (heap_[at].key < heap_[child].key) child = at;
      }
      if (!(heap_[child].key < one.key)) break;
      put(index, heap_[child]);
      index = child;
    }
    put(index, one);
  }

  schedule_options options_;
  random_stream ties_;
  trace trace_;
  instant now_ = 0;
  std::uint64_t same_instant_ = 0;
  std::uint64_t added_ = 0;
  std::size_t set_aside_count_ = 0;
  std::uint32_t first_free_ = no_slot;
  std::vector<event> events_;
  std::vector<node> heap_;
  owner_map owners_;
};

}  // namespace mobula::simulation
