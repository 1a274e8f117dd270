#pragma once

/// What is said of the small values that a cluster's head keeps. The rules are in docs/ENGINE.md,
/// "Values of the head".

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/payload.hpp"

namespace mobula::engine {

// `request` is the sender's own number, and comes back with the answer. Keys are bytes.

/// Answered by `value_put`.
struct put_value {
  std::uint64_t request = 0;
  std::string name_space{};
  std::string key{};
  payload value{};
  bool overwrite = true;  ///< else what is there stays
  friend bool operator==(const put_value&, const put_value&) = default;
};
enum class put_result : std::uint8_t {
  made = 0,      ///< the key is new
  replaced = 1,  ///< it had a value
  kept = 2,      ///< it has one, and was not to be overwritten
  refused = 3    ///< `why` says so; nothing has changed
};
struct value_put {
  std::uint64_t request = 0;
  put_result how = put_result::made;
  std::shared_ptr<const error_fields> why{};
  friend bool operator==(const value_put& a, const value_put& b) {
    return a.request == b.request && a.how == b.how &&
           (a.why == b.why || (a.why && b.why && *a.why == *b.why));
  }
};
/// Answered by `value_told`.
struct get_value {
  std::uint64_t request = 0;
  std::string name_space{};
  std::string key{};
  bool with_bytes = true;  ///< else only whether there is one
  friend bool operator==(const get_value&, const get_value&) = default;
};
struct value_told {
  std::uint64_t request = 0;
  bool is_there = false;
  payload value{};
  friend bool operator==(const value_told&, const value_told&) = default;
};
/// Answered by `values_erased`.
struct erase_values {
  std::uint64_t request = 0;
  std::string name_space{};
  std::string key{};
  bool is_prefix = false;  ///< all whose keys begin with that, the first of them at once
  friend bool operator==(const erase_values&, const erase_values&) = default;
};
struct values_erased {
  std::uint64_t request = 0;
  std::uint64_t count = 0;
  bool is_more = false;  ///< there are others with that prefix: ask again
  friend bool operator==(const values_erased&, const values_erased&) = default;
};
/// Answered by `keys_listed`.
struct list_keys {
  std::uint64_t request = 0;
  std::string name_space{};
  std::string prefix{};
  std::string from{};  ///< no keys before that one
  friend bool operator==(const list_keys&, const list_keys&) = default;
};
struct keys_listed {
  std::uint64_t request = 0;
  std::vector<std::string> keys{};  ///< sorted; as many as are told at once
  std::string next{};               ///< ask again `from` that one; empty: those were all
  friend bool operator==(const keys_listed&, const keys_listed&) = default;
};

}  // namespace mobula::engine
