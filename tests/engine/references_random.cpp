// Goal: whatever is sent, kept, nested, dropped and killed in whatever order, nothing is freed that
// a living party holds (but for rule 6, which takes a death), all is freed in the end, and no
// count, answer or entry is left over.
// Method: up to six parties, links in order with random delays, a program that does what it likes
// with handles; a model outside the tables knows who holds what. Thousands of seeds.

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "references_support.hpp"

namespace {

using namespace references_support;

// What a program sends: references, a call, its answer; or that the link is cut.
struct parcel {
  enum { protocol, values, call, answer, cut } kind = protocol;
  message said{};
  std::vector<object_key> keys{};  ///< mentions of `values` and `call`, result of `answer`
  key_list kept{};
  std::uint64_t number = 0;  ///< of the call
};

struct running_call {
  unsigned caller = 0;
  std::uint64_t number = 0;
  std::vector<object_key> mentions;
};

class play;

struct actor_on_stage final : references_host {
  actor_on_stage(play& in, unsigned number) : all(in), me(number), table(party{number}, *this) {}
  void send(party to, push_task&& one) override { send(to, message{std::move(one)}); }
  void send(party to, task_done&& one) override { send(to, message{std::move(one)}); }
  void send(party to, message&& one) override;
  void unreferenced(object_key own, std::uint32_t) override;
  void promise_unreferenced(object_key own) override;
  void borrower_added(object_key, party) override {}
  void lost(object_key key, const std::shared_ptr<const error_fields>& why) override;

  play& all;
  unsigned me;
  references table;
  bool alive = true;
  std::vector<object_key> handles;
  std::map<object_key, std::vector<object_key>> inside;  ///< of own objects
  std::vector<running_call> running;
  std::map<std::uint64_t, std::vector<object_key>> called;  ///< mentions of unanswered calls
};

class play {
 public:
  play(unsigned seed, bool deaths) : random_(seed), seed_(seed), deaths_(deaths) {
    count_ = 2 + pick(5);
    for (unsigned i = 1; i <= count_; ++i) {
      stage_.push_back(std::make_unique<actor_on_stage>(*this, i));
    }
  }

  void run() {
    const unsigned steps = 60 + pick(200);
    for (unsigned i = 0; i < steps; ++i) {
      step();
      if (pick(8) == 0) verify();
    }
    finish();
  }

  void demand(bool holds, const char* claim) const {
    if (!holds) FAIL("seed " << seed_ << (deaths_ ? " with" : " without") << " deaths: " << claim);
  }
  actor_on_stage& at(unsigned number) { return *stage_[number - 1]; }

  void send(unsigned from, unsigned to, parcel one) {
    if (at(to).alive) links_[{from, to}].push_back(std::move(one));
  }

