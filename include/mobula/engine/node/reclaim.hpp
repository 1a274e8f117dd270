#pragma once

/// Which leases are asked back when somebody waits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/lease_queue.hpp"
#include "mobula/engine/node/ledger.hpp"
#include "mobula/engine/node/records.hpp"
#include "mobula/engine/node/rooms.hpp"

namespace mobula::engine {

/// Looks, room by room, at those who wait, oldest shapes first, and reclaims from the oldest leases
/// of tasks what they will lack when all that is asked back already has come. A class that has
/// leases takes one only from a class that has at least two more, so that two floods share and
/// don't rob each other for ever; one without any takes from anybody. A lease that is not returned
/// within the patience is no longer counted on.
class reclaimer {
 public:
  using task_chain = chain<lease_record, &lease_record::of_tasks>;
  using waiting_chain = chain<lease_record, &lease_record::waiting>;

  reclaimer(instant patience, node_host& host) : patience_(patience), host_(host) {}

  /// Before the first room that is looked at.
  void begin_look() noexcept { look_again_ = never; }
  /// `slots`: how many more leases of tasks may run; negative where too many do.
  void look(const room_record& in, const task_chain& tasks, std::int64_t slots, instant now) {
    const waiting_chain& resuming = in.resuming;
    const lease_queue& queue = in.queue;
    gpus_come_ = false;
    in_ = &in;
    amounts_ = &in.amounts;
    if (!in.is_waited_for()) return;
    room_ = amounts_->available();
    slots_ = slots;
    for (const lease_record* at = tasks.front(); at != nullptr; at = tasks.after(*at)) {
      if (at->in == in_ && at->reclaimed && at->state == lease_state::running) count_on(*at, now);
    }
    resource_amount owed = amounts_->owed();  // nobody goes on before that is paid
    for (const lease_record* at = resuming.front(); at != nullptr; at = resuming.after(*at)) {
      const resource_amount cpus = amounts_->to_resume(at->wish->shape->resources.cpus()) +
                                   std::exchange(owed, {});
      const auto helps = [](const lease_record& victim) {
        return !victim.wish->shape->resources.cpus().is_zero();
      };
      const auto enough = [this, cpus] { return cpus <= room_.cpus(); };
      if (!cover(tasks, enough, helps, now)) return;  // Whoever comes later has less claim to it.
      room_ -= resource_vector::of_cpus(cpus);
    }
    for (const shape_record* at = queue.first_shape(); at != nullptr; at = queue.after(*at)) {
      if (!at->ring.empty()) serve(*at, tasks, now);
    }
  }

  /// When what is counted on now will not be any more.
  instant next_timer() const noexcept { return look_again_; }

 private:
  void count_on(const lease_record& one, instant now) {
    if (now - one.reclaimed_at >= patience_) return;
    look_again_ = std::min(look_again_, one.reclaimed_at + patience_);
    room_ += one.wish->shape->resources;
    gpus_come_ = gpus_come_ || !one.gpus.empty();
    ++slots_;
  }

  void serve(const shape_record& shape, const task_chain& tasks, instant now) {
    // Few have leases, so one without any is found soon.
    const wish_record* poorest = shape.ring.front();
    for (const wish_record* at = poorest; at != nullptr && poorest->share() != 0;
         at = shape.ring.after(*at)) {
      if (at->share() < poorest->share()) poorest = at;
    }
    const auto fair = [poorest](const lease_record& victim) {
      return victim.wish != poorest &&
             (poorest->share() == 0 || victim.wish->share() > poorest->share() + 1);
    };
    const auto enough = [this, &shape] {
      return shape.resources.fits_in(room_) && shape.to_place.fits_in(room_) &&
             (gpus_come_ || lease_queue::gpus_fit(shape, *amounts_)) &&
             (!shape.of_tasks || slots_ > 0);
    };
    const auto helps = [this, &shape, &fair](const lease_record& victim) {
      return fair(victim) && lessens_need(victim.wish->shape->resources, shape);
    };
    if (!cover(tasks, enough, helps, now)) return;
    room_ -= shape.resources;
    if (shape.of_tasks) --slots_;
  }

  bool lessens_need(const resource_vector& given, const shape_record& shape) const noexcept {
    if (shape.of_tasks && slots_ <= 0) return true;
    if (!given.gpus().is_zero() && !lease_queue::gpus_fit(shape, *amounts_)) return true;
    const auto helps = [&](auto amount_of) {
      const auto needed = std::max(amount_of(shape.resources), amount_of(shape.to_place));
      return needed > amount_of(room_) && amount_of(given) > decltype(needed){};
    };
    if (helps([](const resource_vector& of) { return of.cpus(); }) ||
        helps([](const resource_vector& of) { return of.gpus(); }) ||
        helps([](const resource_vector& of) { return of.memory(); })) {
      return true;
    }
    return std::any_of(given.custom().begin(), given.custom().end(), [&](const auto& amount) {
      return helps([&](const resource_vector& of) { return of.custom(amount.first); });
    });
  }

  /// Reclaims, oldest first, what helps until it is enough. False where it never is.
  template <class Enough, class Helps>
  bool cover(const task_chain& tasks, const Enough& enough, const Helps& helps, instant now) {
    for (lease_record* at = tasks.front(); at != nullptr && !enough(); at = tasks.after(*at)) {
      if (at->in != in_ || at->reclaimed || at->state != lease_state::running || !helps(*at)) {
        continue;
      }
      at->reclaimed = true;
      at->reclaimed_at = now;
      ++at->wish->reclaimed;
      count_on(*at, now);
      host_.send(at->holder, message(reclaim_lease{at->id}));
    }
    return enough();
  }

  instant patience_;
  node_host& host_;
  instant look_again_ = never;
  resource_vector room_;  ///< kept only for its memory
  std::int64_t slots_ = 0;
  const room_record* in_ = nullptr;  ///< while it looks
  const ledger* amounts_ = nullptr;  ///< its
  bool gpus_come_ = false;           ///< with a lease that is counted on: one at a time
};

}  // namespace mobula::engine
