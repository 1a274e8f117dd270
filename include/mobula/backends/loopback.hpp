#pragma once

/// The `loopback` backend: as `threads`, but every value goes through bytes and back, as it would
/// between processes.

#include "mobula/core/compiled.hpp"

#if MOBULA_DEFINES
#include <memory>

#include "mobula/backends/threads/host.hpp"

namespace mobula::detail {

/// Shows in a unit test what would fail on several processes: values that can't be sent, and code
/// that relies on two bodies sharing one object.
inline std::unique_ptr<backend> make_loopback(const runtime_options& options, std::uint32_t epoch) {
  return std::make_unique<threads_host>("loopback", true, options, epoch);
}
inline backend_factory loopback_factory{"loopback", make_loopback};
inline const backend_registrar loopback_registrar{loopback_factory};

}  // namespace mobula::detail
#endif
