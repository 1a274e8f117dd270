#pragma once

/// Whose turn it is: the ring of wishes, in which nobody is overtaken without end.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/ledger.hpp"
#include "mobula/engine/node/records.hpp"

namespace mobula::engine {

/// Wishes stand in the order in which they came or were last granted one lease, by shape. A turn
/// goes to the oldest that fits. Each grant that leaves an older shape short of something is
/// counted there as a pass; after `passes_max` of them what that shape needs is kept for it, until
/// it has got a lease. So a wish waits, apart from the time for which those before it hold what it
/// needs, at most `passes_max` + 1 grants of other shapes for each wish of its own shape before it.
///
/// A turn costs O(shapes that wait, squared when some are starved), not O(wishes).
///
/// Invariant: a shape is in `shapes_` while a wish refers to it; a ring is sorted by `since`.
class lease_queue {
 public:
  /// What a turn has to go by, besides the ledger.
  struct limits {
    bool task_slot_free = true;  ///< one more lease of tasks may run
    bool cpus_are_owed = false;  ///< somebody resumes: nobody else gets CPUs
  };

  explicit lease_queue(std::uint32_t passes_max) : passes_max_(passes_max) {}

  /// Gives the wish its shape. O(shapes).
  void adopt(wish_record& wish, const resource_vector& resources, const resource_vector& to_place,
             const std::vector<group_bundle>* parts = nullptr) {
    const bool of_tasks = wish.purpose == lease_purpose::tasks;
    shape_record* shape = shapes_.front();
    while (shape != nullptr && !(shape->of_tasks == of_tasks && shape->resources == resources &&
                                 shape->to_half == wish.to_half && shape->to_place == to_place &&
                                 shape->parts == parts)) {
      shape = shapes_.after(*shape);
    }
    if (shape == nullptr) {
      shape = &pool_.take();
      shape->resources = resources;
      shape->to_place = to_place;
      shape->of_tasks = of_tasks;
      shape->to_half = wish.to_half;
      shape->parts = parts;
      shape->users = 0;
      shape->passes = 0;
      shapes_.push_back(*shape);
    }
    ++shape->users;
    wish.shape = shape;
  }
  void disown(wish_record& wish) {
    MOBULA_ASSERT(!in_ring(wish), "a wish leaves the ring before it leaves its shape");
    shape_record& shape = *wish.shape;
    wish.shape = nullptr;
    if (--shape.users != 0) return;
    shapes_.remove(shape);
    pool_.give(shape);
  }

  /// A wish of `from`, which may be this one, that is in no ring: it is of this queue now, and of
  /// the shape that it has become.
  void take_over(wish_record& wish, lease_queue& from) {
    const resource_vector resources = wish.shape->resources;
    const resource_vector to_place = wish.shape->to_place;
    from.disown(wish);
    adopt(wish, resources, to_place);
  }

  static bool in_ring(const wish_record& wish) noexcept {
    return chain<wish_record, &wish_record::ring>::linked(wish);
  }
  void enter(wish_record& wish) {
    wish.since = ++turns_;
    wish.shape->ring.push_back(wish);
    ++waiting_;
  }
  void leave(wish_record& wish) {
    wish.shape->ring.remove(wish);
    --waiting_;
    if (wish.shape->ring.empty()) wish.shape->passes = 0;
  }
  std::size_t waiting() const noexcept { return waiting_; }

  /// The wish whose turn it is, or null where none fits. The caller takes its resources, and calls
  /// `granted` before it asks again.
  wish_record* next(const ledger& amounts, const limits& now) {
    if (waiting_ == 0) return nullptr;
    shape_record* chosen = nullptr;
    for (shape_record* at = shapes_.front(); at != nullptr; at = shapes_.after(*at)) {
      if (at->ring.empty() || !fits(*at, amounts, now)) continue;
      if (chosen != nullptr && chosen->ring.front()->since < at->ring.front()->since) continue;
      if (!barred(*at, amounts, now)) chosen = at;
    }
    if (chosen == nullptr) return nullptr;
    for (shape_record* at = shapes_.front(); at != nullptr; at = shapes_.after(*at)) {
      if (overtakes(*chosen, *at, amounts, now)) ++at->passes;
    }
    chosen->passes = 0;
    return chosen->ring.front();
  }
  void granted(wish_record& wish) {
    wish_record* const oldest = wish.shape->ring.front();
    MOBULA_ASSERT(oldest == &wish, "a turn is the oldest wish's");
    const std::uint32_t passes = wish.shape->passes;
    leave(wish);
    if (!wish.waits()) return;
    enter(wish);
    wish.shape->passes = passes;
  }

