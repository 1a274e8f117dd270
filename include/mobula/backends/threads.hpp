#pragma once

/// The `threads` backend: tasks and actors on a pool of threads of this process, values shared
/// without a copy.

#include "mobula/core/compiled.hpp"

#if MOBULA_DEFINES
#include <memory>

#include "mobula/backends/threads/host.hpp"

namespace mobula::detail {

inline std::unique_ptr<backend> make_threads(const runtime_options& options, std::uint32_t epoch) {
  return std::make_unique<threads_host>("threads", false, options, epoch);
}
inline backend_factory threads_factory{"threads", make_threads};
inline const backend_registrar threads_registrar{threads_factory};

}  // namespace mobula::detail
#endif
