// Goal: whatever comes in whatever order, the executor answers every push of a living caller once,
// begins bodies in the order of their arrival and within their limits, leaves nobody waiting who
// could run, begins nothing of a life that is over, and ends with nothing left.
// Method: random events from a seed, and a model that shares no code with the executor: lists of
// what waits and runs, changed by what the host sees. After each event the model says which answers
// were due, and who should have begun. A failure prints its seed.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

#include "mobula/engine/executor/executor.hpp"

namespace {

using namespace mobula;
using namespace mobula::engine;

constexpr party node{900};
constexpr party directory{901};

struct broken {
  std::string what;
};
void require(bool holds, const char* what) {
  if (!holds) throw broken{what};
}

enum class progress { waiting, running, over };

struct model_push {
  party caller;
  std::uint32_t attempt = 1;
  bool is_stop = false;
  std::vector<object_key> stored;
  progress state = progress::waiting;
  bool answered = false;
};

/// Whatever has a limit and an order: a lease, a group of an actor.
struct model_line {
  std::size_t limit = 1;
  std::vector<object_key> waiting;
  std::vector<body*> running;
};

struct model_lease {
  lease_id id;
  party holder;
  std::uint64_t next = 1;
  std::uint64_t begun = 0;
  bool refusing = false;
  model_line line;
};

struct model_life {
  enum { constructing, alive, destroying, over } phase = constructing;
  bool refuses = false;  ///< a stop or a graceful end has come
  bool closed = false;   ///< nothing may begin
  bool failed = false;   ///< by its constructor
  bool made = false;     ///< there is an object to destroy
  std::vector<object_key> stored;
  std::map<std::string, model_line> groups;
  std::vector<object_key> stops;
  body* own = nullptr;  ///< its constructor or destructor, while that runs
  int told_made = 0;
  int told_ended = 0;
  int discarded = 0;
};

using life_key = std::pair<object_key, std::uint32_t>;

class world final : public executor_host {
 public:
  explicit world(std::uint64_t seed)
      : random_(seed),
        work_(*this, {.node = node, .directory = directory, .pin_ahead = 1 + seed % 3}) {}

  void run_all(int steps) {
    for (int step = 0; step < steps; ++step) {
      one_event();
      check();
    }
    // Then everything comes to its end, with no new work.
    for (int step = 0; !quiet(); ++step) {
      require(step < 100000, "everything comes to its end");
      one_answer();
      check();
    }
    for (auto& [key, life] : lives_) {
      if (life.phase == model_life::over) continue;
      end_life(key, chance(50));
      check();
      while (!quiet()) {
        one_answer();
        check();
      }
    }
    for (const auto& [key, push] : pushes_) {
      require(push.answered || dead_.count(push.caller) != 0, "every push is answered");
    }
    for (const auto& [key, life] : lives_) {
      require(life.phase == model_life::over, "every life ends");
      require(life.discarded == 1, "every life is discarded once");
      require(life.told_ended == (life.failed ? 0 : 1), "every life that was made ends once");
    }
    require(work_.idle() && work_.owed() == 0 && work_.pinned() == 0, "nothing is left");
    require(pinned_.empty() && asked_.empty(), "every pin is let go");
    require(work_.stray() == strays_, "only what made no sense was counted");
  }

  // --- What the executor does --------------------------------------------------------------------

