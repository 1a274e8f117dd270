// Goal: whatever holders, workers and the node do and in whatever order it arrives, an actor has
// one instance at a time and no more lives than it may, dies only for a reason, tells its watchers
// a story that makes sense, and gives back its name, its leases and all references.
// Method: a directory among holders with tables of references of their own, workers that make, lose
// and end actors, and a node that lends them; links in order with random delays. Thousands of
// seeds.

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "mobula/engine/directory/directory.hpp"
#include "support/catch.hpp"

namespace {

using namespace mobula::engine;
using mobula::error_code;
using mobula::error_fields;

class town;

// A driver or a worker: it holds references, and a worker has instances of actors.
struct citizen final : references_host {
  citizen(town& in, std::uint64_t number) : all(in), me(number), table(party{number}, *this) {}
  void send(party to, push_task&& one) override { send(to, message{std::move(one)}); }
  void send(party to, task_done&& one) override { send(to, message{std::move(one)}); }
  void send(party to, message&& one) override;
  void unreferenced(object_key, std::uint32_t) override {}
  void promise_unreferenced(object_key) override {}
  void borrower_added(object_key, party) override {}
  void lost(object_key key, const std::shared_ptr<const error_fields>&) override;

  struct instance {
    object_key actor;
    std::uint32_t life = 0;
    lease_id lease;
    bool made = false;
    std::vector<object_key> arguments;
  };

  town& all;
  std::uint64_t me;
  references table;
  bool alive = true;
  bool is_worker = false;
  bool own_process = false;
  std::vector<object_key> handles;
  std::vector<instance> instances;
  std::map<object_key, actor_changed> told;
  std::uint64_t made_keys = 0;
};

struct letter {
  message said{};
  std::vector<object_key> handles{};  ///< a message of the program's
  bool cut = false;
};

class town final : public directory_host {
 public:
  town(unsigned seed, bool crashes)
      : seed_(seed), crashes_(crashes), random_(seed),
        directory_({.self = party{1}, .node = party{1}, .actor_processes_max = 3}, *this) {
    for (unsigned i = 0; i < 3; ++i) add();
  }

  void run() {
    for (unsigned i = 150 + pick(250); i > 0; --i) {
      step();
      if (pick(10) == 0) directory_.verify();
    }
    finish();
  }

  void send(party to, push_task&& one) override { send(to, message{std::move(one)}); }
  void send(party to, task_done&& one) override { send(to, message{std::move(one)}); }
  void send(party to, message&& one) override { post(1, to.value(), {.said = std::move(one)}); }
  void warn(const std::string&) override { demand(++warnings_ == 1, "a warning is repeated"); }

  void post(std::uint64_t from, std::uint64_t to, letter one) {
    if (to == 1 || at(to).alive) links_[{from, to}].push_back(std::move(one));
  }
  void demand(bool holds, const std::string& claim) const {
    if (holds) return;
    FAIL("seed " << seed_ << (crashes_ ? " with" : " without") << " crashes: " << claim);
  }

 private:
  unsigned pick(std::size_t below) { return static_cast<unsigned>(random_() % below); }
  citizen& at(std::uint64_t number) { return *citizens_.at(number - 2); }
  citizen& add() {
    citizens_.push_back(std::make_unique<citizen>(*this, citizens_.size() + 2));
    for (const auto& one : citizens_) {
      if (!one->alive) citizens_.back()->table.party_gone(party{one->me});
    }
    return *citizens_.back();
  }
  citizen* anybody() {
    citizen& one = *citizens_[pick(citizens_.size())];
    return one.alive ? &one : nullptr;
  }
  object_key take_handle(citizen& of) {
    std::swap(of.handles[pick(of.handles.size())], of.handles.back());
    const object_key out = of.handles.back();
    of.handles.pop_back();
    return out;
  }
  bool is_actor(object_key key) const { return key.owner == party{1}; }

