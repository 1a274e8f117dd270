#include <random>

#include "support.hpp"

using namespace conformance;

namespace {

// Values that are counted: whatever is made must go.
struct counted {
  static inline std::atomic<std::int64_t> alive{0};
  int number = 0;

  counted() { ++alive; }
  explicit counted(int n) : number(n) { ++alive; }
  counted(const counted& other) : number(other.number) { ++alive; }
  counted(counted&& other) noexcept : number(other.number) { ++alive; }
  counted& operator=(const counted&) = default;
  ~counted() { --alive; }
};

}  // namespace

template <>
struct mobula::serializer<counted> {
  static void save(const counted& value, output& to) { to.number(value.number); }
  static counted load(input& from) { return counted{from.number<int>()}; }
};

namespace {

struct unlucky : std::runtime_error {
  unlucky() : std::runtime_error("unlucky") {}
};

counted add(const counted& a, const counted& b) { return counted{a.number + b.number}; }
counted fails(const counted&) { throw unlucky{}; }
counted fails_at_first(const counted& a) {
  if (mobula::this_task::attempt() < 3) throw unlucky{};
  return a;
}
counted sleeps(const counted& a) {
  mobula::this_task::sleep_for(a.number % 2 == 0 ? 200us : 2ms);
  return a;
}
counted parent(int depth, const counted& a) {
  if (depth == 0) return a;
  const std::vector<mobula::future<counted>> both{mobula::async<parent>(depth - 1, a),
                                                  mobula::async<parent>(depth - 1, a)};
  const std::vector<counted> values = mobula::get(both);
  return counted{values[0].number + values[1].number};
}
counted alone(int depth, const counted& a) {
  return depth == 0 ? a : mobula::get(mobula::async<alone>(depth - 1, a));
}

struct teller {
  counted start;
  std::atomic<int> sum;  // two calls may run at once
  explicit teller(const counted& from) : start(from), sum(from.number) {}
  counted tell(const counted& by) { return counted{sum += by.number}; }
  counted ask(const counted& of) { return mobula::get(mobula::async<alone>(2, of)); }
  counted nap(const counted& of) {
    mobula::this_task::sleep_for(300us);
    return of;
  }
  counted fail(const counted&) { throw unlucky{}; }
  counted leave(const counted&) { mobula::this_actor::exit(); }
};

/// One thread's random doings. Keeps its futures and actors to itself.
class player {
 public:
  explicit player(std::uint32_t seed) : random_(seed) {}

  void play(int steps) {
    for (int step = 0; step < steps; ++step) {
      try {
        move();
      } catch (const mobula::error&) {
        // What a get threw: all of it is in the rules.
      }
    }
  }
  /// Every future that is left ends.
  void end() {
    actors_.clear();
    for (const mobula::future<counted>& one : futures_) {
      try {
        mobula::get(one, patience);
      } catch (const mobula::timeout_error& late) {
        if (std::string{late.what()}.find("within 60s") != std::string::npos) throw;
      } catch (const mobula::error&) {
      }
    }
    futures_.clear();
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<std::uint32_t>(below)); }
  mobula::future<counted> some() {
    if (futures_.empty() || pick(3) == 0) return mobula::put(counted{pick(100)});
    return futures_[static_cast<std::size_t>(pick(static_cast<int>(futures_.size())))];
  }
  void keep(mobula::future<counted> one) {
    if (futures_.size() > 50) futures_.erase(futures_.begin(), futures_.begin() + 25);
    if (pick(4) != 0) futures_.push_back(std::move(one));
  }

