#pragma once

/// What the two files with equal names, and the two shared libraries, show of their functions.

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/core/function.hpp"
#include "mobula/mobula.hpp"

namespace front {

/// The descriptor that `async<Function>` with these arguments uses.
template <auto Function, class... Arguments>
const mobula::detail::function_entry& entry_of() {
  return mobula::detail::record_for_call<mobula::detail::call_function<Function>,
                                         Arguments...>::entry::entry;
}
template <class Callable, class... Arguments>
const mobula::detail::function_entry& entry_of_object(const Callable&) {
  return mobula::detail::record_for_call<mobula::detail::call_object<std::remove_cvref_t<Callable>>,
                                         Arguments...>::entry::entry;
}

/// What a file tells of its functions: their descriptors, and what tasks of them return.
struct told {
  std::vector<const mobula::detail::function_entry*> entries;
  std::vector<std::string> results;
};

told told_by_first_file();
told told_by_second_file();

}  // namespace front

/// In shared libraries; the second is built with hidden visibility.
[[gnu::visibility("default")]] front::told told_by_library();
[[gnu::visibility("default")]] front::told told_by_hidden_library();
/// What a task submitted by the hidden library sees of itself, and whether its errors are caught
/// there.
[[gnu::visibility("default")]] bool hidden_library_sees_its_tasks();
