#pragma once

/// For tests of the executor: a host that writes down, in short words, what it was asked to do.
///
/// Parties are letters (A, B: callers; N: the node; D: the directory), so `A5` is A's object 5.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/executor/executor.hpp"

namespace executor_test {

using namespace mobula;
using namespace mobula::engine;

inline constexpr party a{1};
inline constexpr party b{2};
inline constexpr party node{14};
inline constexpr party directory{4};
inline constexpr object_key tally{directory, 1};

inline std::string letter(party who) {
  return who.empty() ? "nobody" : std::string(1, static_cast<char>('A' + who.value() - 1));
}
inline std::string name_of(object_key key) {
  return letter(key.owner) + std::to_string(key.number);
}
inline std::string name_of(const key_list& keys) {
  std::string text;
  for (const object_key key : keys) text += (text.empty() ? "" : ",") + name_of(key);
  return "[" + text + "]";
}
inline std::string name_of(object_key actor, std::uint32_t life) {
  return name_of(actor) + "/" + std::to_string(life);
}
inline std::string name_of(const body& one) {
  switch (one.kind) {
    case body_kind::constructor:
      return "make " + name_of(one.actor->made.actor, one.actor->made.life);
    case body_kind::destructor:
      return "destroy " + name_of(one.actor->made.actor, one.actor->made.life);
    default:
      return name_of(one.push.task);
  }
}
inline std::string name_of(const std::shared_ptr<const error_fields>& why) {
  return std::to_string(static_cast<int>(why->code)) + " " + why->what;
}

inline outcome value(std::uint8_t byte = 1) {
  outcome made;
  made.kind = outcome_kind::value;
  made.value = payload(std::vector{std::byte{byte}});
  return made;
}
inline outcome failure(const std::string& what) {
  return failed_outcome({.code = error_code::task, .what = what});
}
inline std::shared_ptr<const error_fields> because(error_code code, std::string what) {
  return std::make_shared<const error_fields>(error_fields{.code = code, .what = std::move(what)});
}

/// Bodies run until the test says how they end.
class written_host final : public executor_host {
 public:
  using words = std::vector<std::string>;

  /// What was asked since the last time.
  words take() { return std::exchange(words_, {}); }
  body& running(const std::string& name) { return *bodies_.at(name); }

  void send(party to, push_task&&) override { say(letter(to) + " <- push"); }
  void send(party to, task_done&& one) override {
    std::string text = letter(to) + " <- done " + name_of(one.task);
    if (one.attempt != 1) text += " attempt " + std::to_string(one.attempt);
    if (one.result.kind == outcome_kind::failed) {
      text += " failed " + name_of(one.result.why);
    } else if (one.result.value.empty()) {
      text += " void";
    } else {
      text += " = " + std::to_string(std::to_integer<int>(one.result.value.bytes()[0]));
    }
    if (one.retryable) text += " retryable";
    if (!one.kept.empty()) text += " kept " + name_of(one.kept);
    if (!one.unread.empty()) text += " unread " + name_of(one.unread);
    say(text);
  }
  void send(party to, message&& any) override { say(letter(to) + " <- " + text_of(any)); }
  void run(body& one) override {
    bodies_[name_of(one)] = &one;
    say("run " + name_of(one));
  }
  void request_stop(body& one, bool recursive) override {
    say("stop " + name_of(one) + (recursive ? " and children" : ""));
  }
  void room_made(body& one) override {
    std::string text = "room " + name_of(one) + " " + std::to_string(one.items->given) + " [";
    for (const object_key item : one.items->items) text += " " + name_of(item);
    say(text + " ]");
  }
  void resume(body& one) override { say("resume " + name_of(one)); }
  key_list uncovered(body& one) override {
    say("uncovered " + name_of(one));
    return one.push.what.refs;
  }
  void pin(object_key object, const outcome&) override { say("pin " + name_of(object)); }
  void unpin(object_key object) override { say("unpin " + name_of(object)); }
  void discard(actor_life& one) override {
    say("discard " + name_of(one.made.actor, one.made.life) + (one.begun ? "" : " unmade"));
  }
  std::string function_name(const mobula::detail::function_id& of) const override {
    return "function " + std::to_string(of.index);
  }
  bool is_coroutine(const mobula::detail::function_id& of) const override {
    return of.index == coroutine;
  }
  bool shares_worker(const body& one) const override {
    return one.what().function.index == coroutine;
  }
  static constexpr std::uint32_t coroutine = 77;

