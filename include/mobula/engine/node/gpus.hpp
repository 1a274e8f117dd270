#pragma once

/// Which of a node's GPUs each lease has.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"

namespace mobula::engine {

/// So much of one GPU.
struct gpu_share {
  std::uint32_t index = 0;  ///< from 0
  std::int64_t steps = 0;
};

/// Whole ones belong to one lease, a fraction is a part of one GPU: 1.5 is one whole and half of
/// another. Fractions go where the least is left that is enough, so that whole ones stay whole.
///
/// Invariant: of each GPU no more is given away than there is.
class gpu_slots {
 public:
  /// `assigns` false: nobody asks which, and all that the sum allows fits.
  gpu_slots(bool assigns, resource_amount total) {
    if (!assigns) return;
    for (std::int64_t left = total.steps(); left > 0; left -= whole) {
      free_.push_back(std::min(left, whole));
    }
    total_ = free_;
  }
  /// A bundle's, out of a node's. None: as with `assigns` false.
  explicit gpu_slots(const std::vector<gpu_share>& parts) {
    for (const gpu_share& one : parts) {
      free_.push_back(one.steps);
      indices_.push_back(one.index);
    }
    total_ = free_;
  }

  bool fits(resource_amount need) const noexcept {
    if (free_.empty() || need.is_zero()) return true;
    const auto entire = std::count(free_.begin(), free_.end(), whole);
    const std::int64_t rest = need.steps() % whole;
    const std::int64_t count = need.steps() / whole;
    if (rest == 0) return count <= entire;
    return count < entire || (count == entire && best_part(rest) < free_.size());
  }
  /// It must fit.
  void take(resource_amount need, std::vector<gpu_share>& out) {
    out.clear();
    if (free_.empty()) return;
    std::int64_t left = need.steps();
    if (const std::int64_t rest = left % whole; rest != 0) {
      std::size_t at = best_part(rest);
      if (at == free_.size()) at = first_entire();
      take_one(at, rest, out);
      left -= rest;
    }
    for (; left > 0; left -= whole) take_one(first_entire(), whole, out);
    std::sort(out.begin(), out.end(),
              [](const gpu_share& a, const gpu_share& b) { return a.index < b.index; });
  }
  void give_back(const std::vector<gpu_share>& had) noexcept {
    for (const gpu_share& one : had) free_[position(one.index)] += one.steps;
  }

  void verify() const {
    for (std::size_t at = 0; at < free_.size(); ++at) {
      MOBULA_ASSERT(free_[at] >= 0 && free_[at] <= total_[at],
                    "of a GPU no more is given away than there is");
    }
  }

 private:
  static constexpr std::int64_t whole = resource_amount::steps_per_unit;

  /// The end where none is in part free and has enough.
  std::size_t best_part(std::int64_t need) const noexcept {
    std::size_t best = free_.size();
    for (std::size_t at = 0; at < free_.size(); ++at) {
      if (free_[at] == whole || free_[at] < need) continue;
      if (best == free_.size() || free_[at] < free_[best]) best = at;
    }
    return best;
  }
  std::size_t first_entire() const noexcept {
    return static_cast<std::size_t>(std::find(free_.begin(), free_.end(), whole) - free_.begin());
  }
  void take_one(std::size_t at, std::int64_t steps, std::vector<gpu_share>& out) {
    MOBULA_ASSERT(at < free_.size() && free_[at] >= steps, "only what fits is taken");
    free_[at] -= steps;
    out.push_back({indices_.empty() ? static_cast<std::uint32_t>(at) : indices_[at], steps});
  }
  std::size_t position(std::uint32_t index) const noexcept {
    if (indices_.empty()) return index;
    return static_cast<std::size_t>(std::find(indices_.begin(), indices_.end(), index) -
                                    indices_.begin());
  }

  std::vector<std::int64_t> free_;
  std::vector<std::uint32_t> indices_;  ///< on the node; empty: the same
  std::vector<std::int64_t> total_;
};

}  // namespace mobula::engine