  void step() {
    citizen* const me = anybody();
    if (me == nullptr) return;
    switch (pick(16)) {
      case 0:
      case 1:
        return spawn(*me);
      case 2:
        if (!me->handles.empty()) me->table.drop(take_handle(*me));
        return;
      case 3: {
        if (me->handles.empty()) return;
        const object_key key = me->handles[pick(me->handles.size())];
        const std::uint64_t to = 2 + pick(citizens_.size());
        me->table.sending(party{to}, key);
        return post(me->me, to, {.handles = {key}});
      }
      case 4: {
        if (me->handles.empty()) return;
        const object_key key = me->handles[pick(me->handles.size())];
        if (is_actor(key)) post(me->me, 1, {.said = watch_actor{key}});
        return;
      }
      case 5: {
        if (me->handles.empty() || pick(3) != 0) return;
        const object_key key = me->handles[pick(me->handles.size())];
        if (is_actor(key)) post(me->me, 1, {.said = kill_actor{key, pick(2) == 0, "its owner"}});
        return;
      }
      case 6:
        return post(me->me, 1, {.said = find_actor{++requests_, name(), "", 0}});
      case 7:
        return live(*me);
      case 8:
        if (crashes_ && pick(8) == 0 && (me->is_worker || pick(4) == 0)) crash(*me);
        return;
      case 9:
        return grant();
      default:
        deliver();
    }
  }
  std::string name() { return std::string(1, static_cast<char>('a' + pick(3))); }

  void spawn(citizen& me) {
    register_actor made;
    made.actor = {party{1}, (me.me << 40) + ++me.made_keys};
    made.request = ++requests_;
    if (pick(3) == 0) made.name = name();
    made.get_if_exists = pick(2) == 0;
    made.detached = pick(6) == 0;
    made.max_restarts = static_cast<std::int32_t>(pick(4)) - 1;
    made.purpose = static_cast<lease_purpose>(1 + pick(3));
    made.label = "x";
    actor_arguments arguments{made.actor, {}, nullptr};
    for (unsigned n = pick(3); n > 0 && !me.handles.empty(); --n) {
      arguments.constructor.refs.push_back(me.handles[pick(me.handles.size())]);
    }
    const bool named = !made.name.empty();
    limits_[made.actor] = made.max_restarts;
    post(me.me, 1, {.said = std::move(made)});
    if (named) {
      for (object_key key : arguments.constructor.refs) me.table.use(key);
      waiting_[requests_] = std::move(arguments);
    } else {
      me.table.registered(arguments.actor);
      me.handles.push_back(arguments.actor);
      send_arguments(me, std::move(arguments));
    }
  }
  void send_arguments(citizen& me, actor_arguments arguments) {
    for (object_key key : arguments.constructor.refs) me.table.sending(party{1}, key);
    if (pick(12) == 0) {
      arguments.failed = std::make_shared<const error_fields>(error_fields{});
    }
    post(me.me, 1, {.said = std::move(arguments)});
  }

  // A worker does something with one of its instances.
  void live(citizen& me) {
    if (me.instances.empty()) return;
    const unsigned which = pick(me.instances.size());
    citizen::instance& one = me.instances[which];
    if (!one.made) {
      one.made = true;
      const bool failed = pick(8) == 0;
      post(me.me, 1, {.said = actor_made{one.actor, one.life,
                                         failed ? std::make_shared<const error_fields>(
                                                      error_fields{.code = error_code::task})
                                                : nullptr}});
      if (failed) end_instance(me, which);
    } else if (pick(4) == 0) {
      post(me.me, 1, {.said = actor_ended{one.actor, one.life,
                                          pick(2) ? actor_end::stopped : actor_end::exited}});
      end_instance(me, which);
    }
  }
  void end_instance(citizen& me, unsigned which) {
    const std::vector<object_key> arguments = std::move(me.instances[which].arguments);
    instances_.erase(me.instances[which].actor);
    me.instances.erase(me.instances.begin() + which);
    me.table.drop(arguments);
  }

