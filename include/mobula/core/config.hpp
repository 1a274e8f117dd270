#pragma once

/// How the command line, the environment and the program's own options become the options of a
/// runtime.
///
/// Every scalar field of `runtime_options` has a flag and a variable. The command line beats the
/// environment, which beats the options; of one flag given twice the last counts:
///
///   ./program --mobula-backend=processes --mobula-cpus 4 --mobula-observe
///   MOBULA_BACKEND=processes MOBULA_CPUS=4 MOBULA_OBSERVE=1 ./program
///
/// Nested fields join their names: `--mobula-simulation-seed`, `MOBULA_SIMULATION_SEED`. Maps and
/// lists (resources, labels, variables, files, nodes, scripts of faults) have none. An empty
/// variable counts as not set.

#include "mobula/core/options.hpp"
#include "mobula/core/separate.hpp"

#if MOBULA_DEFINES
#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "mobula/core/settings.hpp"
#include "mobula/core/validate.hpp"
#endif

namespace mobula {

/// The options of a runtime made without a command line: `base`, the environment, and the flags
/// that an earlier runtime of this process was given. Throws `std::invalid_argument`. Reads
/// `environ`, so no thread may change that meanwhile.
MOBULA_DECL runtime_options resolve(runtime_options base);

/// The same with a command line, whose flags for Mobula are taken out of `argv` and remembered.
/// After an error nothing has changed.
MOBULA_DECL runtime_options resolve(int& argc, char** argv, runtime_options base);

}  // namespace mobula

#if MOBULA_DEFINES

namespace mobula {

MOBULA_DECL runtime_options resolve(runtime_options base) {
  detail::apply_variables(base, environ);
  detail::apply_flags(base, detail::remembered_flags::instance().all());
  validate(base);
  return base;
}

MOBULA_DECL runtime_options resolve(int& argc, char** argv, runtime_options base) {
  if (argc < 0 || (argc > 0 && argv == nullptr)) {
    throw std::invalid_argument("argc = " + std::to_string(argc) + ": no argv for it");
  }
  detail::split_arguments arguments =
      detail::split(std::span<char* const>(argv, static_cast<std::size_t>(argc)));
  detail::flag_values flags = detail::remembered_flags::instance().all();
  for (const auto& [name, value] : arguments.flags) flags.insert_or_assign(name, value);

  detail::apply_variables(base, environ);
  detail::apply_flags(base, flags);
  validate(base);

  if (argv != nullptr) {
    std::copy(arguments.others.begin(), arguments.others.end(), argv);
    argc = static_cast<int>(arguments.others.size());
    argv[argc] = nullptr;
  }
  detail::remembered_flags::instance().add(arguments.flags);
  return base;
}

}  // namespace mobula

#endif