  void send(party, push_task&&) override { require(false, "an executor pushes nothing"); }
  void send(party to, task_done&& one) override {
    model_push& push = pushes_.at(one.task);
    require(to == push.caller && dead_.count(to) == 0, "answers go to living callers");
    require(!push.answered, "a push is answered once");
    require(one.attempt == push.attempt, "an answer has its push's attempt");
    push.answered = true;
    if (push.state == progress::waiting && !push.is_stop) {
      require(one.result.kind == outcome_kind::failed, "what did not run has no value");
      take_out(one.task);
      push.state = progress::over;
    }
    answers_[one.task] = one.result;
  }
  void send(party to, message&& any) override {
    if (const auto* one = std::get_if<tasks_returned>(&any)) {
      model_lease& lease = lease_of(one->lease);
      require(to == lease.holder, "tasks go back to their holder");
      if (one->blocked) {
        require(lease.refusing || (lease.line.running.size() == 1 &&
                                   blocked_.count(lease.line.running.front()) == 1),
                "tasks go back behind a body that waits or has waited");
        require(!lease.refusing || one->tasks.size() == 1, "a holder is told once");
        lease.refusing = true;
      }
      std::vector<object_key>& waiting = lease.line.waiting;
      require(one->tasks.size() <= waiting.size() &&
                  std::equal(one->tasks.rbegin(), one->tasks.rend(), waiting.rbegin()),
              "the youngest go back, in their order");
      require(!one->blocked || one->tasks.size() == waiting.size(), "all go back behind who waits");
      for (const object_key task : one->tasks) {
        model_push& push = pushes_.at(task);
        require(!push.answered && push.state == progress::waiting, "only what waits goes back");
        push.answered = true;
        push.state = progress::over;
        waiting.pop_back();
      }
      ++returns_;
    } else if (const auto* two = std::get_if<actor_made>(&any)) {
      model_life& life = lives_.at({two->actor, two->life});
      require(to == directory && life.phase == model_life::constructing, "made once");
      ++life.told_made;
      require(life.told_made == 1, "made once");
      // Calls begin from now on, in this very event.
      life.failed = two->failed != nullptr;
      if (!life.failed) life.phase = model_life::alive;
    } else if (const auto* three = std::get_if<actor_ended>(&any)) {
      ++lives_.at({three->actor, three->life}).told_ended;
    } else if (std::holds_alternative<body_unblocked>(any)) {
      resumes_.push_back(std::get<body_unblocked>(any).lease);
    } else {
      require(std::holds_alternative<body_blocked>(any), "an executor says nothing else");
      require(to == node, "the node hears of CPUs");
    }
  }
  void run(body& one) override {
    require(bodies_.insert(&one).second, "a slot is not used twice at once");
    if (one.kind == body_kind::task || one.kind == body_kind::call) {
      model_push& push = pushes_.at(one.push.task);
      require(!push.answered && push.state == progress::waiting, "what runs was waiting");
      require(all_pinned(push.stored), "what runs has its arguments");
      model_line& line = line_of(one.push.task);
      require(line.waiting.front() == one.push.task, "bodies begin in the order of arrival");
      require(line.running.size() < line.limit, "limits are kept");
      line.waiting.erase(line.waiting.begin());
      line.running.push_back(&one);
      push.state = progress::running;
      if (one.kind == body_kind::task) {
        lease_of(one.push.lease).begun = one.push.index;
      } else {
        const model_life& life = lives_.at({one.push.actor, one.push.life});
        require(life.phase == model_life::alive && !life.closed, "nothing begins after the end");
      }
      return;
    }
    model_life& life = lives_.at({one.actor->made.actor, one.actor->made.life});
    require(life.own == nullptr, "one constructor or destructor at a time");
    life.own = &one;
    if (one.kind == body_kind::constructor) {
      require(life.phase == model_life::constructing && all_pinned(life.stored),
              "a constructor begins with its arguments");
      return;
    }
    for (const auto& [name, line] : life.groups) {
      require(line.running.empty() && line.waiting.empty(), "a destructor runs alone");
    }
    require(life.phase == model_life::alive || life.closed, "what was made is destroyed once");
    require(life.phase != model_life::destroying, "what was made is destroyed once");
    require(life.refuses || life.closed, "nothing is destroyed unasked");
    life.phase = model_life::destroying;
  }
  void request_stop(body& one, bool) override {
    require(bodies_.count(&one) == 1, "only what runs is stopped");
  }
  void room_made(body&) override {}
  void resume(body& one) override {
    require(blocked_.erase(&one) == 1, "only who waits goes on");
    unblocking_.erase(&one);
  }
  key_list uncovered(body& one) override {
    require(bodies_.count(&one) == 1, "only what runs holds references");
    return {};
  }
  void pin(object_key object, const outcome&) override {
    require(pinned_.count(object) == 0 && asked_.insert(object).second, "one question an object");
  }
  void unpin(object_key object) override {
    require(pinned_.erase(object) == 1, "what is let go was pinned");
    for (const body* const one : bodies_) {
      if (one->kind == body_kind::destructor) continue;
      for (const carried& argument : one->what().values) {
        require(argument.object != object, "nobody reads what is let go");
      }
    }
  }
  void discard(actor_life& one) override {
    model_life& life = lives_.at({one.made.actor, one.made.life});
    require(life.own == nullptr, "nothing runs in what is discarded");
    require(life.made == (life.phase == model_life::destroying), "what was made is destroyed");
    ++life.discarded;
    life.phase = model_life::over;
  }
  std::string function_name(const mobula::detail::function_id&) const override { return "f"; }

