#pragma once

/// The backend `processes`: tasks and actors run in worker processes of this machine, so a crash
/// costs one of them, and large objects lie once in shared memory.
///
/// Workers are forked from the program as it was when the runtime was made. Where it has threads by
/// then, the program is executed again for that: call `mobula::worker_main` first in `main`.

#include "mobula/core/compiled.hpp"

#if MOBULA_DEFINES
#include <memory>

#include "mobula/backend/backend.hpp"
#include "mobula/backends/processes/driver.hpp"
#include "mobula/process/become_zygote.hpp"
#endif

#if MOBULA_DEFINES
namespace mobula::detail {

inline backend_factory processes_factory{
    "processes", +[](const runtime_options& options, std::uint32_t epoch)
                     -> std::unique_ptr<backend> {
      process::become_zygote_if_asked(&processes::run_worker);
      return std::make_unique<processes::driver_host>(options, epoch);
    }};
inline const backend_registrar processes_registrar{processes_factory};

}  // namespace mobula::detail
#endif

namespace mobula {

/// Where the program was executed again to be the parent of workers: becomes that, and never
/// returns. Else returns at once. The first statement of `main` in a program that makes a runtime
/// when it has threads, or a second one after it had some:
///
///   int main(int argc, char** argv) {
///     mobula::worker_main(argc, argv);
MOBULA_DECL void worker_main(int& argc, char** argv);
#if MOBULA_DEFINES
MOBULA_DECL void worker_main(int&, char**) {
  processes::has_worker_main.store(true);
  process::become_zygote_if_asked(&processes::run_worker);
}
#endif

}  // namespace mobula
