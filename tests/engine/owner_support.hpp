#pragma once

/// For tests of the owner: a host that writes down, in short words, what it was told.
///
/// Parties are letters: O is the owner, N the node, D the directory, V and W workers, B a borrower.
/// Objects are named by the order in which the test made them (`o1`, `o2`), others by their key
/// (`B5`). `tally` is the actor D1.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/owner/owner.hpp"

namespace owner_test {

using namespace mobula;
using namespace mobula::engine;

inline constexpr party self{15};
inline constexpr party node{14};
inline constexpr party directory{4};
inline constexpr party v{22};
inline constexpr party w{23};
inline constexpr party b{2};
inline constexpr object_key tally{directory, 1};

inline std::string letter(party who) {
  return std::string(1, static_cast<char>('A' + who.value() - 1));
}
inline std::shared_ptr<const error_fields> because(error_code code, std::string what) {
  return std::make_shared<const error_fields>(error_fields{.code = code, .what = std::move(what)});
}
inline outcome value(std::uint8_t byte = 1, key_list refs = {}) {
  outcome made;
  made.kind = outcome_kind::value;
  made.value = payload(std::vector{std::byte{byte}});
  made.refs = std::move(refs);
  return made;
}
inline outcome in_store(std::uint64_t size = 100'000) {
  outcome made;
  made.kind = outcome_kind::stored;
  made.size = size;
  made.node = node;
  return made;
}
inline outcome failure(const std::string& what, error_code code = error_code::task) {
  return failed_outcome({.code = code, .what = what});
}

class written_host final : public owner_host {
 public:
  using words = std::vector<std::string>;
  words take() { return std::exchange(words_, {}); }

  std::vector<object_key> made;  ///< o1 and so on
  std::vector<push_task> pushed;
  std::vector<message> sent;
  bool says_wants = true;  ///< `want_leases` too

  std::string name_of(object_key key) const {
    if (key == tally) return "tally";
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (made[i] == key) return "o" + std::to_string(i + 1);
      if (promise_key(made[i]) == key) return "p" + std::to_string(i + 1);
    }
    return letter(key.owner) + std::to_string(key.number);
  }
  std::string name_of(const key_list& keys) const {
    std::string text;
    for (const object_key key : keys) text += (text.empty() ? "" : ",") + name_of(key);
    return "[" + text + "]";
  }
  static std::string text_of(const outcome& one) {
    switch (one.kind) {
      case outcome_kind::pending: return " pending";
      case outcome_kind::stored: return " stored";
      case outcome_kind::failed:
        return " failed " + std::to_string(static_cast<int>(one.why->code)) + " " + one.why->what;
      case outcome_kind::value:
        return one.value.empty() ? " void"
                                 : " = " + std::to_string(std::to_integer<int>(
                                               one.value.bytes()[0]));
    }
    return {};
  }

  void send(party to, push_task&& one) override {
    std::string text = letter(to) + " <- push " + name_of(one.task);
    if (one.stop_actor) text += " stop";
    if (!one.actor.empty()) text += "/" + std::to_string(one.life);
    if (!one.lease.empty()) {
      text += " L" + std::to_string(one.lease.value()) + "." + std::to_string(one.index);
    }
    if (one.attempt != 1) text += " attempt " + std::to_string(one.attempt);
    for (const carried& with : one.what.values) text += " with" + text_of(with.value);
    say(text);
    pushed.push_back(std::move(one));
  }
  void send(party, task_done&&) override { say("an owner answers nothing"); }
  void send(party to, message&& any) override {
    if (!says_wants && std::holds_alternative<want_leases>(any)) return;
    say(letter(to) + " <- " + describe(any));
    sent.push_back(std::move(any));
  }
  void settled(object_key object, const outcome& result) override {
    say(name_of(object) + text_of(result));
  }
  void item_given(object_key generator, object_key item) override {
    say("item " + name_of(item) + " of " + name_of(generator));
  }
  void promise_answered(std::uint64_t request, bool accepted) override {
    say("promise " + std::to_string(request) + (accepted ? " accepted" : " refused"));
  }
  void actor_answered(const actor_registered& what) override {
    say("actor answer " + std::to_string(what.request));
  }
  std::string subject(object_key task, const invocation&) override {
    return "task " + name_of(task);
  }

