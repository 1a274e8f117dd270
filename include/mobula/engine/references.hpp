#pragma once

/// The counted keys of one party: who uses them, who borrows them, and what is on its way.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/party_ranges.hpp"
#include "mobula/engine/reference_checks.hpp"
#include "mobula/engine/reference_entries.hpp"
#include "mobula/engine/reference_losses.hpp"
#include "mobula/engine/references_host.hpp"

namespace mobula::engine {

/// The rules are those of docs/ENGINE.md, "References". An entry stands in one of five ways:
///
///   own         this party answers for it
///   covered     in use only under calls that run here; their callers keep it alive
///   asking      `borrow` was sent and not answered
///   registered  the owner knows this party as a borrower
///   lost        it can't be had, or its owner is dead: there is nobody to tell
///
/// Invariants, checked by `verify`:
///  - An entry exists while it has a use, or a borrower (own), or an unanswered `borrow` (asking).
///  - `uses` counts the user's, one for each reference on its way to another party, and one for
///    each cover. So an own key is free when it has no use and no borrower.
///  - References are owed `handed_over` only where the entry is asking.
///  - A `covered` entry has a cover. `borrow` is sent only from `covered` or for a new entry, so
///    at most one is unanswered, and `unborrow` only from `registered`.
///  - A promise's entry holds one use of its object.
///  - Nothing is open with a party that is dead.
///
/// Keys that `make` gives are found by array access. Nothing allocates once the tables have grown.
/// What the table remembers of dead parties is their number, in ranges.
class references {
 public:
  references(party self, references_host& host) : self_(self), host_(host), entries_(self) {}
  references(const references&) = delete;
  references& operator=(const references&) = delete;

  // --- Own keys ----------------------------------------------------------------------------------

  /// A new key, with one use.
  object_key make() {
    reference_entry& made = entries_[entries_.make_own()];
    made.uses = 1;
    return made.key;
  }
  /// The same under a number that another party gave; without any use. The caller gives it one
  /// before it lets the table handle anything else. False if there is such a key already. A table
  /// uses `make` or `adopt`, never both.
  bool adopt(object_key own) {
    MOBULA_ASSERT(own.owner == self_, "a foreign key is adopted");
    if (entries_.find(own) != 0) return false;
    entries_[entries_.insert(own)].standing = standing::own;
    return true;
  }
  /// Counts the handles of a promise of the object beside its own uses; there is one handle now.
  /// Once in an object's life.
  object_key make_promise(object_key own) {
    const std::uint32_t object = at(own);
    MOBULA_ASSERT(entries_[object].standing == standing::own && entries_[object].promise == 0,
                  "a promise is made for a foreign object, or again");
    reference_entry& handles = entries_[entries_.make_promise(object)];
    handles.uses = 1;
    ++entries_[object].uses;
    return handles.key;
  }
  /// Registers a borrower that needs no `borrow` for it. False where it was one or is dead.
  bool add_borrower(object_key own, party who) {
    const std::uint32_t index = at(own);
    MOBULA_ASSERT(entries_[index].standing == standing::own, "a foreign key gets a borrower");
    return !is_dead(who) && register_borrower(index, who);
  }
  /// In the order in which they registered. O(parties that it has to do with).
  std::vector<party> borrowers(object_key own) const {
    std::vector<party> out;
    const reference_entry& one = entries_[at(own)];
    out.reserve(one.borrowers);
    for (std::uint32_t i = one.open.first; i != 0; i = dealings_[i].entry_after) {
      if (dealings_[i].borrows) out.push_back(dealings_[i].who);
    }
    return out;
  }
  bool has_borrowers(object_key own) const { return entries_[at(own)].borrowers != 0; }

  // --- Uses --------------------------------------------------------------------------------------

