// Goal: owners, executors, a node and its directory together settle everything once and give back
// all that they hold, whatever the links' delays and whoever dies.
// Method: thousands of seeds. Links deliver in order, each after delays of its own, so that words of
// different parties overtake each other; workers are killed at random points, and others come, who
// are sent what was the dead's. Stored results are lost at random points, of which the node tells
// their owners, and whoever reads them. The model here knows only what is submitted, what is stored
// and what is settled.
// All machines check themselves after each event. A failure names its seed.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/directory/directory.hpp"
#include "mobula/engine/executor/executor.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/engine/node/node.hpp"
#include "mobula/engine/owner/owner.hpp"
#include "support/catch.hpp"

namespace {

using namespace mobula::engine;
using mobula::error_code;
using mobula::error_fields;
using mobula::resource_vector;

constexpr party node_party{1};
constexpr party driver_party{2};

resource_vector cpus(double count) {
  return resource_vector(mobula::resource_set{.cpus = count, .custom = {}});
}

class world;

/// A process with an owner and, where it is a worker, an executor. Bodies take some steps, and end
/// with a value, an error, a reference to one of their arguments, or one that the process holds.
class process final : public owner_host, public executor_host {
 public:
  process(world& in, party self);

  void send(party to, push_task&& one) override;
  void send(party to, task_done&& one) override;
  void send(party to, message&& one) override;

  void settled(object_key object, const outcome& result) override;
  void item_given(object_key generator, object_key item) override;
  void promise_answered(std::uint64_t, bool) override {}
  void actor_answered(const actor_registered&) override {}
  std::string subject(object_key task, const invocation&) override { return to_string(task); }

  void run(body& one) override {
    running.push_back(&one);
    begun.push_back(&one);
  }
  void request_stop(body&, bool) override {}
  void room_made(body&) override {}
  void resume(body& one) override {
    waiting.erase(std::find(waiting.begin(), waiting.end(), &one));
    running.push_back(&one);
  }
  key_list uncovered(body& one) override;
  void pin(object_key object) override { asked.push_back(object); }
  void unpin(object_key) override {}
  void discard(actor_life& one) override;
  std::string function_name(const mobula::detail::function_id&) const override { return "f"; }

  void cover_new();
  void verify() {
    owns.verify();
    runs.verify();
  }

  world& all;
  party self;
  owner owns;
  executor runs;
  bool alive = true;
  std::vector<body*> running, waiting, begun;
  std::map<const body*, key_list> covers;
  std::map<object_key, std::size_t> outcomes;  ///< how often told by `settled`
  std::deque<object_key> asked;                ///< pins that are not answered
  std::vector<object_key> handles;  ///< uses of the program's
  struct stream {
    std::uint64_t buffer = 0, given = 0, taken = 0;
  };
  std::map<object_key, stream> streams;  ///< that it reads, by their generators
};

class world final : public node_host, public directory_host {
 public:
  explicit world(std::uint64_t seed)
      : random_(seed),
        node_(options(), *this),
        directory_({.self = node_party, .node = node_party}, *this) {
    add(driver_party);
    node_.party_joined(driver_party, party_kind::driver, 0);
    node_.start(0);
  }

  std::string broken;
  std::size_t settled_count = 0, deaths = 0, failed = 0, losses = 0, again = 0, items = 0;

