#pragma once

/// Lists whose links lie in what they list, and slots that are used again: so that a node in its
/// steady state allocates nothing.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "mobula/core/assert.hpp"

namespace mobula::engine {

/// The place of one object in one chain. Not copied with it.
template <class T>
struct chain_link {
  T* before = nullptr;
  T* after = nullptr;
  bool linked = false;
};

/// A doubly linked list through the member `Link` of its elements, in the order in which they were
/// added. An element is in at most one chain per link, and must leave before its slot is given
/// back.
///
///   for (T* at = chain.front(); at != nullptr; at = chain.after(*at)) { ... }
template <class T, chain_link<T> T::*Link>
class chain {
 public:
  chain() = default;
  chain(const chain&) = delete;
  chain& operator=(const chain&) = delete;

  bool empty() const noexcept { return front_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  T* front() const noexcept { return front_; }
  T* back() const noexcept { return back_; }
  static T* after(const T& one) noexcept { return (one.*Link).after; }
  static T* before(const T& one) noexcept { return (one.*Link).before; }
  static bool linked(const T& one) noexcept { return (one.*Link).linked; }

  void push_back(T& one) { insert_after(back_, one); }
  /// Ahead of all others.
  void push_front(T& one) { insert_after(nullptr, one); }
  /// Right behind `at`, which is in this chain; null: ahead of all.
  void insert_after(T* at, T& one) {
    chain_link<T>& link = one.*Link;
    MOBULA_ASSERT(!link.linked, "an element is in one chain at a time");
    link = {.before = at, .after = at != nullptr ? (at->*Link).after : front_, .linked = true};
    (link.before != nullptr ? (link.before->*Link).after : front_) = &one;
    (link.after != nullptr ? (link.after->*Link).before : back_) = &one;
    ++size_;
  }

  void remove(T& one) {
    chain_link<T>& link = one.*Link;
    MOBULA_ASSERT(link.linked && size_ > 0, "only what is in a chain leaves it");
    (link.before != nullptr ? (link.before->*Link).after : front_) = link.after;
    (link.after != nullptr ? (link.after->*Link).before : back_) = link.before;
    link = {};
    --size_;
  }
  void remove_if_linked(T& one) {
    if (linked(one)) remove(one);
  }

 private:
  T* front_ = nullptr;
  T* back_ = nullptr;
  std::size_t size_ = 0;
};

/// Objects with stable addresses. One that is given back keeps its memory (strings, vectors) for
/// the next user, who sets every field.
template <class T>
class slots {
 public:
  T& take() {
    if (!free_.empty()) {
      T& again = *free_.back();
      free_.pop_back();
      return again;
    }
    // So that giving back never allocates.
    if (free_.capacity() <= all_.size()) free_.reserve(2 * (all_.size() + 1));
    T& made = *all_.emplace_back(std::make_unique<T>());
    made.slot = static_cast<std::uint32_t>(all_.size() - 1);
    return made;
  }
  void give(T& one) { free_.push_back(&one); }

  /// `T::slot` is its index, which never changes.
  T& at(std::size_t index) { return *all_[index]; }
  const T& at(std::size_t index) const { return *all_[index]; }
  std::size_t capacity() const noexcept { return all_.size(); }
  std::size_t used() const noexcept { return all_.size() - free_.size(); }

 private:
  std::vector<std::unique_ptr<T>> all_;  ///< a deque takes much to be empty, and there are many
  std::vector<T*> free_;
};

}  // namespace mobula::engine