 private:
  void say(std::string word) { words_.push_back(std::move(word)); }
  static std::string name_of(lease_id lease) { return "L" + std::to_string(lease.value()); }
  std::string describe(const message& any) const {
    if (const auto* one = std::get_if<want_leases>(&any)) {
      return "want " + std::to_string(one->wanted) + (one->placed ? " placed" : "");
    }
    if (const auto* one = std::get_if<place_leases>(&any)) {
      return "place " + std::to_string(one->wanted) + " in G" + std::to_string(one->where.group);
    }
    if (const auto* one = std::get_if<watch_node>(&any)) return "watch " + letter(one->node);
    if (const auto* one = std::get_if<ask_death>(&any)) return "death of " + letter(one->who) + "?";
    if (const auto* one = std::get_if<return_lease>(&any)) return "return " + name_of(one->lease);
    if (const auto* one = std::get_if<steal_tasks>(&any)) {
      return "steal " + std::to_string(one->most) + " of " + name_of(one->lease);
    }
    if (const auto* one = std::get_if<cancel_task>(&any)) {
      return "cancel " + name_of(one->task) + (one->recursive ? "" : " alone") +
             (one->attempt == 1 ? "" : " attempt " + std::to_string(one->attempt));
    }
    if (const auto* one = std::get_if<cancel_object>(&any)) {
      return "cancel " + name_of(one->object) + (one->force ? " by force" : "");
    }
    if (const auto* one = std::get_if<engine::end_worker>(&any)) {
      return "end " + letter(one->worker) + ": " + one->why;
    }
    if (const auto* one = std::get_if<watch_actor>(&any)) return "watch " + name_of(one->actor);
    if (const auto* one = std::get_if<register_actor>(&any)) {
      return "register " + name_of(one->actor);
    }
    if (const auto* one = std::get_if<actor_arguments>(&any)) {
      return "arguments " + name_of(one->actor) + (one->failed ? " failed" : "");
    }
    if (const auto* one = std::get_if<engine::settled>(&any)) {
      return "settled " + name_of(one->object) + text_of(one->result);
    }
    if (const auto* one = std::get_if<engine::fulfil>(&any)) {
      return "fulfil " + name_of(one->object) + text_of(one->result);
    }
    if (const auto* one = std::get_if<fulfilled>(&any)) {
      return "fulfilled " + name_of(one->object) + (one->accepted ? "" : " refused");
    }
    if (const auto* one = std::get_if<borrow>(&any)) return "borrow " + name_of(one->object);
    if (const auto* one = std::get_if<borrowed>(&any)) return "borrowed " + name_of(one->object);
    if (const auto* one = std::get_if<unborrow>(&any)) return "unborrow " + name_of(one->object);
    if (const auto* one = std::get_if<gone>(&any)) return "gone " + name_of(one->object);
    if (const auto* one = std::get_if<handed_over>(&any)) {
      return "handed over " + name_of(one->object);
    }
    if (const auto* one = std::get_if<ask_to_leave>(&any)) {
      return "leave? " + std::to_string(one->question);
    }
    if (const auto* one = std::get_if<leave_answer>(&any)) {
      return (one->needed ? "needed " : "may leave ") + std::to_string(one->question);
    }
    if (const auto* one = std::get_if<stream_room>(&any)) {
      return "room " + name_of(one->task) + " from " + std::to_string(one->first) + " " +
             name_of(one->items);
    }
    if (const auto* one = std::get_if<stream_item>(&any)) {
      return "item " + name_of(one->item) + text_of(one->result);
    }
    if (const auto* one = std::get_if<keep_object>(&any)) return "keep " + name_of(one->object);
    if (const auto* one = std::get_if<free_object>(&any)) return "free " + name_of(one->object);
    return "message " + std::to_string(any.index());
  }

  words words_;
};

/// An owner and its host. Every event is followed by `verify`.
struct desk {
  using words = written_host::words;

  explicit desk(lease_options leasing = {.pipeline_max = 4, .linger = 10, .wanted_max = 100},
                std::size_t lineage_bytes_max = 1 << 20)
      : work({.self = self,
              .node = node,
              .directory = directory,
              .leasing = leasing,
              .lineage_bytes_max = lineage_bytes_max},
             host) {}

  written_host host;
  owner work;
  instant now = 0;

  template <class Event>
  words after(Event event) {
    event();
    work.verify();
    return host.take();
  }
  template <class Message>
  words tell(party from, Message one) {
    return after([&] { work.receive(from, std::move(one), now); });
  }
  /// True if the message was counted as senseless and nothing else happened.
  template <class Message>
  bool is_stray(party from, Message one) {
    const std::uint64_t before = work.stray();
    return tell(from, std::move(one)).empty() && work.stray() == before + 1;
  }

  object_key key(std::size_t name) const { return host.made.at(name - 1); }
  object_key note(object_key made) {
    host.made.push_back(made);
    return made;
  }

  // What programs do. The next object is o1, o2, ...

