#pragma once

/// What is said of a key that is used and can't be had any more.

#include <memory>
#include <string>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

inline error_fields reference_freed(object_key key) {
  return {.code = error_code::object_lost,
          .what = "object " + to_string(key) +
                  " is lost: who held it died before this process was known to its owner"};
}

/// `how`: `crashed with signal 11`; empty where it isn't known.
inline std::shared_ptr<const error_fields> reference_owner_died(object_key key,
                                                                const std::string& how) {
  return std::make_shared<const error_fields>(
      error_fields{.code = error_code::owner_died,
                   .what = "object " + to_string(key) +
                           " is lost: the process that owned it died" +
                           (how.empty() ? std::string{} : ": " + how)});
}

}  // namespace mobula::engine