  void run(int steps) {
    for (int i = 0; i < steps && broken.empty(); ++i) step(true);
    finish();
  }
  void claim(bool holds, const std::string& what) {
    if (!holds && broken.empty()) broken = what;
  }
  std::uint64_t below(std::uint64_t count) { return random_() % count; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  std::size_t times_lost(object_key one) const {
    const auto at = lost_.find(one);
    return at == lost_.end() ? 0 : at->second;
  }

  template <class Message>
  void post(party from, party to, Message&& one) {
    if (gone_.count(to) != 0) return;
    links_[{from, to}].emplace_back(std::forward<Message>(one));
  }

  // node_host, directory_host
  void send(party, push_task&&) override { claim(false, "a node pushes"); }
  void send(party, task_done&&) override { claim(false, "a node answers"); }
  void send(party to, message&& one) override { post(node_party, to, std::move(one)); }
  void warn(const std::string&) override {}
  void start_worker(const worker_kind&) override { ++starting_; }
  void end_worker(party who, death_kind kind, const std::string& why) override {
    death how;
    how.who = who;
    how.kind = kind;
    how.text = why;
    ending_.push_back(how);
  }
  void release_memory(object_key) override {}
  void spill(object_key, std::uint64_t) override {}
  void restore(object_key, std::uint64_t) override {}
  void erase_spilled(object_key) override {}

 private:
  struct dying {
    death how;
    bool told = false;  ///< the node knows
  };

  static node_options options() {
    node_options made;
    made.self = node_party;
    made.total = cpus(3);
    made.workers_max = 3;
    return made;
  }
  void add(party who) { processes_[who] = std::make_unique<process>(*this, who); }
  process& driver() { return *processes_[driver_party]; }

  /// Something that has come, of a link that is chosen by chance.
  bool deliver() {
    std::vector<std::pair<party, party>> ready;
    for (const auto& [way, queue] : links_) {
      if (!queue.empty()) ready.push_back(way);
    }
    if (ready.empty()) return false;
    const auto [from, to] = ready[below(ready.size())];
    auto& queue = links_[{from, to}];
    message one = std::move(queue.front());
    queue.pop_front();
    about_leaving_ = std::holds_alternative<ask_to_leave>(one) ||
                     std::holds_alternative<leave_answer>(one);
    if (to == node_party) {
      if (gone_.count(from) != 0 && judged_.count(from) != 0) return true;
      std::visit(
          [&]<class Message>(Message& what) {
            if constexpr (std::is_same_v<Message, free_object>) stored_.erase(what.object);
            if constexpr (is_for_directory<Message>) {
              directory_.receive(from, std::move(what), now_);
            } else {
              node_.receive(from, message(std::move(what)), now_);
            }
          },
          one);
      node_.verify();
      directory_.verify();
      return true;
    }
    process& at = *processes_[to];
    if (!at.alive) return true;
    std::visit(
        [&]<class Message>(Message& what) {
          if constexpr (executor::is_for_executor<Message>) {
            at.runs.receive(from, std::move(what), now_);
          } else {
            at.owns.receive(from, message(std::move(what)), now_);
          }
        },
        one);
    at.cover_new();
    at.verify();
    return true;
  }

  /// What is on its way from the dead arrives; then its links are cut.
  bool cut_one() {
    for (auto& [who, peers] : to_cut_) {
      for (auto at = peers.begin(); at != peers.end(); ++at) {
        if (!links_[{who, *at}].empty()) continue;
        const party peer = *at;
        peers.erase(at);
        if (peer == node_party) {
          judged_.insert(who);
          node_.party_gone(deaths_[who], now_);
          directory_.party_gone(deaths_[who], now_);
        } else if (processes_[peer]->alive) {
          process& one = *processes_[peer];
          one.runs.party_gone(who, now_);
          one.owns.party_gone(who, now_);
          one.cover_new();
          one.verify();
        }
        return true;
      }
    }
    return false;
  }
  void kill(party who, death how) {
    process& one = *processes_[who];
    if (!one.alive) return;
    one.alive = false;
    ++deaths;
    how.who = who;
    how.begun = one.runs.begun();
    how.lease = one.runs.last_lease();
    for (const std::vector<body*>* list : {&one.running, &one.waiting}) {
      for (const body* const at : *list) {
        if (at->kind == body_kind::call) how.running.push_back(at->push.task);
      }
    }
    deaths_[who] = how;
    gone_.insert(who);
    for (auto& [way, queue] : links_) {
      if (way.second == who) queue.clear();
    }
    std::vector<party>& peers = to_cut_[who];
    peers.push_back(node_party);
    for (const auto& [other, is] : processes_) {
      if (other != who && is->alive) peers.push_back(other);
    }
  }

  void start_one() {
    --starting_;
    const party who{next_party_++};
    add(who);
    node_.party_joined(who, party_kind::worker, now_);
    post(who, node_party, message(worker_ready{}));
    // It can't reach those who are dead, and is not told of those whom the node has buried already.
    for (const auto& [dead, how] : deaths_) to_cut_[dead].push_back(who);
  }

  void submit(process& from) {
    task_spec one;
    one.home.key = below(3);
    one.home.resources = cpus(one.home.key == 2 ? 0.5 : 1);
    one.retries = static_cast<std::int32_t>(below(4)) - 1;
    one.yields = one_in(3);
    one.stream_buffer = below(4);
    fill(from, one.what, one.after);
    const bool yields = one.yields;
    const std::uint64_t buffer = one.stream_buffer;
    keep(from, from.owns.submit(std::move(one), now_));
    if (yields) from.streams[from.handles.back()].buffer = buffer;
  }
  void call(process& from) {
    if (actors_.empty()) return;
    const object_key actor = actors_[below(actors_.size())];
    if (from.self != driver_party || !from.owns.refs().holds(actor)) return;
    call_spec one;
    one.actor = actor;
    one.caller = below(3);
    one.retries = static_cast<std::int32_t>(below(4)) - 1;
    one.stop_actor = one_in(30);
    one.report_begin = one_in(2);
    if (one.stop_actor) one.retries = 0;
    if (!one.stop_actor) fill(from, one.what, one.after);
    one.yields = !one.stop_actor && one_in(3);
    one.stream_buffer = below(4);
    const bool yields = one.yields;
    const std::uint64_t buffer = one.stream_buffer;
    keep(from, from.owns.call(std::move(one), now_));
    if (yields) from.streams[from.handles.back()].buffer = buffer;
  }
  void fill(process& from, invocation& what, key_list& after) {
    if (from.handles.empty()) return;
    while (one_in(2)) {
      what.values.emplace_back();
      what.values.back().object = from.handles[below(from.handles.size())];
    }
    while (one_in(3)) what.refs.push_back(from.handles[below(from.handles.size())]);
    if (one_in(6)) after.push_back(from.handles[below(from.handles.size())]);
  }
  void keep(process& from, object_key made) {
    from.handles.push_back(made);
    made_.emplace(made, made_.size());
    from.cover_new();
    from.verify();
  }
  void spawn() {
    register_actor one;
    one.actor = {node_party, (driver_party.value() << 40) | ++actors_made_};
    one.label = "a";
    one.max_restarts = static_cast<std::int32_t>(below(3));
    one.max_concurrency = 1 + static_cast<std::uint32_t>(below(2));
    one.purpose = one_in(2) ? lease_purpose::own_process : lease_purpose::shared_process;
    const object_key key = one.actor;
    driver().owns.spawn(std::move(one));
    invocation what;
    key_list after;
    fill(driver(), what, after);
    driver().owns.construct(key, std::move(what), now_);
    driver().cover_new();
    actors_.push_back(key);
    driver().verify();
  }
  /// Something is read, and the disk has lost it: what nobody knows of nobody reads.
  void lose_one() {
    if (stored_.empty()) return;
    auto at = stored_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(stored_.size())));
    const object_key one = *at;
    const process& owner = *processes_[one.owner];
    const outcome* const known = owner.owns.result(one);
    if (owner.alive && (known == nullptr || known->kind != outcome_kind::stored)) return;
    stored_.erase(at);
    ++losses;
    ++lost_[one];
    post(node_party, one.owner, message(object_lost{one, lost_error()}));
  }
  static error_fields lost_error() {
    return {.code = error_code::object_lost, .what = "it could not be read back"};
  }
  bool answer_pin(process& of) {
    if (of.asked.empty()) return false;
    const object_key one = of.asked.front();
    of.asked.pop_front();
    const bool is_there = stored_.count(one) != 0;
    of.runs.argument_pinned(
        one, is_there ? nullptr : std::make_shared<const error_fields>(lost_error()), now_);
    of.cover_new();
    of.verify();
    return true;
  }
  /// The program reads something, and finds it lost.
  void read_one(process& of) {
    if (of.handles.empty()) return;
    const object_key one = of.handles[below(of.handles.size())];
    const outcome* const known = of.owns.result(one);
    if (known == nullptr || known->kind != outcome_kind::stored || stored_.count(one) != 0) return;
    const bool is_known = of.owns.unread(one, of.owns.settlings(), now_);
    claim(is_known == (of.owns.result(one)->kind != outcome_kind::pending),
          "it is not said whether to wait");
    of.cover_new();
    of.verify();
  }
  void drop_handle(process& of) {
    if (of.handles.empty()) return;
    const std::size_t at = below(of.handles.size());
    const object_key one = of.handles[at];
    of.handles.erase(of.handles.begin() + static_cast<std::ptrdiff_t>(at));
    of.owns.refs().drop(one);
    of.owns.step(now_);
    of.verify();
  }
  void drop_actor() {
    if (actors_.empty()) return;
    const std::size_t at = below(actors_.size());
    const object_key key = actors_[at];
    actors_.erase(actors_.begin() + static_cast<std::ptrdiff_t>(at));
    driver().owns.refs().drop(key);
    driver().owns.step(now_);
  }
  void kill_actor_of_driver(bool restart) {
    if (actors_.empty()) return;
    const object_key key = actors_[below(actors_.size())];
    post(driver_party, node_party, message(kill_actor{key, restart, "test"}));
    if (!restart) {
      driver().owns.killed(key,
                           std::make_shared<const error_fields>(
                               error_fields{.code = error_code::actor_died, .what = "killed"}),
                           now_);
    }
    driver().verify();
  }