  /// Shapes that have users, oldest first.
  const shape_record* first_shape() const noexcept { return shapes_.front(); }
  static const shape_record* after(const shape_record& one) noexcept {
    return chain<shape_record, &shape_record::shapes>::after(one);
  }

  static bool fits(const shape_record& shape, const ledger& amounts, const limits& now) noexcept {
    if (shape.of_tasks && !now.task_slot_free) return false;
    if (now.cpus_are_owed && wants_cpus(shape)) return false;
    if (shape.to_half && !amounts.stays_within_half(shape.resources)) return false;
    if (shape.parts == nullptr) {
      return amounts.fits(shape.resources) && amounts.fits(shape.to_place);
    }
    return shape.resources.fits_in(amounts.available()) && amounts.gpus_fit_each(*shape.parts);
  }
  /// Whether there are GPUs for it, be the sum what it may.
  static bool gpus_fit(const shape_record& shape, const ledger& amounts) noexcept {
    return shape.parts == nullptr ? amounts.gpus_fit(shape.resources)
                                  : amounts.gpus_fit_each(*shape.parts);
  }

  void verify() const {
    std::size_t waiting = 0;
    for (const shape_record* at = first_shape(); at != nullptr; at = after(*at)) {
      MOBULA_ASSERT(at->users != 0, "a shape without wishes is forgotten");
      MOBULA_ASSERT(!at->ring.empty() || at->passes == 0, "who does not wait is not overtaken");
      std::uint64_t since = 0;
      for (const wish_record* one = at->ring.front(); one != nullptr; one = at->ring.after(*one)) {
        MOBULA_ASSERT(one->shape == at && one->waits(), "what is in the ring waits there");
        MOBULA_ASSERT(one->since > since, "a ring is in order of age");
        since = one->since;
        ++waiting;
      }
    }
    MOBULA_ASSERT(waiting == waiting_, "wishes that wait are counted");
  }

 private:
  static bool wants_cpus(const shape_record& shape) noexcept {
    return !shape.resources.cpus().is_zero() || !shape.to_place.cpus().is_zero();
  }

  /// Whether less is left than `older` needs of something, once `taker` has taken its share of it.
  /// `taker` fits. What `older` has enough of counts too: two kinds that are never free together
  /// would starve it.
  static bool takes_what_is_needed(const shape_record& taker, const shape_record& older,
                                   const ledger& amounts, const limits& now) noexcept {
    if (taker.of_tasks && older.of_tasks && !now.task_slot_free) return true;
    const auto short_of = [&](auto amount_of) {
      const auto taken = amount_of(taker.resources);
      const auto needed = std::max(amount_of(older.resources), amount_of(older.to_place));
      return taken > decltype(taken){} && amount_of(amounts.available()) < needed + taken &&
             needed > decltype(needed){};
    };
    if (short_of([](const resource_vector& of) { return of.cpus(); }) ||
        short_of([](const resource_vector& of) { return of.gpus(); }) ||
        short_of([](const resource_vector& of) { return of.memory(); })) {
      return true;
    }
    // The sum may be enough, and no GPU whole.
    if (!taker.resources.gpus().is_zero() && !gpus_fit(older, amounts)) return true;
    for (const auto& taken : taker.resources.custom()) {
      const std::string& name = taken.first;
      if (short_of([&name](const resource_vector& of) { return of.custom(name); })) return true;
    }
    return false;
  }

  bool overtakes(const shape_record& taker, const shape_record& older, const ledger& amounts,
                 const limits& now) const noexcept {
    // What actors keep from the older one is not kept free for it either: they may live for ever.
    return &taker != &older && !older.ring.empty() &&
           older.ring.front()->since < taker.ring.front()->since && !fits(older, amounts, now) &&
           takes_what_is_needed(taker, older, amounts, now) &&
           amounts.fits_beside_actors(older.resources) &&
           amounts.fits_beside_actors(older.to_place);
  }

  /// Whether somebody older has been overtaken often enough by such as `taker`.
  bool barred(const shape_record& taker, const ledger& amounts, const limits& now) const noexcept {
    for (const shape_record* at = shapes_.front(); at != nullptr; at = shapes_.after(*at)) {
      if (at->passes >= passes_max_ && overtakes(taker, *at, amounts, now)) return true;
    }
    return false;
  }

  std::uint32_t passes_max_;
  std::uint64_t turns_ = 0;
  std::size_t waiting_ = 0;
  chain<shape_record, &shape_record::shapes> shapes_;
  slots<shape_record> pool_;
};

}  // namespace mobula::engine