  // The node: one of those who wish gets a worker.
  void grant() {
    for (auto& [number, wish] : wishes_) {
      if (wish.wanted == 0 || pick(2) == 0) continue;
      demand(wish.purpose == lease_purpose::own_process ||
                 wish.purpose == lease_purpose::shared_process,
             "a node is asked for what it does not know");
      --wish.wanted;
      citizen* host = nullptr;
      if (wish.purpose == lease_purpose::shared_process) {
        for (const auto& one : citizens_) {
          if (one->alive && one->is_worker && !one->own_process) host = one.get();
        }
      }
      if (host == nullptr) {
        host = &add();
        host->is_worker = true;
        host->own_process = wish.purpose == lease_purpose::own_process;
      }
      const lease_id lease{++leases_};
      lent_[lease] = host->me;
      return post(1, 1, {.said = lease_granted{number, lease, party{host->me}}});
    }
  }
  void at_node(const message& said) {
    if (const auto* wish = std::get_if<want_leases>(&said)) {
      wishes_[wish->lease_class] = *wish;
    } else if (const auto* back = std::get_if<return_lease>(&said)) {
      demand(returned_.insert(back->lease).second, "a lease is returned twice");
      const auto lent = lent_.find(back->lease);
      if (lent == lent_.end()) return;  // Its worker died meanwhile.
      citizen& host = at(lent->second);
      for (const auto& one : host.instances) {
        demand(one.lease != back->lease, "a lease is returned under an instance");
      }
      lent_.erase(lent);
      if (host.own_process) crash(host);
    } else if (const auto* end = std::get_if<end_worker>(&said)) {
      citizen& host = at(end->worker.value());
      demand(host.own_process, "a shared process is ended for one actor");
      if (host.alive) crash(host);
    } else {
      directory_.receive(party{1}, message(said), 0);
    }
  }

  void crash(citizen& victim) {
    for (const citizen::instance& one : victim.instances) instances_.erase(one.actor);
    // With a crash messages are lost, too: a registration, for one.
    if (crashes_ || victim.table.held_count() != 0) somebody_died_ = true;
    victim.alive = false;
    victim.instances.clear();
    std::erase_if(lent_, [&](const auto& one) { return one.second == victim.me; });
    for (auto& [ends, link] : links_) {
      if (ends.second == victim.me) {
        link.clear();
      } else if (ends.first == victim.me) {
        for (unsigned lost = pick(link.size() + 1); lost > 0 && crashes_; --lost) link.pop_back();
      }
    }
    links_[{victim.me, 1}].push_back({.cut = true});
    for (const auto& one : citizens_) {
      if (one->alive) links_[{victim.me, one->me}].push_back({.cut = true});
    }
  }

