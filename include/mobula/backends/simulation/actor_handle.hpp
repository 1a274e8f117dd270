#pragma once

/// An actor as one simulated process knows it: what its handles there refer to.

#include <cstddef>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mobula/backend/actor_state.hpp"
#include "mobula/backends/simulation/abandoned.hpp"
#include "mobula/backends/simulation/shared_state.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

/// Handles of a process are equal where they refer to one actor, so there is one of these for each
/// actor and process while it has handles.
/// Invariant: `counted` where the process's table of references has a use for its handles.
class actor_handle final : public detail::actor_state {
 public:
  actor_handle(shared_state& shared, worker_process& in, engine::object_key key,
               const std::type_info& type, std::string name, std::string label)
      : actor_state(actor_id{key.number}, type, shared.epoch, std::move(name)),
        process_(in),
        key_(key),
        label_(std::move(label)) {}

  const engine::object_key& key() const noexcept { return key_; }
  worker_process& process() const noexcept { return process_; }
  /// As its maker called it.
  const std::string& made_label() const noexcept { return label_; }

  /// Beside the one that asks.
  [[nodiscard]] bool has_other_handles() const noexcept { return handle_count() > 1; }

  bool counted = false;
  int max_task_retries = 0;
  std::size_t max_pending = 0;
  std::vector<std::string> groups;  ///< of concurrency; known only where it was made
  bool groups_known = false;

 private:
  void abandoned() noexcept override {
    the_abandoned.note(*this, epoch(), [this] { add_reference(); });
  }
  void destroy() noexcept override { delete this; }

  worker_process& process_;
  const engine::object_key key_;
  const std::string label_;
};

}  // namespace mobula::simulation
