#pragma once

/// The node machine: lends workers, keeps objects, and says who has died.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/death_text.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/lease_bodies.hpp"
#include "mobula/engine/node/lease_checks.hpp"
#include "mobula/engine/node/lease_drain.hpp"
#include "mobula/engine/node/lease_groups.hpp"
#include "mobula/engine/node/lease_refusals.hpp"
#include "mobula/engine/node/leases.hpp"
#include "mobula/engine/node/memory_victims.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/node/other_nodes.hpp"
#include "mobula/engine/node/recent_deaths.hpp"
#include "mobula/engine/node/records.hpp"
#include "mobula/engine/node/store.hpp"
#include "mobula/engine/node/store_checks.hpp"
#include "mobula/engine/node/store_copies.hpp"
#include "mobula/engine/node/store_disk.hpp"
#include "mobula/engine/node/store_losses.hpp"
#include "mobula/engine/node/store_moves.hpp"
#include "mobula/engine/node/wishing.hpp"

namespace mobula::engine {

/// What a node understands.
template <class Message>
inline constexpr bool is_for_node =
    std::is_same_v<Message, worker_ready> || std::is_same_v<Message, want_leases> ||
    std::is_same_v<Message, return_lease> || std::is_same_v<Message, body_blocked> ||
    std::is_same_v<Message, body_unblocked> || std::is_same_v<Message, end_worker> ||
    std::is_same_v<Message, create_object> || std::is_same_v<Message, publish_object> ||
    std::is_same_v<Message, pin_object> || std::is_same_v<Message, unpin_object> ||
    std::is_same_v<Message, free_object> || std::is_same_v<Message, leave_answer> ||
    std::is_same_v<Message, reserve_group> || std::is_same_v<Message, find_group> ||
    std::is_same_v<Message, ask_group> || std::is_same_v<Message, remove_group> ||
    std::is_same_v<Message, leases_placed> || std::is_same_v<Message, leases_unplaceable> ||
    std::is_same_v<Message, ask_death> || std::is_same_v<Message, fetch_object> ||
    std::is_same_v<Message, fetch_answer> || std::is_same_v<Message, fetch_part> ||
    std::is_same_v<Message, object_part> || std::is_same_v<Message, end_fetch> ||
    std::is_same_v<Message, keep_object> || std::is_same_v<Message, prepare_bundles> ||
    std::is_same_v<Message, commit_bundles> || std::is_same_v<Message, release_bundles> ||
    std::is_same_v<Message, leave_cluster> || std::is_same_v<Message, other_nodes> ||
    std::is_same_v<Message, take_object> || std::is_same_v<Message, object_taken>;

/// Rules: docs/ENGINE.md, "Node". A party is known from `party_joined` to `party_gone`; the node's
/// own is known always, for the directory beside it asks for leases too. A message of anybody else,
/// and one that makes no sense, is dropped and counted.
///
///   node one{{.self = party{1}, .total = ..., .store_bytes = ...}, host};
///   one.start(now);                              // host: start_worker() for each of `prestart`
///   one.party_joined(party{2}, party_kind::worker, now);
///   one.receive(party{2}, worker_ready{}, now);
///
/// Thread safety: none. Cost: of a lease O(shapes and classes' look-up), of an object O(its
/// readers), of a death O(what the dead had and parties).
class node {
 public:
  node(node_options options, node_host& host)
      : options_(std::move(options)), host_(host), leases_(options_, host), store_(options_, host) {
    MOBULA_ASSERT(!options_.self.empty(), "a node is a party");
    parties_[options_.self].kind = party_kind::node;
    store_.party_joined(options_.self);
    if (!options_.head.empty()) party_joined(options_.head, party_kind::guest, 0);
  }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  void start(instant now) {
    leases_.join();
    leases_.prestart(now);
  }

  // --- Parties ---

  /// A driver has connected, or a process that `start_worker` asked for exists.
  /// `of_kind` is the number of the `worker_kind` that it is of.
  void party_joined(party who, party_kind kind, instant now, std::uint64_t of_kind = 0) {
    MOBULA_ASSERT(!who.empty() && parties_.find(who) == parties_.end(), "a party joins once");
    MOBULA_ASSERT(kind != party_kind::node, "the node knows itself");
    party_record& record = parties_[who];
    record.kind = kind;
    if (kind == party_kind::worker) record.worker = &leases_.worker_joined(who, of_kind);
    store_.party_joined(who);
    leases_.schedule(now);
  }
  /// Its host finds that what was sent to another node, or to a process on it, does not get there,
  /// for `node_silence` by this node's clock; or, after that, that it does. The head has the word.
  void other_unheard(party who, bool is_heard_again) {
    if (options_.head.empty() || who == options_.self) return;
    host_.send(options_.head, message(node_unheard{who, is_heard_again}));
  }
  void worker_failed_to_start(const std::string& why, instant now, std::uint64_t of_kind = 0) {
    leases_.start_failed(of_kind, why, now);
    leases_.schedule(now);
  }
  /// A worker that is not ready has found that it can't make its environment, and ends; the death
  /// is still to be told. Who waits for such a worker fails with `environment_error`, and may ask
  /// again.
  void environment_failed(party worker, const std::string& why, instant now) {
    worker_record* const one = worker_of(worker);
    if (one == nullptr || one->state != worker_state::starting) return;
    leases_.environment_failed(*one, why);
    leases_.schedule(now);
  }

