// Goal: whatever happens in whatever order, a node lends no more than it has, answers everybody,
// forgets nobody who waits, and in the end has everything back.
// Method: thousands of seeded scripts of wishes, returns, blocks, deaths, objects, pins and disk
// errors. The model below knows only what is said and asked for; the node checks its own sums
// after each step. A failure names its seed.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

/// What both worlds share: dice, and the first claim that was broken.
class dice {
 public:
  explicit dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t count) { return random_() % count; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

 private:
  std::mt19937_64 random_;
};

template <class Map>
auto any_of(Map& map, dice& random) {
  return std::next(map.begin(), static_cast<std::ptrdiff_t>(random.below(map.size())));
}

// --- Leases --------------------------------------------------------------------------------------

struct class_of {
  double cpus, gpus;
  double cpus_to_place;
  lease_purpose purpose;
  bool feasible;
};
constexpr class_of classes[] = {
    {1, 0, 0, lease_purpose::tasks, true},          {0.5, 0, 0, lease_purpose::tasks, true},
    {2, 0, 0, lease_purpose::tasks, true},          {4, 0, 0, lease_purpose::tasks, true},
    {1, 1, 0, lease_purpose::tasks, true},          {0, 0.5, 0, lease_purpose::tasks, true},
    {0, 0, 0, lease_purpose::tasks, true},          {5, 0, 0, lease_purpose::tasks, false},
    {0, 0, 1, lease_purpose::own_process, true},    {0.5, 0, 0, lease_purpose::own_process, true},
    {0, 0, 1, lease_purpose::shared_process, true},
    {0.25, 0, 0, lease_purpose::shared_process, true}};

class lease_world final : public node_host {
 public:
  explicit lease_world(std::uint64_t seed) : random(seed), machine(options(), *this) {
    add_driver();
    add_driver();
    machine.start(now);
  }

  std::string broken;
  std::size_t granted = 0, resumed_count = 0, reclaimed_count = 0;

  void run(int steps) {
    for (int i = 0; i < steps && broken.empty(); ++i) step();
    drain();
  }

  // --- The host ---

  void send(party, push_task&&) override { claim(false, "a node pushes nothing"); }
  void send(party, task_done&&) override { claim(false, "a node runs nothing"); }
  void send(party to, message&& one) override {
    claim(to == self || alive.count(to) != 0, "a message to the dead");
    if (auto* lent = std::get_if<lease_granted>(&one)) {
      ++granted;
      on_granted(to, *lent);
    } else if (auto* refused = std::get_if<lease_refused>(&one)) {
      wanted.erase({to, refused->lease_class});
    } else if (auto* back = std::get_if<reclaim_lease>(&one)) {
      const auto at = leases.find(back->lease);
      claim(at != leases.end() && at->second.holder == to && at->second.state == running &&
                purpose(at->second) == lease_purpose::tasks && !at->second.reclaimed,
            "only running leases of tasks are reclaimed, once, from their holder");
      ++reclaimed_count;
      if (at != leases.end()) at->second.reclaimed = true;
    } else if (auto* resumed = std::get_if<body_resumed>(&one)) {
      const auto at = leases.find(resumed->lease);
      claim(at != leases.end() && at->second.state == resuming && at->second.worker == to,
            "who resumes has asked for it");
      ++resumed_count;
      if (at != leases.end()) go_on(at->second);
      check_sums();
    } else if (std::get_if<party_died>(&one) != nullptr) {
      ++told;
    } else if (auto* asked = std::get_if<ask_to_leave>(&one)) {
      claim(workers.count(to) != 0 && serves(to) == 0, "only who serves nobody is asked to leave");
      asked_to_leave.emplace_back(to, asked->question);
    } else {
      claim(false, "an unexpected message");
    }
  }
  void start_worker(const worker_kind&) override { ++requested; }
  void end_worker(party who, death_kind, const std::string&) override {
    claim(workers.count(who) != 0 && !workers[who].ended, "a worker is ended once");
    claim(!needed || serves(who) != 0, "who is needed and serves nobody is not ended");
    workers[who].ended = true;
    for (auto& [id, one] : leases) {
      if (one.worker == who) one.state = one.state == running ? ending : ending_lent;
    }
  }
  void release_memory(object_key) override { claim(false, "there are no objects"); }
  void spill(object_key, std::uint64_t) override { claim(false, "there are no objects"); }
  void restore(object_key, std::uint64_t) override { claim(false, "there are no objects"); }
  void erase_spilled(object_key) override { claim(false, "there are no objects"); }
  void take_memory(object_key, std::uint64_t) override { claim(false, "there is no other node"); }
  void write_part(const object_part&) override { claim(false, "there is no other node"); }
  void send_part(party, const fetch_part&) override { claim(false, "there is no other node"); }
  void warn(const std::string& text) override {
    claim(warned.insert(text).second, "a warning is said once");
  }