  /// One more, of a key that has an entry.
  void use(object_key key) { ++entries_[at(key)].uses; }
  /// One less. The last one may end the entry, and tell the host.
  void drop(object_key key) {
    drop_uses(at(key), 1);
    drain();
  }
  void drop(std::span<const object_key> keys) {
    for (const object_key& key : keys) drop_uses(at(key), 1);
    drain();
  }
  /// Gives a use of a foreign key whose owner knows this party as a borrower by other ways than
  /// `borrow` (`register_actor`). Another party may have sent the key here before.
  void registered(object_key foreign) {
    MOBULA_ASSERT(foreign.owner != self_, "a party registers with itself");
    const std::uint32_t index = find_or_insert(foreign, standing::covered);
    ++entries_[index].uses;
    // Where the answer to a `borrow` is due, it comes all the same.
    if (entries_[index].standing == standing::covered) {
      entries_[index].standing = standing::registered;
    }
    drain();
  }
  /// The outcome is wanted: registers with the owner even under a call's cover.
  void enlist(object_key key) {
    const std::uint32_t index = at(key);
    if (entries_[index].standing == standing::covered) ask(index);
  }
  /// The outcome is known here: the owner's death does not fail it any more.
  void mark_settled(object_key key) { entries_[at(key)].settled = true; }
  /// Not any more: the value is lost. If the owner is dead, nobody has another one.
  void mark_unsettled(object_key key) {
    reference_entry& one = entries_[at(key)];
    one.settled = false;
    if (one.standing != standing::lost) return;
    if (!one.why) one.why = reference_owner_died(key, {});
    losses_.push_back(key);
    drain();
  }

  // --- References on their way -------------------------------------------------------------------

  /// A message to `to` mentions the key. Nothing for one that is dead: the message is not sent.
  void sending(party to, object_key key) {
    const std::uint32_t index = at(key);
    if (is_dead(to)) return;
    ++dealings_[dealing_of(index, to)].on_way;
    ++entries_[index].uses;
  }
  /// A message from `from` mentions the key, `count` times. Gives the receiver that many uses.
  void arrived(party from, object_key key, std::uint32_t count = 1) {
    if (count == 0) return;
    const std::uint32_t index = find_or_insert(key, standing::asking);
    entries_[index].uses += count;
    if (entries_[index].standing == standing::covered) ask(index);
    if (!is_dead(from)) {
      if (entries_[index].standing == standing::asking) {
        dealings_[dealing_of(index, from)].owed += count;
      } else {
        host_.send(from, handed_over{key, count});
      }
    }
    drain();
  }

  // --- Calls -------------------------------------------------------------------------------------

  /// At the worker: a call of `caller` that begins to run here mentions the key. Gives it a use,
  /// which goes with `end_cover`.
  void covered(party caller, object_key key) {
    const std::uint32_t index = find_or_insert(key, standing::covered);
    ++entries_[index].uses;
    if (is_dead(caller)) {
      if (entries_[index].standing == standing::covered) ask(index);
    } else {
      ++entries_[index].covers;
      ++dealings_[dealing_of(index, caller)].covers;
    }
    drain();
  }
  /// The call is over, with all its mentions as `covered` got them, in the same order. Appends to
  /// `kept` what is still used here and was nobody's but the caller's to keep: it is borrowed now.
  /// The references of the call's result must have gone through `sending` before.
  void end_cover(party caller, std::span<const object_key> mentions, key_list& kept) {
    const bool dead = is_dead(caller);
    for (const object_key& key : mentions) {
      const std::uint32_t index = at(key);
      if (!dead) {
        const std::uint32_t with = dealings_.find(entries_[index].open, index, caller);
        MOBULA_ASSERT(with != 0 && dealings_[with].covers != 0, "a cover ends that never began");
        --dealings_[with].covers;
        --entries_[index].covers;
        dealings_.release_if_idle(entries_[index].open, with);
      }
      drop_uses(index, 1);
    }
    const std::size_t before = kept.size();
    for (const object_key& key : mentions) {
      const std::uint32_t index = entries_.find(key);
      if (index == 0) continue;
      const reference_entry& one = entries_[index];
      // What only other calls' covers hold is theirs to keep.
      if (one.uses == one.covers || one.kept) continue;
      if (one.standing == standing::covered) ask(index);
      if (one.standing != standing::asking || dead) continue;
      entries_[index].kept = true;
      ++dealings_[dealing_of(index, caller)].owed;
      kept.push_back(key);
    }
    for (std::size_t i = before; i < kept.size(); ++i) entries_[at(kept[i])].kept = false;
    drain();
  }
  /// At the caller: the call that went to `worker` with these mentions is over. The uses for the
  /// worker go, but for one of each key in `kept`, which stays until `handed_over`. `kept` is in
  /// the mentions' order; what is not there in that order is a stray.
  void uncover(party worker, std::span<const object_key> mentions,
               std::span<const object_key> kept) {
    if (is_dead(worker)) return;
    std::size_t next_kept = 0;
    for (const object_key& key : mentions) {
      if (next_kept < kept.size() && kept[next_kept] == key) {
        ++next_kept;
      } else {
        end_on_way(key, worker, 1);
      }
    }
    stray_ += kept.size() - next_kept;
    drain();
  }

