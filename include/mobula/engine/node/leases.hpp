#pragma once

/// Wishes, and the workers that are lent for them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/groups.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/lease_queue.hpp"
#include "mobula/engine/node/ledger.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/node/reclaim.hpp"
#include "mobula/engine/node/records.hpp"
#include "mobula/engine/node/rooms.hpp"
#include "mobula/engine/node/serving.hpp"
#include "mobula/engine/node/wish_book.hpp"
#include "mobula/engine/node/workers.hpp"

namespace mobula::engine {

/// Functions that take a message return false where it is to be counted as stray. `schedule` is to
/// be called after every event.
///
/// Invariants: a lease holds its shape's resources, of the node or of a group's bundle, from the
/// grant until it is given back, or until its worker is known to be dead; it has a worker unless it
/// is unserved; a blocked one has lent its CPUs, and gets them back before any new lease gets some;
/// a wish is in the ring exactly while it wants more than is granted to it and could ever get it.
class leases {
 public:
  leases(const node_options& options, node_host& host)
      : options_(options),
        host_(host),
        whole_(ledger(options.total, options.assigns_gpus), options.passes_max),
        groups_(options, host, whole_),
        wishes_(options.idle_classes_max),
        workers_(options, host),
        reclaimer_(options.reclaim_patience, host) {
    MOBULA_ASSERT(options.workers_max != 0 && options.shared_actors_max != 0 &&
                      options.start_failures_max != 0 && options.idle_classes_max != 0,
                  "each limit lets something through");
  }

  // --- Messages ---

  /// In `wishing.hpp`, as `set_wanted`.
  bool want(party from, party_record& requester, want_leases&& one);
  bool give_back(party from, lease_id id, instant now) {
    lease_record* const lease = find(id);
    if (lease == nullptr || lease->holder != from || lease->state == lease_state::unserved) {
      return false;
    }
    if (lease->state == lease_state::ending) return true;
    worker_record& worker = *lease->worker;
    if (lease->state != lease_state::running) {
      end(worker, death_kind::ended, "its lease was returned while its body waited");
      return true;
    }
    const bool used_up = lease->wish->purpose == lease_purpose::own_process ||
                         (worker.leases.size() == 1 && worker.state == worker_state::leased &&
                          !worker.kind->what.gpus.empty());
    for (; lease->asking != 0; --lease->asking) answer_late(worker, id);
    release(*lease);
    if (used_up) {
      workers_.retire(worker, now);
    } else if (worker.leases.empty()) {
      vacate(worker, now);
    }
    return true;
  }

  // In `lease_bodies.hpp`: of a lease one body less runs, or one more wants to.
  bool block(const worker_record* from, lease_id id);
  bool unblock(const worker_record* from, lease_id id);

  /// Ends a worker at the wish of a holder of one of its leases.
  bool end_for(party from, worker_record& worker, const std::string& why) {
    for (lease_record* at = worker.leases.front(); at != nullptr; at = worker.leases.after(*at)) {
      if (at->holder != from) continue;
      end(worker, death_kind::ended, why);
      return true;
    }
    return false;
  }
  /// Ends a worker, whatever it does.
  void end(worker_record& worker, death_kind kind, const std::string& why) {
    for (lease_record* at = worker.leases.front(); at != nullptr; at = worker.leases.after(*at)) {
      at->in->resuming.remove_if_linked(*at);
      set_state(*at, lease_state::ending);
    }
    workers_.end(worker, kind, why);
  }

  // --- Placement groups; in `lease_groups.hpp` ---

  void reserve(party from, reserve_group&& what);
  bool remove(const remove_group& what);
  bool prepare(prepare_bundles&& what);
  bool commit(const commit_bundles& what);
  bool release(const release_bundles& what);
  void head_gone();
  groups& reserved() noexcept { return groups_; }
  const groups& reserved() const noexcept { return groups_; }

  // --- Other nodes; in `other_nodes.hpp` ---

  void join();
  void report_again(instant now);
  void placed(const leases_placed& what);
  void unplaceable(const leases_unplaceable& what);

  // --- A node that leaves; in `lease_drain.hpp` ---

  void drain(instant now);
  void send_away(party_record& requester);
  /// The head is told nothing more.
  void part() noexcept { has_joined_ = false; }
  workers& processes() noexcept { return workers_; }

  // --- Births and deaths ---

