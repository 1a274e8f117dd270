#pragma once

/// What a directory needs of its host.

#include <string>

#include "mobula/engine/outbox.hpp"

namespace mobula::engine {

/// Called while the directory handles an event; see `outbox`.
class directory_host : public outbox {
 public:
  /// For the user's eyes, said once.
  virtual void warn(const std::string& text) = 0;

 protected:
  ~directory_host() = default;
};

struct directory_options {
  party self;  ///< whose keys the actors are
  party node;  ///< who lends workers; may be `self`, for a node has its directory in it
  /// It is in a cluster's head: for each life that has a node found, and `node` is `self`, which
  /// says who is dead.
  bool in_head = false;
  /// So many actors have a process of their own at most, unless they ask for one; those that leave
  /// it open share workers beyond. Source: a process takes some megabytes, and 64 fill a machine.
  std::size_t actor_processes_max = 64;
};

}  // namespace mobula::engine