  /// A generator gives an item, if it may.
  bool give_item(process& of, body& one) {
    if (one.answered || !one.items || one.items->items.empty() || one_in(4)) return false;
    stream_item next;
    next.task = one.push.task;
    next.item = one.items->items.front();
    one.items->items.pop_front();
    ++one.items->given;
    next.result.kind = outcome_kind::value;
    if (one_in(3)) add_older(of, one.push.task, next.result.refs);
    for (const object_key& key : next.result.refs) of.owns.refs().use(key);
    if (one_in(3)) {
      next.result.kind = outcome_kind::stored;
      next.result.size = 100'000;
      stored_.insert(next.item);
      items_.insert(next.item);
      if (one_in(20)) {  // it dies before it can say so
        for (const object_key& key : next.result.refs) of.owns.refs().drop(key);
        of.owns.step(now_);
        death how;
        how.kind = death_kind::crashed;
        how.signal = 11;
        kill(of.self, how);
        return true;
      }
    }
    ++items;
    of.owns.give(one.caller, std::move(next), now_);
    of.verify();
    return true;
  }
  void take_item(process& of) {
    for (auto& [generator, one] : of.streams) {
      if (one.taken == one.given || one_in(2)) continue;
      ++one.taken;
      of.owns.taken(generator, now_);
      of.verify();
      return;
    }
  }

