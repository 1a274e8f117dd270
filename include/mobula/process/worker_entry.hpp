#pragma once

/// What a worker process runs.

#include <cstddef>
#include <span>

namespace mobula::process {

/// Gets what `zygote::start_worker` was given, and runs on the worker's only thread. Where it
/// returns, the worker flushes stdio and ends with exit code 0; no static object is destroyed. An
/// exception that leaves it ends the worker by `std::terminate`.
using worker_entry = void (*)(std::span<const std::byte> birth);

}  // namespace mobula::process
