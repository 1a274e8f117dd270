#pragma once

/// Slots by their key, linked through the slots themselves.

#include <cstddef>
#include <functional>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// A hash table that allocates only when it holds more than ever before. `Slot` has
/// `object_key table_key() const` and a member `Slot* table_next`; it stays where it is while it is
/// in the table, and is in one at most. Several may have the same key. There is no iteration, so no
/// order can be seen.
template <class Slot>
class key_table {
 public:
  std::size_t size() const noexcept { return size_; }

  /// Some slot of that key which `accepts`, or null.
  template <class Predicate>
  Slot* find_if(object_key key, Predicate accepts) const {
    if (size_ == 0) return nullptr;
    for (Slot* at = chains_[place(key)]; at != nullptr; at = at->table_next) {
      if (at->table_key() == key && accepts(*at)) return at;
    }
    return nullptr;
  }
  Slot* find(object_key key) const {
    return find_if(key, [](const Slot&) { return true; });
  }

  void insert(Slot& one) {
    if (size_ == chains_.size()) grow();
    Slot*& chain = chains_[place(one.table_key())];
    one.table_next = chain;
    chain = &one;
    ++size_;
  }

  /// It must be in the table, under the key with which it was put in.
  void erase(Slot& one) {
    MOBULA_ASSERT(size_ != 0, "what is taken out is in the table");
    Slot** link = &chains_[place(one.table_key())];
    while (*link != &one) {
      MOBULA_ASSERT(*link != nullptr, "what is taken out is in the table");
      link = &(*link)->table_next;
    }
    *link = one.table_next;
    one.table_next = nullptr;
    --size_;
  }

 private:
  std::size_t place(object_key key) const noexcept {
    return std::hash<object_key>{}(key) & (chains_.size() - 1);
  }
  void grow() {
    std::vector<Slot*> before(chains_.empty() ? 16 : 2 * chains_.size(), nullptr);
    before.swap(chains_);
    for (Slot* at : before) {
      while (at != nullptr) {
        Slot& moved = *at;
        at = at->table_next;
        Slot*& chain = chains_[place(moved.table_key())];
        moved.table_next = chain;
        chain = &moved;
      }
    }
  }

  std::vector<Slot*> chains_;  // a power of two of them, or none
  std::size_t size_ = 0;
};

}  // namespace mobula::engine
