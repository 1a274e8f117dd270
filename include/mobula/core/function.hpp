#pragma once

/// Function identity without registration: every function that a program instantiates is in one
/// table before `main`.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "mobula/core/errors.hpp"
#include "mobula/core/module.hpp"

namespace mobula {
class input;
class output;
}  // namespace mobula

namespace mobula::detail {

class coroutine_run;
class task;

enum class function_kind : std::uint8_t { task, constructor, call };

/// What is known of a function at run time; one static instance per function and list of stored
/// argument types. `instance` is the actor a call is made on; a constructor sets it; null for
/// tasks.
struct function_entry {
  /// In one process: takes the arguments where they are and constructs the result in the record.
  /// `keep` leaves the arguments as they were, for another attempt. Throws what the function
  /// throws.
  void (*run)(task& self, void*& instance, bool keep) = nullptr;
  /// Between processes, on the caller's side: writes the arguments; futures go as attachments.
  void (*save_arguments)(const task& self, output& to) = nullptr;
  /// Between processes, on the worker's side: reads the arguments, calls, writes the result.
  void (*invoke)(void*& instance, input& arguments, output& result) = nullptr;
  /// Of a coroutine, and null of all others: makes one attempt of it, which `resume` begins. Its
  /// arguments are the task's, as for `run`, or where there is an input, read from that, as for
  /// `invoke`. A backend that takes no notice of it uses those two, in which the thread waits.
  std::unique_ptr<coroutine_run> (*begin)(task* self, void*& instance, bool keep,
                                          input* arguments) = nullptr;
  /// Between processes, on the caller's side: constructs the result in the record.
  void (*load_result)(task& self, input& from) = nullptr;
  void (*drop_arguments)(task& self) noexcept = nullptr;
  void (*destroy_instance)(void* instance) noexcept =
      nullptr;  ///< of the actor's class; null for tasks
  const std::type_info* actor_class = nullptr;  ///< of a constructor: what it makes
  /// The compiler's own words for the template's arguments; `readable_name` makes a name of it.
  const char* signature = nullptr;
  function_kind kind = function_kind::task;
  /// Tells one function with its stored argument types from all others of the program; null: not
  /// told.
  const std::type_info* key = nullptr;
  /// How the argument types are sent, as a fingerprint: files of one program must agree.
  std::uint64_t scheme = 0;
  bool copyable = true;  ///< the arguments can be copied for another attempt
};

/// Where a function is, for every process that runs the same program: which module, and the
/// how-manieth in it. Modules are named by their build-id, so equal names in one program are legal
/// (two files' functions of internal linkage).
struct function_id {
  std::uint64_t module = 0;
  std::uint32_t index = 0;

  friend bool operator==(const function_id&, const function_id&) = default;
};

/// "add" of "… [with auto F = add; …]": what stands for the function in names, logs and errors.
inline std::string readable_name(const function_entry& of) {
  std::string_view text = of.signature;
  // g++ writes "with auto Function = add; ", clang "[Function = &add, ". Types in the name may hold
  // brackets.
  constexpr std::string_view key = "Function = ";
  if (const std::size_t at = text.find(key); at != text.npos) text.remove_prefix(at + key.size());
  int depth = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '(' || c == '<' || c == '{' || c == '[') ++depth;
    if (c == '>' && end > 0 && text[end - 1] == '-') continue;
    if (c == ')' || c == '>' || c == '}' || (c == ']' && depth > 0)) {
      --depth;
      continue;
    }
    if (depth == 0 && (c == ';' || c == ',' || c == ']')) break;
  }
  text = text.substr(0, end);
  if (!text.empty() && text.front() == '&') text.remove_prefix(1);
  if (text.find("lambda") != text.npos) {
    // "(lambda at file.cpp:12:3)" and "main()::<lambda(int)>" both say enough; the constructor's
    // braces do not.
    if (const std::size_t brace = text.rfind("{}"); brace != text.npos)
      text = text.substr(0, brace);
  }
  return std::string{text};
}

/// All functions of the process. Filled by static initialisers, before `main`; a module loaded
/// later adds its own. Thread safety: all members.
class function_table {
 public:
  void add(const function_entry& one) {
    const std::lock_guard lock{mutex_};
    entries_.push_back(&one);
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return entries_.size();
  }

  /// Throws `std::logic_error` where two files of the program send one function's arguments in two
  /// ways: one of them does not include `<mobula/serialization/cereal.hpp>` or `…/boost.hpp`, for
  /// one.
  void check_schemes() const {
    const std::lock_guard lock{mutex_};
    if (entries_.size() == checked_) return;
    // By address: clang gives classes of internal linkage in two files equal names, and so equal
    // type_infos.
    std::map<const std::type_info*, const function_entry*> known;
    for (const function_entry* one : entries_) {
      if (one->key == nullptr) continue;
      const auto [at, fresh] = known.emplace(one->key, one);
      if (!fresh && at->second->scheme != one->scheme) {
        throw std::logic_error(
            "runtime: two files of this program send the arguments of '" + readable_name(*one) +
            "' in different ways: both must include the same of <mobula/serialization/cereal.hpp>, "
            "<mobula/serialization/boost.hpp> and the same specialisations of mobula::serializer");
      }
    }
    checked_ = entries_.size();
  }

  /// Throws `unknown_function_error` where the function is not in the table (its module was
  /// unloaded).
  [[nodiscard]] function_id id_of(const function_entry& of) const {
    const void* const base = module_of(&of);
    const std::lock_guard lock{mutex_};
    std::uint32_t index = 0;
    for (const function_entry* one : entries_) {
      if (one == &of) return {module_fingerprint(base), index};
      if (module_of(one) == base) ++index;
    }
    throw unknown_function_error("function '" + readable_name(of) +
                                 "' is not in this program's function table");
  }

  /// Throws `unknown_function_error` where no module of this process has that function.
  [[nodiscard]] const function_entry& find(function_id id) const {
    const std::lock_guard lock{mutex_};
    std::uint32_t left = id.index;
    for (const function_entry* one : entries_) {
      if (module_fingerprint(module_of(one)) != id.module) continue;
      if (left-- == 0) return *one;
    }
    throw unknown_function_error("function " + std::to_string(id.index) + " of module " +
                                 std::to_string(id.module) +
                                 " is not in this program: the two programs differ");
  }

 private:
  mutable std::mutex mutex_;
  std::vector<const function_entry*> entries_;
  mutable std::size_t checked_ = 0;  ///< how many there were when the schemes were found to agree
};

/// One table for the program and its shared libraries, even where they are built with hidden
/// visibility.
[[gnu::visibility("default")]] inline function_table& functions() {
  static auto* const table = new function_table;  // outlives static destructors that still submit
  return *table;
}

/// Adds an entry to the table when the program starts.
struct registrar {
  explicit registrar(const function_entry& one) { functions().add(one); }
};

}  // namespace mobula::detail
