#pragma once

/// Calls that wait for their arguments, and those of the same callers behind them.

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mobula/backend/task.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// A call in a line.
struct waiting_call {
  /// Linked into the call's record: tells that it was settled while it stood in line.
  waiter settled;  // first: a fired waiter is found back by its address
  task* call = nullptr;
  void* keeper = nullptr;  ///< whom `fire` tells
  std::uint64_t caller = 0;
  bool ready = false;  ///< its arguments are there
  bool over = false;   ///< it was settled: nobody waits for its turn
  bool moved = false;  ///< it left the line while its waiter was being fired, which frees this
};

/// What leaves the lines.
struct departures {
  std::vector<task*> run;  ///< in order
  /// Settled before. True: the arguments are there, so nobody else comes for the queue's pin.
  std::vector<std::pair<task*, bool>> over;
};

/// One line for each caller. A call leaves when it is at the front and its arguments are there, or
/// when it is over; it never holds up other callers. Thread safety: none.
class caller_lines {
 public:
  caller_lines() = default;
  caller_lines(const caller_lines&) = delete;
  caller_lines& operator=(const caller_lines&) = delete;

  [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }

  /// `fire` is called when the call is settled while it stands in line.
  waiting_call& push(std::uint64_t caller, task& call, void* keeper,
                     void (*fire)(waiter&) noexcept) {
    auto* const one = new waiting_call;
    one->settled.fire = fire;
    one->call = &call;
    one->keeper = keeper;
    one->caller = caller;
    lines_[caller].push_back(one);
    places_[&call] = one;
    if (!call.add_waiter(one->settled)) one->over = true;
    return *one;
  }
  /// Null where it is in no line.
  waiting_call* find(task& call) noexcept {
    const auto at = places_.find(&call);
    return at == places_.end() ? nullptr : at->second;
  }

  /// After `one` became ready or over.
  void advance(waiting_call& one, departures& into) {
    const auto at = lines_.find(one.caller);
    std::deque<waiting_call*>& line = at->second;
    while (!line.empty() && (line.front()->ready || line.front()->over)) {
      waiting_call* const front = line.front();
      line.pop_front();
      places_.erase(front->call);
      if (front->over) {
        into.over.emplace_back(front->call, front->ready);
        delete front;
      } else {
        into.run.push_back(front->call);
        if (front->call->remove_waiter(front->settled)) {
          delete front;
        } else {
          front->moved = true;
        }
      }
    }
    if (line.empty()) lines_.erase(at);
  }

  template <class Visit>
  void for_each(Visit visit) {
    for (auto& [call, place] : places_) visit(*place->call);
  }

 private:
  std::map<std::uint64_t, std::deque<waiting_call*>> lines_;
  std::unordered_map<const task*, waiting_call*> places_;
};

}  // namespace mobula::detail
