#pragma once

/// The names and lives of actors.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "mobula/engine/death_text.hpp"
#include "mobula/engine/directory/actor_record.hpp"
#include "mobula/engine/directory/checks.hpp"
#include "mobula/engine/directory/early.hpp"
#include "mobula/engine/directory/host.hpp"
#include "mobula/engine/directory/lives.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/engine/references.hpp"

namespace mobula::engine {

/// What a directory understands.
template <class Message>
inline constexpr bool is_for_directory =
    std::is_same_v<Message, register_actor> || std::is_same_v<Message, actor_arguments> ||
    std::is_same_v<Message, find_actor> || std::is_same_v<Message, watch_actor> ||
    std::is_same_v<Message, kill_actor> || std::is_same_v<Message, lease_granted> ||
    std::is_same_v<Message, lease_refused> || std::is_same_v<Message, actor_made> ||
    std::is_same_v<Message, actor_ended> || std::is_same_v<Message, borrow> ||
    std::is_same_v<Message, borrowed> || std::is_same_v<Message, gone> ||
    std::is_same_v<Message, handed_over> || std::is_same_v<Message, unborrow> ||
    std::is_same_v<Message, party_died> || std::is_same_v<Message, ask_to_leave> ||
    std::is_same_v<Message, group_removed> || std::is_same_v<Message, leases_placed> ||
    std::is_same_v<Message, leases_unplaceable> || std::is_same_v<Message, lease_elsewhere>;

/// The rules are in docs/ENGINE.md, "Actors"; `phase.hpp` has the states of one, `lives.hpp` what
/// happens between them. This part reads what others say and refuses what makes no sense. It has
/// no timer: nothing that it does waits for a time. A grant of a lease that nobody wishes for any
/// more is returned at once.
///
/// What it asks of itself (a node that has the directory in it) goes through `send`, too.
class directory : private references_host {
 public:
  directory(const directory_options& options, directory_host& host)
      : options_(options), host_(host), references_(options.self, *this),
        lives_(options_, host, references_) {}
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  // --- Events ------------------------------------------------------------------------------------

  void receive(party from, register_actor&& said, instant now) {
    const object_key key = said.actor;
    register_or_refuse(from, std::move(said));
    if (key.owner != options_.self || references_.is_dead(from)) return;
    early_.registered(key.number, [&](party by, message&& late) {
      if (!references_.is_dead(by)) receive(by, std::move(late), now);
    });
  }

  void receive(party from, actor_arguments&& said, instant) {
    if (references_.is_dead(from)) return stray();
    object_key to_come;
    for_each_mention(said.constructor, [&](object_key key) {
      if (is_early(key)) to_come = key;
    });
    if (!to_come.empty() && comes_early(from, to_come, said)) return;
    // Whatever becomes of the actor, the sender gets its answer for what the arguments mention.
    for_each_mention(said.constructor, [&](object_key key) { references_.arrived(from, key); });
    const std::uint32_t index = lives_.find(said.actor);
    const bool wanted = index != 0 && lives_[index].creator == from &&
                        lives_[index].phase == actor_phase::arguments;
    if (!wanted) {
      // It may have been killed, or dropped, meanwhile.
      if (index != 0 && lives_[index].creator != from) stray();
      lives_.drop_mentions(said.constructor);
    } else if (said.failed) {
      lives_.drop_mentions(said.constructor);
      lives_.die(index, "its constructor could not run: " + said.failed->what, true);
    } else {
      for (const carried& value : said.constructor.values) references_.mark_settled(value.object);
      lives_.begin(index, std::move(said.constructor));
    }
  }

  void receive(party from, find_actor&& said, instant) {
    if (references_.is_dead(from)) return stray();
    if (const std::uint64_t* const holder = lives_.names().find(said.name_space, said.name)) {
      const actor_record& known = lives_[lives_.find({options_.self, *holder})];
      return tell_found(from, said.request, known, said.type);
    }
    send(from, actor_registered{said.request, registration::made, {}, 0, {}, {}});
  }

  void receive(party from, watch_actor&& said, instant) {
    if (comes_early(from, said.actor, said)) return;
    if (references_.is_dead(from)) return stray();
    const std::uint32_t index = lives_.find(said.actor);
    if (index == 0) {
      send(from, actor_changed{said.actor, actor_state::dead, 0, {},
                               actor_died_text(to_string(said.actor), "nobody held it any more")});
      return;
    }
    lives_.watch(index, from);
  }

  void receive(party from, kill_actor&& said, instant) {
    if (comes_early(from, said.actor, said)) return;
    const std::uint32_t index = references_.is_dead(from) ? 0 : lives_.find(said.actor);
    if (index == 0) return stray();
    const std::string why = said.who.empty() ? std::string("killed") : "killed by " + said.who;
    if (is_dead(lives_[index].phase)) return;
    // Of one that nobody refers to any more nobody may ask that.
    if (said.restart && lives_[index].may_restart() && !lives_[index].unreferenced) {
      lives_.restart(index, "it was " + why);
    } else {
      lives_.die(index, why, true);
    }
  }