 private:
  enum lease_state { running, blocked, resuming, ending, ending_lent };
  struct lease {
    party holder;
    std::uint64_t lease_class;
    party worker;
    lease_state state = running;
    bool reclaimed = false;
    bool may_lack = false;  ///< has resumed, perhaps without the CPUs that it lent
  };
  struct worker {
    bool ready = false;
    bool ended = false;
    bool used = false;
    bool own = false;  ///< is or was an actor's
  };
  using wish = std::pair<party, std::uint64_t>;

  static node_options options() {
    node_options made;
    made.self = self;
    made.total = both(4, 1);
    made.workers_max = 6;
    made.prestart = 1;
    made.shared_workers = 2;
    made.shared_actors_max = 3;
    made.start_failures_max = 2;
    made.idle_classes_max = 4;
    made.passes_max = 3;
    return made;
  }
  static const class_of& kind(std::uint64_t lease_class) { return classes[lease_class]; }
  static lease_purpose purpose(const lease& one) { return kind(one.lease_class).purpose; }

  void claim(bool holds, const char* what) {
    if (!holds && broken.empty()) broken = what;
  }

  void on_granted(party to, const lease_granted& one) {
    const wish from{to, one.lease_class};
    claim(wanted.count(from) != 0, "only what is wanted is granted");
    claim(seen.insert(one.lease).second, "a lease has a new number");
    if (--wanted[from] == 0) wanted.erase(from);
    const auto at = workers.find(one.worker);
    claim(at != workers.end() && at->second.ready && !at->second.ended, "a lent worker is ready");
    if (at != workers.end()) {
      const bool own = kind(one.lease_class).purpose == lease_purpose::own_process;
      claim(!at->second.own && !(own && at->second.used), "an actor's own process is its alone");
      at->second.used = true;
      at->second.own = own;
    }
    int others = 0;
    bool exclusive = kind(one.lease_class).purpose != lease_purpose::shared_process;
    for (const auto& [id, other] : leases) {
      if (other.worker != one.worker) continue;
      ++others;
      exclusive = exclusive || purpose(other) != lease_purpose::shared_process;
    }
    claim(others == 0 || (!exclusive && others < 3), "a worker is lent to one, or to few actors");
    leases[one.lease] = {to, one.lease_class, one.worker};
    check_sums();
  }

  std::size_t serves(party who) const {
    return static_cast<std::size_t>(
        std::count_if(leases.begin(), leases.end(),
                      [&](const auto& one) { return one.second.worker == who; }));
  }
  /// Not always at once, so that leases come between.
  void answer_one() {
    if (asked_to_leave.empty()) return;
    const auto [who, question] = asked_to_leave.front();
    asked_to_leave.pop_front();
    if (alive.count(who) == 0) return;
    needed = random.one_in(3);
    say(who, leave_answer{question, needed});
    needed = false;
  }
  static bool is_lent(const lease& one) {
    return one.state != running && one.state != ending;
  }
  /// Where an actor has its CPUs for life, or is about to, it may go on without.
  void go_on(lease& one) {
    const auto of_actor = [](std::uint64_t of) { return kind(of).purpose != lease_purpose::tasks; };
    one.may_lack =
        std::any_of(leases.begin(), leases.end(),
                    [&](const auto& other) { return of_actor(other.second.lease_class); }) ||
        std::any_of(wanted.begin(), wanted.end(),
                    [&](const auto& other) { return of_actor(other.first.second); });
    one.state = running;
  }