  void was_freed(unsigned owner, object_key key) {
    demand(freed_.insert(key).second, "an object is freed twice");
    const auto& handles = at(owner).handles;
    demand(std::find(handles.begin(), handles.end(), key) == handles.end(),
           "an object is freed that its owner uses");
    for (const auto& one : stage_) {
      if (!one->alive || one->me == owner || one->table.uses(key) == 0) continue;
      demand(!one->table.is_registered(key), "an object is freed that a borrower holds");
      demand(at_risk_.contains(key), "an object is freed that somebody holds, and nobody died");
    }
    for (const auto& [ends, link] : links_) {
      if (!at(ends.first).alive || !at(ends.second).alive) continue;
      for (const parcel& one : link) {
        if (std::find(one.keys.begin(), one.keys.end(), key) == one.keys.end()) continue;
        demand(at_risk_.contains(key), "an object is freed that is on its way");
      }
    }
  }
  void was_lost(unsigned by, object_key key, const error_fields& why) {
    if (why.code == mobula::error_code::owner_died) {
      demand(at(by).table.is_dead(key.owner), "an owner's death is made up");
    } else {
      demand(at_risk_.contains(key) && freed_.contains(key), "an object is lost without a death");
    }
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  unsigned any_alive() {
    for (;;) {
      const unsigned one = 1 + pick(count_);
      if (at(one).alive) return one;
    }
  }
  object_key any_handle(const actor_on_stage& of) { return of.handles[pick(of.handles.size())]; }
  object_key take_handle(actor_on_stage& of) {
    const std::size_t i = pick(static_cast<unsigned>(of.handles.size()));
    std::swap(of.handles[i], of.handles.back());
    const object_key out = of.handles.back();
    of.handles.pop_back();
    return out;
  }

  void step() {
    actor_on_stage& me = at(any_alive());
    switch (pick(14)) {
      case 0: {
        const object_key made = me.table.make();
        known_.push_back(made);
        me.handles.push_back(made);
        if (pick(3) == 0) {
          me.handles.push_back(me.table.make_promise(made));
          known_.push_back(me.handles.back());
        }
        // Its value has references in it: handles move into it.
        while (me.handles.size() > 2 && pick(3) == 0) {
          const object_key held = take_handle(me);
          if (held == made || held == promise_key(made)) {
            me.handles.push_back(held);
            break;
          }
          me.inside[made].push_back(held);
        }
        break;
      }
      case 1:
        if (!me.handles.empty()) {
          const object_key key = any_handle(me);
          me.table.use(key);
          me.handles.push_back(key);
        }
        break;
      case 2:
      case 3:
        if (!me.handles.empty()) me.table.drop(take_handle(me));
        break;
      case 4:
      case 5: {
        if (me.handles.empty()) break;
        parcel values{.kind = parcel::values};
        const unsigned to = 1 + pick(count_);
        for (unsigned n = 1 + pick(3); n > 0; --n) {
          values.keys.push_back(any_handle(me));
          me.table.sending(party{to}, values.keys.back());
        }
        send(me.me, to, std::move(values));
        break;
      }
      case 6: {
        parcel call{.kind = parcel::call, .number = ++last_call_};
        const unsigned to = 1 + pick(count_);
        if (me.table.is_dead(party{to})) break;
        for (unsigned n = pick(4); n > 0 && !me.handles.empty(); --n) {
          call.keys.push_back(any_handle(me));
          me.table.sending(party{to}, call.keys.back());
        }
        me.called[call.number] = call.keys;
        send(me.me, to, std::move(call));
        break;
      }
      case 7: {  // A body takes a handle out of its arguments, or waits for one.
        if (me.running.empty()) break;
        const running_call& one = me.running[pick(me.running.size())];
        if (one.mentions.empty()) break;
        const object_key key = one.mentions[pick(one.mentions.size())];
        if (pick(3) == 0) {
          me.table.enlist(key);
        } else {
          me.table.use(key);
          me.handles.push_back(key);
        }
        break;
      }
      case 8:
        if (!me.running.empty()) end_call(me, pick(me.running.size()));
        break;
      case 9:
        if (deaths_ && alive_count() > 1 && pick(12) == 0) kill(me);
        break;
      default:
        deliver_one();
    }
  }

  void end_call(actor_on_stage& me, unsigned which) {
    running_call over = std::move(me.running[which]);
    me.running.erase(me.running.begin() + which);
    parcel answer{.kind = parcel::answer, .number = over.number};
    for (unsigned n = pick(3); n > 0; --n) {  // The result: out of handles or of the arguments.
      const bool from_arguments = !over.mentions.empty() && pick(2) == 0;
      if (!from_arguments && me.handles.empty()) continue;
      answer.keys.push_back(from_arguments ? over.mentions[pick(over.mentions.size())]
                                           : any_handle(me));
      me.table.sending(party{over.caller}, answer.keys.back());
    }
    me.table.end_cover(party{over.caller}, over.mentions, answer.kept);
    send(me.me, over.caller, std::move(answer));
  }

  bool deliver_one() {
    std::vector<std::pair<unsigned, unsigned>> full;
    for (const auto& [ends, link] : links_) {
      if (!link.empty() && at(ends.second).alive) full.push_back(ends);
    }
    if (full.empty()) return false;
    const auto ends = full[pick(full.size())];
    parcel one = std::move(links_[ends].front());
    links_[ends].pop_front();
    take(ends.first, at(ends.second), one);
    return true;
  }

  void take(unsigned from, actor_on_stage& me, const parcel& one) {
    switch (one.kind) {
      case parcel::protocol:
        std::visit(
            [&]<class One>(const One& said) {
              if constexpr (requires { me.table.receive(party{from}, said); }) {
                me.table.receive(party{from}, said);
              }
            },
            one.said);
        break;
      case parcel::values:
        for (object_key key : one.keys) {
          me.handles.push_back(key);
          me.table.arrived(party{from}, key);
        }
        break;
      case parcel::call:
        for (object_key key : one.keys) me.table.covered(party{from}, key);
        me.running.push_back({from, one.number, one.keys});
        break;
      case parcel::answer: {
        const bool first_release = pick(2) == 0;
        const std::vector<object_key> mentions = me.called[one.number];
        me.called.erase(one.number);
        if (first_release) me.table.uncover(party{from}, mentions, one.kept);
        for (object_key key : one.keys) {
          me.handles.push_back(key);
          me.table.arrived(party{from}, key);
        }
        if (!first_release) me.table.uncover(party{from}, mentions, one.kept);
        break;
      }
      case parcel::cut:
        me.table.party_gone(party{from});
        break;
    }
  }

  unsigned alive_count() const {
    unsigned count = 0;
    for (const auto& one : stage_) count += one->alive;
    return count;
  }

  void kill(actor_on_stage& victim) {
    for (object_key key : known_) {
      if (victim.table.uses(key) != 0) at_risk_.insert(key);
    }
    victim.alive = false;
    for (auto& [ends, link] : links_) {
      if (ends.first == victim.me) {
        for (const parcel& one : link) at_risk_.insert(one.keys.begin(), one.keys.end());
        // The youngest messages never arrive.
        for (std::size_t gone = pick(static_cast<unsigned>(link.size()) + 1); gone > 0; --gone) {
          link.pop_back();
        }
      } else if (ends.second == victim.me) {
        for (const parcel& one : link) at_risk_.insert(one.keys.begin(), one.keys.end());
        link.clear();
      }
    }
    for (const auto& one : stage_) {
      if (one->alive) links_[{victim.me, one->me}].push_back({.kind = parcel::cut});
    }
  }

  void verify() {
    for (const auto& one : stage_) {
      if (!one->alive) continue;
      one->table.verify();
      std::map<object_key, std::uint32_t> wanted;
      for (object_key key : one->handles) ++wanted[key];
      for (const auto& [key, count] : wanted) {
        demand(one->table.uses(key) >= count, "a handle is not counted");
      }
    }
  }

  void finish() {
    for (bool more = true; more;) {
      more = false;
      for (const auto& one : stage_) {
        if (!one->alive) continue;
        while (!one->running.empty()) end_call(*one, 0);
        while (!one->handles.empty()) one->table.drop(take_handle(*one));
      }
      while (deliver_one()) more = true;
    }
    verify();
    std::size_t handles_freed = 0;
    for (const auto& one : stage_) {
      if (!one->alive) continue;
      // What a cycle through objects keeps is not a leak of the counts; the play makes none.
      demand(one->table.held_count() == 0, "something is held in the end");
      demand(one->table.open_count() == 0, "something is open in the end");
      demand(one->table.stray_count() == 0, "a message made no sense");
      handles_freed += one->inside.empty() ? 0 : 1;
    }
    demand(handles_freed == 0, "a value outlives its object");
    for (object_key key : known_) {
      if (!at(static_cast<unsigned>(key.owner.value())).alive) continue;
      demand(freed_.contains(key), "an object is never freed");
    }
  }

  std::mt19937 random_;
  unsigned seed_;
  bool deaths_;
  unsigned count_ = 0;
  std::vector<std::unique_ptr<actor_on_stage>> stage_;
  std::map<std::pair<unsigned, unsigned>, std::deque<parcel>> links_;
  std::vector<object_key> known_;
  std::set<object_key> at_risk_;  ///< somebody died who held it, or gave it away
  std::set<object_key> freed_;
  std::uint64_t last_call_ = 0;
};

void actor_on_stage::send(party to, message&& one) {
  all.send(me, static_cast<unsigned>(to.value()), {.said = std::move(one)});
}
void actor_on_stage::unreferenced(object_key own, std::uint32_t) {
  all.was_freed(me, own);
  const auto at = inside.find(own);
  if (at == inside.end()) return;
  const std::vector<object_key> held = std::move(at->second);
  inside.erase(at);
  table.drop(held);
}
void actor_on_stage::promise_unreferenced(object_key own) {
  all.demand(table.holds(own), "an object goes before its promise");
  all.was_freed(me, promise_key(own));
}
void actor_on_stage::lost(object_key key, const std::shared_ptr<const error_fields>& why) {
  all.was_lost(me, key, *why);
}

}  // namespace

TEST_CASE("random programs lose nothing and leave nothing", "[engine][references][random]") {
  for (unsigned seed = 1; seed <= 5000; ++seed) play(seed, false).run();
}

TEST_CASE("random programs with deaths lose only what deaths lose",
          "[engine][references][random]") {
  for (unsigned seed = 1; seed <= 10000; ++seed) play(seed, true).run();
}