 private:
  // --- Drawing -----------------------------------------------------------------------------------

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }
  party draw_caller() { return party{1 + below(3)}; }
  /// In an order that no address decides.
  std::vector<body*> begun() const {
    std::vector<body*> all;
    const auto add = [&all](const model_line& line) {
      all.insert(all.end(), line.running.begin(), line.running.end());
    };
    for (const model_lease& lease : leases_) add(lease.line);
    for (const auto& [key, life] : lives_) {
      if (life.own != nullptr) all.push_back(life.own);
      for (const auto& [name, line] : life.groups) add(line);
    }
    return all;
  }
  body* draw_running() {
    std::vector<body*> able = begun();
    std::erase_if(able, [this](body* one) { return blocked_.count(one) != 0; });
    return able.empty() ? nullptr : able[below(able.size())];
  }

  // --- Events ------------------------------------------------------------------------------------

  void one_event() {
    answers_.clear();
    switch (below(12)) {
      case 0:
      case 1: return push_task_now();
      case 2:
      case 3:
      case 4: return push_call();
      case 5: return chance(40) ? make_life() : push_call();
      case 6: return chance(15) ? (lives_.empty() ? void() : end_random_life()) : push_task_now();
      case 7: return chance(3) ? lose_caller() : cancel();
      case 8: return chance(50) ? steal() : senseless();
      case 9: return block();
      default: return one_answer();
    }
  }
  void one_answer() {
    answers_.clear();
    switch (below(4)) {
      case 0: return answer_pin();
      case 1: return unblock();
      case 2: return resume_lease();
      default: return end_body();
    }
  }
  bool quiet() const { return bodies_.empty() && asked_.empty() && resumes_.empty(); }

  std::vector<object_key> draw_stored(invocation& what) {
    std::vector<object_key> stored;
    if (!chance(30)) return stored;
    for (std::uint64_t left = 1 + below(3); left != 0; --left) {
      carried argument;
      argument.object = {party{700}, 1 + below(6)};
      argument.value.kind = outcome_kind::stored;
      what.values.push_back(argument);
      stored.push_back(argument.object);
    }
    return stored;
  }
  push_task draw_push(party caller) {
    push_task one;
    one.task = {caller, ++numbers_};
    one.attempt = 1 + static_cast<std::uint32_t>(below(3));
    model_push& known = pushes_[one.task];
    known.caller = caller;
    known.attempt = one.attempt;
    known.stored = draw_stored(one.what);
    return one;
  }

