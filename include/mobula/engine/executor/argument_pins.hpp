#pragma once

/// Which stored arguments the bodies of a worker have pinned or wait for.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/executor/executor_host.hpp"
#include "mobula/engine/executor/key_table.hpp"
#include "mobula/engine/executor/slot_pool.hpp"

namespace mobula::engine {

/// An object that is pinned, or asked for.
struct argument_pin {
  object_key object;
  party asked_at;  ///< of which node it was said to be there, when the host was asked
  bool readable = false;
  std::vector<body*> users;  ///< one entry per mention
  argument_pin* table_next = nullptr;
  object_key table_key() const noexcept { return object; }
};

/// The host is asked for each object once, however many bodies read it, and told when the last is
/// done.
///
/// Invariants:
///  - A pin that is readable has a user.
///  - One without users was asked for, and its users have gone: it is let go when the answer comes,
///    so that the host never has two questions about one object.
class argument_pins {
 public:
  explicit argument_pins(executor_host& host) : host_(host) {}

  std::size_t size() const noexcept { return by_object_.size(); }

  /// Asks for all stored arguments of a body that holds no pins.
  void ask(body& one) {
    MOBULA_ASSERT(one.pins.empty() && one.pins_missing == 0, "a body asks for its pins once");
    for (const carried& argument : one.what().values) {
      if (argument.value.kind != outcome_kind::stored) continue;
      argument_pin* pin = by_object_.find(argument.object);
      if (pin == nullptr) {
        pin = &pins_.take();
        pin->object = argument.object;
        pin->readable = false;
        by_object_.insert(*pin);
        ask_at(*pin, argument.value);
      }
      pin->users.push_back(&one);
      one.pins.push_back(pin);
      if (!pin->readable) ++one.pins_missing;
    }
  }

  void release(body& one) {
    for (argument_pin* const pin : one.pins) {
      // From the back: a body that names one object ten thousand times is found at once.
      const auto at = std::find(pin->users.rbegin(), pin->users.rend(), &one);
      MOBULA_ASSERT(at != pin->users.rend(), "a pin knows its users");
      pin->users.erase(std::next(at).base());
      if (pin->users.empty() && pin->readable) {
        host_.unpin(pin->object);
        forget(*pin);
      }
    }
    one.pins.clear();
    one.pins_missing = 0;
  }

  /// Those who waited for it, one entry per mention, by `touched`, which is valid until the next
  /// call. False: nobody asked.
  bool answered(object_key object, bool readable, const std::vector<body*>*& touched) {
    argument_pin* const pin = by_object_.find(object);
    if (pin == nullptr || pin->readable) return false;
    touched = &touched_;
    if (readable && !pin->users.empty()) {
      touched_ = pin->users;
      pin->readable = true;
      for (body* const user : touched_) --user->pins_missing;
      return true;
    }
    // It is not where it was asked for. Who was told of another place, to which it has moved, has
    // not been answered by that.
    const auto others =
        std::stable_partition(pin->users.begin(), pin->users.end(), [pin](const body* user) {
          return told(*user, *pin).node == pin->asked_at;
        });
    touched_.assign(pin->users.begin(), others);
    pin->users.erase(pin->users.begin(), others);
    // A failed pin holds nothing. Its users let go of it first, for they are told of it no more.
    for (body* const user : touched_) take_away(*user, *pin);
    if (!pin->users.empty()) {
      ask_at(*pin, told(*pin->users.front(), *pin));
    } else {
      if (readable) host_.unpin(object);
      forget(*pin);
    }
    return true;
  }

  void verify_body(const body& one) const {
    std::size_t missing = 0;
    for (const argument_pin* const pin : one.pins) {
      MOBULA_ASSERT(by_object_.find(pin->object) == pin, "a body's pins are in the table");
      MOBULA_ASSERT(std::count(pin->users.begin(), pin->users.end(), &one) ==
                        std::count(one.pins.begin(), one.pins.end(), pin),
                    "bodies and pins know each other");
      if (!pin->readable) ++missing;
    }
    MOBULA_ASSERT(missing == one.pins_missing, "what a body waits for is counted");
  }

 private:
  /// As its caller has said where the object is.
  static const outcome& told(const body& one, const argument_pin& pin) {
    const auto& all = one.what().values;
    const auto at = std::find_if(all.begin(), all.end(), [&pin](const carried& argument) {
      return argument.object == pin.object && argument.value.kind == outcome_kind::stored;
    });
    MOBULA_ASSERT(at != all.end(), "who reads an object was told where it is");
    return at->value;
  }
  void ask_at(argument_pin& pin, const outcome& place) {
    pin.asked_at = place.node;
    host_.pin(pin.object, place);
  }
  static void take_away(body& one, argument_pin& pin) {
    const auto at = std::find(one.pins.begin(), one.pins.end(), &pin);
    MOBULA_ASSERT(at != one.pins.end(), "a user knows its pins");
    one.pins.erase(at);
    --one.pins_missing;
  }
  void forget(argument_pin& pin) {
    by_object_.erase(pin);
    pins_.give_back(pin);
  }

  executor_host& host_;
  slot_pool<argument_pin> pins_;
  key_table<argument_pin> by_object_;
  std::vector<body*> touched_;
};

}  // namespace mobula::engine