  /// All that came from it has been received, and nothing comes any more. Everybody on the node is
  /// told, and the head, and who has asked, before anything is given to somebody else. What became
  /// of a guest its own node says.
  void party_gone(const death& what, instant now) {
    const auto at = parties_.find(what.who);
    if (at == parties_.end()) {
      // Of other nodes, and owners there, the machine remembers no more than it needs.
      return count(store_.party_gone(what.who, now) || !options_.head.empty());
    }
    if (at->second.kind == party_kind::node) return count(false);
    party_record& dead = at->second;
    if (dead.kind != party_kind::guest) tell_of(what, dead);
    leases_.requester_gone(what.who, dead);
    if (dead.worker != nullptr) {
      leases_.worker_gone(*dead.worker, "its process " + to_string(what), now);
    }
    leases_.holder_gone(dead, now);
    if (is_head(what.who)) leases_.head_gone();
    store_.party_gone(what.who, now);
    parties_.erase(at);
    if (memory_victim_ == what.who) memory_victim_ = party();
    leases_.schedule(now);
    go_on_leaving(now);
  }

  /// There is a new link to the head, which has come back: it knows of no report any more.
  void report_again(instant now) { leases_.report_again(now); }

  // --- Messages ---

  void receive(party from, worker_ready&&, instant now) {
    worker_record* const worker = worker_of(from);
    after_lease(worker != nullptr && leases_.worker_ready(*worker, now), now);
  }
  void receive(party from, want_leases&& one, instant now) {
    party_record* const requester = record_of(from);
    after_lease(requester != nullptr && leases_.want(from, *requester, std::move(one)), now);
  }
  void receive(party from, return_lease&& one, instant now) {
    after_lease(leases_.give_back(from, one.lease, now), now);
  }
  void receive(party from, body_blocked&& one, instant now) {
    after_lease(leases_.block(worker_of(from), one.lease), now);
  }
  void receive(party from, body_unblocked&& one, instant now) {
    after_lease(leases_.unblock(worker_of(from), one.lease), now);
  }
  void receive(party from, end_worker&& one, instant now) {
    worker_record* const worker = worker_of(one.worker);
    after_lease(record_of(from) != nullptr && worker != nullptr &&
                    leases_.end_for(from, *worker, one.why),
                now);
  }
  void receive(party from, leave_answer&& one, instant now) {
    worker_record* const worker = worker_of(from);
    after_lease(worker != nullptr && leases_.may_leave(*worker, one, now), now);
  }
  void receive(party from, reserve_group&& one, instant now) {
    const bool sense = keeps_groups_for(from) && !one.bundles.empty();
    if (sense) leases_.reserve(from, std::move(one));
    after_lease(sense, now);
  }
  void receive(party from, find_group&& one, instant) {
    const bool sense = keeps_groups_for(from);
    if (sense) leases_.reserved().find(from, one);
    count(sense);
  }
  void receive(party from, ask_group&& one, instant) {
    const bool sense = keeps_groups_for(from);
    if (sense) leases_.reserved().ask(from, one);
    count(sense);
  }
  void receive(party from, remove_group&& one, instant now) {
    after_lease(keeps_groups_for(from) && leases_.remove(one), now);
  }
  void receive(party from, prepare_bundles&& one, instant now) {
    after_lease(is_head(from) && leases_.prepare(std::move(one)), now);
  }
  void receive(party from, commit_bundles&& one, instant now) {
    after_lease(is_head(from) && leases_.commit(one), now);
  }
  void receive(party from, release_bundles&& one, instant now) {
    after_lease(is_head(from) && leases_.release(one), now);
  }
  void receive(party from, leases_placed&& one, instant now) {
    const bool sense = is_head(from);
    if (sense) leases_.placed(one);
    after_lease(sense, now);
  }
  void receive(party from, leases_unplaceable&& one, instant now) {
    const bool sense = is_head(from);
    if (sense) leases_.unplaceable(one);
    after_lease(sense, now);
  }
  void receive(party from, ask_death&& one, instant) {
    const bool sense = record_of(from) != nullptr;
    count(sense);
    if (!sense) return;
    party_record* const living = record_of(one.who);
    if (living != nullptr && living->kind != party_kind::guest) {
      living->asked_by.push_back(from);
    } else {
      host_.send(from, message(party_died{died_.find(one.who)}));
    }
  }
  void receive(party from, create_object&& one, instant now) {
    count(store_.create(from, one, now));
  }
  void receive(party from, publish_object&& one, instant now) {
    count(store_.publish(from, one, now));
  }
  void receive(party from, pin_object&& one, instant now) { count(store_.pin(from, one, now)); }
  void receive(party from, unpin_object&& one, instant now) {
    count(store_.unpin(from, one, now));
  }
  void receive(party from, free_object&& one, instant now) {
    count(record_of(from) != nullptr && store_.free(from, one, now));
  }
  void receive(party from, fetch_object&& one, instant now) {
    count(store_.fetch(from, one, now));
  }
  void receive(party from, fetch_answer&& one, instant now) {
    count(store_.answered(from, one, now));
  }
  void receive(party from, fetch_part&& one, instant) { count(store_.send_part(from, one)); }
  void receive(party from, object_part&& one, instant now) {
    count(store_.part_arrived(from, one, now));
  }
  void receive(party from, end_fetch&& one, instant now) {
    count(store_.end_fetch(from, one, now));
  }
  void receive(party from, keep_object&& one, instant now) {
    count(store_.keep(from, one, now));
  }
  /// Nothing new begins here, and when nothing is left the head is told so.
  void receive(party from, leave_cluster&& one, instant now) {
    const bool sense = is_head(from);
    if (sense) {
      const auto most = static_cast<std::uint64_t>(never - now);
      leave_by_ = one.lasts >= most ? never : now + static_cast<instant>(one.lasts);
      time_is_up_ = false;
      if (!std::exchange(drains_, true)) {
        leases_.drain(now);
        for (auto& [who, record] : parties_) leases_.send_away(record);
      }
      store_.drain(std::move(one.others), now);
    }
    after_lease(sense, now);
  }
  void receive(party from, other_nodes&& one, instant now) {
    const bool sense = is_head(from) && drains_;
    if (sense) store_.drain(std::move(one.others), now);
    count(sense);
  }
  void receive(party from, take_object&& one, instant now) { count(store_.take(from, one, now)); }
  void receive(party from, object_taken&& one, instant now) {
    count(store_.taken(from, one, now));
  }
  /// Any of them; what is not for a node is stray.
  void receive(party from, message&& one, instant now) {
    std::visit(
        [&](auto& is) {
          using kind = std::decay_t<decltype(is)>;
          if constexpr (is_for_node<kind>) {
            this->receive(from, std::move(is), now);
          } else {
            ++stray_;
          }
        },
        one);
    go_on_leaving(now);
  }

