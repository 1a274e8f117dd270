#pragma once

/// Who submits: the machine that owns objects, tasks and calls. Rules: docs/ENGINE.md.

#include "mobula/engine/owner/owner_deaths.hpp"
#include "mobula/engine/owner/owner_machine.hpp"
