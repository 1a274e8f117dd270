#pragma once

/// Tasks that the node can never hold: they fail, or wait for another node with one warning.

#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/missing.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/resource_vector.hpp"

namespace mobula::detail {

/// Thread safety: all members.
class unplaced_tasks {
 public:
  unplaced_tasks(const node_info& where, const resource_vector& total, infeasible_policy policy)
      : node_(where), total_(total), policy_(policy) {}
  unplaced_tasks(const unplaced_tasks&) = delete;
  unplaced_tasks& operator=(const unplaced_tasks&) = delete;

  /// True: the node could hold it. False with `why`: it fails of that; without: it is kept here,
  /// with its queue's pin.
  [[nodiscard]] bool fits(task& one, failure_ptr& why) {
    static const resource_vector whole_cpu = resource_vector::of_cpus(resource_amount(1));
    const resource_vector& wanted = one.is_plain() ? whole_cpu : one.wishes->resources;
    const placement where = one.wishes ? one.wishes->where : anywhere();
    std::string problem;
    if (where.what() == placement::kind::node && where.node() != node_.id && !where.soft()) {
      why = failure_ptr::make(unschedulable_error(body_runner::subject(one) + " is bound to node " +
                                                  to_string(where.node()) +
                                                  ", which is not of this runtime"));
      return false;
    }
    if (where.what() == placement::kind::labels) {
      for (const auto& [name, value] : where.required_labels()) {
        const auto at = node_.labels.find(name);
        if (at == node_.labels.end() || at->second != value) {
          problem = "needs label " + name + "=" + value + ", which no node has";
        }
      }
    }
    if (problem.empty() && !wanted.fits_in(total_)) problem = missing(wanted, total_);
    if (problem.empty()) return true;
    const std::string text = body_runner::subject(one) + " " + problem;
    if (policy_ == infeasible_policy::fail) {
      why = failure_ptr::make(infeasible_error(text));
      return false;
    }
    const std::lock_guard lock{mutex_};
    kept_.push_back(&one);
    if (warned_.insert(problem).second) {
      std::fprintf(stderr, "mobula: %s; it waits for a node that has it\n", text.c_str());
    }
    return false;
  }

  /// At the end: all that are kept, with their pins.
  std::vector<task*> take_all() {
    const std::lock_guard lock{mutex_};
    return std::exchange(kept_, {});
  }

 private:
  const node_info& node_;
  const resource_vector& total_;
  const infeasible_policy policy_;
  std::mutex mutex_;
  std::vector<task*> kept_;
  std::set<std::string> warned_;
};

}  // namespace mobula::detail
