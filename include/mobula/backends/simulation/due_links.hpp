#pragma once

/// When a process's links want to be called: the earliest, without looking at all of them.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

/// A binary heap of `Link`s, each of which knows its place: it has an `instant due` and a
/// `std::size_t due_place`, both this class's. Allocates only where more are due than ever before.
template <class Link>
class due_links {
 public:
  static constexpr std::size_t nowhere = SIZE_MAX;

  [[nodiscard]] engine::instant first() const noexcept {
    return heap_.empty() ? engine::never : heap_.front()->due;
  }
  /// From now on; `never`: not at all.
  void set(Link& one, engine::instant due) {
    if (due == one.due) return;
    const bool is_earlier = due < one.due;
    one.due = due;
    if (due == engine::never) return take_out(one);
    if (one.due_place == nowhere) {
      heap_.push_back(&one);
      return rise(heap_.size() - 1, one);
    }
    is_earlier ? rise(one.due_place, one) : sink(one.due_place, one);
  }
  /// Calls `visit(Link&)` for all that are due then, in no order that means anything.
  template <class Visit>
  void for_each_due(engine::instant now, Visit visit) const {
    visit_below(0, now, visit);
  }
  void clear() noexcept { heap_.clear(); }

 private:
  template <class Visit>
  void visit_below(std::size_t at, engine::instant now, Visit& visit) const {
    if (at >= heap_.size() || heap_[at]->due > now) return;
    visit(*heap_[at]);
    visit_below(2 * at + 1, now, visit);
    visit_below(2 * at + 2, now, visit);
  }
  void put(std::size_t at, Link& one) noexcept {
    heap_[at] = &one;
    one.due_place = at;
  }
  void take_out(Link& one) noexcept {
    const std::size_t hole = std::exchange(one.due_place, nowhere);
    if (hole == nowhere) return;
    Link& last = *heap_.back();
    heap_.pop_back();
    if (&last == &one) return;
    if (hole > 0 && last.due < heap_[(hole - 1) / 2]->due) {
      rise(hole, last);
    } else {
      sink(hole, last);
    }
  }
  void rise(std::size_t at, Link& one) noexcept {
    for (; at > 0 && one.due < heap_[(at - 1) / 2]->due; at = (at - 1) / 2) {
      put(at, *heap_[(at - 1) / 2]);
    }
    put(at, one);
  }
  void sink(std::size_t at, Link& one) noexcept {
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1]->due < heap_[child]->due) ++child;
      if (heap_[child]->due >= one.due) break;
      put(at, *heap_[child]);
      at = child;
    }
    put(at, one);
  }

  std::vector<Link*> heap_;
};

}  // namespace mobula::simulation