  void push_task_now() {
    // The worker is lent to one holder at a time, and to the next when all is answered.
    if (leases_.empty() || dead_.count(leases_.back().holder) != 0 ||
        (leases_.back().line.waiting.empty() && leases_.back().line.running.empty() &&
         chance(20))) {
      const party caller = draw_caller();
      if (dead_.count(caller) != 0) return;
      const lease_id next{leases_.size() + 1};
      leases_.emplace_back();
      leases_.back().id = next;
      leases_.back().holder = caller;
    }
    model_lease& lease = leases_.back();
    push_task one = draw_push(lease.holder);
    one.lease = lease.id;
    one.index = lease.next++;
    lease.line.waiting.push_back(one.task);
    lines_[one.task] = &lease.line;
    const bool refused = lease.refusing;
    const object_key task = one.task;
    work_.receive(lease.holder, std::move(one), 0);
    require(!refused || pushes_.at(task).answered, "behind who waits nothing is accepted");
  }
  void make_life() {
    make_actor one;
    one.actor = {directory, 1 + below(3)};
    one.life = ++lifetimes_[one.actor];
    one.label = "actor";
    one.max_concurrency = 1 + static_cast<std::uint32_t>(below(3));
    if (chance(50)) one.groups = {{"io", 1 + static_cast<std::uint32_t>(below(2))}};
    model_life& life = lives_[{one.actor, one.life}];
    life.stored = draw_stored(one.constructor);
    life.groups[""].limit = one.max_concurrency;
    for (const auto& [name, limit] : one.groups) life.groups[name].limit = limit;
    work_.receive(directory, std::move(one), 0);
  }
  void push_call() {
    const party caller = draw_caller();
    if (dead_.count(caller) != 0) return;
    push_task one = draw_push(caller);
    const object_key task = one.task;
    one.actor = {directory, 1 + below(3)};
    const std::uint32_t newest = lifetimes_[one.actor];
    one.life = chance(90) ? newest : newest + 1 - static_cast<std::uint32_t>(below(3));
    one.stop_actor = chance(4);
    if (chance(30)) one.group = "io";
    pushes_[task].is_stop = one.stop_actor;
    const auto at = lives_.find({one.actor, one.life});
    const bool here = at != lives_.end() && at->second.phase != model_life::over;
    const bool stops = one.stop_actor;
    bool accepted = here && !at->second.refuses && !at->second.closed;
    if (here && stops) {
      at->second.stops.push_back(task);
      at->second.refuses = true;
    } else if (accepted) {
      const auto group = at->second.groups.find(one.group);
      accepted = group != at->second.groups.end();
      if (accepted) {
        group->second.waiting.push_back(task);
        lines_[task] = &group->second;
      }
    }
    if (stops) pushes_[task].stored.clear();
    work_.receive(caller, std::move(one), 0);
    const bool is_answered = pushes_[task].answered;
    require(is_answered == !(stops ? here : accepted), "what is not accepted is answered at once");
  }
  void end_random_life() {
    auto at = lives_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(lives_.size())));
    if (at->second.phase != model_life::over) return end_life(at->first, chance(50));
    ++strays_;
    end_actor order;
    order.actor = at->first.first;
    order.life = at->first.second;
    work_.receive(directory, std::move(order), 0);
  }
  void end_life(const life_key& key, bool graceful) {
    answers_.clear();
    model_life& life = lives_.at(key);
    end_actor order;
    order.actor = key.first;
    order.life = key.second;
    order.graceful = graceful;
    if (graceful) {
      life.refuses = true;
    } else {
      life.closed = true;
      order.why = std::make_shared<const error_fields>(
          error_fields{.code = error_code::actor_died, .what = "killed"});
    }
    work_.receive(directory, std::move(order), 0);
    if (graceful) return;
    for (const auto& [name, line] : life.groups) {
      require(line.waiting.empty(), "a graceless end leaves nothing waiting");
      for (const body* const one : line.running) {
        const model_push& push = pushes_.at(one->push.task);
        require(push.answered || dead_.count(push.caller) != 0, "a graceless end answers all");
      }
    }
  }
  void cancel() {
    if (pushes_.empty()) return;
    object_key task = std::prev(pushes_.end())->first;
    task.number = 1 + below(numbers_);
    task.owner = draw_caller();
    const auto at = pushes_.find(task);
    if (at == pushes_.end()) return;
    const model_push& push = at->second;
    if (dead_.count(push.caller) != 0) return;
    const bool right = chance(80);
    const bool open = !push.answered && !push.is_stop;
    const bool waits = push.state == progress::waiting;
    if (!right || !open) ++strays_;
    work_.receive(push.caller, cancel_task{task, push.attempt + (right ? 0 : 1), true}, 0);
    if (!right || !open) {
      require(push.answered == !open || push.is_stop, "a senseless cancel does nothing");
    } else if (waits) {
      require(answers_.count(task) == 1 && answers_[task].why->code == error_code::cancelled,
              "what waits is cancelled at once");
    } else {
      require(!push.answered, "what runs answers when it ends");
    }
  }
  void steal() {
    if (leases_.empty() || dead_.count(leases_.back().holder) != 0) return;
    const model_lease& lease = leases_.back();
    if (lease.next == 1) return;
    const std::size_t before = lease.line.waiting.size();
    const std::size_t most = below(4);
    returns_ = 0;
    work_.receive(lease.holder, steal_tasks{lease.id, static_cast<std::uint32_t>(most)}, 0);
    require(returns_ == 1, "stealing is answered");
    require(lease.line.waiting.size() == before - std::min(before, most), "as many as there are");
  }
  void senseless() {
    ++strays_;
    switch (below(4)) {
      case 0: return work_.receive(party{55}, message(borrow{}), 0);
      case 1: return work_.receive(node, body_resumed{lease_id{4000}}, 0);
      case 2: return work_.receive(party{55}, steal_tasks{lease_id{4000}, 1}, 0);
      default: return work_.argument_pinned({party{701}, 1}, nullptr, 0);
    }
  }
  void lose_caller() {
    const party who = draw_caller();
    if (!dead_.insert(who).second) return;
    for (model_lease& lease : leases_) {
      if (lease.holder != who) continue;
      lease.line.waiting.clear();
      std::erase(resumes_, lease.id);  // it is not the node's affair any more
    }
    for (auto& [key, life] : lives_) {
      for (auto& [name, line] : life.groups) {
        std::erase_if(line.waiting, [who](object_key task) { return task.owner == who; });
      }
    }
    for (auto& [key, push] : pushes_) {
      if (push.caller == who && push.state == progress::waiting) push.state = progress::over;
    }
    work_.party_gone(who, 0);
  }
  void block() {
    body* const one = draw_running();
    if (one == nullptr) return;
    blocked_.insert(one);
    work_.body_blocked(*one, 0);
    if (one->kind == body_kind::task && dead_.count(one->caller) == 0) {
      const model_lease& lease = lease_of(one->push.lease);
      require(lease.refusing && lease.line.waiting.empty(), "nobody waits behind who waits");
    }
  }
  void unblock() {
    std::vector<body*> able = begun();
    std::erase_if(able, [this](body* one) {
      return blocked_.count(one) == 0 || unblocking_.count(one) != 0;
    });
    if (able.empty()) return;
    body* const one = able[below(able.size())];
    unblocking_.insert(one);
    work_.body_unblocked(*one, 0);
    const bool asks = one->kind == body_kind::task && dead_.count(one->caller) == 0;
    require((blocked_.count(one) != 0) == asks, "only a task asks for its CPUs");
  }
  void resume_lease() {
    if (resumes_.empty()) return;
    const std::size_t at = below(resumes_.size());
    const lease_id lease = resumes_[at];
    resumes_.erase(resumes_.begin() + static_cast<std::ptrdiff_t>(at));
    const std::size_t before = blocked_.size();
    work_.receive(node, body_resumed{lease}, 0);
    require(blocked_.size() == before - 1, "who has its CPUs goes on");
  }
  void answer_pin() {
    if (asked_.empty()) return;
    auto at = asked_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(asked_.size())));
    const object_key object = *at;
    asked_.erase(object);
    const bool readable = chance(85);
    if (readable) pinned_.insert(object);
    // A constructor whose turn it is fails of it, and that closes the life.
    if (!readable) {
      for (auto& [key, life] : lives_) {
        if (life.phase != model_life::constructing || life.own != nullptr) continue;
        if (std::count(life.stored.begin(), life.stored.end(), object) == 0) continue;
        life.closed = true;
      }
    }
    work_.argument_pinned(object, readable ? nullptr : lost_, 0);
  }
  void end_body() {
    body* const one = draw_running();
    if (one == nullptr) return;
    bodies_.erase(one);
    body_end how;
    const bool fails = chance(20);
    if (fails) {
      how.result = failed_outcome({.code = error_code::task, .what = "threw"});
      how.retryable = chance(50);
    } else {
      how.result.kind = outcome_kind::value;
      how.result.value = payload(std::vector{std::byte{7}});
    }
    if (one->kind == body_kind::task) return end_task(*one, std::move(how));
    model_life& life = lives_.at({one->actor->made.actor, one->actor->made.life});
    if (one->kind != body_kind::call) {
      life.own = nullptr;
      if (one->kind == body_kind::constructor) {
        life.made = !fails;
        const bool lives = !fails && !life.closed;
        life.closed = life.closed || fails;
        work_.body_ended(*one, std::move(how), 0);
        return require(!lives || life.told_made == 1, "the directory hears of a life");
      }
      return work_.body_ended(*one, std::move(how), 0);
    }
    end_call(life, *one, std::move(how), chance(5));
  }
  void end_task(body& one, body_end&& how) {
    model_lease& lease = lease_of(one.push.lease);
    const object_key task = one.push.task;
    std::erase(lease.line.running, &one);
    lease.refusing = false;
    finish_push(task, one, std::move(how), false);
  }
  void end_call(model_life& life, body& one, body_end&& how, bool exits) {
    model_line& line = line_of(one.push.task);
    std::erase(line.running, &one);
    how.exited = exits;
    if (exits) life.closed = true;
    const object_key task = one.push.task;
    finish_push(task, one, std::move(how), exits);
  }
  void finish_push(object_key task, body& one, body_end&& how, bool exits) {
    model_push& push = pushes_.at(task);
    const bool due = !push.answered && dead_.count(push.caller) == 0;
    const outcome expected = how.result;
    push.state = progress::over;
    work_.body_ended(one, std::move(how), 0);
    require((answers_.count(task) == 1) == due, "what ends is answered if that is due");
    if (!due) return;
    const outcome& got = answers_.at(task);
    require(exits ? got.why && got.why->code == error_code::actor_died : got == expected,
            "the answer is what the body gave");
  }

  // --- What should be ----------------------------------------------------------------------------

  void check() {
    work_.verify();
    for (const model_lease& lease : leases_) {
      require(work_.begun(lease.id) == lease.begun || work_.begun(lease.id) == 0, "begun is known");
      check_line(lease.line, true);
    }
    if (!leases_.empty() && leases_.back().next > 1) {
      require(work_.begun() == leases_.back().begun, "begun is known");
    }
    for (const auto& [key, life] : lives_) {
      std::size_t running = 0;
      std::size_t waiting = 0;
      for (const auto& [name, line] : life.groups) {
        check_line(line, life.phase == model_life::alive && !life.closed);
        running += line.running.size();
        waiting += line.waiting.size();
      }
      require(!life.closed || waiting == 0, "nothing waits for what will not be");
      if (life.phase == model_life::alive && running == 0 &&
          (life.closed || (life.refuses && waiting == 0))) {
        require(false, "an end that is due begins");
      }
      if (life.phase != model_life::over) continue;
      require(running == 0 && waiting == 0 && life.own == nullptr, "nothing outlives its life");
      for (const object_key stop : life.stops) {
        require(pushes_.at(stop).answered || dead_.count(stop.owner) != 0, "stops are answered");
      }
    }
  }
  void check_line(const model_line& line, bool open) {
    require(line.running.size() <= line.limit, "limits are kept");
    if (!open || line.waiting.empty() || line.running.size() == line.limit) return;
    require(!all_pinned(pushes_.at(line.waiting.front()).stored), "nobody waits who could run");
  }

  bool all_pinned(const std::vector<object_key>& objects) const {
    return std::all_of(objects.begin(), objects.end(),
                       [this](object_key one) { return pinned_.count(one) != 0; });
  }
  model_line& line_of(object_key task) { return *lines_.at(task); }
  void take_out(object_key task) {
    const auto at = lines_.find(task);
    if (at != lines_.end()) std::erase(at->second->waiting, task);
  }
  model_lease& lease_of(lease_id lease) { return leases_.at(lease.value() - 1); }

  std::mt19937_64 random_;
  std::map<object_key, model_push> pushes_;
  std::map<object_key, model_line*> lines_;
  std::deque<model_lease> leases_;
  std::map<life_key, model_life> lives_;
  std::map<object_key, std::uint32_t> lifetimes_;
  std::set<party> dead_;
  std::set<object_key> asked_;
  std::set<object_key> pinned_;
  std::set<body*> bodies_;      // for membership only, as the next two
  std::set<body*> blocked_;     // until they go on
  std::set<body*> unblocking_;  // of these, who could
  std::vector<lease_id> resumes_;
  std::map<object_key, outcome> answers_;  // of this event
  std::uint64_t numbers_ = 0;
  std::uint64_t strays_ = 0;
  int returns_ = 0;
  const std::shared_ptr<const error_fields> lost_ = std::make_shared<const error_fields>(
      error_fields{.code = error_code::object_lost, .what = "lost"});
  executor work_;
};

}  // namespace

TEST_CASE("random work ends with everything answered and nothing left", "[executor]") {
  std::uint64_t seed = 1;
  std::string what;
  try {
    for (; seed <= 4000; ++seed) world{seed}.run_all(100 + static_cast<int>(seed % 7) * 50);
  } catch (const broken& found) {
    what = found.what;
  }
  INFO("seed " << seed << ": not so: " << what);
  CHECK(what.empty());
}
