#pragma once

/// The lives of actors: how they begin, are ended, begin again, and end for good.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/death_text.hpp"
#include "mobula/engine/directory/actor_record.hpp"
#include "mobula/engine/directory/host.hpp"
#include "mobula/engine/directory/names.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/engine/references.hpp"

namespace mobula::engine {

/// The part of a `directory` that changes actors' states and says so. An actor is known by an
/// index, which is its until it is forgotten; most members may forget it.
///
/// Invariants, checked by `verify`:
///  - A name belongs to one actor, which is not dead.
///  - An actor has a wish for a lease exactly while it is leasing, and a lease while it has a life.
///  - Its record lives while the key is held by anybody, or its last life isn't over.
///  - Watchers are told each change once, in the order in which they came to know the actor, and
///    nothing after it is dead.
class actor_lives {
 public:
  actor_lives(const directory_options& options, directory_host& host, references& counts)
      : options_(options), host_(host), references_(counts), records_(1) {}
  actor_lives(const actor_lives&) = delete;
  actor_lives& operator=(const actor_lives&) = delete;

  const actor_record& operator[](std::uint32_t index) const noexcept { return records_[index]; }
  std::uint32_t end() const noexcept { return static_cast<std::uint32_t>(records_.size()); }
  std::size_t count() const noexcept { return by_number_.size(); }
  std::size_t own_processes() const noexcept { return own_processes_; }
  const actor_names& names() const noexcept { return names_; }

  /// 0 where it is not known (any more).
  std::uint32_t find(object_key actor) const {
    if (actor.owner != options_.self) return 0;
    const auto known = by_number_.find(actor.number);
    return known == by_number_.end() ? 0 : known->second;
  }
  /// 0 where the sender doesn't have that life of that actor.
  std::uint32_t find_life(party from, object_key actor, std::uint32_t life) const {
    const std::uint32_t index = find(actor);
    if (index == 0 || !has_life(records_[index].phase)) return 0;
    return records_[index].worker == from && records_[index].life_begun == life ? index : 0;
  }

  /// An actor would end with that party that it has made. O(what it has to do with).
  bool needs(party creator) const {
    for (std::uint32_t i = ties_.first_of(creator); i != 0; i = ties_[i].party_after) {
      const actor_record& one = records_[ties_[i].entry];
      if (ties_[i].made && !one.made.detached && one.phase != actor_phase::dead) return true;
    }
    return false;
  }

  /// The key is adopted, and `by` is a borrower of it; the name is free.
  std::uint32_t add(party by, register_actor&& made) {
    const std::uint32_t index = make_record(made.actor);
    names_.take(made.name_space, made.name, made.actor.number);
    records_[index].made = std::move(made);
    records_[index].creator = by;
    note_group(index);
    if (records_[index].made.detached) references_.use(records_[index].made.actor);
    tie(index, by).made = true;
    return index;
  }
  /// Nobody refers to it any more.
  void unreferenced(std::uint32_t index) {
    actor_record& one = records_[index];
    one.unreferenced = true;
    if (one.phase == actor_phase::leasing || one.phase == actor_phase::making) {
      // It was asked for, and is made: then it ends. Nobody can find it meanwhile.
      names_.free(one.made.name_space, one.made.name, one.made.actor.number);
      one.made.name.clear();
    } else if (!is_dead(one.phase)) {
      die(index, "nobody refers to it any more", false);
    } else if (records_[index].phase == actor_phase::dead) {
      forget(index);
    }
  }

  // --- Watchers ----------------------------------------------------------------------------------

  void watch(std::uint32_t index, party by) {
    if (!is_dead(records_[index].phase)) tie(index, by).watches = true;
    host_.send(by, change(records_[index]));
  }
  void unwatch(std::uint32_t index, party by) { untie(index, by, &actor_tie::watches); }

  // --- A life ------------------------------------------------------------------------------------

