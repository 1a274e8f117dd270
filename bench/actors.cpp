// Actors: calls one way, in windows, back and forth and alone; many to many; and their birth.
//
// The actor is a counter everywhere. Windows are of 1 000 calls.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "floor.hpp"
#include "pairs.hpp"
#include "peers.hpp"
#ifdef MOBULA_BENCH_WITH_CAF
#include "caf_actors.hpp"
#endif

namespace {

struct counter {
  std::uint64_t value = 0;
  std::uint64_t add(std::uint64_t by) { return value += by; }
};
using counter_actor = mobula::actor<counter>;

void mobula_one_way(const counter_actor& to, std::size_t count) {
  const std::uint64_t before = mobula::get(to.call<&counter::add>(0));
  for (std::size_t i = 0; i < count; ++i) to.post<&counter::add>(1);
  bench::check(mobula::get(to.call<&counter::add>(0)) == before + count, "one way");
}
void mobula_window(const counter_actor& to, std::size_t size) {
  std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(size);
  for (std::size_t i = 0; i < size; ++i) futures.push_back(to.call<&counter::add>(1));
  std::uint64_t last = mobula::get(futures.front()) - 1;
  for (const auto& one : futures) bench::check(mobula::get(one) == ++last, "window");
}
void mobula_alone(const counter_actor& to, std::size_t count) {
  std::uint64_t last = mobula::get(to.call<&counter::add>(0));
  for (std::size_t i = 0; i < count; ++i) {
    bench::check(mobula::get(to.call<&counter::add>(1)) == ++last, "alone");
  }
}

void floor_one_way(bench::floor_actor& to, std::size_t count) {
  const std::uint64_t before = to.get(to.call(0));
  for (std::size_t i = 0; i < count; ++i) to.post(1);
  bench::check(to.get(to.call(0)) == before + count, "floor one way");
}
void floor_window(bench::floor_actor& to, std::size_t size) {
  std::vector<bench::floor_actor::message*> calls;
  calls.reserve(size);
  for (std::size_t i = 0; i < size; ++i) calls.push_back(to.call(1));
  std::uint64_t last = 0;
  for (auto* one : calls) {
    const std::uint64_t now = to.get(one);
    bench::check(last == 0 || now == last + 1, "floor window");
    last = now;
  }
}
void floor_alone(bench::floor_actor& to, std::size_t count) {
  std::uint64_t last = to.get(to.call(0));
  for (std::size_t i = 0; i < count; ++i) {
    bench::check(to.get(to.call(1)) == ++last, "floor alone");
  }
}

// Two actors that post to each other until the ball has flown `left` times.

struct player {
  std::uint64_t seen = 0;
  void hit(mobula::actor<player> other, std::uint64_t left, mobula::promise<std::uint64_t> over) {
    ++seen;
    if (left == 0) {
      over.set_value(seen);
    } else {
      other.post<&player::hit>(mobula::this_actor::self<player>(), left - 1, over);
    }
  }
};
void mobula_ping_pong(std::size_t flights) {
  const auto ada = mobula::spawn<player>();
  const auto bob = mobula::spawn<player>();
  const mobula::promise<std::uint64_t> over;
  ada.post<&player::hit>(bob, flights - 1, over);
  bench::check(mobula::get(over.get_future()) == flights / 2, "ping-pong");
}

// Callers that are tasks, each with windows of calls to all of the actors in turn.

std::uint64_t call_all(std::vector<counter_actor> actors, std::size_t count) {
  std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    futures.push_back(actors[i % actors.size()].call<&counter::add>(1));
  }
  std::uint64_t answers = 0;
  for (const auto& one : futures) answers += mobula::get(one) != 0 ? 1 : 0;
  return answers;
}
void mobula_many(const std::vector<counter_actor>& actors, std::size_t each) {
  std::vector<mobula::future<std::uint64_t>> callers;
  for (std::size_t i = 0; i < actors.size(); ++i) {
    callers.push_back(mobula::async<call_all>(actors, each));
  }
  for (const auto& one : callers) bench::check(mobula::get(one) == each, "n:n");
}

