#pragma once

/// Which actor has which name.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"

namespace mobula::engine {

/// A name is unique in its namespace; an empty one is none. Actors are numbers of the user's.
class actor_names {
 public:
  /// False where somebody has it.
  bool take(const std::string& name_space, const std::string& name, std::uint64_t actor) {
    return name.empty() || names_.try_emplace({name_space, name}, actor).second;
  }
  /// Null where nobody has it; valid until the next change.
  const std::uint64_t* find(const std::string& name_space, const std::string& name) const {
    if (name.empty()) return nullptr;
    const auto at = names_.find({name_space, name});
    return at == names_.end() ? nullptr : &at->second;
  }
  void free(const std::string& name_space, const std::string& name, std::uint64_t actor) {
    if (name.empty()) return;
    const auto at = names_.find({name_space, name});
    MOBULA_ASSERT(at != names_.end() && at->second == actor, "a name is freed by another");
    names_.erase(at);
  }
  std::size_t count() const noexcept { return names_.size(); }

 private:
  using full_name = std::pair<std::string, std::string>;
  struct hash_of_name {
    std::size_t operator()(const full_name& of) const noexcept {
      const std::hash<std::string> hash;
      return hash(of.first) * 0x9e3779b97f4a7c15u + hash(of.second);
    }
  };

  boost::unordered_flat_map<full_name, std::uint64_t, hash_of_name> names_;
};

}  // namespace mobula::engine