  bool deliver() {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> full;
    for (const auto& [ends, link] : links_) {
      if (!link.empty()) full.push_back(ends);
    }
    if (full.empty()) return false;
    const auto ends = full[pick(full.size())];
    letter one = std::move(links_[ends].front());
    links_[ends].pop_front();
    if (ends.second == 1 && ends.first == 1) {
      at_node(one.said);
    } else if (ends.second == 1) {
      at_directory(ends.first, std::move(one));
    } else if (at(ends.second).alive) {
      at_citizen(ends.first, at(ends.second), std::move(one));
    }
    return true;
  }
  void at_directory(std::uint64_t from, letter&& one) {
    if (one.cut) {
      death how;
      how.who = party{from};
      how.kind = death_kind::crashed;
      how.signal = 11;
      return directory_.party_gone(how, 0);
    }
    if (const auto* made = std::get_if<register_actor>(&one.said)) {
      // Who has the name now? The answer is compared when it arrives.
      object_key holder;
      directory_.for_each_actor([&](const actor_record& known) {
        if (!made->name.empty() && known.made.name == made->name && !is_dead(known.phase)) {
          holder = known.made.actor;
        }
      });
      holders_[made->request] = {holder, made->get_if_exists};
    }
    directory_.receive(party{from}, std::move(one.said), 0);
  }
  void at_citizen(std::uint64_t from, citizen& me, letter&& one) {
    if (one.cut) return me.table.party_gone(party{from});
    for (object_key key : one.handles) {
      me.handles.push_back(key);
      me.table.arrived(party{from}, key);
    }
    if (!one.handles.empty()) return;
    std::visit(
        [&]<class One>(const One& said) {
          if constexpr (requires { me.table.receive(party{from}, said); }) {
            me.table.receive(party{from}, said);
          } else if constexpr (std::is_same_v<One, actor_registered>) {
            registered(me, said);
          } else if constexpr (std::is_same_v<One, actor_changed>) {
            changed(me, said);
          } else if constexpr (std::is_same_v<One, make_actor>) {
            demand(lent_.contains(said.lease) && lent_[said.lease] == me.me, "a lease is made up");
            demand(instances_.insert(said.actor).second, "two lives of one actor overlap");
            demand(said.life > lives_[said.actor], "a life is lived twice");
            lives_[said.actor] = said.life;
            const std::int32_t limit = limits_[said.actor];
            demand(limit < 0 || said.life <= static_cast<std::uint32_t>(limit) + 1,
                   "an actor has too many lives");
            demand(said.restarted == (said.life > 1), "a restart is not told");
            citizen::instance made{said.actor, said.life, said.lease, false, {}};
            for (object_key key : said.constructor.refs) made.arguments.push_back(key);
            me.instances.push_back(made);
            for (object_key key : said.constructor.refs) me.table.arrived(party{1}, key);
          } else if constexpr (std::is_same_v<One, end_actor>) {
            end(me, said);
          } else {
            demand(false, "a message that nobody expects");
          }
        },
        one.said);
  }
  void registered(citizen& me, const actor_registered& said) {
    const auto asked = waiting_.find(said.request);
    if (asked == waiting_.end()) {  // of a `find`
      if (said.actor.empty()) return;
      me.handles.push_back(said.actor);
      return me.table.arrived(party{1}, said.actor);
    }
    const auto [holder, get] = holders_.at(said.request);
    actor_arguments arguments = std::move(asked->second);
    waiting_.erase(asked);
    const std::vector<object_key> uses(arguments.constructor.refs.begin(),
                                       arguments.constructor.refs.end());
    if (holder.empty()) {
      demand(said.how == registration::made && said.actor == arguments.actor, "a name is refused");
      me.table.registered(said.actor);
      me.handles.push_back(said.actor);
      send_arguments(me, std::move(arguments));
    } else if (get) {
      demand(said.how == registration::found && said.actor == holder, "the wrong actor is found");
      me.handles.push_back(said.actor);
      me.table.arrived(party{1}, said.actor);
    } else {
      demand(said.how == registration::taken && said.actor.empty(), "a name is given twice");
    }
    me.table.drop(uses);
  }
  void changed(citizen& me, const actor_changed& said) {
    const auto [known, first] = me.told.try_emplace(said.actor, said);
    if (!first) {
      demand(known->second.state != actor_state::dead || said.state == actor_state::dead,
             "the dead rise");
      const bool forgotten = said.state == actor_state::dead && said.life == 0;
      demand(said.life >= known->second.life || forgotten, "a life is told late");
      known->second = said;
    }
    demand((said.state == actor_state::alive) == !said.worker.empty(), "where does it live?");
    demand((said.state == actor_state::restarting || said.state == actor_state::dead) ==
               (said.why != nullptr),
           "there is no reason");
    if (said.state == actor_state::dead && !somebody_died_ && me.table.uses(said.actor) != 0) {
      demand(said.why->what.find("nobody") == std::string::npos,
             "an actor dies for want of references that is held");
    }
  }
  void end(citizen& me, const end_actor& said) {
    for (unsigned i = 0; i < me.instances.size(); ++i) {
      citizen::instance& one = me.instances[i];
      if (one.actor != said.actor || one.life != said.life) continue;
      if (!one.made) {
        one.made = true;
        post(me.me, 1, {.said = actor_made{one.actor, one.life, nullptr}});
      }
      if (said.graceful && pick(2) == 0) return post(1, me.me, {.said = said});  // Not yet.
      post(me.me, 1, {.said = actor_ended{one.actor, one.life, actor_end::asked}});
      return end_instance(me, i);
    }
  }

