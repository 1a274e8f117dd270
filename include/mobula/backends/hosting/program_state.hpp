#pragma once

/// What the parties of one process of a runtime know in common: the program's functions by number,
/// its records' keys, its options, and the log.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/backend/task.hpp"
#include "mobula/core/exception_filter.hpp"
#include "mobula/core/function.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/module.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/record.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/payload.hpp"

namespace mobula::hosting {

class program_process;

/// Where a record belongs.
struct binding {
  program_process* process = nullptr;
  engine::object_key key;
};

/// Where a process is.
struct node_place {
  engine::party node;
  /// Of the head, where there is one: who knows actors and groups by name.
  engine::party directory;
  node_info about;

  [[nodiscard]] bool is_alone() const noexcept { return node == directory; }
};
/// As users know it.
inline node_id id_of_node(engine::party one) noexcept { return node_id{one.value()}; }

/// For whoever has entered a party of the process.
struct program_state {
  program_state(const runtime_options& given, std::uint32_t runtime)
      : options(given), epoch(runtime) {}

  const runtime_options options;
  const std::uint32_t epoch;
  /// Of the process's parties, where they have one in common.
  node_place home;
  std::string name_space;
  /// As the head numbers it; 0 where there is none.
  std::uint64_t job = 0;
  /// What is submitted here inherits; `own` is said beside it, in the field. For any thread. None:
  /// environments are not looked at.
  std::function<engine::payload(const environment& own, std::string_view field)> ship;
  /// Nothing begins any more.
  bool ending = false;
  /// Arguments of tasks that are over, and still have to fire.
  std::unordered_map<const detail::task*, std::vector<detail::record_ptr>> waited_for;
  /// Whose a constructor is that waits for its arguments.
  std::unordered_map<const detail::task*, program_process*> constructor_homes;
  boost::unordered_flat_map<detail::record*, binding, std::hash<detail::record*>> bindings;

  /// What is asked about a function for each task.
  struct known_function {
    detail::function_id id;
    std::uint64_t plain_class = 0;  ///< `lease_class` of tasks that ask for one CPU; 0: none yet
  };
  /// `function_table` searches; callers ask often.
  known_function& known(const detail::function_entry& of) {
    const auto at = known_functions_.find(&of);
    if (at != known_functions_.end()) return at->second;
    const detail::function_id made = detail::functions().id_of(of);
    functions_.emplace(std::pair{made.module, made.index}, &of);
    return known_functions_.emplace(&of, known_function{made, 0}).first->second;
  }
  detail::function_id id_of(const detail::function_entry& of) { return known(of).id; }
  const detail::function_entry& function(detail::function_id id) {
    const auto known = functions_.find({id.module, id.index});
    if (known != functions_.end()) return *known->second;
    const detail::function_entry& found = detail::functions().find(id);
    functions_.emplace(std::pair{id.module, id.index}, &found);
    return found;
  }

  /// The same in every process of the program; 0 is the empty filter.
  std::uint64_t filter_number(const exception_filter& one) {
    if (one.empty()) return 0;
    for (const auto& [number, known] : filters_) {
      if (known == one) return number;
    }
    const std::uint64_t made =
        detail::number_of_address(reinterpret_cast<const void*>(one.test()));
    filters_.emplace_back(made, one);
    return made;
  }
  exception_filter filter(std::uint64_t number) {
    if (number == 0) return {};
    for (const auto& [known, one] : filters_) {
      if (known == number) return one;
    }
    const void* const test = detail::address_of_number(number);
    if (test == nullptr) return {};
    filters_.emplace_back(number,
                          exception_filter(reinterpret_cast<exception_filter::predicate>(
                              reinterpret_cast<std::uintptr_t>(test))));
    return filters_.back().second;
  }

  /// For a kind of work that shares leases: this process's own number.
  std::uint64_t lease_class(const std::string& what) {
    return lease_classes_.emplace(what, lease_classes_.size() + 1).first->second;
  }
  /// For a class of actors: the same in every process of the program.
  static std::uint64_t class_number(const std::type_info& of) noexcept {
    std::uint64_t hash = 14695981039346656037ULL;
    detail::modules::hash_bytes(of.name(), std::strlen(of.name()), hash);
    return hash;
  }

  /// Says it once for each `what`.
  void warn(const std::string& text, const std::string& what) {
    if (warned_.insert(what).second) std::fprintf(stderr, "mobula: %s\n", text.c_str());
  }

  std::size_t post_failures = 0;
  engine::instant next_post_log = 0;

 private:
  std::unordered_map<const detail::function_entry*, known_function> known_functions_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, const detail::function_entry*> functions_;
  std::vector<std::pair<std::uint64_t, exception_filter>> filters_;
  std::map<std::string, std::uint64_t> lease_classes_;
  std::set<std::string> warned_;
};

}  // namespace mobula::hosting