  worker_record& worker_joined(party who, std::uint64_t kind) {
    return workers_.joined(who, kind);
  }
  bool worker_ready(worker_record& one, instant now) {
    if (one.state != worker_state::starting && one.state != worker_state::ending) return false;
    workers_.ready(one, now);
    return true;
  }
  bool may_leave(worker_record& one, const leave_answer& what, instant now) {
    return workers_.answered(one, what, now);
  }
  void start_failed(std::uint64_t of_kind, const std::string& why, instant now) {
    kind_record* const kind = kinds().find(of_kind);
    MOBULA_ASSERT(kind != nullptr, "a kind is known while a process of it was asked for");
    const bool too_often = workers_.failed_to_start(*kind, now);
    refuse_if(too_often, *kind, why);
  }
  void worker_gone(worker_record& one, const std::string& why, instant now) {
    while (lease_record* lease = one.leases.front()) release(*lease);
    kind_record& kind = *one.kind;
    const bool too_often = workers_.gone(one, now);
    refuse_if(too_often, kind, why);
  }
  /// It could not make its environment, and is about to end: who waits for that is refused.
  void environment_failed(worker_record& one, const std::string& why) {
    one.unfit = true;
    refuse_unserved(*one.kind, error_code::environment, why);
  }
  /// What it wanted is forgotten. Its leases stay until `holder_gone`.
  void requester_gone(party who, party_record& dead) {
    groups_.party_gone(who);
    while (wish_record* wish = dead.wishes.front()) {
      set_wanted(*wish, 0);
      wishes_.forget(*wish);
    }
  }
  /// What works for it is ended. In `lease_refusals.hpp`.
  void holder_gone(party_record& dead, instant now);

  // --- Time ---

  /// Starts what is kept ready.
  void prestart(instant now) { workers_.start(kinds().plain(), options_.prestart, now); }

  /// Resumes, grants, serves, starts and reclaims as far as it goes.
  void schedule(instant now) {
    for_each_active([&](room_record& room) { resume(room); });
    do {
      do {
        for_each_active([&](room_record& room) {
          if (drains_ || !room.is_usable()) return;
          while (wish_record* wish = room.queue.next(room.amounts, limits(room))) grant(*wish);
        });
      } while (!drains_ && move_wishes());
    } while (serve_all());
    groups_.refuse_the_rest([this](group_part& part) { drop(part); });
    kinds().for_each([&](kind_record& kind) {
      workers_.start(kind, workers_needed(kind, options_), now);
    });
    warn_of_groups(now);
    ask_head(now);
    reclaimer_.begin_look();
    for_each_active([&](room_record& room) {
      reclaimer_.look(room, tasks_, free_slots(), now);
      if (!room.is_waited_for()) active_.remove(room);
    });
  }

  void timer(instant now) {
    workers_.timer(now);
    end_patience(now);
  }
  instant next_timer() const noexcept {
    const instant told = short_since_ == never ? never : short_since_ + options_.group_wait_warning;
    return std::min({workers_.next_timer(), reclaimer_.next_timer(), told, next_word()});
  }

  void warn_once(std::string text) {
    if (warned_.size() >= options_.warnings_max) return;
    const auto [at, fresh] = warned_.insert(std::move(text));
    if (fresh) host_.warn(*at);
  }

  // --- What there is ---

  const ledger& amounts() const noexcept { return whole_.amounts; }
  const workers& processes() const noexcept { return workers_; }
  std::size_t count() const noexcept { return pool_.used(); }
  std::size_t waiting() const noexcept {
    std::size_t count = 0;
    for (const room_record* at = active_.front(); at != nullptr; at = active_.after(*at)) {
      count += at->queue.waiting();
    }
    return count;
  }
  std::size_t own_processes() const noexcept { return own_processes_; }

  /// Asserts the invariants; in `lease_checks.hpp`. O(everything).
  void verify() const;

 private:
  /// A lease's number has its slot in the low bits; what is above them is never used twice.
  static constexpr unsigned slot_bits = 24;

  // --- Wishes ---

  void set_wanted(wish_record& wish, std::uint32_t wanted);
  void enter(wish_record& wish) {
    wish.in->queue.enter(wish);
    look_at(*wish.in);
  }

  void refuse(party to, std::uint64_t lease_class, error_code code, std::string what) {
    host_.send(to, message(lease_refused{
                       lease_class, error_fields{.code = code, .what = std::move(what)}}));
  }
  // In `lease_refusals.hpp`.
  void refuse_if(bool too_often, kind_record& kind, const std::string& why);
  void refuse_unserved(kind_record& kind, error_code code, const std::string& why,
                       bool tasks_too = true);