  /// Its constructor's arguments are there, and have a use for each mention.
  void begin(std::uint32_t index, invocation&& constructor) {
    records_[index].constructor = std::move(constructor);
    records_[index].keeps_constructor = true;
    wish(index);
  }
  /// It is leasing, and has this lease now.
  void lease(std::uint32_t index, lease_id granted, party worker) {
    actor_record& one = records_[index];
    enter(index, actor_phase::making);
    one.lease = granted;
    one.worker = worker;
    one.life_begun = one.life;
    one.end_sent = one.end_at_once = false;
    tie(index, worker).hosts = true;
    for_each_mention(one.constructor, [&](object_key key) { references_.sending(worker, key); });
    host_.send(worker, make_actor{.actor = one.made.actor,
                            .life = one.life,
                            .lease = granted,
                            .constructor = one.constructor,
                            .label = one.made.label,
                            .max_concurrency = one.made.max_concurrency,
                            .groups = one.made.groups,
                            .restarted = one.life > 1,
                            .about = one.made.about});
    if (!one.may_restart()) drop_constructor(index);
  }
  /// How many workers it could use now: one or none. In a head, a node is found first.
  void send_wish(std::uint32_t index, std::uint32_t wanted) {
    const actor_record& one = records_[index];
    if (!options_.in_head) set_node(index, options_.node);
    if (!options_.in_head || (wanted == 0 && !one.node.empty())) {
      tell_node(index, wanted);
      if (wanted == 0) set_node(index, {});
      return;
    }
    set_node(index, {});
    host_.send(options_.node, place_leases{.requester = options_.self,
                                           .lease_class = one.made.actor.number,
                                           .wanted = wanted,
                                           .resources = one.made.resources,
                                           .resources_to_place = one.made.resources_to_place,
                                           .rule = one.made.rule,
                                           .where = one.made.where});
  }
  /// It is leasing, and that node has room.
  void ask(std::uint32_t index, party node) {
    if (references_.is_dead(node)) return send_wish(index, 1);
    set_node(index, node);
    tell_node(index, 1);
  }
  void made(std::uint32_t index) {
    enter(index, actor_phase::alive);
    records_[index].why.reset();
    if (records_[index].unreferenced) return die(index, "nobody refers to it any more", false);
    tell(index);
  }
  void refused(std::uint32_t index, const std::string& why) {
    set_node(index, {});
    enter(index, actor_phase::dead);
    finish_death(index, why);
  }
  /// By itself: it threw, exited or was stopped. The worker is still there.
  void ended(std::uint32_t index, const std::string& why) {
    end_lease(index);
    enter(index, actor_phase::dead);
    finish_death(index, why);
  }
  /// A life that was to end has ended.
  void life_over(std::uint32_t index) {
    end_lease(index);
    after_life(index);
  }

  // --- Ends --------------------------------------------------------------------------------------

  /// One restart is spent; `may_restart` held.
  void restart(std::uint32_t index, const std::string& why) {
    actor_record& one = records_[index];
    ++one.restarts;
    ++one.life;
    one.why = actor_restarts_text(one.made.label, why);
    if (one.phase == actor_phase::making || one.phase == actor_phase::alive) {
      enter(index, actor_phase::ending);
      end_life(index, true);
    }
    tell(index);
  }
  /// Dead for good, from now on. What it has of a life is ended, gracefully or at once.
  void die(std::uint32_t index, const std::string& why, bool at_once) {
    actor_record& one = records_[index];
    if (one.phase == actor_phase::leasing) send_wish(index, 0);
    if (!has_life(one.phase)) {
      enter(index, actor_phase::dead);
      return finish_death(index, why);
    }
    one.why = actor_died_text(one.made.label, why);
    enter(index, actor_phase::closing);
    end_life(index, at_once);
    finish_death(index, why);
  }
  /// Whoever is tied to it is dead. O(its ties).
  void party_gone(const death& what) {
    const party who = what.who;
    const std::string how = to_string(what);
    const bool is_free = what.kind == death_kind::drained;
    std::vector<std::pair<std::uint64_t, actor_tie>> were;
    while (const std::uint32_t next = ties_.first_of(who)) {
      const std::uint32_t index = ties_[next].entry;
      if (ties_[next].lends) records_[index].node = {};
      were.emplace_back(records_[index].made.actor.number, ties_[next]);
      static_cast<actor_tie&>(ties_[next]) = {};
      ties_.release_if_idle(records_[index].ties, next);
    }
    ties_.forget(who);
    references_.party_gone(who, how);
    for (const auto& [number, was] : were) {
      // By number, for what came before may have ended it.
      std::uint32_t index = find({options_.self, number});
      if (index != 0 && was.hosts) {
        worker_gone(index, how, was.made && !records_[index].made.detached, is_free);
      }
      index = find({options_.self, number});
      const bool leases = index != 0 && records_[index].phase == actor_phase::leasing;
      if (leases && was.lends && records_[index].node.empty()) send_wish(index, 1);
      index = find({options_.self, number});
      if (index != 0 && was.made) creator_gone(index, how);
    }
  }
  /// How many actors it has looked at to find those of a group, ever.
  std::uint64_t visited() const noexcept { return visited_; }
  /// Of actors that live there.
  std::vector<party> workers_of(party node) const {
    std::vector<party> all;
    for (std::uint32_t i = ties_.first_of(node); i != 0; i = ties_[i].party_after) {
      const party worker = records_[ties_[i].entry].worker;
      if (ties_[i].lends && !worker.empty()) all.push_back(worker);
    }
    return all;
  }
  /// Actors that are placed there are dead for good. O(its actors).
  void group_removed(std::uint64_t group, const std::string& why) {
    std::vector<std::uint32_t> all;
    for (auto at = by_group_.lower_bound({group, 0}); at != by_group_.end() && at->first == group;
         ++at) {
      all.push_back(at->second);
    }
    visited_ += all.size();
    for (const std::uint32_t index : all) {
      const actor_record& one = records_[index];
      if (one.made.where.group != group) continue;  // With another one it has ended.
      if (!is_dead(one.phase)) {
        die(index, why, true);
      } else if (one.phase == actor_phase::closing) {
        end_life(index, true);
      }
    }
  }
  void drop_mentions(const invocation& of) {
    for_each_mention(of, [this](object_key key) { references_.drop(key); });
  }

