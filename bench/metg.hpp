#pragma once

/// METG(50 %): the smallest mean granularity of tasks at which a system still gets half of what the
/// processors can compute.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "statistics.hpp"
#include "task_graph.hpp"

namespace bench {

/// The wall's clock.
template <class Body>
double seconds_of(Body body) {
  const auto before = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
}

/// One that can run a graph.
struct graph_system {
  std::string name;
  /// Runs all tasks of the graph, each with that many iterations; checks what came out; returns the
  /// seconds that it took.
  std::function<double(const task_graph&, std::uint64_t iterations)> run;
  /// Mobula's METG is to be at most this many times this one's; 0: no goal.
  double goal = 0;
};

/// The table of all patterns. Thread safety: none.
class metg_table {
 public:
  struct options {
    std::size_t rounds = 15;
    std::size_t width = 16;
    std::size_t steps = 100;
    /// The kernel of the first run of a search.
    double first_seconds = 2e-6;
    /// What does not reach half of the peak with a kernel of this length never does.
    double seconds_max = 70e-6;
    /// Runs of one size of tasks, of which the best counts, as it does for the peak: what else the
    /// machine does only takes away. A rest before each, so that where there is more to do than
    /// processors it is this program's turn.
    int tries = 10;
    std::chrono::microseconds rest{2000};
    /// After which no more tries begin.
    double tries_seconds_max = 0.1;
    /// For all patterns together. Where a pattern's part is used up no more of its rounds begin.
    double minutes_max = 2.5;
    /// Only patterns whose names contain it.
    std::string_view filter{};
    bool heading = true;
    /// Prints each size of tasks to the standard error.
    bool samples = false;
  };

  /// `systems`: the first is Mobula. `processors`: what the peak is of, and everybody may use.
  metg_table(std::vector<graph_system> systems, unsigned processors, const options& wanted)
      : systems_(std::move(systems)), processors_(processors), options_(wanted) {}

  /// Measures and prints.
  void print() {
    if (options_.heading) {
      std::puts(
          "| pattern | who | METG(50 %) in ns (middle half) | Mobula's ratio (middle half) | "
          "goal | |");
      std::puts("| --- | --- | ---: | ---: | ---: | --- |");
    }
    for_each_pattern([this](const task_graph& graph, std::string_view name) {
      print(graph, name, measure(graph));
    });
    if (peaks_.empty()) return;
    std::printf(
        "\n%zu points, %zu steps; %zu rounds of each pattern or more; all %u processors together: "
        "%.2f GFLOP/s (%.2f–%.2f)\n",
        options_.width, options_.steps, rounds_least_, processors_, at(peaks_, 0.5) / 1e9,
        at(peaks_, 0.25) / 1e9, at(peaks_, 0.75) / 1e9);
  }

  /// Each system runs each pattern once, with tasks that compute next to nothing. Returns how many
  /// runs there were; a wrong result ends the program.
  std::size_t check_all() {
    std::size_t runs = 0;
    for_each_pattern([&](const task_graph& graph, std::string_view) {
      for (const graph_system& one : systems_) {
        static_cast<void>(one.run(graph, 1));
        ++runs;
      }
    });
    return runs;
  }

 private:
  struct sample {
    std::uint64_t iterations;
    double granularity;  ///< seconds
    double efficiency;
  };
  struct result {
    std::vector<double> nanoseconds{};  ///< of each round
    std::size_t unreached = 0;          ///< rounds in which nothing was efficient enough
  };

  template <class Body>
  void for_each_pattern(Body body) {
    for (std::size_t i = 0; i < pattern_names.size(); ++i) {
      if (pattern_names[i].find(options_.filter) == std::string_view::npos) continue;
      body(task_graph(
               {.of = static_cast<pattern>(i), .width = options_.width, .steps = options_.steps}),
           pattern_names[i]);
    }
  }

  double patterns_wanted() const {
    return static_cast<double>(std::count_if(
        pattern_names.begin(), pattern_names.end(),
        [this](std::string_view one) { return one.find(options_.filter) != one.npos; }));
  }

  /// Iterations a second of all processors together: the best of some tries, for what else runs
  /// here only takes away.
  double peak() const {
    double best = 0;
    for (int i = 0; i < options_.tries; ++i) {
      constexpr std::uint64_t iterations = 500'000;  // a millisecond
      std::this_thread::sleep_for(options_.rest);
      std::atomic<unsigned> there{0};
      std::vector<std::thread> threads;
      const auto work = [&] {
        ++there;
        while (there.load() < processors_) std::this_thread::yield();
        check(compute_bound(iterations) > 0, "a kernel");
      };
      for (unsigned k = 1; k < processors_; ++k) threads.emplace_back(work);
      while (there.load() + 1 < processors_) std::this_thread::yield();
      const double seconds = seconds_of([&] {
        work();
        for (std::thread& one : threads) one.join();
      });
      best = std::max(best, static_cast<double>(processors_ * iterations) / seconds);
    }
    return best;
  }

