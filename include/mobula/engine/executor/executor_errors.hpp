#pragma once

/// What bodies that don't run fail with, in words.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/executor/executor_host.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine::executor_errors {

using error_ptr = std::shared_ptr<const error_fields>;

inline error_ptr make(error_code code, std::string what) {
  return std::make_shared<const error_fields>(
      error_fields{.code = code, .what = std::move(what)});
}

inline outcome failed(error_ptr why) {
  outcome made;
  made.kind = outcome_kind::failed;
  made.why = std::move(why);
  return made;
}

/// `task "add"`, or `actor "tally", call "increment"`; `label` may be empty where the actor is not
/// known.
inline std::string subject(const executor_host& host, const push_task& of, std::string_view label) {
  const std::string name =
      of.what.name.empty() ? host.function_name(of.what.function) : of.what.name;
  if (of.actor.empty()) return "task \"" + name + "\"";
  std::string text = "actor ";
  if (label.empty()) {
    text += to_string(of.actor);
  } else {
    text.append(1, '"').append(label).append(1, '"');
  }
  return of.stop_actor ? text + ", stop" : text + ", call \"" + name + "\"";
}

inline error_ptr cancelled(const std::string& subject) {
  return make(error_code::cancelled, subject + ": it was cancelled before it began");
}
inline error_ptr no_group(const std::string& subject, const std::string& group) {
  return make(error_code::actor,
              subject + ": the actor has no concurrency group \"" + group + "\"");
}
inline error_ptr other_life(const std::string& subject) {
  return make(error_code::actor_unavailable,
              subject + ": the actor's life for which it was meant is not in this worker");
}
/// One for all that the actor refuses, in the words that all backends use.
inline error_ptr died(const std::string& label, const std::string& why) {
  return make(error_code::actor_died, "actor \"" + label + "\" died: " + why);
}

}  // namespace mobula::engine::executor_errors