  /// Asserts the invariants; in `checks.hpp`. O(everything).
  void verify() const;
  /// What it knows between two events: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(records_, free_, ties_, own_processes_, said_shared_);
    if constexpr (!Archive::is_reading) return;
    by_number_.clear();
    by_group_.clear();
    names_ = {};
    for (std::uint32_t index = 1; index < records_.size(); ++index) {
      const register_actor& one = records_[index].made;
      if (one.actor.empty()) continue;
      by_number_.emplace(one.actor.number, index);
      note_group(index);
      if (!is_dead(records_[index].phase)) names_.take(one.name_space, one.name, one.actor.number);
    }
  }

 private:
  std::uint32_t make_record(object_key key) {
    std::uint32_t index = 0;
    if (free_.empty()) {
      index = static_cast<std::uint32_t>(records_.size());
      records_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    by_number_.emplace(key.number, index);
    return index;
  }
  void note_group(std::uint32_t index) {
    const std::uint64_t group = records_[index].made.where.group;
    if (group != 0) by_group_.insert({group, index});
  }
  void forget(std::uint32_t index) {
    actor_record& one = records_[index];
    by_group_.erase({one.made.where.group, index});
    untie(index, one.creator, &actor_tie::made);
    MOBULA_ASSERT(one.ties.count == 0, "an actor is forgotten that somebody has to do with");
    by_number_.erase(one.made.actor.number);
    one = {};
    free_.push_back(index);
  }
  actor_tie& tie(std::uint32_t index, party with) {
    return ties_[ties_.find_or_make(records_[index].ties, index, with)];
  }
  void untie(std::uint32_t index, party with, bool actor_tie::*which) {
    const std::uint32_t known = ties_.find(records_[index].ties, index, with);
    if (known == 0) return;
    ties_[known].*which = false;
    ties_.release_if_idle(records_[index].ties, known);
  }
  void tell_node(std::uint32_t index, std::uint32_t wanted) {
    const actor_record& one = records_[index];
    host_.send(one.node, want_leases{.lease_class = one.made.actor.number,
                                     .wanted = wanted,
                                     .purpose = one.purpose,
                                     .resources = one.made.resources,
                                     .resources_to_place = one.made.resources_to_place,
                                     .what = "actor \"" + one.made.label + "\"",
                                     .fail_if_infeasible = one.made.fail_if_infeasible,
                                     .environment = one.made.environment,
                                     .where = one.made.where,
                                     .rule = one.made.rule,
                                     .placed = options_.in_head});
  }
  void set_node(std::uint32_t index, party node) {
    const party before = std::exchange(records_[index].node, node);
    if (!options_.in_head || before == node) return;
    if (!before.empty()) untie(index, before, &actor_tie::lends);
    if (!node.empty()) tie(index, node).lends = true;
  }
  void enter(std::uint32_t index, actor_phase next) {
    MOBULA_ASSERT(may_follow(records_[index].phase, next), "an actor's life takes a way it can't");
    records_[index].phase = next;
  }

  static actor_changed change(const actor_record& one) {
    actor_changed out{one.made.actor, told_state(one.phase, one.life), one.life, {}, one.why};
    if (one.phase == actor_phase::alive) {
      out.worker = one.worker;
      out.node = one.node;
    }
    return out;
  }
  void tell(std::uint32_t index) {
    const actor_record& one = records_[index];
    for (std::uint32_t i = one.ties.first; i != 0; i = ties_[i].entry_after) {
      if (ties_[i].watches) host_.send(ties_[i].who, change(one));
    }
  }

  void wish(std::uint32_t index) {
    actor_record& one = records_[index];
    if (!one.placed) {
      one.placed = true;
      one.purpose = one.made.purpose;
      if (one.purpose == lease_purpose::automatic) {
        const bool full = own_processes_ >= options_.actor_processes_max;
        one.purpose = full ? lease_purpose::shared_process : lease_purpose::own_process;
        if (full && !std::exchange(said_shared_, true)) {
          host_.warn(std::to_string(own_processes_) +
                     " actors have a process of their own; further ones share processes, unless "
                     "they say isolation::process");
        }
      }
      if (one.purpose == lease_purpose::own_process) ++own_processes_;
    }
    enter(index, actor_phase::leasing);
    send_wish(index, 1);
  }
  void drop_constructor(std::uint32_t index) {
    actor_record& one = records_[index];
    if (!std::exchange(one.keeps_constructor, false)) return;
    const invocation dropped = std::exchange(one.constructor, {});
    drop_mentions(dropped);
  }
  /// Tells the worker, or the node, to end the present life.
  void end_life(std::uint32_t index, bool at_once) {
    actor_record& one = records_[index];
    if (one.end_sent && (one.end_at_once || !at_once)) return;
    one.end_sent = true;
    one.end_at_once = at_once;
    if (at_once && one.purpose == lease_purpose::own_process) {
      host_.send(one.node, end_worker{one.worker, one.why->what});
    } else {
      host_.send(one.worker, end_actor{one.made.actor, one.life_begun, !at_once, one.why});
    }
  }
  /// The worker has no instance any more, but is there.
  void end_lease(std::uint32_t index) {
    host_.send(records_[index].node, return_lease{records_[index].lease});
    forget_life(index);
  }
  void forget_life(std::uint32_t index) {
    actor_record& one = records_[index];
    const party worker = std::exchange(one.worker, {});
    one.lease = {};
    untie(index, worker, &actor_tie::hosts);
    set_node(index, {});
  }
  void after_life(std::uint32_t index) {
    if (records_[index].phase == actor_phase::ending) return wish(index);
    enter(index, actor_phase::dead);
    release_process(index);
    if (records_[index].unreferenced) forget(index);
  }
  /// `with_creator`: the same process made the actor, so that it is not restarted.
  void worker_gone(std::uint32_t index, const std::string& how, bool with_creator,
                   bool is_free) {
    actor_record& one = records_[index];
    forget_life(index);
    if (one.phase == actor_phase::ending || one.phase == actor_phase::closing) {
      return after_life(index);
    }
    const std::string why = "its worker " + how;
    if (with_creator || !one.may_restart()) {
      enter(index, actor_phase::dead);
      return finish_death(
          index, one.may_restart() ? why : why + restarts_spent_text(one.made.max_restarts));
    }
    if (!is_free) ++one.restarts;  // To drain a node costs its actors nothing, as in Ray.
    ++one.life;
    one.why = actor_restarts_text(one.made.label, why);
    enter(index, actor_phase::leasing);
    tell(index);
    send_wish(index, 1);
  }
  void creator_gone(std::uint32_t index, const std::string& how) {
    if (records_[index].made.detached) {
      // Nobody else can give it its arguments.
      if (records_[index].phase == actor_phase::arguments) {
        die(index, "the process that made it " + how + " before its arguments were there", true);
      }
    } else if (!is_dead(records_[index].phase)) {
      die(index, "the process that made it " + how, true);
    } else if (records_[index].phase == actor_phase::closing) {
      end_life(index, true);  // It has no time left for what is queued.
    }
  }
  /// The last step for everybody but the worker: the record may be gone after it.
  void finish_death(std::uint32_t index, const std::string& why) {
    actor_record& one = records_[index];
    const object_key key = one.made.actor;
    one.why = actor_died_text(one.made.label, why);
    names_.free(one.made.name_space, one.made.name, key.number);
    tell(index);
    for (std::uint32_t i = one.ties.first; i != 0;) {
      const std::uint32_t next = ties_[i].entry_after;
      ties_[i].watches = false;
      ties_.release_if_idle(one.ties, i);
      i = next;
    }
    if (one.phase == actor_phase::dead) release_process(index);
    const bool detached = one.made.detached;
    const bool over = one.phase == actor_phase::dead && one.unreferenced;
    drop_constructor(index);
    if (over) {
      forget(index);
    } else if (detached) {
      references_.drop(key);
    }
  }
  void release_process(std::uint32_t index) {
    actor_record& one = records_[index];
    if (one.placed && one.purpose == lease_purpose::own_process) --own_processes_;
    one.placed = false;
  }

  const directory_options& options_;
  directory_host& host_;
  references& references_;
  std::vector<actor_record> records_;  ///< the first is nobody's
  std::vector<std::uint32_t> free_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> by_number_;
  std::set<std::pair<std::uint64_t, std::uint32_t>> by_group_;  ///< of those that are in one
  std::uint64_t visited_ = 0;
  actor_names names_;
  actor_ties ties_;
  std::size_t own_processes_ = 0;
  bool said_shared_ = false;
};

}  // namespace mobula::engine