  void end_body(process& of) {
    if (of.running.empty()) return;
    const std::size_t at = below(of.running.size());
    body& one = *of.running[at];
    if (give_item(of, one)) return;
    of.running.erase(of.running.begin() + static_cast<std::ptrdiff_t>(at));
    body_end how;
    how.result.kind = outcome_kind::value;
    const bool pushed = one.kind == body_kind::task || one.kind == body_kind::call;
    if (pushed && one_in(6)) {
      how.result = failed_outcome({.code = error_code::task, .what = "oops"});
      how.retryable = one.kind == body_kind::task && one_in(2);
    } else if (one.kind == body_kind::call && one_in(25)) {
      how.exited = true;
    } else if (pushed && one_in(3)) {
      const auto covered = of.covers.find(&one);
      if (covered != of.covers.end() && !covered->second.empty()) {
        how.result.refs.push_back(covered->second.front());
      } else {
        add_older(of, one.push.task, how.result.refs);
      }
    } else if (one.kind == body_kind::constructor && one_in(8)) {
      how.result = failed_outcome({.code = error_code::task, .what = "no"});
    }
    if (pushed && how.result.kind == outcome_kind::value && one_in(3)) {
      how.result.kind = outcome_kind::stored;
      how.result.size = 100'000;
      stored_.insert(one.push.task);
    }
    // A handle may outlive the call.
    const auto covered = of.covers.find(&one);
    if (covered != of.covers.end() && !covered->second.empty() && one_in(4)) {
      of.owns.refs().use(covered->second.back());
      of.handles.push_back(covered->second.back());
    }
    for (const object_key& key : how.result.refs) of.owns.refs().use(key);
    const key_list sent = how.result.refs;
    // What the answer names is on its way before the cover ends.
    if (!one.answered) {
      for (const object_key& key : sent) of.owns.refs().sending(one.caller, key);
    }
    how.kept = of.uncovered(one);
    of.runs.body_ended(one, std::move(how), now_);
    for (const object_key& key : sent) of.owns.refs().drop(key);
    of.owns.step(now_);
    of.cover_new();
    of.verify();
  }