  void check_sums() {
    double cpus = 0, gpus = 0;
    std::size_t tasks = 0;
    for (const auto& [id, one] : leases) {
      const bool lent = is_lent(one);
      if (!lent && !one.may_lack) cpus += kind(one.lease_class).cpus;
      gpus += kind(one.lease_class).gpus;
      tasks += !lent && purpose(one) == lease_purpose::tasks;
    }
    claim(cpus <= 4 && gpus <= 1, "no more runs than there is");
    claim(machine.total() == both(4, 1), "the total never changes");
  }

  template <class Message>
  void say(party from, Message one) {
    machine.receive(from, message(std::move(one)), now);
    check_sums();
    machine.verify();
  }
  void add_driver() {
    const party who{next_party++};
    alive.insert(who);
    machine.party_joined(who, party_kind::driver, now);
  }
  void join_one() {
    --requested;
    const party who{next_party++};
    alive.insert(who);
    workers[who] = {};
    machine.party_joined(who, party_kind::worker, now);
  }
  void make_ready(party who) {
    workers[who].ready = true;
    say(who, worker_ready{});
  }
  void die(party who) {
    alive.erase(who);
    for (auto at = leases.begin(); at != leases.end();) {
      at = at->second.worker == who ? leases.erase(at) : std::next(at);
    }
    // What a dead holder had is ended, or, shared places, free at once.
    for (auto at = leases.begin(); at != leases.end();) {
      const bool gone =
          at->second.holder == who && purpose(at->second) == lease_purpose::shared_process;
      at = gone ? leases.erase(at) : std::next(at);
    }
    for (auto at = wanted.begin(); at != wanted.end();) {
      at = at->first.first == who ? wanted.erase(at) : std::next(at);
    }
    workers.erase(who);
    told = 0;
    machine.party_gone({.who = who, .text = "test"}, now);
    claim(told == alive.size() + 1, "everybody alive hears of a death once");
    for (const auto& [id, one] : leases) {
      claim(one.holder != who || workers[one.worker].ended, "work of the dead is ended");
    }
    machine.verify();
  }
  void give_back(lease_id id) {
    const lease one = leases.at(id);
    if (one.state == running) leases.erase(id);
    say(one.holder, return_lease{id});
  }

  void step() {
    if (alive.empty()) add_driver();
    const std::uint64_t what = random.below(100);
    if (what < 25) {
      const party from = random.one_in(3) ? self : *any_of(alive, random);
      const std::uint64_t lease_class = random.below(std::size(classes));
      const class_of& is = kind(lease_class);
      const auto count = static_cast<std::uint32_t>(random.below(4));
      if (count == 0) {
        wanted.erase({from, lease_class});
      } else {
        wanted[{from, lease_class}] = count;
      }
      say(from, want_leases{lease_class, count, is.purpose, both(is.cpus, is.gpus),
                            cpus(is.cpus_to_place), "task", false});
    } else if (what < 45) {
      if (leases.empty()) return;
      const auto at = any_of(leases, random);
      if (at->second.state == ending || at->second.state == ending_lent) return;
      if (at->second.state == running || random.one_in(10)) give_back(at->first);
    } else if (what < 60) {
      if (leases.empty()) return;
      const auto at = any_of(leases, random);
      if (purpose(at->second) == lease_purpose::shared_process) return;
      const lease_id id = at->first;
      const party serving = at->second.worker;
      if (at->second.state == running) {
        at->second.state = blocked;
        at->second.may_lack = false;
        say(serving, body_blocked{id});
      } else if (at->second.state == blocked) {
        at->second.state = resuming;
        say(serving, body_unblocked{id});
      }
    } else if (what < 75) {
      if (requested != 0) join_one();
      machine.verify();
    } else if (what < 88) {
      for (const auto& [who, one] : workers) {
        if (!one.ready && random.one_in(2)) return make_ready(who);
      }
    } else if (what < 90) {
      if (requested == 0) return;
      --requested;
      machine.worker_failed_to_start("test", now);
      machine.verify();
    } else if (what < 92) {
      if (leases.empty()) return;
      const auto at = any_of(leases, random);
      say(at->second.holder, mobula::engine::end_worker{at->second.worker, "test"});
    } else if (what < 95) {
      for (const auto& [who, one] : workers) {
        if (one.ended) return die(who);
      }
      if (random.one_in(2)) die(*any_of(alive, random));
    } else if (what < 96) {
      random.one_in(2) ? add_driver() : answer_one();
    } else if (what < 97) {
      say(random.one_in(2) ? party{9999} : *any_of(alive, random),
          return_lease{lease_id{random.below(1u << 26)}});
    } else {
      pass(static_cast<instant>(random.below(600)) * ms);
    }
  }
  void pass(instant time) {
    now += time;
    if (machine.next_timer() > now) return;
    machine.timer(now);
    machine.verify();
    claim(machine.next_timer() > now, "a timer that was served is not due");
  }