  // --- The host's own ---

  /// How `node_host::spill` ended; `why` of `failed`.
  void spilled(object_key object, spill_result how, const std::string& why, instant now) {
    store_.spilled(object, how, why, now);
  }
  /// How `node_host::restore` ended; `why` of `lost`.
  void restored(object_key object, restore_result how, const std::string& why, instant now) {
    store_.restored(object, how, why, now);
  }

  /// For a copy there is no memory after all: the answer to `node_host::take_memory`, if it has
  /// one. `why`: for its readers.
  void copy_failed(object_key object, const std::string& why, instant now) {
    store_.copy_failed(object, why, now);
  }

  /// Measured now and then. Above the limit one worker is ended, and none more before its death is
  /// known. `usage` names each worker at most once.
  void memory_used(std::uint64_t total, std::span<const worker_usage> usage, instant now) {
    memory_used({.used = total, .limit = options_.memory_limit}, usage, now);
  }
  /// The same of a limit that the host knows.
  void memory_used(memory_use what, std::span<const worker_usage> usage, instant now) {
    if (what.limit == 0 || what.used <= what.limit) return;
    if (!memory_victim_.empty()) return;
    worker_record* victim = nullptr;
    victim_rank lowest;
    memory_line chosen;
    std::vector<memory_line> lines;
    for (const worker_usage& one : usage) {
      worker_record* const worker = worker_of(one.worker);
      if (worker == nullptr) continue;
      lines.push_back({one.bytes, one.worker, work_of(worker)});
      if (worker->leases.empty() || worker->state == worker_state::ending) continue;
      const victim_rank rank = rank_of(*worker, one);
      if (victim != nullptr && !(rank < lowest)) continue;
      victim = worker;
      lowest = rank;
      chosen = lines.back();
    }
    if (victim == nullptr) {
      leases_.warn_once("memory is above its limit of " + mebibytes(what.limit) +
                        ", and no worker uses it");
      return;
    }
    memory_victim_ = victim->who;
    leases_.end(*victim, death_kind::out_of_memory,
                memory_text(what.used, what.limit, chosen, std::move(lines)));
    leases_.schedule(now);
  }

