// Ray's own microbenchmark (`ray microbenchmark`, python/ray/_private/ray_perf.py), line by line
// and by its names, on Mobula.
//
//   $ bench_ray                              on the backend processes
//   $ bench_ray --mobula-backend=threads
//   $ bench_ray --filter "1:1 actor" --seconds 0.5
//
// Each line does what Ray's does, as often, with as many CPUs: a warm-up, then four runs, mean and
// deviation. What Mobula has no feature for yet says so.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include "mobula/backends.hpp"
#include "mobula/mobula.hpp"

namespace {

using mobula::actor;
using mobula::array;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::put;

using clock_type = std::chrono::steady_clock;

// --- What Ray's program has: tasks, actors, clients

std::string small_value() { return "ok"; }

std::vector<future<std::string>> small_values(int count) {
  std::vector<future<std::string>> all;
  all.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) all.push_back(async<small_value>());
  return all;
}
/// What came of as many calls; wrong results have no time.
void check(const std::vector<std::string>& all, std::size_t count) {
  const bool right = all.size() == count &&
                     std::all_of(all.begin(), all.end(), [](const auto& one) {
                       return one == "ok";
                     });
  if (right) return;
  std::fputs("bench: wrong result\n", stderr);
  std::abort();
}

struct small_actor {
  std::string small_value() { return "ok"; }
  std::string small_value_arg(int) { return "ok"; }
  void small_value_batch(int count) {
    check(get(small_values(count)), static_cast<std::size_t>(count));
  }
};
using small_actors = std::vector<actor<small_actor>>;

struct client {
  explicit client(small_actors to) : servers(std::move(to)) {}
  void small_value_batch(int count) {
    std::vector<future<std::string>> results;
    for (const auto& one : servers) {
      for (int i = 0; i < count; ++i) results.push_back(one.call<&small_actor::small_value>());
    }
    const std::size_t made = results.size();
    check(get(std::move(results)), made);
  }
  void small_value_batch_arg(int count) {
    const future<int> x = put(0);
    std::vector<future<std::string>> results;
    for (const auto& one : servers) {
      for (int i = 0; i < count; ++i) {
        results.push_back(one.call<&small_actor::small_value_arg>(x));
      }
    }
    const std::size_t made = results.size();
    check(get(std::move(results)), made);
  }
  small_actors servers;
};

/// Members that are coroutines.
struct async_actor {
  mobula::task<std::string> small_value() { co_return "ok"; }
  mobula::task<std::string> small_value_arg(int) { co_return "ok"; }
};
using async_actors = std::vector<actor<async_actor>>;

struct async_client {
  explicit async_client(async_actors to) : servers(std::move(to)) {}
  void small_value_batch(int count) {
    std::vector<future<std::string>> results;
    for (const auto& one : servers) {
      for (int i = 0; i < count; ++i) results.push_back(one.call<&async_actor::small_value>());
    }
    const std::size_t made = results.size();
    check(get(std::move(results)), made);
  }
  async_actors servers;
};

void async_actor_work(const async_actors& actors, int count) {
  std::vector<future<std::string>> results;
  for (int i = 0; i < count; ++i) {
    results.push_back(
        actors[static_cast<std::size_t>(i) % actors.size()].call<&async_actor::small_value>());
  }
  check(get(std::move(results)), static_cast<std::size_t>(count));
}

void work(const small_actors& actors, int count) {
  std::vector<future<std::string>> results;
  for (int i = 0; i < count; ++i) {
    results.push_back(
        actors[static_cast<std::size_t>(i) % actors.size()].call<&small_actor::small_value>());
  }
  check(get(std::move(results)), static_cast<std::size_t>(count));
}

/// As numpy's `zeros`: of pages that nobody has touched, and that may be huge.
array<std::int64_t> zeros(std::size_t count) {
  const std::size_t bytes = count * sizeof(std::int64_t);
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  return array<std::int64_t>(
      std::shared_ptr<const void>(memory, [bytes](void* one) { ::munmap(one, bytes); }),
      static_cast<const std::int64_t*>(memory), count);
}
constexpr std::size_t mebi = std::size_t{1} << 20;