  /// A handle of the process's may be what the body returns. It is older than the body's own
  /// object: so no value refers to itself by any way, for nobody would ever free that.
  void add_older(const process& of, object_key than, key_list& refs) {
    if (of.handles.empty()) return;
    const object_key one = of.handles[below(of.handles.size())];
    // What was made again under a new key is not there.
    const auto its = made_.find(one), bodys = made_.find(than);
    if (its == made_.end() || bodys == made_.end()) return;
    if (its->second < bodys->second) refs.push_back(one);
  }

  void step(bool wild) {
    now_ += 1'000'000;
    const std::uint64_t what = below(100);
    if (what < 42) {
      if (!deliver()) cut_one();
    } else if (what < 46) {
      answer_pin(any_process());
    } else if (what < 48) {
      cut_one();
    } else if (what < 70) {
      end_some_body();
    } else if (what < 74) {
      if (starting_ != 0) start_one();
    } else if (what < 78) {
      if (!ending_.empty()) {
        const death how = ending_.front();
        ending_.pop_front();
        kill(how.who, how);
      }
    } else if (what < 82) {
      timers();
    } else if (wild) {
      act(what);
    }
  }
  void act(std::uint64_t what) {
    process& one = any_process();
    if (what < 87) return submit(one);
    if (what < 90) return call(one);
    if (what < 91) return one_in(2) ? lose_one() : read_one(one);
    if (what < 92) return drop_handle(one);
    if (what < 93) return one_in(2) ? drop_handle(one) : take_item(one);
    if (what < 94) return actors_.size() < 4 ? spawn() : drop_actor();
    if (what < 95) {
      if (one_in(4)) drop_actor();
    } else if (what < 96) {
      if (one_in(3)) kill_actor_of_driver(one_in(2));
    } else if (what < 97) {
      if (one.handles.empty()) return;
      one.owns.cancel(one.handles[below(one.handles.size())], {.force = one_in(2)},
                      {.code = error_code::cancelled, .what = "no"}, now_);
      one.cover_new();
      one.verify();
    } else if (what < 98) {
      if (one.self != driver_party && one_in(2)) {
        death how;
        how.kind = death_kind::crashed;
        how.signal = 11;
        kill(one.self, how);
      }
    } else if (!one.running.empty()) {
      body& waits = *one.running.back();
      one.running.pop_back();
      one.waiting.push_back(&waits);
      one.runs.body_blocked(waits, now_);
      one.verify();
    }
  }
  process& any_process() {
    if (one_in(2)) return driver();
    std::vector<process*> living;
    for (const auto& [who, one] : processes_) {
      if (one->alive) living.push_back(one.get());
    }
    return *living[below(living.size())];
  }
  void end_some_body() {
    for (int tries = 0; tries < 4; ++tries) {
      process& one = any_process();
      if (!one.waiting.empty() && one_in(2)) {
        body* const waits = one.waiting[below(one.waiting.size())];
        if (waits->state == body_state::blocked) {
          one.runs.body_unblocked(*waits, now_);
          one.verify();
        }
        return;
      }
      if (!one.running.empty()) return end_body(one);
    }
  }
  void timers() {
    for (const auto& [who, one] : processes_) {
      if (!one->alive || one->owns.next_timer() > now_) continue;
      one->owns.timer(now_);
      one->cover_new();
      one->verify();
    }
    if (node_.next_timer() <= now_) node_.timer(now_);
  }

