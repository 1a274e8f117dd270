#pragma once

/// Lineage: what it takes to make stored results again when the store has lost them.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/leases.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// Whether an own object can be made again, and if not, why.
///
///   given → kept, once, spent      its task has ended with a stored result
///   kept → spent                   the last retry is used up
///   kept → dropped                 `lineage_bytes_max`
enum class origin : std::uint8_t {
  given,    ///< it was put, or fulfilled: no task makes it. Or it is not in the store
  once,     ///< its task may run once only
  spent,    ///< its task has no retry left
  kept,     ///< by its recipe
  dropped,  ///< there was no room for its recipe
};

/// A task or call that has ended, as it was submitted. Where an argument was a future `what` has
/// the value, if that is inline, and only its key where the value is stored.
struct recipe {
  invocation what;
  class_spec home;  ///< of tasks
  bool is_call = false;
  object_key actor;  ///< of calls, like those that follow
  std::string group;
  bool report_begin = false;
  std::int32_t retries_left = 0;  ///< never 0; -1: without end
  std::uint32_t attempt = 1;      ///< the last that ran
};

/// Calls `visit` for each own object that the recipe needs and does not have: stored arguments, and
/// futures inside the arguments. Not for promises, actors, and what others own.
template <class Visit>
void for_each_need(const recipe& of, party self, Visit&& visit) {
  const auto is_own = [self](object_key key) {
    return key.owner == self && !is_promise_key(key);
  };
  for (const carried& one : of.what.values) {
    if (one.value.kind == outcome_kind::stored && is_own(one.object)) visit(one.object);
  }
  for (const object_key& key : of.what.refs) {
    if (is_own(key)) visit(key);
  }
}

/// A recipe is kept while its object is referenced, or another recipe that is kept needs it. It
/// holds no reference itself: what its arguments were may be freed, and is made again by its own
/// recipe then. So no value stays in the store for the sake of another one, and no circle of
/// references arises.
///
/// Invariants:
///  - A key is known while it is referenced and has a recipe, or is needed by one that is kept.
///  - `bytes` is the sum of what the recipes weigh, and not above the limit.
///  - Recipes stand in the order in which their tasks ended; the oldest are dropped first.
///
/// Nothing here grows with tasks whose results are inline. Not thread-safe.
class lineage {
 public:
  /// Of a recipe, and of each key that it names: about what slots, lists and the index take.
  static constexpr std::size_t recipe_bytes = 512;
  static constexpr std::size_t key_bytes = 96;

  lineage(party self, std::size_t bytes_max) : self_(self), bytes_max_(bytes_max) {}

  /// The object is referenced, and has been made in this way, instead of how it was made before.
  /// Calls `dropped(object_key)` for each referenced one that has no recipe any more, for lack of
  /// room; that may be this one.
  template <class Dropped>
  void keep(object_key key, recipe&& how, Dropped dropped) {
    const slot at = enter(key);
    // What the new one needs is needed before the old one lets go.
    for_each_need(how, self_, [this](object_key need) { ++known_[enter(need)].needed; });
    if (known_[at].has_recipe) let_go(at);
    entry& one = known_[at];
    one.referenced = one.has_recipe = true;
    one.how = std::move(how);
    one.bytes = weight(one.how);
    bytes_ += one.bytes;
    push_back(at);
    ++recipes_;
    while (bytes_ > bytes_max_) {
      const slot oldest = first_;
      const object_key gone = known_[oldest].key;
      const bool is_referenced = known_[oldest].referenced;
      let_go(oldest);
      forget_idle(oldest);
      if (is_referenced) dropped(gone);
    }
    forget_idle();
  }
  /// It can't be made again, though it is referenced.
  void spent(object_key key) {
    const auto at = by_key_.find(key);
    if (at == by_key_.end() || !known_[at->second].has_recipe) return;
    const slot which = at->second;
    let_go(which);
    forget_idle(which);
    forget_idle();
  }
  /// The last reference to an object with a recipe is gone.
  void unreferenced(object_key key) {
    const auto at = by_key_.find(key);
    if (at == by_key_.end()) return;
    known_[at->second].referenced = false;
    forget_idle(at->second);
    forget_idle();
  }

