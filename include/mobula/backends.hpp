#pragma once

/// Every backend that this build has.

#include "mobula/backends/loopback.hpp"
#include "mobula/backends/threads.hpp"