  /// Everybody does what he should: who waits must be served, and everything comes back.
  void drain() {
    for (int round = 0; round < 500 && broken.empty(); ++round) {
      while (requested != 0) join_one();
      for (const party who : std::vector<party>(alive.begin(), alive.end())) {
        const auto at = workers.find(who);
        if (at == workers.end()) continue;
        if (at->second.ended) {
          die(who);
        } else if (!at->second.ready) {
          make_ready(who);
        }
      }
      std::vector<lease_id> ids;
      for (const auto& [id, one] : leases) ids.push_back(id);
      for (const lease_id id : ids) {
        const auto at = leases.find(id);
        if (at == leases.end()) continue;
        if (at->second.state == blocked) {
          at->second.state = resuming;
          say(at->second.worker, body_unblocked{id});
        } else if (at->second.state == running) {
          give_back(id);
        }
      }
      pass(200 * ms);
      const bool waits = std::any_of(wanted.begin(), wanted.end(), [](const auto& one) {
        return kind(one.first.second).feasible;
      });
      if (!waits && leases.empty()) break;
    }
    for (const auto& [who, count] : wanted) {
      claim(!kind(who.second).feasible, "who waits is served in the end");
    }
    claim(leases.empty(), "who resumes is served in the end");
    claim(machine.available() == machine.total(), "everything comes back");
    claim(machine.lease_count() == 0, "no lease is left");
    pass(10'000 * ms);
    for (int round = 0; round < 50; ++round) {
      while (!asked_to_leave.empty()) answer_one();
      pass(2'000 * ms);
    }
    for (const party who : std::vector<party>(alive.begin(), alive.end())) {
      if (workers.count(who) != 0 && workers[who].ended) die(who);
    }
    claim(workers.size() <= 1, "idle workers go but for those that are kept");
  }

  dice random;
  instant now = 0;
  std::uint64_t next_party = 2;
  std::size_t requested = 0;
  std::size_t told = 0;
  bool needed = false;  ///< while a worker says that it is
  std::deque<std::pair<party, std::uint64_t>> asked_to_leave;
  std::set<party> alive;
  std::map<party, worker> workers;
  std::map<lease_id, lease> leases;
  std::map<wish, std::uint32_t> wanted;
  std::set<lease_id> seen;
  std::set<std::string> warned;
  node machine;
};

// --- The store -----------------------------------------------------------------------------------

class store_world final : public node_host {
 public:
  explicit store_world(std::uint64_t seed) : random(seed), machine(options(), *this) {
    for (int i = 0; i < 4; ++i) add_party();
  }

  std::string broken;
  std::size_t created_count = 0, spill_count = 0, restore_count = 0, failed_count = 0;

  void run(int steps) {
    for (int i = 0; i < steps && broken.empty(); ++i) step();
    // Readers stop, writers end, owners free: nothing may be left.
    while (!alive.empty() && broken.empty()) {
      finish_disk();
      die(*alive.begin());
    }
    finish_disk();
    claim(memory.empty() && files.empty(), "nothing is left in memory or on disk");
    claim(machine.objects().count() == 0 && machine.objects().used_bytes() == 0 &&
              machine.objects().disk_bytes() == 0,
          "no object is left");
  }

  void send(party, push_task&&) override { claim(false, "a node pushes nothing"); }
  void send(party, task_done&&) override { claim(false, "a node runs nothing"); }
  void send(party to, message&& one) override {
    claim(to == self || alive.count(to) != 0, "a message to the dead");
    if (auto* created = std::get_if<object_created>(&one)) {
      const auto at = creating.find(created->object);
      claim(at != creating.end() && at->second.writer == to && !at->second.granted,
            "who is answered has asked");
      if (at == creating.end()) return;
      if (created->status == store_status::ok) {
        claim(memory.count(created->object) == 0, "an object has its memory once");
        at->second.granted = true;
        ++created_count;
        memory[created->object] = at->second.size;
        check_sum();
      } else {
        claim(created->why.code != mobula::error_code::error, "a refusal says why");
        ++failed_count;
        creating.erase(at);
      }
    } else if (auto* pinned = std::get_if<object_pinned>(&one)) {
      auto& asked = asking[{to, pinned->object}];
      claim(asked != 0, "a pin is answered once");
      --asked;
      if (pinned->status != store_status::ok) return;
      claim(memory.count(pinned->object) != 0 && reading.count(pinned->object) == 0 &&
                (creating.count(pinned->object) == 0 || published.count(pinned->object) != 0),
            "what is pinned can be read");
      ++pins[{to, pinned->object}];
    } else if (std::get_if<object_lost>(&one) != nullptr || std::get_if<party_died>(&one)) {
      return;
    } else {
      claim(false, "an unexpected message");
    }
  }
  void start_worker(const worker_kind&) override { claim(false, "nobody wants workers"); }
  void end_worker(party, death_kind, const std::string&) override {
    claim(false, "there are no workers");
  }
  void release_memory(object_key object) override {
    claim(memory.erase(object) == 1, "memory is released once");
    claim(writing.count(object) == 0 && reading.count(object) == 0, "the disk is not using it");
    for (const auto& [who, count] : pins) {
      claim(who.second != object || count == 0, "what is read is not released");
    }
  }
  void spill(object_key object, std::uint64_t) override {
    ++spill_count;
    claim(memory.count(object) != 0 && files.count(object) == 0, "what is spilled is in memory");
    for (const auto& [who, count] : pins) {
      claim(who.second != object || count == 0, "what is read is not spilled");
    }
    claim(writing.insert(object).second && writing.size() <= 2, "so many spills are allowed");
  }
  void restore(object_key object, std::uint64_t size) override {
    claim(files.count(object) != 0 && memory.count(object) == 0, "only what is gone is restored");
    ++restore_count;
    memory[object] = size;
    reading.insert(object);
    check_sum();
  }
  void erase_spilled(object_key object) override {
    claim(files.erase(object) == 1, "a file is deleted once");
    claim(writing.count(object) == 0 && reading.count(object) == 0, "the disk is not using it");
  }
  void take_memory(object_key, std::uint64_t) override { claim(false, "there is no other node"); }
  void write_part(const object_part&) override { claim(false, "there is no other node"); }
  void send_part(party, const fetch_part&) override { claim(false, "there is no other node"); }
  void warn(const std::string&) override {}

 private:
  struct creation {
    party writer;
    std::uint64_t size;
    bool granted = false;
  };

  static node_options options() {
    node_options made;
    made.self = self;
    made.total = cpus(1);
    made.store_bytes = 100;
    made.spills_max = 2;
    made.full_grace = 100 * ms;
    return made;
  }
  void claim(bool holds, const char* what) {
    if (!holds && broken.empty()) broken = what;
  }
  void check_sum() {
    std::uint64_t sum = 0;
    for (const auto& [object, size] : memory) sum += size;
    claim(sum <= 100, "no more memory is used than there is");
  }
  void add_party() {
    const party who{next_party++};
    alive.insert(who);
    machine.party_joined(who, party_kind::driver, now);
  }
  template <class Message>
  void say(party from, Message one) {
    machine.receive(from, message(std::move(one)), now);
    machine.verify();
  }
  void die(party who) {
    alive.erase(who);
    for (auto at = creating.begin(); at != creating.end();) {
      at = at->second.writer == who ? creating.erase(at) : std::next(at);
    }
    for (auto* counts : {&pins, &asking}) {
      for (auto at = counts->begin(); at != counts->end();) {
        at = at->first.first == who ? counts->erase(at) : std::next(at);
      }
    }
    machine.party_gone({.who = who, .text = "test"}, now);
    machine.verify();
  }
  void finish_disk() {
    while (!writing.empty() || !reading.empty()) disk(!writing.empty());
  }
  void disk(bool write) {
    if (write && !writing.empty()) {
      const object_key object = *any_of(writing, random);
      writing.erase(object);
      const std::uint64_t how = random.below(8);
      if (how > 1) files.insert(object);
      machine.spilled(object,
                      how == 0   ? spill_result::disk_full
                      : how == 1 ? spill_result::failed
                                 : spill_result::ok,
                      "test", now);
    } else if (!write && !reading.empty()) {
      const object_key object = *any_of(reading, random);
      reading.erase(object);
      machine.restored(object, random.one_in(8) ? restore_result::lost : restore_result::ok, "test",
                       now);
    }
    machine.verify();
  }

  void step() {
    if (alive.size() < 3) add_party();
    const party who = *any_of(alive, random);
    // Dead owners' objects too, now and then.
    const party owner =
        random.one_in(20) ? party{2 + random.below(next_party - 2)} : *any_of(alive, random);
    const object_key object{owner, 1 + random.below(5)};
    const std::uint64_t what = random.below(100);
    if (what < 25) {
      // A number is used again only by a retry, when its writer is dead, or when it was never told.
      if (creating.count(object) != 0 || freed.count(object) != 0) return;
      bool used = false;
      for (auto* counts : {&pins, &asking}) {
        for (const auto& [reader, count] : *counts) {
          used = used || (reader.second == object && count != 0);
        }
      }
      if (used) return;
      published.erase(object);
      creating[object] = {who, 1 + random.below(random.one_in(10) ? 120 : 50)};
      say(who, create_object{object, creating[object].size});
    } else if (what < 45) {
      if (creating.empty()) return;
      const auto at = any_of(creating, random);
      if (!at->second.granted) return;
      const party writer = at->second.writer;
      const object_key done = at->first;
      published.insert(done);
      creating.erase(at);
      say(writer, publish_object{done});
    } else if (what < 62) {
      ++asking[{who, object}];
      say(who, pin_object{object});
    } else if (what < 78) {
      if (pins.empty()) return;
      const auto at = any_of(pins, random);
      const auto [reader, read] = at->first;
      if (at->second == 0 || asking[at->first] != 0) return;
      --at->second;
      say(reader, unpin_object{read});
    } else if (what < 84) {
      if (alive.count(object.owner) == 0 || published.count(object) == 0) return;
      freed.insert(object);
      say(object.owner, free_object{object});
    } else if (what < 94) {
      disk(random.one_in(2));
    } else if (what < 95) {
      die(who);
    } else if (what < 96) {
      say(who, publish_object{object_key{owner, 77}});
    } else {
      now += static_cast<instant>(random.below(80)) * ms;
      if (machine.next_timer() > now) return;
      machine.timer(now);
      machine.verify();
      claim(machine.next_timer() > now, "a timer that was served is not due");
    }
  }

  dice random;
  instant now = 0;
  std::uint64_t next_party = 2;
  std::set<party> alive;
  std::map<object_key, creation> creating;
  std::set<object_key> published, freed;
  std::map<object_key, std::uint64_t> memory;
  std::set<object_key> files, writing, reading;
  std::map<std::pair<party, object_key>, int> pins, asking;
  node machine;
};

}  // namespace

TEST_CASE("a node lends what it has, whatever happens", "[node][random][clause-18]") {
  std::size_t granted = 0, resumed = 0, reclaimed = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    lease_world world(seed);
    world.run(static_cast<int>(seed % 200));
    if (!world.broken.empty()) FAIL("seed " << seed << ": " << world.broken);
    granted += world.granted;
    resumed += world.resumed_count;
    reclaimed += world.reclaimed_count;
  }
  INFO(granted << " granted, " << resumed << " resumed, " << reclaimed << " reclaimed");
  CHECK((granted > 10'000 && resumed > 1'000 && reclaimed > 1'000));  // It was no idle talk.
}

TEST_CASE("a store keeps what it should, whatever happens", "[node][random][clause-37]") {
  std::size_t created = 0, spilled = 0, restored = 0, failed = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    store_world world(seed);
    world.run(static_cast<int>(seed % 300));
    if (!world.broken.empty()) FAIL("seed " << seed << ": " << world.broken);
    created += world.created_count;
    spilled += world.spill_count;
    restored += world.restore_count;
    failed += world.failed_count;
  }
  INFO(created << " created, " << spilled << " spilled, " << restored << " restored, " << failed
               << " failed");
  CHECK((created > 10'000 && spilled > 1'000 && restored > 500 && failed > 1'000));
}