  /// Everybody lets go of everything, and what is under way ends.
  void finish() {
    const auto settle = [&] {
      for (int quiet = 0; quiet < 400 && broken.empty();) {
        now_ += 100'000'000;
        // Who is needed is asked again and again: that alone is no work.
        about_leaving_ = false;
        bool busy = (deliver() && !about_leaving_) || cut_one();
        for (const auto& [who, one] : processes_) {
          if (!one->alive) continue;
          const std::vector<body*> waiting = one->waiting;
          for (body* const body : waiting) {
            if (body->state != body_state::blocked) continue;
            one->runs.body_unblocked(*body, now_);
            busy = true;
          }
          if (!one->running.empty()) {
            end_body(*one);
            busy = true;
          }
          busy = answer_pin(*one) || busy;
          for (const auto& [generator, stream] : one->streams) {
            if (stream.taken == stream.given) continue;
            take_item(*one);
            busy = true;
            break;
          }
        }
        if (starting_ != 0) {
          start_one();
          busy = true;
        }
        if (!ending_.empty()) {
          const death how = ending_.front();
          ending_.pop_front();
          kill(how.who, how);
          busy = true;
        }
        timers();
        quiet = busy ? 0 : quiet + 1;
      }
    };
    settle();
    for (const object_key& one : driver().handles) {
      claim(driver().owns.result(one)->kind != outcome_kind::pending,
            "an object is never settled: " + to_string(one));
    }
    claim(driver().owns.task_count() == 0, "a task of the driver is never over");
    while (!actors_.empty()) drop_actor();
    for (const auto& [who, one] : processes_) {
      while (one->alive && !one->handles.empty()) drop_handle(*one);
    }
    settle();
    for (const auto& [who, one] : processes_) {
      while (one->alive && !one->handles.empty()) drop_handle(*one);
    }
    settle();
    for (const auto& [who, one] : processes_) {
      if (!one->alive) continue;
      const std::string of = " in " + std::to_string(who.value());
      claim(one->owns.task_count() == 0, "a task is left" + of);
      for (const auto& [left, when] : made_) {
        claim(!one->owns.refs().holds(left), "a reference is left" + of + ": " + to_string(left));
      }
      claim(one->owns.refs().held_count() == 0, "a reference is left" + of);
      claim(one->owns.object_count() == 0, "an object is left" + of);
      claim(one->owns.actor_count() == 0, "an actor is left" + of);
      claim(one->owns.lease_count() == 0, "a lease is left" + of);
      claim(one->owns.lineage().size() == 0, "lineage is left" + of);
      claim(one->runs.bodies() == 0, "a body is left" + of);
      claim(one->runs.actors() == 0, "a life is left" + of);
    }
    for (const object_key& one : stored_) {
      claim(!processes_[one.owner]->alive || items_.count(one) == 0,
            "the store has an item left: " + to_string(one));
    }
    claim(directory_.count() == 0, "the directory has an actor left");
    claim(node_.lease_count() == 0, "the node has a lease left");
    claim(node_.available() == node_.total(), "the node has not got everything back");
  }

  friend class process;

