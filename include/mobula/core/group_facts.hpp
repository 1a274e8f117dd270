#pragma once

/// What every handle to a placement group knows, whichever process it came to.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mobula/core/ids.hpp"
#include "mobula/core/resource_vector.hpp"

namespace mobula::detail {

/// As the group was made; never changes.
struct group_facts {
  group_id id;
  std::uint32_t epoch = 0;  ///< which of the process's runtimes it belongs to
  std::string name;         ///< empty: it has none
  std::vector<resource_vector> bundles;

  /// For errors: `placement group "trainers"`.
  [[nodiscard]] std::string label() const {
    return "placement group " + (name.empty() ? to_string(id) : detail::quoted(name));
  }
};
using group_ptr = std::shared_ptr<const group_facts>;

}  // namespace mobula::detail
