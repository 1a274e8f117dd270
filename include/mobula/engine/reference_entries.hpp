#pragma once

/// The entries of a `references`, found by key.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/dealings.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// How a party stands to a key; `references` says what each means.
enum class standing : std::uint8_t { nothing, own, covered, asking, registered, lost };

/// What is open between an entry and one other party.
struct open_reference {
  std::uint32_t on_way = 0;  ///< uses that this party counts for references sent there
  std::uint32_t owed = 0;    ///< references from there, not answered by `handed_over` yet
  std::uint32_t covers = 0;  ///< references of calls from there that run here
  bool borrows = false;      ///< it is registered as a borrower of an own key
  bool owns = false;         ///< the key is foreign, and it answers for it

  bool idle() const noexcept {
    return on_way == 0 && owed == 0 && covers == 0 && !borrows && !owns;
  }
  template <class Archive>
  void state(Archive& of) {
    of(on_way, owed, covers, borrows, owns);
  }
};
using open_references = dealing_table<open_reference>;

struct reference_entry {
  object_key key;
  std::uint32_t uses = 0;
  std::uint32_t borrowers = 0;
  std::uint32_t covers = 0;
  std::uint32_t tag = 0;
  std::uint32_t promise = 0;  ///< of an own object: its handles' entry, and back. Free: the next
  enum standing standing = standing::nothing;
  bool settled = false;
  bool queued = false;    ///< its end is to be looked at
  bool kept = false;      ///< stands in the list that is being made of kept keys
  bool numbered = false;  ///< its key says where it is
  std::uint64_t generation = 1;  ///< of the own key that is or will be here
  open_references::list open;
  std::shared_ptr<const error_fields> why;  ///< of what is lost

  template <class Archive>
  void state(Archive& of) {
    of(key, uses, borrowers, covers, tag, promise, standing, settled, queued, kept, numbered,
       generation, open, why);
  }
};

/// Entries keep their index while they live; references to them end when one is made. An own key
/// that is made here says where its entry is: its number is the generation above the index. A slot
/// whose generations are spent is never used again, so that a key never comes back.
class reference_entries {
 public:
  explicit reference_entries(party self) : self_(self), slots_(1) {}

  reference_entry& operator[](std::uint32_t index) noexcept { return slots_[index]; }
  const reference_entry& operator[](std::uint32_t index) const noexcept { return slots_[index]; }

  /// 0 where there is none. The entry 0 is empty for ever.
  std::uint32_t find(object_key key) const {
    if (key.owner == self_) {
      const std::uint64_t place = key.number & index_mask;
      if (place < slots_.size()) {
        // Where the slot is free, `promise` is another free slot, and has no key.
        const std::uint32_t index =
            is_promise_key(key) ? slots_[place].promise : static_cast<std::uint32_t>(place);
        if (slots_[index].key == key) return index;
      }
    }
    const auto known = by_key_.find(key);
    return known == by_key_.end() ? 0 : known->second;
  }

  std::uint32_t make_own() {
    const std::uint32_t made = take();
    reference_entry& one = slots_[made];
    one.key = {self_, (one.generation << index_bits) | made};
    one.numbered = true;
    one.standing = standing::own;
    return made;
  }
  std::uint32_t make_promise(std::uint32_t object) {
    const std::uint32_t made = take();
    slots_[made].key = promise_key(slots_[object].key);
    slots_[made].standing = standing::own;
    slots_[made].promise = object;
    slots_[object].promise = made;
    return made;
  }
  /// Under a key that somebody else made.
  std::uint32_t insert(object_key key) {
    const std::uint32_t made = take();
    slots_[made].key = key;
    by_key_.emplace(key, made);
    return made;
  }
  void erase(std::uint32_t index) {
    reference_entry& one = slots_[index];
    MOBULA_ASSERT(one.open.count == 0, "an entry ends while something is open about it");
    const std::uint64_t generation = one.generation + (one.numbered ? 1 : 0);
    if (one.standing == standing::own && is_promise_key(one.key) && one.promise != 0) {
      slots_[one.promise].promise = 0;
    } else if (!one.numbered) {
      by_key_.erase(one.key);
    }
    one = {};
    one.generation = generation;
    if (generation <= generation_max) one.promise = std::exchange(free_, index);
    --held_;
  }

  /// Indices are below it.
  std::uint32_t end() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  std::size_t held() const noexcept { return held_; }

  /// What it knows: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(slots_, free_, held_);
    of.sorted(by_key_);
  }

 private:
  // 268 million keys at once, and 34 thousand million lives of each slot.
  static constexpr unsigned index_bits = 28;
  static constexpr std::uint64_t index_mask = (std::uint64_t{1} << index_bits) - 1;
  static constexpr std::uint64_t generation_max = (std::uint64_t{1} << (63 - index_bits)) - 1;

  std::uint32_t take() {
    ++held_;
    if (free_ != 0) {
      const std::uint32_t index = free_;
      free_ = std::exchange(slots_[index].promise, 0);
      return index;
    }
    MOBULA_ASSERT(slots_.size() <= index_mask, "one process holds more keys than a number tells");
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }

  party self_;
  std::vector<reference_entry> slots_;
  std::uint32_t free_ = 0;  ///< linked by `promise`
  std::size_t held_ = 0;
  boost::unordered_flat_map<object_key, std::uint32_t, std::hash<object_key>> by_key_;
};

}  // namespace mobula::engine
