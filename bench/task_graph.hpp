#pragma once

/// The task graphs of Task Bench, written anew from its paper: which task needs the values of which
/// others, what each computes, and what must come out.
///
/// Slaughter et al., "Task Bench: A Parameterized Benchmark for Evaluating Parallel Runtime
/// Performance", SC'20.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// On which points of the step before a point depends.
enum class pattern : std::uint32_t {
  trivial,              ///< none
  no_comm,              ///< itself
  stencil_1d,           ///< itself and its two neighbours
  stencil_1d_periodic,  ///< the same on a ring
  dom,                  ///< a sweep: itself and its left neighbour, behind a wave's front
  tree,                 ///< its parent, while each step has twice as many points; then itself
  fft,                  ///< itself and two at a distance that doubles from step to step
  all_to_all,           ///< all
  nearest,              ///< the `radix` nearest
  spread,               ///< `radix`, spread evenly, and shifted from step to step
  random_nearest,       ///< each of the `radix` nearest with a probability of one half
};
inline constexpr std::array<std::string_view, 11> pattern_names{
    "trivial",    "no_comm", "stencil_1d", "stencil_1d_periodic", "dom", "tree", "fft",
    "all_to_all", "nearest", "spread",     "random_nearest"};

/// A point of a step, and how long it computes.
struct place {
  std::uint32_t step;
  std::uint32_t point;
  std::uint64_t iterations;
};

/// The kernel: 32 floating-point operations an iteration, in registers. Returns something positive,
/// which nobody but the program can know.
inline constexpr double flops_per_iteration = 32;
[[gnu::noinline]] inline double compute_bound(std::uint64_t iterations) {
  using lanes [[gnu::vector_size(16)]] = double;
  // Eight chains, for an addition or a product takes four cycles and two can begin in each. They go
  // towards 1, so that none becomes a number that the processor is slow with.
  lanes a{1.1, 1.2}, b{1.3, 1.4}, c{1.5, 1.6}, d{1.7, 1.8};
  lanes e{2.1, 2.2}, f{2.3, 2.4}, g{2.5, 2.6}, h{2.7, 2.8};
  constexpr lanes factor{0.5, 0.5}, summand{0.5, 0.5};
  for (std::uint64_t i = 0; i < iterations; ++i) {
    a = a * factor + summand;
    b = b * factor + summand;
    c = c * factor + summand;
    d = d * factor + summand;
    e = e * factor + summand;
    f = f * factor + summand;
    g = g * factor + summand;
    h = h * factor + summand;
  }
  const lanes sum = (a + b) + (c + d) + (e + f) + (g + h);
  return sum[0] + sum[1];
}

/// A task's value: of where it is, its computation, and its inputs in order.
class point_value {
 public:
  explicit point_value(const place& at) noexcept
      : value_((std::uint64_t{at.step} << 32 | at.point) * 0x9e3779b97f4a7c15U +
               (compute_bound(at.iterations) > 0 ? 1 : 0)) {}

  point_value& add(std::uint64_t input) noexcept {
    value_ = (value_ ^ input) * 0xff51afd7ed558ccdU;
    value_ ^= value_ >> 29;
    return *this;
  }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_; }

 private:
  std::uint64_t value_;
};

/// A graph with all its edges looked up once, and the sum of its tasks' values, computed once in
/// one thread. Not every step has all points: `first` and `end` say which.
class task_graph {
 public:
  struct options {
    pattern of = pattern::trivial;
    std::size_t width = 16;  ///< a power of two, at least 2
    std::size_t steps = 200;
    std::size_t radix = 5;  ///< of those that are nearest, or spread
  };

  explicit task_graph(const options& wanted) : options_(wanted) {
    sources_.resize(options_.steps * options_.width);
    targets_.resize(sources_.size());
    for (std::size_t t = 0; t < options_.steps; ++t) {
      tasks_ += end(t) - first(t);
      for (std::size_t i = first(t); t != 0 && i < end(t); ++i) find_sources(t, i);
    }
    compute();
  }