 private:
  void say(std::string word) { words_.push_back(std::move(word)); }
  static std::string text_of(const message& any) {
    if (const auto* one = std::get_if<body_blocked>(&any)) return "blocked " + to_text(one->lease);
    if (const auto* one = std::get_if<body_unblocked>(&any)) {
      return "unblocked " + to_text(one->lease);
    }
    if (const auto* one = std::get_if<call_begun>(&any)) return "begun " + name_of(one->task);
    if (const auto* one = std::get_if<tasks_returned>(&any)) {
      return "returned " + to_text(one->lease) + " " + name_of(one->tasks) +
             (one->blocked ? " blocked" : "");
    }
    if (const auto* one = std::get_if<actor_made>(&any)) {
      return "made " + name_of(one->actor, one->life) +
             (one->failed ? " failed " + name_of(one->failed) : "");
    }
    if (const auto* one = std::get_if<actor_ended>(&any)) {
      static constexpr const char* ways[] = {"asked", "stopped", "exited"};
      return "ended " + name_of(one->actor, one->life) + " " + ways[static_cast<int>(one->how)];
    }
    return "message " + std::to_string(any.index());
  }
  static std::string to_text(lease_id lease) { return "L" + std::to_string(lease.value()); }

  words words_;
  std::map<std::string, body*> bodies_;
};

/// An executor and its host. Every event is followed by `verify`.
struct bench {
  using words = written_host::words;

  explicit bench(executor_options options = {})
      : work(host, [&] {
          options.node = node;
          options.directory = directory;
          return options;
        }()) {}

  written_host host;
  executor work;

  /// What the host is asked to do by the event.
  template <class Event>
  words after(Event event) {
    event();
    work.verify();
    return host.take();
  }
  template <class Message>
  words tell(party from, Message one) {
    return after([&] { work.receive(from, std::move(one), 0); });
  }
  words end(const std::string& name, outcome result = value()) {
    return end(name, body_end{.result = std::move(result)});
  }
  words end(const std::string& name, body_end how) {
    return after([&] { work.body_ended(host.running(name), std::move(how), 0); });
  }
  words exit(const std::string& name) {
    return end(name, body_end{.result = value(), .exited = true});
  }
  words block(const std::string& name) {
    return after([&] { work.body_blocked(host.running(name), 0); });
  }
  words give_way(const std::string& name) {
    return after([&] { work.body_blocked(host.running(name), 0, true); });
  }
  words unblock(const std::string& name) {
    return after([&] { work.body_unblocked(host.running(name), 0); });
  }
  words gone(party who) {
    return after([&] { work.party_gone(who, 0); });
  }
  words pinned(object_key object, std::shared_ptr<const error_fields> why = nullptr) {
    return after([&] { work.argument_pinned(object, std::move(why), 0); });
  }
  /// True if the event was counted as senseless and nothing else happened.
  template <class Message>
  bool is_stray(party from, Message one) {
    const std::uint64_t before = work.stray();
    return tell(from, std::move(one)).empty() && work.stray() == before + 1;
  }
};

inline push_task push_of(party owner, std::uint64_t number, std::uint64_t lease,
                         std::uint64_t index) {
  push_task one;
  one.task = {owner, number};
  one.lease = lease_id{lease};
  one.index = index;
  one.what.name = "add";
  return one;
}
inline push_task coroutine_push(party owner, std::uint64_t number, std::uint64_t lease,
                                std::uint64_t index) {
  push_task one = push_of(owner, number, lease, index);
  one.what.function.index = written_host::coroutine;
  return one;
}
inline push_task call(party owner, std::uint64_t number, std::string group = {},
                      std::uint32_t life = 1) {
  push_task one;
  one.task = {owner, number};
  one.actor = tally;
  one.life = life;
  one.group = std::move(group);
  one.what.name = "increment";
  return one;
}
inline push_task coroutine_call(party owner, std::uint64_t number, std::string group = {}) {
  push_task one = call(owner, number, std::move(group));
  one.what.function.index = written_host::coroutine;
  return one;
}
inline push_task stop(party owner, std::uint64_t number, std::uint32_t life = 1) {
  push_task one = call(owner, number, {}, life);
  one.stop_actor = true;
  return one;
}
inline make_actor maker(std::uint32_t life = 1) {
  make_actor one;
  one.actor = tally;
  one.life = life;
  one.lease = lease_id{90};
  one.label = "tally";
  return one;
}
inline end_actor ender(bool graceful, std::uint32_t life = 1) {
  end_actor one;
  one.actor = tally;
  one.life = life;
  one.graceful = graceful;
  if (!graceful) {
    one.why = because(error_code::actor_died, "actor \"tally\" died: killed by its owner");
  }
  return one;
}
inline push_task with_stored(push_task one, std::vector<object_key> objects) {
  for (const object_key object : objects) {
    outcome kept;
    kept.kind = outcome_kind::stored;
    kept.size = 100000;
    one.what.values.push_back({object, kept});
  }
  return one;
}

}  // namespace executor_test