  void finish() {
    for (bool more = true; more;) {
      more = false;
      for (const auto& one : citizens_) {
        if (!one->alive) continue;
        while (!one->handles.empty()) one->table.drop(take_handle(*one));
      }
      grant();
      while (deliver()) more = true;
      for (const auto& [number, wish] : wishes_) more = more || wish.wanted != 0;
      for (std::size_t i = 0; i < citizens_.size(); ++i) {
        citizen& one = *citizens_[i];
        for (citizen::instance& made : one.instances) {
          if (!one.alive || std::exchange(made.made, true)) continue;
          post(one.me, 1, {.said = actor_made{made.actor, made.life, nullptr}});
          more = true;
        }
      }
      // Detached ones are left: somebody finds and kills them.
      if (more) continue;
      std::vector<object_key> left;
      directory_.for_each_actor([&](const actor_record& one) {
        // What a detached one's arguments hold goes with it.
        if (one.made.detached && !is_dead(one.phase)) left.push_back(one.made.actor);
      });
      for (object_key key : left) {
        more = true;
        directory_.receive(party{2}, kill_actor{key, false, "the end"}, 0);
        if (!at(2).alive) directory_killer(key);
      }
    }
    directory_.verify();
    demand(directory_.count() == 0 && directory_.name_count() == 0, "an actor is left");
    demand(directory_.own_process_count() == 0, "a process is counted that is gone");
    demand(directory_.held().held_count() == 0, "the directory holds something in the end");
    demand(directory_.held().open_count() == 0, "the directory has something open in the end");
    demand(lent_.empty(), "a lease is never returned");
    for (const auto& one : citizens_) {
      if (!one->alive) continue;
      one->table.verify();
      demand(one->table.held_count() == 0, "somebody holds something in the end");
    }
    // Where a maker died with its references, others may ask for what is lost.
    if (!somebody_died_) demand(directory_.stray_count() == 0, "a message made no sense");
  }
  void directory_killer(object_key key) {
    for (const auto& one : citizens_) {
      if (one->alive) return directory_.receive(party{one->me}, kill_actor{key, false, ""}, 0);
    }
    directory_.receive(party{add().me}, kill_actor{key, false, ""}, 0);
  }

  unsigned seed_;
  bool crashes_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<citizen>> citizens_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::deque<letter>> links_;
  std::map<std::uint64_t, want_leases> wishes_;
  std::map<lease_id, std::uint64_t> lent_;
  std::map<std::uint64_t, actor_arguments> waiting_;  ///< by the request for a name
  std::map<std::uint64_t, std::pair<object_key, bool>> holders_;
  std::set<object_key> instances_;
  std::set<lease_id> returned_;
  std::map<object_key, std::uint32_t> lives_;
  std::map<object_key, std::int32_t> limits_;
  std::uint64_t requests_ = 0, leases_ = 0;
  unsigned warnings_ = 0;
  bool somebody_died_ = false;
  directory directory_;
};

void citizen::send(party to, message&& one) {
  all.post(me, to.value(), {.said = std::move(one)});
}
void citizen::lost(object_key, const std::shared_ptr<const error_fields>&) {}

}  // namespace

TEST_CASE("random lives without crashes end in order", "[engine][directory][random]") {
  for (unsigned seed = 1; seed <= 2000; ++seed) town(seed, false).run();
}

TEST_CASE("random lives with crashes end in order", "[engine][directory][random]") {
  for (unsigned seed = 1; seed <= 3000; ++seed) town(seed, true).run();
}