  std::mt19937_64 random_;
  instant now_ = 0;
  bool about_leaving_ = false;  ///< what was delivered last
  node node_;
  directory directory_;
  std::map<party, std::unique_ptr<process>> processes_;
  std::map<std::pair<party, party>, std::deque<message>> links_;
  std::set<party> gone_, judged_;
  std::map<object_key, std::size_t> made_;  ///< all objects that ever were, and which came when
  std::set<object_key> stored_;  ///< that can be read
  std::set<object_key> items_;   ///< of generators, that were stored
  std::map<object_key, std::size_t> lost_;  ///< how often
  std::map<party, death> deaths_;
  std::map<party, std::vector<party>> to_cut_;
  std::deque<death> ending_;
  std::vector<object_key> actors_;
  std::uint64_t actors_made_ = 0;
  std::uint64_t next_party_ = 11;
  std::size_t starting_ = 0;
};

process::process(world& in, party mine)
    : all(in), self(mine),
      owns({.self = mine, .node = node_party, .directory = node_party,
            .leasing = {.pipeline_max = 3, .linger = 10'000'000, .wanted_max = 8}},
           *this),
      runs(*this, {.node = node_party, .directory = node_party}) {}

void process::send(party to, push_task&& one) { all.post(self, to, message(std::move(one))); }
void process::send(party to, task_done&& one) { all.post(self, to, message(std::move(one))); }
void process::send(party to, message&& one) { all.post(self, to, std::move(one)); }
void process::item_given(object_key generator, object_key item) {
  stream& from = streams[generator];
  ++from.given;
  all.claim(from.buffer == 0 || from.given - from.taken <= from.buffer,
            "a generator is further ahead than its buffer");
  all.claim(item.owner == self && outcomes.count(item) == 0, "an item is another's, or old");
  handles.push_back(item);
  all.made_.emplace(item, all.made_.size());
}
void process::settled(object_key object, const outcome& result) {
  const std::size_t times = ++outcomes[object];
  all.claim(times <= 1 + all.times_lost(object) || object.owner != self, "settled twice");
  if (times > 1 && object.owner == self) ++all.again;
  all.claim(result.kind != outcome_kind::pending, "settled with nothing");
  ++all.settled_count;
  if (result.kind == outcome_kind::failed) ++all.failed;
}
key_list process::uncovered(body& one) {
  key_list kept;
  const auto at = covers.find(&one);
  if (at == covers.end()) return kept;
  const key_list mentions = std::move(at->second);
  covers.erase(at);
  if (one.kind == body_kind::constructor) {
    for (const object_key& key : mentions) owns.refs().drop(key);
  } else {
    owns.refs().end_cover(one.caller, mentions, kept);
  }
  return kept;
}
void process::discard(actor_life& one) {
  if (one.begun) return;
  for_each_mention(one.made.constructor, [this](object_key key) {
    owns.refs().arrived(node_party, key);
    owns.refs().drop(key);
  });
  owns.step(0);
}
/// Bodies that have begun count what their calls mention.
void process::cover_new() {
  while (!begun.empty()) {
    body& one = *begun.back();
    begun.pop_back();
    if (one.kind == body_kind::destructor) continue;
    key_list mentions;
    append_mentions(one.what(), mentions);
    // Nobody covers a constructor: what `make_actor` mentions arrives.
    for (const object_key& key : mentions) {
      if (one.kind == body_kind::constructor) {
        owns.refs().arrived(one.caller, key);
      } else {
        owns.refs().covered(one.caller, key);
      }
    }
    covers[&one] = mentions;
  }
  owns.step(0);
}

}  // namespace

TEST_CASE("owner: a world of machines settles everything once and keeps nothing",
          "[engine][owner][clause-14][clause-24][clause-36][clause-38]") {
  constexpr std::uint64_t seeds = 2000;
  std::size_t deaths = 0, settled = 0, failed = 0, losses = 0, again = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    world all(seed);
    all.run(600);
    INFO("seed " << seed << ": " << all.broken);
    REQUIRE(all.broken.empty());
    deaths += all.deaths;
    settled += all.settled_count;
    failed += all.failed;
    losses += all.losses;
    again += all.again;
  }
  CHECK(deaths > seeds);
  CHECK(failed > seeds);
  CHECK(losses > seeds);
  CHECK(again > seeds / 2);
  CHECK(settled > 2 * failed);
}
