#pragma once

/// The state machine of an actor, as its directory sees it.

#include <cstdint>

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

enum class actor_phase : std::uint8_t {
  arguments,  ///< its constructor's arguments are not there yet
  leasing,    ///< a worker is wished for
  making,     ///< a worker has been told to make it
  alive,
  ending,   ///< this life is being ended, and another one will begin
  closing,  ///< dead for everybody, but its worker has not ended the last life yet
  dead,
};
inline constexpr unsigned actor_phases = 7;

/// Which may follow which.
constexpr bool may_follow(actor_phase from, actor_phase to) noexcept {
  using enum actor_phase;
  switch (from) {
    case arguments:
      return to == leasing || to == dead;
    case leasing:
      return to == making || to == dead;
    case making:
      return to == alive || to == leasing || to == ending || to == closing || to == dead;
    case alive:
      return to == leasing || to == ending || to == closing || to == dead;
    case ending:
      return to == leasing || to == closing || to == dead;
    case closing:
      return to == dead;
    case dead:
      return false;
  }
  return false;
}

/// Whether there is a worker that has, or will have, an instance.
constexpr bool has_life(actor_phase in) noexcept {
  return in == actor_phase::making || in == actor_phase::alive || in == actor_phase::ending ||
         in == actor_phase::closing;
}
constexpr bool is_dead(actor_phase in) noexcept {
  return in == actor_phase::closing || in == actor_phase::dead;
}

/// What watchers are told. `life` counts from 1.
constexpr actor_state told_state(actor_phase in, std::uint32_t life) noexcept {
  if (is_dead(in)) return actor_state::dead;
  if (in == actor_phase::alive) return actor_state::alive;
  return life == 1 ? actor_state::pending : actor_state::restarting;
}

}  // namespace mobula::engine