  // --- What others say ---------------------------------------------------------------------------

  void receive(party from, const borrow& said) {
    if (is_dead(from) || from == self_ || said.object.owner != self_) return stray();
    const std::uint32_t index = entries_.find(said.object);
    if (index == 0 || entries_[index].standing != standing::own) {
      host_.send(from, gone{said.object, reference_freed(said.object)});
      return;
    }
    // One that is registered already registered the key's actor, and got it from elsewhere too.
    const bool added = register_borrower(index, from);
    host_.send(from, borrowed{said.object});
    if (added && !is_promise_key(said.object)) host_.borrower_added(said.object, from);
    drain();
  }
  void receive(party from, const unborrow& said) {
    const std::uint32_t index = is_dead(from) ? 0 : entries_.find(said.object);
    const std::uint32_t with = index == 0 ? 0 : dealings_.find(entries_[index].open, index, from);
    if (with == 0 || !dealings_[with].borrows) return stray();
    dealings_[with].borrows = false;
    --entries_[index].borrowers;
    dealings_.release_if_idle(entries_[index].open, with);
    note_if_idle(index);
    drain();
  }
  void receive(party from, const handed_over& said) {
    if (is_dead(from)) return stray();
    end_on_way(said.object, from, said.count);
    drain();
  }
  void receive(party from, const borrowed& said) {
    const std::uint32_t index = from == said.object.owner ? entries_.find(said.object) : 0;
    if (index == 0 || entries_[index].standing != standing::asking) return stray();
    entries_[index].standing = standing::registered;
    hand_over_owed(index);
    note_if_idle(index);
    drain();
  }
  void receive(party from, const gone& said) {
    const std::uint32_t index = from == said.object.owner ? entries_.find(said.object) : 0;
    if (index == 0 || entries_[index].standing != standing::asking) return stray();
    become_lost(index, std::make_shared<const error_fields>(said.why));
    drain();
  }

  /// Its link is cut, and nothing comes from it any more. `how` it died is for errors: `crashed
  /// with signal 11`, or empty. More than one may say it: its node, the head, the link. O(what is
  /// open with it).
  void party_gone(party who, const std::string& how = {}) {
    MOBULA_ASSERT(who != self_, "a party sees its own death");
    if (!dead_.insert(who)) return;
    while (const std::uint32_t next = dealings_.first_of(who)) {
      const open_references::dealing was = dealings_[next];
      reference_entry& one = entries_[was.entry];
      static_cast<open_reference&>(dealings_[next]) = {};
      dealings_.release_if_idle(one.open, next);
      one.uses -= was.on_way;
      one.covers -= was.covers;
      if (was.borrows) --one.borrowers;
      if (was.owns) {
        become_lost(was.entry, reference_owner_died(one.key, how));
      } else if (was.covers != 0 && one.standing == standing::covered && one.uses != 0) {
        ask(was.entry);  // Perhaps too late: rule 6.
      }
      note_if_idle(was.entry);
    }
    dealings_.forget(who);
    drain();
  }
  bool is_dead(party who) const { return dead_.contains(who); }

