#pragma once

/// Whether an owner's leases are what they should be.

#include <algorithm>
#include <cstdint>

#include "mobula/core/assert.hpp"
#include "mobula/engine/owner/leases.hpp"

namespace mobula::engine {

template <class Check>
void task_leases::check_list(const task_list& list, Check check) {
  std::uint32_t count = 0;
  for (slot task = list.first; task != no_slot; task = tasks_[task].next, ++count) {
    check(tasks_[task]);
  }
  MOBULA_ASSERT(count == list.size, "a list knows its length");
}

inline void task_leases::verify() {
  std::uint64_t wanted = 0;
  classes_.for_each([&](slot home, lease_class& one) {
    wanted += one.told();
    check_list(one.queue, [&](task_slot& task) {
      MOBULA_ASSERT(task.state == task_state::ready && task.home == home,
                    "a queued task is ready and at home");
    });
    std::uint32_t behind = 0, spare = 0, fewest = options_.pipeline_max, most = 0;
    for (const slot which : one.held) {
      const lease& each = leases_[which];
      const std::uint32_t load = each.idle ? 0 : std::max(1u, each.unanswered.size);
      if (!each.blocked && !each.reclaimed) fewest = std::min(fewest, load);
      if (!each.blocked) most = std::max(most, behind_in(each));
      behind += behind_in(leases_[which]);
      spare += leases_[which].idle && !leases_[which].reclaimed ? 1 : 0;
      MOBULA_ASSERT(leases_.holds(which) && leases_[which].home == home,
                    "a class holds its own leases");
    }
    MOBULA_ASSERT(behind == one.behind && spare == one.spare, "a class knows its leases' load");
    const slot takes = least_loaded(one), gives = one.by_level.to_steal.highest();
    MOBULA_ASSERT(takes == no_slot ? fewest == options_.pipeline_max
                                   : leases_[takes].load.level == fewest,
                  "the least loaded lease is found");
    MOBULA_ASSERT(gives == no_slot ? most == 0 : leases_[gives].steal.level == most,
                  "the lease that has most to steal is found");
  });
  MOBULA_ASSERT(wanted == wishes_.total(), "what is wished for is known");
  leases_.for_each([&](slot which, lease& one) {
    MOBULA_ASSERT(one.unanswered.size <= options_.pipeline_max, "a pipeline is bounded");
    MOBULA_ASSERT(one.idle == one.is_done(), "an idle lease has nothing to do");
    const auto is_pushed = [&](const task_slot& task, bool has_waited) {
      MOBULA_ASSERT(task.state == task_state::pushed && task.lease == which,
                    "an unanswered task is pushed");
      MOBULA_ASSERT(task.begun == has_waited, "who is away has waited");
    };
    check_list(one.unanswered, [&](task_slot& task) { is_pushed(task, false); });
    check_list(one.away, [&](task_slot& task) { is_pushed(task, true); });
  });
}

}  // namespace mobula::engine