  void timer(instant now) {
    leases_.timer(now);
    leases_.schedule(now);
    store_.timer(now);
    go_on_leaving(now);
  }
  instant next_timer() const noexcept {
    const bool has_time = drains_ && !time_is_up_ && !has_left_;
    return std::min({leases_.next_timer(), store_.next_timer(), has_time ? leave_by_ : never});
  }

  // --- What there is ---

  const resource_vector& total() const noexcept { return leases_.amounts().total(); }
  const resource_vector& available() const noexcept { return leases_.amounts().available(); }
  const ledger& amounts() const noexcept { return leases_.amounts(); }
  /// In the order in which they joined: `for (auto* at = all.front(); at; at = all.after(*at))`.
  const workers::all_chain& all_workers() const noexcept { return leases_.processes().all(); }
  /// Processes that are there or asked for.
  std::size_t process_count() const noexcept { return leases_.processes().count(); }
  std::size_t lease_count() const noexcept { return leases_.count(); }
  /// Classes that want more than they have.
  std::size_t waiting_count() const noexcept { return leases_.waiting(); }
  /// Leases of actors that have a process of their own, granted ones that wait for it too. Whoever
  /// decides for `isolation::automatic` asks this.
  std::size_t own_process_count() const noexcept { return leases_.own_processes(); }
  const store& objects() const noexcept { return store_; }
  std::size_t group_count() const noexcept { return leases_.reserved().count(); }
  const groups& reserved() const noexcept { return leases_.reserved(); }
  /// It was asked to leave.
  bool drains() const noexcept { return drains_; }
  std::uint64_t stray() const noexcept { return stray_; }

  /// Asserts all invariants. O(everything).
  void verify() const {
    leases_.verify();
    store_.verify();
    std::size_t workers = 0;
    for (const auto& [who, record] : parties_) {
      MOBULA_ASSERT((record.worker != nullptr) == (record.kind == party_kind::worker) &&
                        (record.worker == nullptr || record.worker->who == who),
                    "a worker's record is its party's");
      workers += record.worker != nullptr;
    }
    MOBULA_ASSERT(workers == all_workers().size(), "each worker is a party");
  }

 private:
  party_record* record_of(party who) {
    const auto at = parties_.find(who);
    return at == parties_.end() ? nullptr : &at->second;
  }
  worker_record* worker_of(party who) {
    party_record* const record = record_of(who);
    return record == nullptr ? nullptr : record->worker;
  }
  void tell_of(const death& what, const party_record& dead) {
    if (!options_.head.empty()) {
      died_.remember(what);
      host_.send(options_.head, message(party_died{what}));
    }
    for (const auto& [other, record] : parties_) {
      if (other == what.who || record.kind == party_kind::guest) continue;
      if (other == options_.self && !options_.head.empty()) continue;  // its directory is there
      host_.send(other, message(party_died{what}));
    }
    for (const party asks : dead.asked_by) host_.send(asks, message(party_died{what}));
  }
  bool is_head(party who) const { return !options_.head.empty() && who == options_.head; }
  /// Of a cluster the head does.
  bool keeps_groups_for(party who) { return options_.head.empty() && record_of(who) != nullptr; }
  void count(bool sense) { stray_ += !sense; }
  /// When its time is up, what still runs is ended. It leaves when nobody is there any more, and
  /// what it stored is with others.
  void go_on_leaving(instant now) {
    if (!drains_ || has_left_) return;
    time_is_up_ = time_is_up_ || leave_by_ <= now;
    if (time_is_up_) {
      for (worker_record* at = leases_.processes().all().front(); at != nullptr;
           at = leases_.processes().all().after(*at)) {
        leases_.end(*at, death_kind::drained, "its node was asked to leave, and its time is up");
      }
    }
    const bool has_driver = std::any_of(parties_.begin(), parties_.end(), [](const auto& one) {
      return one.second.kind == party_kind::driver;
    });
    if (has_driver || process_count() != 0 || lease_count() != 0 || !store_.has_given_all()) return;
    has_left_ = true;
    store_.close();
    leases_.part();
    host_.send(options_.head, message(node_drained{}));
  }
  void after_lease(bool sense, instant now) {
    count(sense);
    if (sense) leases_.schedule(now);
  }

  node_options options_;
  node_host& host_;
  leases leases_;
  store store_;
  std::map<party, party_record> parties_;  // In a fixed order, and their addresses stay.
  recent_deaths died_;
  party memory_victim_;  ///< empty, or being ended
  bool drains_ = false;
  bool time_is_up_ = false;  ///< for what ran here when it was asked to leave
  bool has_left_ = false;    ///< the head is told
  instant leave_by_ = never;
  std::uint64_t stray_ = 0;
};

}  // namespace mobula::engine
