#pragma once

/// The outcomes of the objects that a party holds: who waits for them, and who is told.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/copies.hpp"
#include "mobula/engine/owner/errors.hpp"
#include "mobula/engine/owner/lineage.hpp"
#include "mobula/engine/owner/owner_host.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// An object is decided first and published later, when the event that decided it is over: what
/// that settles in turn is decided then, so that no chain is too long for a stack.
///
/// Invariants:
///  - A slot lives as long as the key is held here, and is found by the key's tag.
///  - What was decided stays as it is. A later outcome is let go, with all that it holds. But what
///    was stored and is lost has no outcome, until it is decided again.
///  - An object has one use from its decision until it is published.
///  - Only objects without an outcome are waited for.
class objects {
 public:
  objects(const owner_options& options, references& refs, owner_host& host)
      : self_(options.self),
        directory_(options.directory),
        references_(refs), host_(host) {}

  /// An own one, with one use.
  object_key make() {
    const object_key key = references_.make();
    references_.set_tag(key, take(key) + 1);
    return key;
  }
  /// The object's slot; `no_slot` where it is not held here, or nothing was asked about it yet.
  slot find(object_key key) const { return references_.find_tag(key) - 1; }  // 0 - 1 is no_slot
  /// Of a key that is held.
  slot need(object_key key) {
    if (const std::uint32_t tag = references_.find_tag(key)) return tag - 1;
    const slot at = take(key);
    references_.set_tag(key, at + 1);
    if (auto why = references_.loss(key)) slots_[at].result = failed(std::move(why));
    return at;
  }
  /// Null for what is not held.
  const outcome* result(object_key key) const {
    const slot at = find(key);
    return at == no_slot ? nullptr : &slots_[at].result;
  }
  const outcome& result_at(slot at) const { return slots_[at].result; }
  /// The task that makes an own object, or `no_slot`.
  slot maker(object_key key) const {
    const slot at = key.owner == self_ ? find(key) : no_slot;
    return at == no_slot ? no_slot : slots_[at].maker;
  }
  void set_maker(object_key key, slot task) { slots_[find(key)].maker = task; }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }

  // Who waits.

  /// A task waits for the object, unless it has an outcome. The task is named by its key too, for
  /// the slot may have another one by the time the object is published.
  const outcome& wait(object_key object, slot task, object_key of_task) {
    object_slot& one = slots_[need(object)];
    if (one.result.kind == outcome_kind::pending) one.waiting.push_back({task, of_task});
    return one.result;
  }
  /// A task that waited for the object is over. `waits(slot, object_key)` says which are not.
  /// Amortised O(1) looks at it: an object that many give up on does not remember them all.
  template <class Waits>
  void give_up(object_key object, Waits waits) {
    object_slot& one = slots_[find(object)];
    if (one.result.kind != outcome_kind::pending) return;
    if (++one.given_up < few || 2 * one.given_up < one.waiting.size()) return;
    const auto gone = [&](const edge& at) { return !waits(at.task, at.key); };
    one.waiting.erase(std::remove_if(one.waiting.begin(), one.waiting.end(), gone),
                      one.waiting.end());
    one.given_up = 0;
  }

  // Outcomes.

  /// True: this is its outcome, and will be published. False: it had one, or is not held.
  bool decide(object_key key, outcome&& value) {
    const slot at = references_.holds(key) ? need(key) : no_slot;
    if (at == no_slot || slots_[at].result.kind != outcome_kind::pending || slots_[at].doubted) {
      discard(key, value);
      return false;
    }
    if (value.kind == outcome_kind::stored && key.owner == self_) stored_at_.insert(value.node);
    slots_[at].result = std::move(value);
    slots_[at].to_publish = true;
    if (slots_[at].was_lost) slots_[at].settled_again = ++settlings_;
    references_.mark_settled(key);
    references_.use(key);
    decided_.push_back(key);
    return true;
  }
  /// Somebody gives what was promised. True: nobody has before. Where it was cancelled or failed
  /// meanwhile, nobody gets it, and who gives it is none the wiser.
  bool fulfil(object_key key, outcome&& value) {
    const slot at = references_.holds(key) ? need(key) : no_slot;
    if (at == no_slot || has_value(slots_[at]) || std::exchange(slots_[at].fulfilled, true)) {
      discard(key, value);
      return false;
    }
    decide(key, std::move(value));
    return true;
  }
  bool fail(object_key key, std::shared_ptr<const error_fields> why) {
    return decide(key, failed(std::move(why)));
  }
  /// The references say that it can't be had any more, and whoever asks from now on is told so by
  /// `need`. This is for those who have asked before.
  void lose(object_key key, std::shared_ptr<const error_fields> why) {
    if (find(key) == no_slot) references_.set_tag(key, take(key) + 1);
    fail(key, std::move(why));
  }
  /// An outcome that nobody gets: its references go, and what the store has of it.
  void discard(object_key key, outcome& value) {
    drop(value.refs);
    if (value.kind == outcome_kind::stored) free_stored(key, value.node);
  }
  /// That node's store may have something under an own key that is not the object's outcome.
  void free_stored(object_key key, party node) {
    if (key.owner != self_ || references_.is_dead(node)) return;
    const outcome* const known = result(key);
    if (known != nullptr && known->kind == outcome_kind::stored && known->node == node) return;
    if (!copies_.has(key, node)) host_.send(node, free_object{key});
  }
  template <class Nodes>
  void free_stored(object_key key, const Nodes& nodes) {
    for (const party node : nodes) free_stored(key, node);
  }
  /// Own objects that are stored there, or are said to be lost there, by `visit(object_key)`.
  /// The node is dead. O(objects) where it has ever stored one, else O(1).
  template <class Visit>
  void for_each_stored_at(party node, Visit visit) {
    if (stored_at_.erase(node) == 0) return;
    slots_.for_each([&](slot, object_slot& one) {
      ++visited_;
      if (one.key.owner != self_) return;
      const bool is_there = one.result.kind == outcome_kind::stored && one.result.node == node;
      if (is_there || (one.doubted && one.doubted_at == node)) visit(one.key);
    });
  }
  void drop(key_list& keys) {
    for (const object_key& key : keys) references_.drop(key);
    keys.clear();
  }

  // Losses: docs/ENGINE.md, "Lineage".

  /// Where an own one comes from.
  enum origin origin(object_key key) const { return slots_[find(key)].origin; }
  enum origin origin_at(slot at) const { return slots_[at].origin; }
  void set_origin(object_key key, enum origin from) { slots_[find(key)].origin = from; }
  /// How often lost objects were settled again.
  [[nodiscard]] std::uint64_t settlings() const noexcept { return settlings_; }
  /// It was, when `settlings` was greater than this.
  bool settled_since(object_key key, std::uint64_t then) const {
    const slot at = find(key);
    return at != no_slot && slots_[at].settled_again > then;
  }
  /// It is lost, or a newer outcome is there: it has none any more. False: it was not stored, or is
  /// not held.
  bool lose(object_key key) {
    const slot at = find(key);
    if (at == no_slot) return false;
    object_slot& one = slots_[at];
    if (std::exchange(one.doubted, false)) return true;
    if (one.result.kind != outcome_kind::stored) return false;
    one.was_lost = true;
    outcome last = std::exchange(one.result, {});
    references_.mark_unsettled(key);
    drop(last.refs);
    return true;
  }
  /// The place of what is stored and lost there is taken by a copy, of which everybody is told. It
  /// `may_be_there` still. False: there is no copy.
  bool move(object_key own, bool may_be_there = false) {
    const slot at = find(own);
    if (at == no_slot || slots_[at].result.kind != outcome_kind::stored) return false;
    const party to = copies_.take_first(own);
    if (to.empty()) return false;
    outcome next = std::exchange(slots_[at].result, {});
    if (may_be_there && !references_.is_dead(next.node)) copies_.add(own, next.node);
    host_.send(to, keep_object{own});
    next.node = to;
    slots_[at].was_lost = true;
    decide(own, std::move(next));
    return true;
  }
  /// It is in another node's store than that one's.
  bool is_elsewhere(object_key key, party node) const {
    const outcome* const known = result(key);
    if (known == nullptr) return false;
    if (known->kind == outcome_kind::stored) return known->node != node;
    const object_slot& one = slots_[find(key)];
    return one.doubted && one.doubted_at != node;
  }
  /// A reader says that it is lost. Of an own one the node will say so too, and nothing is decided
  /// before; of a foreign one its owner will say what becomes of it.
  void doubt(object_key key) {
    const slot at = find(key);
    if (at == no_slot || slots_[at].doubted || move(key, true)) return;
    const party node = slots_[at].result.node;
    if (!lose(key) || key.owner != self_) return;
    slots_[at].doubted = true;
    slots_[at].doubted_at = node;
  }

  // Copies: docs/ENGINE.md, "Objects between nodes".

  /// A node has one. False: nobody needs it.
  bool kept(object_key own, party node) {
    const outcome* const known = result(own);
    if (known == nullptr || known->kind != outcome_kind::stored || references_.is_dead(node)) {
      return false;
    }
    if (known->node != node) copies_.add(own, node);
    return true;
  }
  /// A node leaves, and that other one has it too. False: the first is to keep it, for what it has
  /// is not known here yet, or the other one is dead.
  bool moved(object_key own, party from, party to) {
    const outcome* const known = result(own);
    if (known == nullptr) return true;  // nobody needs it
    if (known->kind == outcome_kind::pending || references_.is_dead(to)) return false;
    if (known->kind != outcome_kind::stored) return true;
    copies_.remove(own, from);
    if (known->node != from) return true;
    copies_.remove(own, to);
    outcome next = std::exchange(slots_[find(own)].result, {});
    next.node = to;
    slots_[find(own)].was_lost = true;
    decide(own, std::move(next));
    return true;
  }
  /// Calls `visit(party)` for each node that has one.
  template <class Visit>
  void for_each_copy(object_key own, Visit visit) const {
    copies_.for_each_of(own, visit);
  }
  /// It has none any more. False: it is not known to have had one.
  bool copy_gone(object_key own, party node) { return copies_.remove(own, node); }
  void copies_gone(party node) { copies_.node_gone(node); }
  /// Its outcome says that it is there, or a reader found that it is not, and the node has yet to
  /// say so.
  bool is_at(object_key own, party node) const {
    const slot at = find(own);
    if (at == no_slot) return false;
    const object_slot& one = slots_[at];
    return one.doubted ? one.doubted_at == node
                       : one.result.kind == outcome_kind::stored && one.result.node == node;
  }
  /// How many objects it has looked at to find those of a node, ever.
  [[nodiscard]] std::uint64_t visited() const noexcept { return visited_; }
  [[nodiscard]] std::size_t copied_count() const noexcept { return copies_.size(); }
  /// Asserts what is true of copies. O(objects that have some).
  void verify() const {
    copies_.for_each([this](object_key own, const copies::node_list& nodes) {
      const outcome* const known = result(own);
      MOBULA_ASSERT(known != nullptr && known->kind == outcome_kind::stored && !nodes.empty(),
                    "copies are of what is stored");
      for (const party node : nodes) {
        MOBULA_ASSERT(node != known->node && !references_.is_dead(node),
                      "a copy is at another node, which lives");
      }
    });
  }

  /// A host could not read it: it asked when there were so many `settlings`. True: it was settled
  /// again meanwhile, or is not in the store. False: it will be published again.
  bool unread(object_key key, std::uint64_t asked) {
    const outcome* const known = result(key);
    if (known == nullptr || settled_since(key, asked)) return true;
    doubt(key);
    return known->kind != outcome_kind::pending;
  }

  /// Tells everybody who waits: the program, borrowers, and tasks by `settled(slot, object_key,
  /// const outcome&)`.
  template <class Settled>
  void publish(Settled settled) {
    for (std::size_t i = 0; i < decided_.size(); ++i) publish(decided_[i], settled);
    decided_.clear();
  }
  [[nodiscard]] bool all_published() const noexcept { return decided_.empty(); }

  // What the references say.

  void unreferenced(object_key key, slot at) {
    for (const party node : copies_.take_all(key)) host_.send(node, free_object{key});
    object_slot& one = slots_[at];
    outcome last = std::exchange(one.result, {});
    one.key = object_key{};
    if (one.waiting.capacity() > few) std::vector<edge>().swap(one.waiting);
    slots_.give(at);
    discard(key, last);
  }
  void promise_unreferenced(object_key own) {
    if (slots_[find(own)].result.kind == outcome_kind::pending) {
      decide(own, failed_outcome(broken_promise()));
    }
  }
  void borrower_added(object_key own, party who) {
    const outcome& known = slots_[find(own)].result;
    // What is decided and not published yet goes to all borrowers when it is.
    if (known.kind != outcome_kind::pending && !slots_[find(own)].to_publish) {
      tell(who, own, known);
    }
  }

  static outcome failed(std::shared_ptr<const error_fields> why) {
    outcome made;
    made.kind = outcome_kind::failed;
    made.why = std::move(why);
    return made;
  }

 private:
  struct edge {
    slot task = no_slot;
    object_key key;
  };
  struct object_slot {
    object_key key;
    outcome result;
    slot maker = no_slot;
    enum origin origin = origin::given;
    bool to_publish = false;  ///< decided, and nobody was told yet
    bool was_lost = false;
    bool fulfilled = false;  ///< what was promised was given, though perhaps nobody has got it
    bool doubted = false;  ///< own: a reader found it lost, and the node has not said so yet
    party doubted_at;                 ///< the node that will say so
    std::uint64_t settled_again = 0;  ///< how-manieth it was of those that were, the last time
    std::vector<edge> waiting;
    std::size_t given_up = 0;  ///< of those who wait, at least so many are over
  };
  static constexpr std::size_t few = 64;

  /// Or has had, and it is lost.
  static bool has_value(const object_slot& one) noexcept {
    return one.doubted || one.was_lost || one.result.kind == outcome_kind::value ||
           one.result.kind == outcome_kind::stored;
  }

  slot take(object_key key) {
    const slot at = slots_.take();
    object_slot& one = slots_[at];
    one.key = key;
    one.maker = no_slot;
    one.origin = origin::given;
    one.to_publish = one.was_lost = one.fulfilled = one.doubted = false;
    one.settled_again = 0;
    one.waiting.clear();
    one.given_up = 0;
    return at;
  }
  /// Not the directory: it passes references on, and reads nothing.
  void tell(party borrower, object_key object, const outcome& result) {
    if (borrower == directory_) return;
    for (const object_key& key : result.refs) references_.sending(borrower, key);
    host_.send(borrower, settled{object, result});
  }
  template <class Settled>
  void publish(object_key key, Settled& settled) {
    const slot at = find(key);
    // Lost at once, or decided twice in one event.
    if (!std::exchange(slots_[at].to_publish, false) ||
        slots_[at].result.kind == outcome_kind::pending) {
      return references_.drop(key);
    }
    host_.settled(key, slots_[at].result);
    if (key.owner == self_ && references_.has_borrowers(key)) {
      for (const party who : references_.borrowers(key)) tell(who, key, slots_[at].result);
    }
    if (!slots_[at].waiting.empty()) {
      // Nobody begins to wait for what is decided.
      std::vector<edge> waiting;
      waiting.swap(slots_[at].waiting);
      for (const edge& one : waiting) settled(one.task, one.key, slots_[at].result);
      waiting.clear();
      slots_[at].waiting.swap(waiting);
    }
    references_.drop(key);
  }

  const party self_;
  const party directory_;
  references& references_;
  owner_host& host_;
  slab<object_slot> slots_;
  std::vector<object_key> decided_;  ///< and not published yet
  std::uint64_t settlings_ = 0;
  std::set<party> stored_at_;  ///< living nodes whose stores had something of its own, ever
  std::uint64_t visited_ = 0;
  copies copies_;
};

}  // namespace mobula::engine