  // --- For whoever has the table -----------------------------------------------------------------

  /// A number of the user's for each entry; 0 at first.
  std::uint32_t tag(object_key key) const { return entries_[at(key)].tag; }
  /// 0 where there is no entry, too.
  std::uint32_t find_tag(object_key key) const { return entries_[entries_.find(key)].tag; }
  void set_tag(object_key key, std::uint32_t tag) { entries_[at(key)].tag = tag; }

  bool holds(object_key key) const { return entries_.find(key) != 0; }
  const reference_entries& entries() const noexcept { return entries_; }
  /// 0 where there is no entry.
  std::uint32_t uses(object_key key) const { return entries_[entries_.find(key)].uses; }
  bool is_registered(object_key foreign) const {
    return entries_[entries_.find(foreign)].standing == standing::registered;
  }
  /// Why it can't be had; null where it can, or is settled here.
  std::shared_ptr<const error_fields> loss(object_key key) const { return entries_[at(key)].why; }

  /// Somebody counts on this party: a key is borrowed, or on its way, from here. O(what is open).
  bool lends() const {
    return dealings_.any_of([](const auto& one) { return one.borrows || one.on_way != 0; });
  }
  /// Entries. What waits for an answer after its last use counts.
  std::size_t held_count() const noexcept { return entries_.held(); }
  /// Pairs of an entry and a party between which something is open.
  std::size_t open_count() const noexcept { return dealings_.count(); }
  /// Messages that made no sense, all dropped.
  std::uint64_t stray_count() const noexcept { return stray_; }

  /// Asserts the invariants. O(everything).
  void verify() const {
    MOBULA_ASSERT(!draining_ && idle_.empty() && losses_.empty(), "something is left to be told");
    verify_entries(self_, entries_, dealings_, dead_);
  }
  /// What it knows between two events: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(entries_, dealings_, stray_);
    of(dead_);
  }

 private:
  void stray() noexcept { ++stray_; }

  std::uint32_t at(object_key key) const {
    const std::uint32_t index = entries_.find(key);
    MOBULA_ASSERT(index != 0, "a key is used that is not held");
    return index;
  }

  /// A new foreign entry stands as `first` says, and tells the owner where that is due.
  std::uint32_t find_or_insert(object_key key, enum standing first) {
    if (const std::uint32_t known = entries_.find(key)) return known;
    const std::uint32_t made = entries_.insert(key);
    entries_[made].standing = standing::covered;
    if (key.owner == self_) {
      become_lost(made, std::make_shared<const error_fields>(reference_freed(key)));
    } else if (is_dead(key.owner)) {
      become_lost(made, reference_owner_died(key, {}));
    } else {
      stand_with_owner(made, standing::covered);
      if (first == standing::asking) ask(made);
    }
    return made;
  }
  void erase(std::uint32_t index) {
    if (entries_[index].key.owner != self_) leave_owner(index);
    entries_.erase(index);
  }

  /// From now on the owner's death concerns the entry.
  void stand_with_owner(std::uint32_t index, enum standing how) {
    entries_[index].standing = how;
    dealings_[dealing_of(index, entries_[index].key.owner)].owns = true;
  }
  void leave_owner(std::uint32_t index) {
    reference_entry& one = entries_[index];
    const std::uint32_t with = dealings_.find(one.open, index, one.key.owner);
    if (with == 0) return;
    dealings_[with].owns = false;
    dealings_.release_if_idle(one.open, with);
  }
  void ask(std::uint32_t index) {
    entries_[index].standing = standing::asking;
    host_.send(entries_[index].key.owner, borrow{entries_[index].key});
  }
  void become_lost(std::uint32_t index, std::shared_ptr<const error_fields> why) {
    entries_[index].standing = standing::lost;
    if (entries_[index].key.owner != self_) leave_owner(index);
    hand_over_owed(index);
    if (!entries_[index].settled) {
      entries_[index].why = std::move(why);
      losses_.push_back(entries_[index].key);
    }
    note_if_idle(index);
  }
  void hand_over_owed(std::uint32_t index) {
    reference_entry& one = entries_[index];
    for (std::uint32_t next = one.open.first; next != 0;) {
      const std::uint32_t with = next;
      next = dealings_[with].entry_after;
      if (dealings_[with].owed == 0) continue;
      host_.send(dealings_[with].who,
                 handed_over{one.key, std::exchange(dealings_[with].owed, 0)});
      dealings_.release_if_idle(one.open, with);
    }
  }

