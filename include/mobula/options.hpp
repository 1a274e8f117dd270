#pragma once

/// The options of runtimes, tasks, actors and calls, and what they are made of.

#include "mobula/core/group.hpp"
#include "mobula/core/options.hpp"
