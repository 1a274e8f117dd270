#pragma once

/// Rows of a table: the same work done by Mobula, by a hand-written floor and by other libraries,
/// round by round.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <time.h>

#include "statistics.hpp"

namespace bench {

/// One of those who do the work of a row.
struct contender {
  std::string name;
  std::size_t operations;       ///< in one round
  std::function<void()> round;  ///< does them, and checks what came out
};

/// What Mobula is to reach: at most `most` times `against`, or at most `most` nanoseconds where
/// `against` is empty.
struct goal {
  std::string against;
  double most;
};

/// The first contender is Mobula.
struct row {
  std::string name;
  std::vector<contender> contenders;
  std::vector<goal> goals{};
  /// Where a round is long.
  std::size_t rounds_max = static_cast<std::size_t>(-1);
};

/// Nothing is left running of the round before when the next one begins.
inline void let_others_fall_asleep() {
  std::this_thread::sleep_for(std::chrono::microseconds(500));
}

/// Runs the rows in alternated rounds and prints them as a Markdown table. Contenders of a round
/// run right after each other, forwards and backwards in turn, so that what else the machine does
/// meets all of them: the ratio of a round is compared, and the median of the ratios is the result.
/// With an argument that begins with `--benchmark_` Google Benchmark runs the same work instead,
/// one contender after the other.
class table {
 public:
  void add(row one) { rows_.push_back(std::move(one)); }

  int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      if (std::strncmp(argv[i], "--benchmark_", 12) == 0) return run_google(argc, argv);
    }
    std::size_t rounds = 15;
    std::string_view filter;
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (word == "--rounds" && i + 1 < argc) {
        rounds = static_cast<std::size_t>(std::max(1, std::atoi(argv[++i])));
      } else if (word == "--filter" && i + 1 < argc) {
        filter = argv[++i];
      } else if (word == "--no-heading") {
        heading_ = false;
      } else {
        std::fprintf(stderr,
                     "usage: %s [--rounds N] [--filter TEXT] [--no-heading] [--benchmark_...]\n",
                     argv[0]);
        return 2;
      }
    }
    if (heading_) {
      std::puts(
          "| row | who | ns an operation (middle half) | CPU ns | Mobula's ratio (middle half) | "
          "goal | |");
      std::puts("| --- | --- | ---: | ---: | ---: | ---: | --- |");
    }
    for (const row& one : rows_) {
      if (one.name.find(filter) != std::string::npos) print(one, measure(one, std::min(rounds, one.rounds_max)));
    }
    return 0;
  }

 private:
  struct sample {
    double wall;  ///< nanoseconds an operation
    double cpu;   ///< of all threads
  };
  using samples = std::vector<std::vector<sample>>;  ///< [contender][round]

  static double seconds_of(clockid_t which) {
    timespec now{};
    clock_gettime(which, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  }
  static sample time_of(const contender& one) {
    let_others_fall_asleep();
    const double wall = seconds_of(CLOCK_MONOTONIC);
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    one.round();
    const double count = static_cast<double>(one.operations);
    return {(seconds_of(CLOCK_MONOTONIC) - wall) / count,
            (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / count};
  }

  static samples measure(const row& of, std::size_t rounds) {
    const std::size_t count = of.contenders.size();
    samples all(count);
    for (const contender& one : of.contenders) one.round();  // warm
    for (std::size_t round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t who = round % 2 == 0 ? i : count - 1 - i;
        all[who].push_back(time_of(of.contenders[who]));
      }
    }
    return all;
  }

  static void print(const row& of, const samples& all) {
    for (std::size_t who = 0; who < all.size(); ++who) {
      std::vector<double> walls, cpus, ratios;
      for (std::size_t round = 0; round < all[who].size(); ++round) {
        walls.push_back(all[who][round].wall);
        cpus.push_back(all[who][round].cpu);
        ratios.push_back(all[0][round].wall / all[who][round].wall);
      }
      const std::string& name = of.contenders[who].name;
      std::string goals, verdict;
      for (const goal& one : of.goals) {
        const bool absolute = one.against.empty();
        if (absolute ? who != 0 : one.against != name) continue;
        const double reached = absolute ? at(walls, 0.5) : at(ratios, 0.5);
        goals = "≤ " + number(one.most) + (absolute ? " ns" : "");
        verdict = reached <= one.most ? "ok" : "**MISS**";
      }
      std::printf("| %s | %s | %s | %s | %s | %s | %s |\n", who == 0 ? of.name.c_str() : "",
                  name.c_str(), with_spread(walls).c_str(), number(at(cpus, 0.5)).c_str(),
                  who == 0 ? "" : with_spread(ratios).c_str(), goals.c_str(), verdict.c_str());
    }
    std::fflush(stdout);
  }

  int run_google(int argc, char** argv) {
    for (const row& of : rows_) {
      for (const contender& one : of.contenders) {
        benchmark::RegisterBenchmark((of.name + " / " + one.name).c_str(), [&one](benchmark::State&
                                                                                      state) {
          for (auto turn : state) {
            (void)turn;
            one.round();
          }
          state.SetItemsProcessed(static_cast<std::int64_t>(
              state.iterations() * static_cast<std::int64_t>(one.operations)));
        })->UseRealTime();
      }
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  }

  std::vector<row> rows_;
  bool heading_ = true;
};

}  // namespace bench
