#pragma once

/// The actors of a process: who makes them, runs their calls, and ends them.

#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mobula/backends/threads/actor_calls.hpp"
#include "mobula/backends/threads/actor_lives.hpp"

namespace mobula::detail {

/// What `backend.hpp` promises of actors: their lives and their calls. Thread safety: all members.
class actor_house {
 public:
  actor_house(actor_client& client, pool& runs, ledger& resources, const body_runner& bodies,
              coroutine_list& coroutines)
      : lives_(client, runs, resources, bodies), calls_(client, lives_, runs, bodies, coroutines) {}

  actor_ptr spawn(task& constructor, const actor_request& request, const std::string& job_space,
                  actor_id id) {
    return lives_.spawn(constructor, request, job_space, id);
  }
  actor_ptr find(const std::string& name, const std::string& space, const std::type_info& type) {
    return lives_.find(name, space, type);
  }
  void kill(actor_cell& cell, bool restart) { lives_.kill(cell, restart); }
  void stop(actor_cell& cell, const record_ptr& done) { lives_.stop(cell, done); }
  /// At once, and for good.
  void end(actor_cell& cell, std::string why) noexcept { lives_.die(cell, std::move(why)); }

  void schedule_constructor(task& constructor) { lives_.schedule_constructor(constructor); }
  void run_constructor(worker_slot& me, task& one) noexcept { lives_.run_constructor(me, one); }

  void submit(task& call) { calls_.submit(call); }
  void unblocked(task& call) noexcept { calls_.unblocked(call); }
  void run_entry(worker_slot& me, call_group& group) noexcept { calls_.run_entry(me, group); }
  bool help(worker_slot& me, task& of) noexcept { return calls_.help(me, of); }

  void end_all() { lives_.end_all(); }
  /// With a pin each for the caller.
  [[nodiscard]] std::vector<task*> running_calls() const { return lives_.running_calls(); }
  [[nodiscard]] bool none_left() const { return lives_.none_left(); }

 private:
  actor_lives lives_;
  actor_calls calls_;
};

}  // namespace mobula::detail
