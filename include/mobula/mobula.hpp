#pragma once

/// All of the front end. A backend is brought by its own header, once per program, next to `main`.

#include "mobula/actor.hpp"
#include "mobula/array.hpp"
#include "mobula/async.hpp"
#include "mobula/cancel.hpp"
#include "mobula/context.hpp"
#include "mobula/detail/future_serializer.hpp"
#include "mobula/errors.hpp"
#include "mobula/future.hpp"
#include "mobula/generator.hpp"
#include "mobula/get.hpp"
#include "mobula/in_process.hpp"
#include "mobula/options.hpp"
#include "mobula/placement_group.hpp"
#include "mobula/promise.hpp"
#include "mobula/put.hpp"
#include "mobula/runtime.hpp"
#include "mobula/split.hpp"
#include "mobula/stream.hpp"
#include "mobula/task.hpp"
#include "mobula/wait.hpp"
