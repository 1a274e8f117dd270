#pragma once

/// An actor as one process knows it: what its handles there refer to.

#include <atomic>
#include <cstdint>
#include <string>
#include <typeinfo>
#include <utility>

#include "mobula/backend/actor_state.hpp"
#include "mobula/backends/hosting/abandoned.hpp"
#include "mobula/backends/hosting/actor_about.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::hosting {

class program_process;

/// Handles of a process are equal where they refer to one actor, so there is one of these for each
/// actor and process while it has handles.
/// Invariant: `counted` where the process's table of references has a use for its handles. Those of
/// its own running calls, where the actor itself runs here, need none.
class actor_handle final : public detail::actor_state {
 public:
  actor_handle(std::uint32_t epoch, program_process& in, engine::object_key key,
               const std::type_info& type, actor_about about)
      : actor_state(actor_id{key.number}, type, epoch, about.name),
        process_(in),
        key_(key),
        about_(std::move(about)) {}

  const engine::object_key& key() const noexcept { return key_; }
  program_process& process() const noexcept { return process_; }
  const actor_about& about() const noexcept { return about_; }

  /// For whoever has entered, as are all changes.
  std::atomic<bool> counted{false};
  /// The actor runs here, and a reference of its own keeps this from call to call.
  std::atomic<bool> in_house{false};
  std::uint32_t running_calls = 0;  ///< each has a handle, or had one

 private:
  void abandoned() noexcept override {
    if (in_house && !counted) return;
    the_abandoned.note(*this, epoch(), [this] { add_reference(); });
  }
  void destroy() noexcept override { delete this; }

  program_process& process_;
  const engine::object_key key_;
  const actor_about about_;
};

}  // namespace mobula::hosting