  [[nodiscard]] const options& shape() const noexcept { return options_; }
  [[nodiscard]] std::size_t width() const noexcept { return options_.width; }
  [[nodiscard]] std::size_t steps() const noexcept { return options_.steps; }
  /// How many there are in all.
  [[nodiscard]] std::size_t tasks() const noexcept { return tasks_; }
  [[nodiscard]] std::size_t edges() const noexcept { return edges_; }
  /// Of all values.
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }

  /// The points of step `t` are those from `first` to `end`.
  [[nodiscard]] std::size_t first(std::size_t t) const noexcept {
    if (options_.of != pattern::dom || t + width() < steps()) return 0;
    return t + width() - steps();
  }
  [[nodiscard]] std::size_t end(std::size_t t) const noexcept {
    if (options_.of == pattern::dom) return std::min(width(), t + 1);
    if (options_.of == pattern::tree && t < 32) return std::min(width(), std::size_t{1} << t);
    return width();
  }
  /// Where a task's value lies in an array of `width` × `steps`.
  [[nodiscard]] std::size_t index(std::size_t t, std::size_t i) const noexcept {
    return t * width() + i;
  }
  /// Points of the step before, in ascending order.
  [[nodiscard]] std::span<const std::uint32_t> sources(std::size_t t,
                                                       std::size_t i) const noexcept {
    return sources_[index(t, i)];
  }
  /// Points of the next step, in ascending order.
  [[nodiscard]] std::span<const std::uint32_t> targets(std::size_t t,
                                                       std::size_t i) const noexcept {
    return targets_[index(t, i)];
  }

 private:
  /// One of the whole numbers, and always the same.
  static std::uint64_t chance(std::size_t t, std::size_t i, std::size_t j) noexcept {
    std::uint64_t mixed = (t << 40) ^ (i << 20) ^ j;
    for (int round = 0; round < 3; ++round) {
      mixed = (mixed ^ mixed >> 31) * 0xbf58476d1ce4e5b9U;
    }
    return mixed >> 17;
  }

  void add(std::size_t t, std::size_t i, std::size_t source) {
    if (source < first(t - 1) || source >= end(t - 1)) return;
    std::vector<std::uint32_t>& mine = sources_[index(t, i)];
    const auto one = static_cast<std::uint32_t>(source);
    if (std::find(mine.begin(), mine.end(), one) != mine.end()) return;
    mine.push_back(one);
    targets_[index(t - 1, source)].push_back(static_cast<std::uint32_t>(i));
    ++edges_;
  }

  void find_sources(std::size_t t, std::size_t i) {
    const std::size_t w = width();
    switch (options_.of) {
      case pattern::trivial:
        break;
      case pattern::no_comm:
        add(t, i, i);
        break;
      case pattern::stencil_1d:
        for (std::size_t k = 0; k < 3; ++k) add(t, i, i + k - 1);
        break;
      case pattern::stencil_1d_periodic:
        for (std::size_t k = 0; k < 3; ++k) add(t, i, (i + k + w - 1) % w);
        break;
      case pattern::dom:
        add(t, i, i - 1);
        add(t, i, i);
        break;
      case pattern::tree:
        add(t, i, end(t - 1) < end(t) ? i / 2 : i);
        break;
      case pattern::fft: {
        std::size_t stages = 0;
        while ((w >> stages) > 1) ++stages;
        const std::size_t distance = std::size_t{1} << ((t - 1) % stages);
        add(t, i, i - distance);
        add(t, i, i);
        add(t, i, i + distance);
        break;
      }
      case pattern::all_to_all:
        for (std::size_t k = 0; k < w; ++k) add(t, i, k);
        break;
      case pattern::nearest:
      case pattern::random_nearest:
        for (std::size_t k = 0; k < options_.radix; ++k) {
          const std::size_t source = i + k - options_.radix / 2;
          if (options_.of == pattern::nearest || chance(t, i, source) % 2 == 0) add(t, i, source);
        }
        break;
      case pattern::spread:
        for (std::size_t k = 0; k < options_.radix; ++k) {
          add(t, i, (i + t + k * w / options_.radix) % w);
        }
        break;
    }
    std::sort(sources_[index(t, i)].begin(), sources_[index(t, i)].end());
  }

  void compute() {
    std::vector<std::uint64_t> before(width()), now(width());
    for (std::size_t t = 0; t < steps(); ++t) {
      for (std::size_t i = first(t); i < end(t); ++i) {
        point_value value(place{static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i), 1});
        for (const std::uint32_t source : sources(t, i)) value.add(before[source]);
        now[i] = value.get();
        sum_ += now[i];
      }
      std::swap(before, now);
    }
  }

  options options_;
  std::vector<std::vector<std::uint32_t>> sources_;
  std::vector<std::vector<std::uint32_t>> targets_;
  std::size_t tasks_ = 0;
  std::size_t edges_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace bench
