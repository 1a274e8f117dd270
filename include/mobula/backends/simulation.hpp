#pragma once

/// The `simulation` backend: the program's processes in virtual time, on one thread, decided by one
/// seed.

#include "mobula/core/compiled.hpp"

#if MOBULA_DEFINES
#include <memory>

#include "mobula/backends/simulation/host.hpp"
#include "mobula/backends/simulation/host_end.hpp"

namespace mobula::detail {

inline std::unique_ptr<backend> make_simulation(const runtime_options& options,
                                                std::uint32_t epoch) {
  return std::make_unique<simulation::simulation_host>(options, epoch);
}
inline backend_factory simulation_factory{"simulation", make_simulation};
inline const backend_registrar simulation_registrar{simulation_factory};

}  // namespace mobula::detail
#endif