  task_spec spec(std::vector<object_key> arguments = {}, std::uint64_t home = 1) {
    task_spec one;
    one.home.key = home;
    one.home.what = "task";
    for (const object_key argument : arguments) {
      one.what.values.push_back({});
      one.what.values.back().object = argument;
    }
    return one;
  }
  /// The name is only known after the submit: what is said of it at once has its number.
  words submit(task_spec one) {
    host.take();
    note(work.submit(std::move(one), now));
    work.verify();
    return renamed();
  }
  words submit(std::vector<object_key> arguments = {}) {
    return submit(spec(std::move(arguments)));
  }
  call_spec call_of(std::uint64_t caller = 1, std::vector<object_key> arguments = {}) {
    call_spec one;
    one.actor = tally;
    one.caller = caller;
    for (const object_key argument : arguments) {
      one.what.values.push_back({});
      one.what.values.back().object = argument;
    }
    return one;
  }
  words call(call_spec one) {
    host.take();
    note(work.call(std::move(one), now));
    work.verify();
    return renamed();
  }
  words call(std::uint64_t caller = 1) { return call(call_of(caller)); }
  words stop(std::uint64_t caller = 1) {
    call_spec one = call_of(caller);
    one.stop_actor = true;
    return call(std::move(one));
  }
  object_key put(outcome what = value()) {
    const object_key made = note(work.put(std::move(what), now));
    work.verify();
    host.take();
    return made;
  }
  object_key pending() {
    return note(work.make_pending());
  }
  words drop(object_key one) {
    return after([&] {
      work.refs().drop(one);
      work.step(now);
    });
  }
  words cancel(std::size_t name, cancel_spec how = {}) {
    return after([&] {
      work.cancel(key(name), how, {.code = error_code::cancelled, .what = "no more"}, now);
    });
  }

  // What workers, the node and the directory do.

  words grant(std::uint64_t lease, party worker, std::uint64_t lease_class = 1) {
    return tell(node, lease_granted{lease_class, lease_id{lease}, worker});
  }
  words done(party worker, std::size_t name, outcome result = value(), std::uint32_t attempt = 1) {
    return tell(worker,
                task_done{.task = key(name), .attempt = attempt, .result = std::move(result)});
  }
  /// It could not read that argument, and has not run the task.
  words unread(party worker, std::size_t name, object_key argument, std::uint32_t attempt = 1) {
    return tell(worker, task_done{.task = key(name), .attempt = attempt,
                                  .result = failure("lost", error_code::object_lost),
                                  .unread = argument});
  }
  words lost(object_key one) {
    return tell(node, object_lost{one, {.code = error_code::object_lost, .what = "no file"}});
  }
  words threw(party worker, std::size_t name, std::uint32_t attempt = 1) {
    return tell(worker, task_done{.task = key(name), .attempt = attempt,
                                  .result = failure("oops"), .retryable = true});
  }
  /// The end of an actor's life answers.
  words over(party worker, std::size_t name, outcome result, std::uint32_t attempt = 1) {
    return tell(worker, task_done{.task = key(name), .attempt = attempt,
                                  .result = std::move(result), .life_over = true});
  }
  words died(party who, std::uint64_t begun = 0, std::uint64_t lease = 1,
             death_kind kind = death_kind::exited) {
    // Of calls all had begun.
    const key_list running(host.made.begin(), host.made.end());
    words all = tell(node, party_died{{.who = who, .kind = kind, .exit_code = 3, .begun = begun,
                                       .lease = lease_id{lease}, .running = running, .text = {}}});
    for (auto& word : cut(who)) all.push_back(std::move(word));
    return all;
  }
  words cut(party who) {
    return after([&] { work.party_gone(who, now); });
  }
  words actor(actor_state state, std::uint32_t life = 1, party worker = {},
              std::shared_ptr<const error_fields> why = nullptr) {
    return tell(directory, actor_changed{tally, state, life, worker, std::move(why), node});
  }
  words alive(std::uint32_t life = 1, party worker = w) {
    return actor(actor_state::alive, life, worker);
  }
  words restarting(std::uint32_t life) {
    return actor(actor_state::restarting, life, {},
                 because(error_code::actor_unavailable, "restarting"));
  }
  words dead(std::uint32_t life = 1) {
    return actor(actor_state::dead, life, {}, because(error_code::actor_died, "died"));
  }
  /// A handle of the actor, as from `spawn`.
  void spawn() {
    register_actor one;
    one.actor = tally;
    work.spawn(std::move(one));
    host.take();
  }
  /// All is let go, and nothing is left.
  bool empty() {
    return work.task_count() == 0 && work.object_count() == 0 && work.refs().held_count() == 0 &&
           work.actor_count() == 0;
  }
  void drop_all() {
    for (const object_key one : host.made) {
      if (work.refs().holds(one)) work.refs().drop(one);
    }
    work.step(now);
    work.verify();
    host.take();
  }

 private:
  words renamed() {
    words out = host.take();
    const std::string raw =
        letter(host.made.back().owner) + std::to_string(host.made.back().number);
    for (std::string& word : out) {
      if (const auto at = word.find(raw); at != std::string::npos) {
        word.replace(at, raw.size(), "o" + std::to_string(host.made.size()));
      }
    }
    return out;
  }
};

}  // namespace owner_test