  void move() {
    switch (pick(22)) {
      case 0:
      case 1:
        return keep(mobula::async<add>(some(), some()));
      case 2:
        return keep(mobula::async<fails>(some()));
      case 3:
        return keep(mobula::async<fails_at_first>(
            {.max_retries = pick(5), .retry_on = mobula::exceptions<unlucky>()}, some()));
      case 4:
        return keep(mobula::async<sleeps>(some()));
      case 5:
        return keep(mobula::async<sleeps>({.timeout = 1ms}, some()));
      case 6:
        return keep(mobula::async<add>({.cpus = 0.5}, some(), counted{1}));
      case 7:
        return keep(mobula::async<add>({.cpus = 2}, some(), counted{1}));
      case 8:
        return keep(mobula::async<add>({.cpus = 0, .after = {some()}}, some(), counted{1}));
      case 9:
        return keep(mobula::async<parent>(pick(4), some()));
      case 10:
        return keep(mobula::async<alone>(pick(6), some()));
      case 11:
        return mobula::cancel(some());
      case 12:
        return static_cast<void>(mobula::get(some(), pick(2) * 500us));
      case 13:
        return static_cast<void>(mobula::get(some()));
      case 14: {
        if (futures_.size() < 3) return;
        std::vector<mobula::future<counted>> distinct;
        for (const auto& one : futures_) {
          if (std::find(distinct.begin(), distinct.end(), one) == distinct.end()) {
            distinct.push_back(one);
          }
        }
        return static_cast<void>(mobula::wait(distinct, {.count = 2, .timeout = 1ms}));
      }
      case 15: {
        const mobula::promise<counted> promised;
        keep(mobula::async<add>(promised.get_future(), counted{1}));
        if (pick(3) != 0) promised.set_value(counted{5});  // else it is broken
        return;
      }
      case 16:
        if (actors_.size() > 8) actors_.erase(actors_.begin());
        actors_.push_back(mobula::spawn<teller>(
            {.max_restarts = pick(3), .max_task_retries = pick(2), .max_concurrency = 1 + pick(2)},
            some()));
        return;
      default:
        return play_with_actor();
    }
  }
  void play_with_actor() {
    if (actors_.empty()) return;
    const mobula::actor<teller> one =
        actors_[static_cast<std::size_t>(pick(static_cast<int>(actors_.size())))];
    switch (pick(12)) {
      case 0:
        return keep(one.call<&teller::ask>(some()));
      case 1:
        return keep(one.call<&teller::nap>(some()));
      case 2:
        return keep(one.call<&teller::fail>(some()));
      case 3:
        return pick(4) == 0 ? keep(one.call<&teller::leave>(some())) : void();
      case 4:
        return pick(3) == 0 ? mobula::kill(one) : void();
      case 5:
        return mobula::kill(one, {.restart = true});
      case 6:
        return pick(3) == 0 ? static_cast<void>(one.stop()) : void();
      case 7:
        return keep(one.call<&teller::tell>({.timeout = 500us}, some()));
      default:
        return keep(one.call<&teller::tell>(some()));
    }
  }

  std::mt19937 random_;
  std::vector<mobula::future<counted>> futures_;
  std::vector<mobula::actor<teller>> actors_;
};

}  // namespace

// Goal: whatever three threads do at once, every future ends, every resource comes back, and every
// value is freed. Method: random programs of tasks, actors, cancels, kills, timeouts and promises,
// from a printed seed; MOBULA_TEST_SEED repeats one.
TEST_CASE("random programs end, give back their CPUs and free their values",
          "[soak][clause-9][clause-15][clause-18][clause-36][in-process]") {
  NEEDS("in-process");
  std::uint32_t seed = std::random_device{}();
  if (const char* const given = std::getenv("MOBULA_TEST_SEED")) {
    seed = static_cast<std::uint32_t>(std::stoul(given));
  }
  int rounds = 6;
  if (const char* const given = std::getenv("MOBULA_TEST_ROUNDS")) rounds = std::stoi(given);
  for (int round = 0; round < rounds; ++round) {
    INFO("MOBULA_TEST_SEED=" << seed + static_cast<std::uint32_t>(round));
    {
      test_runtime runtime{{.cpus = 2.0 + round % 2}};
      std::vector<player> players;
      for (std::uint32_t i = 0; i < 3; ++i) {
        players.emplace_back((seed + static_cast<std::uint32_t>(round)) * 3 + i);
      }
      const bool abandoned = round % 2 == 1;  // the runtime ends with work in all states
      std::vector<foreign_thread> threads;
      for (player& one : players) {
        threads.emplace_back([&one, abandoned] {
          one.play(scaled(400));
          if (!abandoned) one.end();
        });
      }
      for (foreign_thread& one : threads) one.join();
      if (!abandoned) {
        wait_until(
            [] { return mobula::available_resources().cpus == mobula::total_resources().cpus; },
            "all CPUs to come back");
      }
    }
    REQUIRE(counted::alive.load() == 0);
  }
}