  void receive(party from, lease_granted&& said, instant) {
    if (from != options_.node && !options_.in_head) return stray();
    const std::uint32_t index = lives_.find({options_.self, said.lease_class});
    if (index == 0 || lives_[index].phase != actor_phase::leasing || lives_[index].node != from) {
      send(from, return_lease{said.lease});
      return;
    }
    if (references_.is_dead(said.worker)) {
      lives_.send_wish(index, 1);  // The node knows, or will know, that this lease is over.
      return;
    }
    lives_.lease(index, said.lease, said.worker);
  }
  void receive(party from, lease_refused&& said, instant) {
    const std::uint32_t index = from == options_.node || options_.in_head
                                    ? lives_.find({options_.self, said.lease_class})
                                    : 0;
    if (index == 0) return stray();
    // One that was not wished for any more when it was refused needs no answer.
    if (lives_[index].phase != actor_phase::leasing || lives_[index].node != from) return;
    lives_.refused(index, "it could not be placed: " + said.why.what);
  }
  /// The head has found a node for its next life.
  void receive(party from, leases_placed&& said, instant) {
    const std::uint32_t index = to_be_placed(from, options_.node, said.lease_class);
    if (index == 0) return;
    if (lives_[index].node.empty()) lives_.ask(index, said.node);
  }
  void receive(party from, leases_unplaceable&& said, instant) {
    const std::uint32_t index = to_be_placed(from, options_.node, said.lease_class);
    if (index == 0) return;
    const register_actor& made = lives_[index].made;
    const bool is_gone = said.why.code == error_code::placement_group_removed;
    const std::string why = (is_gone ? "" : "actor \"" + made.label + "\" ") + said.why.what;
    if (said.is_final || made.fail_if_infeasible) {
      lives_.send_wish(index, 0);
      lives_.refused(index, "it could not be placed: " + why);
    } else {
      host_.warn(why + "; it waits");
    }
  }
  /// The node that was asked has no room, and another has.
  void receive(party from, lease_elsewhere&& said, instant) {
    const std::uint32_t index = to_be_placed(from, from, said.lease_class);
    if (index != 0 && lives_[index].node == from) lives_.ask(index, said.node);
  }

  void receive(party from, actor_made&& said, instant) {
    const std::uint32_t index = lives_.find_life(from, said.actor, said.life);
    if (index == 0) return stray();
    const actor_phase phase = lives_[index].phase;
    if (phase == actor_phase::alive) return stray();
    if (phase != actor_phase::making) {
      if (said.failed) lives_.life_over(index);  // It was to end, and never began.
    } else if (said.failed) {
      const bool threw = said.failed->code == error_code::task;
      lives_.ended(index, (threw ? "its constructor threw: " : "its constructor could not run: ") +
                              said.failed->what);
    } else {
      lives_.made(index);
    }
  }
  void receive(party from, actor_ended&& said, instant) {
    const std::uint32_t index = lives_.find_life(from, said.actor, said.life);
    if (index == 0) return stray();
    if (is_dead(lives_[index].phase) ||
        (lives_[index].phase == actor_phase::ending && said.how == actor_end::asked)) {
      return lives_.life_over(index);
    }
    lives_.ended(index, said.how == actor_end::exited ? "it exited" : "it was stopped");
  }

  void receive(party from, borrow&& said, instant) {
    if (comes_early(from, said.object, said)) return;
    references_.receive(from, said);
  }
  void receive(party from, borrowed&& said, instant) { references_.receive(from, said); }
  void receive(party from, gone&& said, instant) { references_.receive(from, said); }
  void receive(party from, handed_over&& said, instant) { references_.receive(from, said); }
  void receive(party from, unborrow&& said, instant) {
    if (const std::uint32_t index = lives_.find(said.object)) lives_.unwatch(index, from);
    const bool refused = !references_.holds(said.object) && said.object.owner == options_.self &&
                         early_messages::is_registrant(from, said.object.number);
    if (!refused) references_.receive(from, said);  // else its name was taken, and it lets go
  }
  void receive(party from, ask_to_leave&& said, instant) {
    if (references_.is_dead(from)) return stray();
    send(from, leave_answer{said.question, lives_.needs(from)});
  }
  void receive(party from, group_removed&& said, instant) {
    if (from != options_.node) return stray();
    lives_.group_removed(said.group, said.why);
  }
  void receive(party from, party_died&& said, instant now) {
    if (from != options_.node) return stray();
    party_gone(said.what, now);
  }
  /// Any other message makes no sense here.
  void receive(party from, message&& said, instant now) {
    std::visit(
        [&]<class One>(One&& one) {
          if constexpr (is_for_directory<std::remove_cvref_t<One>>) {
            receive(from, std::move(one), now);
          } else {
            stray();
          }
        },
        std::move(said));
  }

