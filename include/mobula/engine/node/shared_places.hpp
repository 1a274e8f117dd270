#pragma once

/// How many processes the actors that share some are spread over.

#include <algorithm>
#include <cstddef>

#include "mobula/engine/node/options.hpp"

namespace mobula::engine {

/// Spread first, then stacked: one process an actor up to `shared_workers`, and more processes only
/// when all of those are full. `leases` is of actors that share.
struct shared_places {
  const node_options& options;
  std::size_t leases = 0;

  std::size_t wanted() const noexcept {
    const std::size_t spread =
        options.shared_workers != 0 ? options.shared_workers : options.workers_max;
    const std::size_t full = options.shared_actors_max;
    return std::max(std::min(spread, leases), (leases + full - 1) / full);
  }
  /// Beside those that there are and that may be used.
  std::size_t lacking(std::size_t usable) const noexcept {
    return wanted() > usable ? wanted() - usable : 0;
  }
  std::size_t actors_each() const noexcept {
    const std::size_t each = std::max<std::size_t>(1, wanted());
    return (leases + each - 1) / each;
  }
};

}  // namespace mobula::engine
