#pragma once

/// Under which name a worker's output appears: that of the body that it began last.

#include <string>
#include <string_view>

#include "mobula/backends/hosting/program_state.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/function.hpp"
#include "mobula/engine/executor/actor_life.hpp"
#include "mobula/engine/executor/body.hpp"
#include "mobula/net/progress.hpp"

namespace mobula::processes {

/// A task's name is its option's, or its function's; an actor's is its own, or its class's. Bodies
/// after each other are mostly of one function or one actor: these cost a comparison.
class body_names {
 public:
  /// Writes the body's name down, unless it stands there.
  void begin(const engine::body& one, hosting::program_state& program, net::progress& into) {
    if (one.actor != nullptr) {
      if (one.actor->made.actor == actor_) return;
      actor_ = one.actor->made.actor;
      into.set_name(one.actor->made.label);
      return;
    }
    const engine::invocation& what = one.push.what;
    if (actor_.empty() && is_task_ && what.function == function_ && what.name == name_) return;
    is_task_ = true;
    actor_ = {};
    function_ = what.function;
    name_ = what.name;
    into.set_name(name_.empty() ? name_of(function_, program) : name_);
  }

 private:
  static std::string name_of(const detail::function_id& of, hosting::program_state& program) {
    try {
      return detail::readable_name(program.function(of));
    } catch (const unknown_function_error&) {
      return {};  // The body fails of that.
    }
  }

  engine::object_key actor_;  ///< empty: a task, or nothing yet
  bool is_task_ = false;      ///< there was one
  detail::function_id function_;
  std::string name_;
};

}  // namespace mobula::processes