  /// A worker or driver is dead, and nothing comes from it any more. A second time is nothing.
  /// O(what it has to do with).
  void party_gone(const death& what, instant now) {
    if (what.who == options_.self || references_.is_dead(what.who)) return;
    if (options_.in_head) {
      // A dead node can't say what became of its workers.
      for (const party worker : lives_.workers_of(what.who)) {
        death how = what;
        how.who = worker;
        party_gone(how, now);
      }
    }
    lives_.party_gone(what);
    early_.party_gone(what.who, [&](party by, message&& late) {
      if (!references_.is_dead(by)) receive(by, std::move(late), now);
    });
  }

  // --- For lists and checks ----------------------------------------------------------------------

  /// How many actors it has looked at to find some, ever.
  std::uint64_t visited() const noexcept { return lives_.visited(); }
  /// Null where it is not known (any more).
  const actor_record* find_record(object_key actor) const {
    const std::uint32_t index = lives_.find(actor);
    return index == 0 ? nullptr : &lives_[index];
  }
  /// In no order that means anything, but always the same.
  template <class Visit>
  void for_each_actor(Visit&& visit) const {
    for (std::uint32_t i = 1; i < lives_.end(); ++i) {
      if (!lives_[i].made.actor.empty()) visit(lives_[i]);
    }
  }
  std::size_t count() const noexcept { return lives_.count(); }
  std::size_t name_count() const noexcept { return lives_.names().count(); }
  std::size_t own_process_count() const noexcept { return lives_.own_processes(); }
  std::uint64_t stray_count() const noexcept { return stray_ + references_.stray_count(); }
  const references& held() const noexcept { return references_; }

  /// Asserts the invariants. O(everything).
  void verify() const {
    references_.verify();
    lives_.verify();
  }
  /// What it knows between two events: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(references_, lives_, early_, stray_);
  }

 private:
  void stray() noexcept { ++stray_; }

  void register_or_refuse(party from, register_actor&& said) {
    const object_key key = said.actor;
    const bool senseless = references_.is_dead(from) || key.owner != options_.self ||
                           is_promise_key(key) || references_.holds(key) || lives_.find(key) != 0 ||
                           said.purpose == lease_purpose::tasks ||
                           said.purpose > lease_purpose::automatic || said.max_restarts < -1;
    if (senseless) return stray();
    if (const std::uint64_t* const holder = lives_.names().find(said.name_space, said.name)) {
      const actor_record& known = lives_[lives_.find({options_.self, *holder})];
      if (said.get_if_exists) return tell_found(from, said.request, known, said.type);
      send(from, actor_registered{said.request, registration::taken, {}, known.made.type,
                                  known.made.label, {}});
      return;
    }
    references_.adopt(key);
    references_.add_borrower(key, from);
    const actor_record& one = lives_[lives_.add(from, std::move(said))];
    if (one.made.name.empty()) return;
    send(from, actor_registered{one.made.request, registration::made, key, one.made.type,
                                one.made.label, {}});
  }

  /// 0: that message makes no sense, or not any more.
  std::uint32_t to_be_placed(party from, party expected, std::uint64_t lease_class) {
    if (!options_.in_head || from != expected) {
      stray();
      return 0;
    }
    const std::uint32_t index = lives_.find({options_.self, lease_class});
    return index != 0 && lives_[index].phase == actor_phase::leasing ? index : 0;
  }

  /// Whether the message is about an actor that somebody is about to register. Then it waits.
  template <class One>
  bool comes_early(party from, object_key actor, One& said) {
    if (!is_early(actor) || references_.is_dead(from)) return false;
    early_.keep(actor.number, from, std::move(said));
    return true;
  }
  bool is_early(object_key actor) const {
    return actor.owner == options_.self && !references_.holds(actor) && lives_.find(actor) == 0 &&
           early_.is_early(actor.number);
  }

  // --- The host of the references ----------------------------------------------------------------

  void send(party to, push_task&& one) override { host_.send(to, std::move(one)); }
  void send(party to, task_done&& one) override { host_.send(to, std::move(one)); }
  void send(party to, message&& one) override { host_.send(to, std::move(one)); }
  void unreferenced(object_key own, std::uint32_t) override {
    lives_.unreferenced(lives_.find(own));
  }
  void promise_unreferenced(object_key) override {}  // It has none.
  void borrower_added(object_key, party) override {}
  /// A constructor that needs it will say so.
  void lost(object_key, const std::shared_ptr<const error_fields>&) override {}

  // --- Answers -----------------------------------------------------------------------------------

  void tell_found(party to, std::uint64_t request, const actor_record& known, std::uint64_t type) {
    actor_registered out{request, registration::other_type, {}, known.made.type, known.made.label,
                         known.made.about};
    if (known.made.type == type) {
      out.how = registration::found;
      out.actor = known.made.actor;
      references_.sending(to, out.actor);
    }
    send(to, std::move(out));
  }

  directory_options options_;
  directory_host& host_;
  references references_;
  actor_lives lives_;
  early_messages early_;
  std::uint64_t stray_ = 0;
};

}  // namespace mobula::engine
