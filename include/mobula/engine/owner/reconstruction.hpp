#pragma once

/// What becomes of a stored result that is lost: which tasks have to run again, or why none can.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/errors.hpp"
#include "mobula/engine/owner/lineage.hpp"
#include "mobula/engine/owner/objects.hpp"
#include "mobula/engine/owner/owner_host.hpp"
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/references.hpp"

namespace mobula::engine {

/// The task is to do what the recipe says, of which it takes what it needs.
inline void restore(task_slot& one, recipe& of) {
  one.reset(std::move(of.what), {}, of.retries_left);
  one.attempt = of.attempt;
  one.group = std::move(of.group);
  one.report_begin = of.report_begin;
}

/// A lost result is made again under its own key. An argument that is still referenced is used as
/// it is; if it is lost too, that shows when it is read, and is dealt with then. One that is not
/// referenced any more is made again under a new key, for nobody knows the old one.
class reconstruction {
 public:
  reconstruction(const owner_options& options, references& refs, objects& known)
      : self_(options.self),
        references_(refs),
        objects_(known),
        lineage_(options.self, options.lineage_bytes_max) {}

  /// A task has ended with a stored result, which is referenced. `home` is its class's.
  void remember(const task_slot& one, class_spec&& home) {
    if (one.retries_left == 0) {
      if (objects_.origin(one.key) == origin::kept) lineage_.spent(one.key);
      objects_.set_origin(one.key, one.attempt == 1 ? origin::once : origin::spent);
      return;
    }
    recipe how;
    how.what = one.what;
    for (carried& argument : how.what.values) {
      if (argument.value.kind == outcome_kind::stored) argument.value.refs.clear();
    }
    how.home = std::move(home);
    how.is_call = one.is_call;
    how.actor = one.actor;
    how.group = one.group;
    how.report_begin = one.report_begin;
    how.retries_left = one.retries_left;
    how.attempt = one.attempt;
    objects_.set_origin(one.key, origin::kept);
    lineage_.keep(one.key, std::move(how),
                  [this](object_key gone) { objects_.set_origin(gone, origin::dropped); });
  }
  /// The last reference to an object of this origin is gone.
  void unreferenced(object_key key, origin from) {
    if (from == origin::kept) lineage_.unreferenced(key);
  }

  /// The object has no outcome any more: `objects::lose`. `begin(recipe&, object_key)` runs one
  /// again, as a task of that key, or of a new one with one use, which it returns.
  template <class Begin>
  void lost(object_key key, const error_fields& why, Begin begin) {
    error_fields refused = why;
    switch (objects_.origin(key)) {
      case origin::given: refused.what += "; it is no task's result that could run again"; break;
      case origin::once: refused.what += "; its task may run once only"; break;
      case origin::spent:
        refused.code = error_code::reconstruction;
        refused.what += "; its task has no retry left";
        break;
      case origin::dropped:
        refused.what += "; its lineage was dropped, for lineage_bytes_max = " +
                        std::to_string(lineage_.bytes_max());
        break;
      case origin::kept:
        if (plan(key, refused)) return run(key, begin);
    }
    objects_.fail(key, std::make_shared<const error_fields>(std::move(refused)));
  }

  [[nodiscard]] const engine::lineage& lineage() const noexcept { return lineage_; }
  void verify() { lineage_.verify(references_); }

 private:
  /// Finds what is to run, in `order_`: each after what it needs. False: something can't be had.
  /// No chain is too long for a stack.
  bool plan(object_key lost, error_fields& why) {
    order_.clear();
    open_.clear();
    open_.push_back({lost, false});
    boost::unordered_flat_set<object_key, std::hash<object_key>> seen;
    while (!open_.empty()) {
      const auto [key, is_ready] = open_.back();
      open_.pop_back();
      if (is_ready) {
        order_.push_back(key);
      } else if (seen.insert(key).second) {
        open_.push_back({key, true});
        if (!look_at(*lineage_.find(key), why)) return false;
      }
    }
    return true;
  }
  /// Whether all is there that the recipe names, or can be made.
  bool look_at(const recipe& how, error_fields& why) {
    for (const carried& one : how.what.values) {
      if (one.value.kind == outcome_kind::stored) {
        if (!can_have(one.object, why)) return false;
      } else if (!references_.holds(one.object)) {
        // It becomes an object again, for which its references must be there.
        for (const object_key& inner : one.value.refs) {
          if (!references_.holds(inner)) return cannot(inner, why);
        }
      }
    }
    for (const object_key& key : how.what.refs) {
      if (!can_have(key, why)) return false;
    }
    if (how.is_call && !references_.holds(how.actor)) return cannot(how.actor, why);
    return true;
  }
  bool can_have(object_key key, error_fields& why) {
    if (references_.holds(key)) return true;
    if (lineage_.find(key) == nullptr) return cannot(key, why);
    open_.push_back({key, false});
    return true;
  }
  bool cannot(object_key key, error_fields& why) const {
    if (references_.is_dead(key.owner)) {
      why.code = error_code::owner_died;
      why.what += "; it can't be made again: the owner of its argument " + to_string(key) +
                  " is dead";
    } else {
      why.code = error_code::reconstruction;
      why.what += "; it can't be made again: its argument " + to_string(key) +
                  " is not referenced any more, and has no lineage";
    }
    return false;
  }

  template <class Begin>
  void run(object_key lost, Begin begin) {
    key_list made;
    boost::unordered_flat_map<object_key, object_key, std::hash<object_key>> instead;
    const auto replace = [&instead](object_key& key) {
      const auto at = instead.find(key);
      if (at == instead.end()) return false;
      key = at->second;
      return true;
    };
    for (const object_key& key : order_) {
      recipe how = *lineage_.find(key);
      use_up(key);
      if (how.retries_left > 0) --how.retries_left;
      ++how.attempt;
      for (carried& one : how.what.values) {
        if (replace(one.object) || references_.holds(one.object)) continue;
        const object_key again = objects_.make();
        made.push_back(again);
        for (const object_key& inner : one.value.refs) references_.use(inner);
        objects_.decide(again, outcome(one.value));
        instead.emplace(std::exchange(one.object, again), again);
      }
      for (object_key& ref : how.what.refs) replace(ref);
      const object_key as = begin(how, key == lost ? key : object_key{});
      if (key == lost) continue;
      made.push_back(as);
      instead.emplace(key, as);
    }
    // Who needs them holds them now.
    objects_.drop(made);
  }
  void use_up(object_key key) {
    recipe& how = *lineage_.find(key);
    if (how.retries_left < 0 || --how.retries_left > 0) {
      ++how.attempt;
      return;
    }
    lineage_.spent(key);
    if (references_.holds(key)) objects_.set_origin(key, origin::spent);
  }

  const party self_;
  references& references_;
  objects& objects_;
  engine::lineage lineage_;
  struct step {
    object_key key;
    bool is_ready = false;  ///< what it needs stands before it
  };
  std::vector<step> open_;
  std::vector<object_key> order_;
};

}  // namespace mobula::engine
