#pragma once

/// Every class of error that Mobula throws.

#include "mobula/core/errors.hpp"
