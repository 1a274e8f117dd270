#pragma once

/// What all simulated processes of a runtime share, as real ones share a program: functions by
/// number, exceptions' filters, and the log.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/world.hpp"
#include "mobula/core/exception_filter.hpp"
#include "mobula/core/function.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/options.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/core/record.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

class worker_process;
class actor_handle;

/// Where a record belongs.
struct binding {
  worker_process* process = nullptr;
  engine::object_key key;
};

struct shared_state {
  shared_state(world& in, const runtime_options& given, std::uint32_t runtime)
      : sim(in), options(given), epoch(runtime) {}

  world& sim;
  const runtime_options options;
  const std::uint32_t epoch;
  node_info node;
  std::string name_space;
  party node_party;
  bool closing = false;  ///< the runtime ends: no thread of the program waits any more
  bool ending = false;   ///< nothing begins any more
  std::uint64_t fibers_made = 0;
  std::vector<outside_wait*> outside;  ///< of threads that wait now
  std::function<void()> throw_over;    ///< throws why a wait ended that should not have
  /// Arguments of tasks that are over, and still have to fire.
  std::unordered_map<const detail::task*, std::vector<detail::record_ptr>> waited_for;
  /// Whose a constructor is that waits for its arguments.
  std::unordered_map<const detail::task*, worker_process*> constructor_homes;

  std::unordered_map<detail::record*, binding> bindings;
  /// Of each actor that was made: its class, which a program knows by its constructor, its name,
  /// and what counts for calls of it, whichever process makes them.
  struct actor_class {
    const std::type_info* type = nullptr;
    std::string name;
    int max_task_retries = 0;
    std::size_t max_pending = 0;
    std::vector<std::string> groups{};
  };
  std::unordered_map<engine::object_key, actor_class> actor_classes;

  /// `function_table` searches; a simulation asks often.
  detail::function_id id_of(const detail::function_entry& of) {
    const auto known = function_ids_.find(&of);
    if (known != function_ids_.end()) return known->second;
    const detail::function_id made = detail::functions().id_of(of);
    function_ids_.emplace(&of, made);
    functions_.emplace(std::pair{made.module, made.index}, &of);
    return made;
  }
  const detail::function_entry& function(detail::function_id id) {
    const auto known = functions_.find({id.module, id.index});
    return known != functions_.end() ? *known->second : detail::functions().find(id);
  }

  /// 0 is the empty filter.
  std::uint64_t filter_number(const exception_filter& one) {
    if (one.empty()) return 0;
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      if (filters_[i] == one) return i + 1;
    }
    filters_.push_back(one);
    return filters_.size();
  }
  const exception_filter& filter(std::uint64_t number) const {
    static const exception_filter none;
    return number == 0 || number > filters_.size() ? none : filters_[number - 1];
  }

  /// Numbers for classes of actors, and for kinds of work that share leases.
  std::uint64_t number_of(const std::string& what) {
    return numbers_.emplace(what, numbers_.size() + 1).first->second;
  }

  /// Of a class that has been given a number as `class X`.
  std::string class_name(std::uint64_t number) const {
    for (const auto& [what, known] : numbers_) {
      if (known == number) return detail::demangle(what.substr(6).c_str());
    }
    return "another class";
  }

  /// Says it once for each `what`.
  void warn(const std::string& text, const std::string& what) {
    if (warned_.insert(what).second) std::fprintf(stderr, "mobula: %s\n", text.c_str());
  }

  std::size_t post_failures = 0;
  instant next_post_log = 0;

 private:
  std::unordered_map<const detail::function_entry*, detail::function_id> function_ids_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, const detail::function_entry*> functions_;
  std::vector<exception_filter> filters_;
  std::map<std::string, std::uint64_t> numbers_;
  std::set<std::string> warned_;
};

}  // namespace mobula::simulation