  std::uint32_t dealing_of(std::uint32_t index, party who) {
    return dealings_.find_or_make(entries_[index].open, index, who);
  }
  bool register_borrower(std::uint32_t index, party who) {
    open_reference& with = dealings_[dealing_of(index, who)];
    if (with.borrows) return false;
    with.borrows = true;
    ++entries_[index].borrowers;
    return true;
  }
  void end_on_way(object_key key, party to, std::uint32_t count) {
    const std::uint32_t index = entries_.find(key);
    const std::uint32_t with = index == 0 ? 0 : dealings_.find(entries_[index].open, index, to);
    if (with == 0 || dealings_[with].on_way < count) return stray();
    dealings_[with].on_way -= count;
    dealings_.release_if_idle(entries_[index].open, with);
    drop_uses(index, count);
  }

  void drop_uses(std::uint32_t index, std::uint32_t count) {
    MOBULA_ASSERT(entries_[index].uses >= count, "a use is dropped twice");
    entries_[index].uses -= count;
    note_if_idle(index);
  }
  void note_if_idle(std::uint32_t index) {
    reference_entry& one = entries_[index];
    if (one.uses != 0 || one.borrowers != 0 || one.queued) return;
    one.queued = true;
    idle_.push_back(index);
  }
  /// Tells the host what has become of entries, and what becomes of others by that.
  void drain() {
    if (draining_ || (idle_.empty() && losses_.empty())) return;
    draining_ = true;
    while (!idle_.empty() || !losses_.empty()) {
      for (std::size_t i = 0; i < losses_.size(); ++i) {
        const std::uint32_t index = entries_.find(losses_[i]);
        if (index == 0 || entries_[index].uses == 0) continue;
        const std::shared_ptr<const error_fields> why = entries_[index].why;
        host_.lost(entries_[index].key, why);
      }
      losses_.clear();
      if (idle_.empty()) break;
      const std::uint32_t index = idle_.back();
      idle_.pop_back();
      entries_[index].queued = false;
      if (entries_[index].uses == 0 && entries_[index].borrowers == 0) end(index);
    }
    draining_ = false;
  }
  void end(std::uint32_t index) {
    const object_key key = entries_[index].key;
    const std::uint32_t tag = entries_[index].tag;
    const std::uint32_t object = entries_[index].promise;
    switch (entries_[index].standing) {
      case standing::nothing:
      case standing::asking:
        return;  // The answer is waited for.
      case standing::registered:
        host_.send(key.owner, unborrow{key});
        erase(index);
        if (tag != 0) host_.unreferenced(key, tag);
        return;
      case standing::covered:
      case standing::lost:
        erase(index);
        if (tag != 0) host_.unreferenced(key, tag);
        return;
      case standing::own:
        if (is_promise_key(key)) {
          erase(index);
          host_.promise_unreferenced(object_of_promise(key));
          drop_uses(object, 1);
        } else {
          erase(index);
          host_.unreferenced(key, tag);
        }
    }
  }

  party self_;
  references_host& host_;
  reference_entries entries_;
  open_references dealings_;
  party_ranges dead_;
  std::vector<std::uint32_t> idle_;  ///< had no use and no borrower when they came here
  std::vector<object_key> losses_;   ///< not told yet
  bool draining_ = false;
  std::uint64_t stray_ = 0;
};

}  // namespace mobula::engine
