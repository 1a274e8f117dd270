#pragma once

/// What an owner knows of an actor that it calls.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// The calls of one caller to one actor that are not over.
struct call_line {
  std::uint64_t caller = 0;
  slot home = no_slot;
  task_list calls;
};

/// An actor that is called from here, as far as the directory has told.
struct called_actor {
  object_key key;
  actor_state state = actor_state::pending;
  std::uint32_t life = 0;
  party worker;
  party node;                               ///< the worker's
  std::shared_ptr<const error_fields> why;  ///< of the last end that was told
  bool stopping = false;                    ///< `stop` was called from here
  bool stale = false;  ///< what is pushed is of an older life, or was lost with it
  std::size_t not_begun = 0;
  std::uint64_t pushes = 0;
  task_list pushed;
  task_list held;
  std::vector<std::pair<std::uint64_t, slot>> lines;  ///< by caller, in the order of their birth
};

}  // namespace mobula::engine