  // --- Rooms ---

  void look_at(room_record& room) {
    if (!active_rooms::linked(room)) active_.push_back(room);
  }
  /// `visit` may take the room out.
  template <class Visit>
  void for_each_active(Visit visit) {
    for (room_record* at = active_.front(); at != nullptr;) {
      room_record* const next = active_.after(*at);
      visit(*at);
      at = next;
    }
  }
  // In `lease_bodies.hpp`.
  bool is_over(lease_id id) const noexcept;
  void answer_late(const worker_record& worker, lease_id id);
  void resume(room_record& room);
  room_record* room_for(party from, const want_leases& one);
  void warn_of_groups(instant now);
  bool move_wishes();
  void decide_where(wish_record& wish, const want_leases& one);
  void note(wish_record& wish);
  void run_here(wish_record& wish);
  void ask_head(instant now);
  void report(instant now);
  void tell_head(const wish_record& wish);
  void end_patience(instant now);
  instant next_word() const noexcept;
  bool move(wish_record& wish);
  void leave_room(room_record& room);

  // --- Leases ---

  using waiting_chain = reclaimer::waiting_chain;

  lease_record* find(lease_id id) {
    const std::uint64_t index = id.value() & ((std::uint64_t{1} << slot_bits) - 1);
    if (id.empty() || index >= pool_.capacity()) return nullptr;
    lease_record& one = pool_.at(index);
    return one.id == id ? &one : nullptr;
  }
  static bool served_by(const lease_record* lease, const worker_record* worker) noexcept {
    return lease != nullptr && worker != nullptr && lease->worker == worker;
  }

  std::int64_t free_slots() const noexcept {
    return static_cast<std::int64_t>(options_.workers_max) - active_tasks_;
  }
  lease_queue::limits limits(const room_record& room) {
    bool free = free_slots() > 0;
    if (free && lent_tasks_ >= options_.blocked_workers_max) {
      free = false;
      warn_once(std::to_string(lent_tasks_) +
                " workers wait inside their tasks; no more are started");
    }
    return {.task_slot_free = free, .cpus_are_owed = !room.resuming.empty()};
  }

  void grant(wish_record& wish) {
    if (wish.reserves != nullptr) return create(*wish.reserves);
    lease_record& lease = pool_.take();
    MOBULA_ASSERT(lease.slot < (std::uint32_t{1} << slot_bits), "leases fit their numbers");
    lease.id = lease_id{++granted_ << slot_bits | lease.slot};
    lease.state = lease_state::unserved;
    lease.lent = lease.reclaimed = false;
    lease.bodies = 1;
    lease.asking = 0;
    lease.wish = &wish;
    lease.worker = nullptr;
    lease.holder = wish.requester;
    lease.in = wish.in;
    ++lease.in->leases;
    ledger& amounts = lease.in->amounts;
    amounts.take(wish.shape->resources);
    amounts.take_gpus(wish.shape->resources, lease.gpus);
    lease.kind = &kinds().of(wish.environment, lease.gpus);
    ++lease.kind->users;
    if (wish.purpose != lease_purpose::tasks) amounts.keep(wish.shape->resources);
    ++wish.unserved;
    ++wish.leases;
    ++wish.holding;
    wish.owner->leases.push_back(lease);
    if (wish.purpose == lease_purpose::tasks) {
      tasks_.push_back(lease);
      ++active_tasks_;
    } else if (wish.purpose == lease_purpose::shared_process) {
      ++lease.kind->shared_leases;
    } else {
      ++own_processes_;
    }
    unserved_of(lease).push_back(lease);
    wish.in->queue.granted(wish);
    note(wish);
  }
  void create(group_part& part);
  void drop(group_part& part);
  void end_group(group_record& one, const std::string& why);

  static waiting_chain& unserved_of(lease_record& lease) noexcept {
    return lease.kind->unserved_of(lease.wish->purpose);
  }
  worker_kinds& kinds() noexcept { return workers_.kinds(); }