void do_put_small() {
  for (int i = 0; i < 100; ++i) static_cast<void>(put(0));
}
void do_put() {
  for (int i = 0; i < 10; ++i) static_cast<void>(put(zeros(10 * mebi)));
}
std::vector<future<int>> create_object_containing_ref() {
  std::vector<future<int>> all;
  for (int i = 0; i < 10'000; ++i) all.push_back(put(1));
  return all;
}

// --- How it is timed

struct wishes {
  double seconds = 2;  ///< of each of the four runs
  double pause = 1;    ///< before a line; Ray's is 10
  std::vector<std::string_view> filters{};
};

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

class list {
 public:
  explicit list(wishes how) : how_(std::move(how)) {}

  [[nodiscard]] bool wanted(std::string_view name) const {
    return how_.filters.empty() ||
           std::any_of(how_.filters.begin(), how_.filters.end(), [name](std::string_view one) {
             return name.find(one) != std::string_view::npos;
           });
  }
  /// `prepare()` gives the function that is timed; what it holds is gone when the line is over.
  template <class Prepare>
  void line(const char* name, double multiplier, Prepare prepare) {
    if (!wanted(name)) return;
    std::this_thread::sleep_for(std::chrono::duration<double>(how_.pause));
    try {
      measure(name, multiplier, prepare());
    } catch (const std::exception& thrown) {
      std::printf("%s failed: %s\n", name, thrown.what());
    }
    std::fflush(stdout);
  }
  void missing(const char* name, const char* what) const {
    if (wanted(name)) std::printf("%s not yet: %s\n", name, what);
  }

 private:
  /// Ray's `timeit`.
  template <class Function>
  void measure(const char* name, double multiplier, Function function) {
    auto start = clock_type::now();
    std::size_t count = 0;
    for (; seconds_since(start) < how_.seconds / 2; ++count) function();
    const std::size_t step = count / 10 + 1;
    constexpr int runs = 4;
    double rates[runs];
    double mean = 0;
    for (double& rate : rates) {
      start = clock_type::now();
      for (count = 0; seconds_since(start) < how_.seconds; count += step) {
        for (std::size_t i = 0; i < step; ++i) function();
      }
      rate = multiplier * static_cast<double>(count) / seconds_since(start);
      mean += rate / runs;
    }
    double deviation = 0;
    for (const double rate : rates) deviation += (rate - mean) * (rate - mean) / runs;
    std::printf("%s per second %.2f +- %.2f\n", name, mean, std::sqrt(deviation));
  }

  wishes how_;
};

template <class T>
void use(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

// --- The lines

void objects(list& all) {
  const future<int> value = put(0);
  all.line("single client get calls (Plasma Store)", 1, [&] { return [&] { use(get(value)); }; });
  all.line("single client put calls (Plasma Store)", 1,
           [] { return [] { static_cast<void>(put(0)); }; });
  all.line("multi client put calls (Plasma Store)", 1000, [] {
    return [] {
      std::vector<future<void>> done;
      for (int i = 0; i < 10; ++i) done.push_back(async<do_put_small>());
      get(done);
    };
  });
  all.line("single client put gigabytes", 8 * 0.1, [] {
    return [arr = zeros(100 * mebi)] { static_cast<void>(put(arr)); };
  });
  all.line("single client tasks and get batch", 1,
           [] { return [] { check(get(small_values(1000)), 1000); }; });
  all.line("multi client put gigabytes", 10 * 8 * 0.1, [] {
    return [] {
      std::vector<future<void>> done;
      for (int i = 0; i < 10; ++i) done.push_back(async<do_put>());
      get(done);
    };
  });
  all.line("single client get object containing 10k refs", 1, [] {
    return [object = async<create_object_containing_ref>()] {
      // A list of references of its own, as Ray makes one; the values' bytes were read once.
      const std::vector<future<int>> copy = get(object);
      use(copy.size());
    };
  });
  all.line("single client wait 1k refs", 1, [] {
    return [] {
      std::vector<future<std::string>> not_ready = small_values(1000);
      for (bool fetch = true; !not_ready.empty(); fetch = false) {
        not_ready = mobula::wait(not_ready, {.fetch = fetch}).pending;
      }
    };
  });
}

void tasks(list& all) {
  all.line("single client tasks sync", 1, [] { return [] { use(get(async<small_value>())); }; });
  all.line("single client tasks async", 1000,
           [] { return [] { check(get(small_values(1000)), 1000); }; });
  static constexpr int each = 10'000;
  static constexpr int clients = 4;
  all.line("multi client tasks async", each * clients, [] {
    small_actors actors;
    for (int i = 0; i < clients; ++i) {
      actors.push_back(mobula::spawn<small_actor>(mobula::actor_options{.cpus = 0}));
    }
    return [actors] {
      std::vector<future<void>> done;
      for (const auto& one : actors) {
        done.push_back(one.call<&small_actor::small_value_batch>(each));
      }
      get(done);
    };
  });
}

actor<small_actor> made(int max_concurrency = 0) {
  return mobula::spawn<small_actor>(
      mobula::actor_options{.cpus = 0, .max_concurrency = max_concurrency});
}
small_actors made_many(std::size_t count) {
  small_actors all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(made());
  return all;
}
actor<client> made_client(const small_actors& to) {
  return mobula::spawn<client>(mobula::actor_options{.cpus = 0}, to);
}
auto thousand_calls(actor<small_actor> of) {
  return [of] {
    std::vector<future<std::string>> results;
    results.reserve(1000);
    for (int i = 0; i < 1000; ++i) results.push_back(of.call<&small_actor::small_value>());
    check(get(std::move(results)), 1000);
  };
}

void actors(list& all) {
  all.line("1:1 actor calls sync", 1, [] {
    return [one = made()] { use(get(one.call<&small_actor::small_value>())); };
  });
  all.line("1:1 actor calls async", 1000, [] { return thousand_calls(made()); });
  all.line("1:1 actor calls concurrent", 1000, [] { return thousand_calls(made(16)); });

  const std::size_t half = std::max(1U, std::thread::hardware_concurrency() / 2);
  static constexpr int calls = 5000;
  static constexpr int callers = 4;
  all.line("1:n actor calls async", calls * static_cast<double>(half), [&] {
    return [from = made_client(made_many(half))] {
      get(from.call<&client::small_value_batch>(calls));
    };
  });
  all.line("n:n actor calls async", calls * callers, [&] {
    return [to = made_many(half)] {
      std::vector<future<void>> done;
      for (int i = 0; i < callers; ++i) done.push_back(async<work>(to, calls));
      get(done);
    };
  });
  static constexpr int calls_with_argument = 1000;
  all.line("n:n actor calls with arg async", calls_with_argument * static_cast<double>(half), [&] {
    std::vector<actor<client>> clients;
    for (const auto& to : made_many(half)) clients.push_back(made_client({to}));
    return [clients] {
      std::vector<future<void>> done;
      for (const auto& one : clients) {
        done.push_back(one.call<&client::small_value_batch_arg>(calls_with_argument));
      }
      get(done);
    };
  });
}

async_actors made_async(std::size_t count) {
  async_actors all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(mobula::spawn<async_actor>(mobula::actor_options{.cpus = 0}));
  }
  return all;
}

void async_actors_lines(list& all) {
  all.line("1:1 async-actor calls sync", 1, [] {
    return [one = made_async(1).front()] { use(get(one.call<&async_actor::small_value>())); };
  });
  all.line("1:1 async-actor calls async", 1000, [] {
    return [one = made_async(1).front()] {
      std::vector<future<std::string>> results;
      for (int i = 0; i < 1000; ++i) results.push_back(one.call<&async_actor::small_value>());
      check(get(std::move(results)), 1000);
    };
  });
  all.line("1:1 async-actor calls with args async", 1000, [] {
    return [one = made_async(1).front()] {
      std::vector<future<std::string>> results;
      for (int i = 0; i < 1000; ++i) results.push_back(one.call<&async_actor::small_value_arg>(i));
      check(get(std::move(results)), 1000);
    };
  });
  const std::size_t half = std::max(1U, std::thread::hardware_concurrency() / 2);
  static constexpr int calls = 5000;
  static constexpr int callers = 4;
  all.line("1:n async-actor calls async", calls * static_cast<double>(half), [&] {
    return [from = mobula::spawn<async_client>(mobula::actor_options{.cpus = 0},
                                               made_async(half))] {
      get(from.call<&async_client::small_value_batch>(calls));
    };
  });
  all.line("n:n async-actor calls async", calls * callers, [&] {
    return [to = made_async(half)] {
      std::vector<future<void>> done;
      for (int i = 0; i < callers; ++i) done.push_back(async<async_actor_work>(to, calls));
      get(done);
    };
  });
}

void groups(list& all) {
  static constexpr int groups = 100;
  all.line("placement group create/removal", groups, [] {
    return [] {
      std::vector<mobula::placement_group> made;
      for (int i = 0; i < groups; ++i) {
        made.push_back(mobula::reserve({mobula::bundle{.resources = {{"custom", 0.001}}}}));
      }
      for (const auto& one : made) get(one.ready());
      for (const auto& one : made) one.remove();
    };
  });
}

void not_yet(const list& all) {
  for (const char* const name :
       {"client: get calls", "client: put calls", "client: tasks and get batch",
        "client: tasks and put batch", "client: put gigabytes", "client: 1:1 actor calls sync",
        "client: 1:1 actor calls async", "client: 1:1 actor calls concurrent"}) {
    all.missing(name, "the backend cluster");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime{
      argc, argv,
      mobula::runtime_options{.backend = "processes", .resources = {{"custom", 100}}}};
  wishes how;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--seconds" && i + 1 < argc) {
      how.seconds = std::max(0.01, std::atof(argv[++i]));
    } else if (word == "--pause" && i + 1 < argc) {
      how.pause = std::max(0.0, std::atof(argv[++i]));
    } else if (word == "--filter" && i + 1 < argc) {
      how.filters.emplace_back(argv[++i]);
    } else {
      std::fprintf(stderr,
                   "usage: %s [--seconds S] [--pause S] [--filter TEXT]... [--mobula-...]\n",
                   argv[0]);
      return 2;
    }
  }
  list all{how};
  objects(all);
  tasks(all);
  actors(all);
  async_actors_lines(all);
  groups(all);
  not_yet(all);
}