// Born, called once, gone.

struct mayfly {
  static inline std::atomic<std::size_t> gone{0};
  std::uint64_t value = 0;
  std::uint64_t add(std::uint64_t by) { return value += by; }
  mayfly() = default;
  mayfly(const mayfly&) = delete;
  mayfly& operator=(const mayfly&) = delete;
  ~mayfly() { gone.fetch_add(1, std::memory_order_release); }
};
void mobula_births(std::size_t count) {
  const std::size_t before = mayfly::gone.load();
  for (std::size_t i = 0; i < count; ++i) static_cast<void>(mobula::spawn<mayfly>());
  while (mayfly::gone.load(std::memory_order_acquire) != before + count) std::this_thread::yield();
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime{mobula::runtime_options{.backend = "threads"}};
  const counter_actor tally = mobula::spawn<counter>();
  const std::vector<counter_actor> four{mobula::spawn<counter>(), mobula::spawn<counter>(),
                                        mobula::spawn<counter>(), mobula::spawn<counter>()};
  bench::floor_pool pool(bench::cpus());
  bench::floor_actor floor(pool);
#ifdef MOBULA_BENCH_WITH_CAF
  bench::caf_actors caf(bench::cpus());
#endif

  constexpr std::size_t thousand = 1000;
  const auto windows = [](std::size_t count, auto window) {
    return [=] {
      for (std::size_t i = 0; i < count; ++i) window();
    };
  };

  bench::table table;
  table.add({"actor, one-way",
             {
                 {"Mobula", 50 * thousand, [&] { mobula_one_way(tally, 50 * thousand); }},
                 {"floor", 50 * thousand, [&] { floor_one_way(floor, 50 * thousand); }},
#ifdef MOBULA_BENCH_WITH_CAF
                 {"CAF", 50 * thousand, [&] { caf.one_way(50 * thousand); }},
#endif
             },
             {{"CAF", 0.5}}});
  table.add({"actor, window of 1 000",
             {
                 {"Mobula", 20 * thousand, windows(20, [&] { mobula_window(tally, thousand); })},
                 {"floor", 20 * thousand, windows(20, [&] { floor_window(floor, thousand); })},
#ifdef MOBULA_BENCH_WITH_CAF
                 {"CAF", 20 * thousand, windows(20, [&] { caf.window(thousand); })},
#endif
             },
             {{"CAF", 0.3}}});
  table.add({"actor, ping-pong, a flight",
             {
                 {"Mobula", 10 * thousand, [] { mobula_ping_pong(10 * thousand); }},
#ifdef MOBULA_BENCH_WITH_CAF
                 {"CAF", 10 * thousand, [&] { caf.ping_pong(10 * thousand); }},
#endif
             },
             {{"CAF", 0.3}}});
  table.add({"actor, alone",
             {
                 {"Mobula", 5 * thousand, [&] { mobula_alone(tally, 5 * thousand); }},
                 {"floor", 5 * thousand, [&] { floor_alone(floor, 5 * thousand); }},
#ifdef MOBULA_BENCH_WITH_CAF
                 {"CAF", 100, [&] { caf.alone(100); }},
#endif
             },
             {{"CAF", 0.02}}});
  table.add(
      {"actors, 4:4 in windows of 1 000",
       {
           {"Mobula", 20 * thousand, windows(5, [&] { mobula_many(four, thousand); })},
           {"Mobula, 1:1", 20 * thousand, windows(20, [&] { mobula_window(tally, thousand); })},
#ifdef MOBULA_BENCH_WITH_CAF
           {"CAF", 20 * thousand, windows(5, [&] { caf.many(4, thousand); })},
#endif
       },
       {}});
  table.add({"actor, spawned and gone",
             {
                 {"Mobula", 5 * thousand, [] { mobula_births(5 * thousand); }},
#ifdef MOBULA_BENCH_WITH_CAF
                 {"CAF", 5 * thousand, [&] { caf.births(5 * thousand); }},
#endif
             },
             {{"CAF", 0.05}}});
  return table.main(argc, argv);
}