  sample best_run(const graph_system& who, const task_graph& graph, std::uint64_t iterations,
                  double peak_rate) const {
    double seconds = HUGE_VAL;
    double spent = 0;
    for (int i = 0; i < options_.tries && spent < options_.tries_seconds_max; ++i) {
      std::this_thread::sleep_for(options_.rest);
      const double one = who.run(graph, iterations);
      seconds = std::min(seconds, one);
      spent += one;
    }
    const auto tasks = static_cast<double>(graph.tasks());
    const sample made{iterations, seconds * processors_ / tasks,
                      tasks * static_cast<double>(iterations) / (seconds * peak_rate)};
    if (options_.samples) {
      std::fprintf(stderr, "%s, %s: %llu iterations, %.0f ns, %.0f %%\n",
                   pattern_names[static_cast<std::size_t>(graph.shape().of)].data(),
                   who.name.c_str(), static_cast<unsigned long long>(iterations),
                   made.granularity * 1e9, made.efficiency * 100);
    }
    return made;
  }

  /// Halves the tasks until two sizes one after the other are too small, so that one bad moment of
  /// the machine does not end the search; from the last that was good a line, over the logarithm of
  /// the granularity, leads to where the half is crossed.
  double search(const graph_system& who, const task_graph& graph, double peak_rate) const {
    const double rate = peak_rate / processors_;
    std::vector<sample> seen;  // ever smaller
    const auto is_good = [](const sample& one) { return one.efficiency >= 0.5; };
    auto smallest_good = seen.rend();
    const auto first = static_cast<std::uint64_t>(options_.first_seconds * rate);
    seen.push_back(best_run(who, graph, std::max<std::uint64_t>(first, 1), peak_rate));
    for (;;) {
      smallest_good = std::find_if(seen.rbegin(), seen.rend(), is_good);
      if (smallest_good == seen.rend()) {
        const std::uint64_t more = seen.front().iterations * 2;
        if (static_cast<double>(more) > options_.seconds_max * rate) return HUGE_VAL;
        seen.insert(seen.begin(), best_run(who, graph, more, peak_rate));
      } else if (smallest_good - seen.rbegin() < 2 && seen.back().iterations > 1) {
        seen.push_back(best_run(who, graph, seen.back().iterations / 2, peak_rate));
      } else {
        break;
      }
    }
    const sample& good = *smallest_good;
    if (smallest_good == seen.rbegin()) return good.granularity;
    const sample& bad = *(smallest_good - 1);
    const double part = (good.efficiency - 0.5) / (good.efficiency - bad.efficiency);
    return good.granularity * std::pow(std::min(1.0, bad.granularity / good.granularity), part);
  }

  std::vector<result> measure(const task_graph& graph) {
    const std::size_t count = systems_.size();
    std::vector<result> all(count);
    for (const graph_system& one : systems_) static_cast<void>(one.run(graph, 1));  // warm
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::duration<double>(options_.minutes_max * 60 / patterns_wanted());
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      if (round != 0 && std::chrono::steady_clock::now() >= end) break;
      fall_asleep();
      const double peak_rate = peak();
      peaks_.push_back(peak_rate * flops_per_iteration);
      best_peak_ = std::max(best_peak_, peak_rate);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t who = round % 2 == 0 ? i : count - 1 - i;
        fall_asleep();
        double seconds = search(systems_[who], graph, best_peak_);
        if (seconds == HUGE_VAL) {
          ++all[who].unreached;
          seconds = options_.seconds_max;
        }
        all[who].nanoseconds.push_back(seconds * 1e9);
      }
    }
    rounds_least_ = std::min(rounds_least_, all[0].nanoseconds.size());
    return all;
  }
  /// OpenMP's threads spin for some milliseconds after their last work.
  static void fall_asleep() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

  void print(const task_graph& graph, std::string_view pattern_name,
             const std::vector<result>& all) const {
    for (std::size_t who = 0; who < all.size(); ++who) {
      std::vector<double> ratios;
      for (std::size_t round = 0; round < all[who].nanoseconds.size(); ++round) {
        ratios.push_back(all[0].nanoseconds[round] / all[who].nanoseconds[round]);
      }
      std::string label = systems_[who].name;
      if (all[who].unreached != 0) {
        label += " (not reached in " + std::to_string(all[who].unreached) + " rounds)";
      }
      std::string row_name, goal, verdict;
      if (who == 0) {
        row_name = std::string(pattern_name) + ", " +
                   number(static_cast<double>(graph.edges()) / static_cast<double>(graph.tasks())) +
                   " edges a task";
      } else if (systems_[who].goal > 0) {
        goal = "≤ " + number(systems_[who].goal);
        verdict = at(ratios, 0.5) <= systems_[who].goal ? "ok" : "**MISS**";
      }
      std::printf("| %s | %s | %s | %s | %s | %s |\n", row_name.c_str(), label.c_str(),
                  with_spread(all[who].nanoseconds).c_str(),
                  who == 0 ? "" : with_spread(ratios).c_str(), goal.c_str(), verdict.c_str());
    }
    std::fflush(stdout);
  }

  std::vector<graph_system> systems_;
  unsigned processors_;
  options options_;
  std::vector<double> peaks_;  ///< FLOP/s, of each round
  /// Iterations a second, of all rounds so far: a peak that others have lowered would flatter all.
  double best_peak_ = 0;
  std::size_t rounds_least_ = static_cast<std::size_t>(-1);
};

}  // namespace bench