  /// True: its wish waits again, for more of its leases may be granted now.
  bool serve(lease_record& lease, worker_record& worker) {
    wish_record& wish = *lease.wish;
    unserved_of(lease).remove(lease);
    kinds().release(*lease.kind);  // the worker uses it too
    if (wish.purpose == lease_purpose::shared_process) {
      workers_.share(worker);
    } else {
      workers_.lease(worker);
    }
    lease.worker = &worker;
    worker.leases.push_back(lease);
    set_state(lease, lease_state::running);
    --wish.unserved;
    --wish.wanted;
    if (wish.needs_word) --wish.allowed;
    note(wish);
    host_.send(lease.holder, message(lease_granted{wish.lease_class, lease.id, worker.who}));
    if (!std::exchange(wish.one_at_a_time, false)) return false;
    if (!wish.waits() || lease_queue::in_ring(wish)) return false;
    enter(wish);
    return true;
  }

  /// Oldest first. Whether a wish waits again by that.
  bool serve_all() {
    bool more = false;
    kinds().for_each([&](kind_record& kind) {
      while (kind.is_waited_for()) {
        const service next = next_service(kind, options_);
        if (next.lease == nullptr) break;
        more = serve(*next.lease, *next.worker) || more;
      }
    });
    return more;
  }

  void set_state(lease_record& lease, lease_state to) {
    wish_record& wish = *lease.wish;
    if (counts_as_held(lease.state)) --wish.holding;
    if (counts_as_held(to)) ++wish.holding;
    if (to == lease_state::ending && lease.state != to &&
        wish.purpose == lease_purpose::shared_process) {
      --lease.kind->shared_leases;
    }
    lease.state = to;
  }
  void lend(lease_record& lease, bool lent) {
    lease.lent = lent;
    if (lease.wish->purpose != lease_purpose::tasks) return;
    active_tasks_ += lent ? -1 : 1;
    lent_tasks_ += lent ? 1 : -1;
  }

  /// Its resources are free, and nothing remembers it.
  void release(lease_record& lease) {
    wish_record& wish = *lease.wish;
    room_record& room = *lease.in;
    if (wish.purpose != lease_purpose::tasks) room.amounts.end_keeping(wish.shape->resources);
    if (lease.lent) {
      room.amounts.give_back_lent(wish.shape->resources);
      lend(lease, false);
    } else {
      room.amounts.give_back(wish.shape->resources);
      for (; lease.bodies > 1; --lease.bodies) {
        room.amounts.give_back(resource_vector::of_cpus(wish.shape->resources.cpus()));
      }
    }
    room.amounts.give_back_gpus(lease.gpus);
    const bool was_unserved = lease.state == lease_state::unserved;
    if (waiting_chain::linked(lease))
      (was_unserved ? unserved_of(lease) : room.resuming).remove(lease);
    set_state(lease, lease_state::ending);
    --wish.leases;
    if (lease.reclaimed) --wish.reclaimed;
    if (wish.purpose == lease_purpose::tasks) {
      tasks_.remove(lease);
      --active_tasks_;
    } else if (wish.purpose == lease_purpose::own_process) {
      --own_processes_;
    }
    if (lease.worker != nullptr) lease.worker->leases.remove(lease);
    if (!lease.holder.empty()) wish.owner->leases.remove(lease);
    lease.id = lease_id();
    --room.leases;
    pool_.give(lease);
    if (was_unserved) kinds().release(*lease.kind);
    wishes_.settle(wish);
    leave_room(room);
  }

  /// Nothing is left in it.
  void vacate(worker_record& worker, instant now) {
    if (!worker.holder_died) return workers_.vacate(worker, now);
    workers_.end(worker, death_kind::ended, "whom it worked for is dead");
  }

  const node_options& options_;
  node_host& host_;
  room_record whole_;
  groups groups_;
  active_rooms active_;
  wish_book wishes_;
  workers workers_;
  reclaimer reclaimer_;
  reclaimer::task_chain tasks_;
  std::int64_t active_tasks_ = 0;  ///< leases of tasks that have not lent their CPUs
  std::size_t lent_tasks_ = 0;
  std::size_t own_processes_ = 0;
  std::uint64_t granted_ = 0;
  instant short_since_ = never;  ///< work outside waits for what groups hold, and isn't told
  std::set<std::string> warned_;
  chain<wish_record, &wish_record::changed> changed_;
  chain<wish_record, &wish_record::halved> halved_;
  bool has_joined_ = false;
  bool drains_ = false;  ///< nothing is granted any more
  resource_vector reported_;
  resource_vector kept_reported_;
  instant next_report_ = 0;
  slots<lease_record> pool_;
};

}  // namespace mobula::engine