  /// Null where there is none.
  recipe* find(object_key key) {
    const auto at = by_key_.find(key);
    return at == by_key_.end() || !known_[at->second].has_recipe ? nullptr
                                                                 : &known_[at->second].how;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t bytes_max() const noexcept { return bytes_max_; }
  [[nodiscard]] std::size_t recipes() const noexcept { return recipes_; }
  /// With those that are only needed.
  [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

  /// Asserts the invariants. O(everything).
  void verify(const references& refs) {
    MOBULA_ASSERT(idle_.empty(), "what is not needed is forgotten");
    MOBULA_ASSERT(bytes_ <= bytes_max_, "lineage is bounded");
    boost::unordered_flat_map<object_key, std::uint32_t, std::hash<object_key>> needed;
    std::size_t bytes = 0, recipes = 0;
    known_.for_each([&](slot, entry& one) {
      if (!one.has_recipe) return;
      bytes += one.bytes;
      ++recipes;
      MOBULA_ASSERT(one.how.retries_left != 0, "what has a recipe may run again");
      for_each_need(one.how, self_, [&](object_key need) { ++needed[need]; });
    });
    MOBULA_ASSERT(bytes == bytes_ && recipes == recipes_, "lineage is counted");
    known_.for_each([&](slot at, entry& one) {
      const auto found = by_key_.find(one.key);
      MOBULA_ASSERT(found != by_key_.end() && found->second == at, "lineage is found by its key");
      const auto by_others = needed.find(one.key);
      MOBULA_ASSERT(one.needed == (by_others == needed.end() ? 0 : by_others->second),
                    "what is needed is counted");
      MOBULA_ASSERT(one.needed != 0 || (one.has_recipe && one.referenced),
                    "lineage is kept for something");
      MOBULA_ASSERT(!one.has_recipe || one.referenced == refs.holds(one.key),
                    "it is known whether an object is referenced");
    });
  }

 private:
  struct entry {
    object_key key;
    bool referenced = false;  ///< of one with a recipe
    bool has_recipe = false;
    std::uint32_t needed = 0;  ///< by recipes that are kept, one for each mention
    std::size_t bytes = 0;
    recipe how;
    slot next = no_slot;  ///< in the order of age
    slot previous = no_slot;
  };

  static std::size_t weight(const recipe& of) {
    std::size_t sum = recipe_bytes + of.what.arguments.size() + of.what.name.size() +
                      of.home.what.size() + of.group.size();
    sum += key_bytes * (of.what.refs.size() + of.what.values.size());
    for (const carried& one : of.what.values) {
      sum += one.value.value.size() + key_bytes * one.value.refs.size();
    }
    return sum;
  }

  slot enter(object_key key) {
    const auto at = by_key_.find(key);
    if (at != by_key_.end()) return at->second;
    const slot made = known_.take();
    entry& one = known_[made];
    one.key = key;
    one.referenced = one.has_recipe = false;
    one.needed = 0;
    by_key_.emplace(key, made);
    return made;
  }
  /// The recipe goes. What it needed may be idle now: `forget_idle` follows.
  void let_go(slot at) {
    entry& one = known_[at];
    one.has_recipe = false;
    bytes_ -= one.bytes;
    --recipes_;
    (one.previous != no_slot ? known_[one.previous].next : first_) = one.next;
    (one.next != no_slot ? known_[one.next].previous : last_) = one.previous;
    for_each_need(one.how, self_, [this](object_key need) {
      const slot needed = by_key_.find(need)->second;
      if (--known_[needed].needed == 0) idle_.push_back(needed);
    });
    one.how = recipe{};
  }
  void push_back(slot at) {
    entry& one = known_[at];
    one.next = no_slot;
    one.previous = last_;
    (last_ != no_slot ? known_[last_].next : first_) = at;
    last_ = at;
  }
  void forget_idle(slot at) {
    if (!known_.holds(at)) return;
    entry& one = known_[at];
    if (one.needed != 0 || (one.has_recipe && one.referenced)) return;
    if (one.has_recipe) let_go(at);
    by_key_.erase(one.key);
    known_.give(at);
  }
  /// A list, for no chain of results is too long for a stack. A slot in it may have gone already,
  /// or have another key: then it is looked at for nothing.
  void forget_idle() {
    while (!idle_.empty()) {
      const slot at = idle_.back();
      idle_.pop_back();
      forget_idle(at);
    }
  }

  const party self_;
  const std::size_t bytes_max_;
  slab<entry> known_;
  boost::unordered_flat_map<object_key, slot, std::hash<object_key>> by_key_;
  std::vector<slot> idle_;
  slot first_ = no_slot;
  slot last_ = no_slot;
  std::size_t bytes_ = 0;
  std::size_t recipes_ = 0;
};

}  // namespace mobula::engine
