#pragma once

/// What was thrown, whatever it is, in words; and the `task_error` made of it.

#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <cxxabi.h>

#include "mobula/core/demangle.hpp"
#include "mobula/core/detail/text.hpp"
#include "mobula/core/errors.hpp"

namespace mobula::detail {

struct exception_description {
  /// Never empty. The value itself for thrown numbers and strings.
  std::string what{};
  /// The dynamic type, demangled; for `std::throw_with_nested(x)` that of `x`.
  std::string type_name{};
};

template <class... Numbers>
struct thrown_numbers;

/// Rethrows once for each type: slow, and only ever used for what is not a `std::exception`.
template <class First, class... Rest>
struct thrown_numbers<First, Rest...> {
  static bool describe(std::string& what) {
    try {
      throw;
    } catch (First value) {
      what = text_of(value);
      return true;
    } catch (...) {
      return thrown_numbers<Rest...>::describe(what);
    }
  }
};

template <>
struct thrown_numbers<> {
  static bool describe(std::string&) { return false; }
};

inline std::string describe_current_what(const std::string& type_name) {
  std::string what;
  try {
    throw;
  } catch (const std::exception& thrown) {
    const char* text = thrown.what();
    what = text == nullptr ? "" : text;
  } catch (const std::string& thrown) {
    what = thrown;
  } catch (std::string_view thrown) {
    what = thrown;
  } catch (const char* thrown) {
    what = thrown == nullptr ? "" : thrown;
  } catch (bool thrown) {
    what = thrown ? "true" : "false";
  } catch (char thrown) {
    what = quoted(std::string_view(&thrown, 1));
  } catch (...) {
    using numbers = thrown_numbers<int, unsigned, long, unsigned long, long long,
                                   unsigned long long, double, float, short, unsigned short>;
    if (!numbers::describe(what)) what = "a thrown " + type_name + ", not a std::exception";
  }
  return what.empty() ? "no message" : what;
}

/// To be called in a `catch` block.
inline exception_description describe_current_exception() {
  exception_description out;
  // Null for what another language threw.
  const std::type_info* type = abi::__cxa_current_exception_type();
  out.type_name = type == nullptr ? "a foreign exception" : demangle(*type);
  constexpr std::string_view nested = "std::_Nested_exception<";
  if (out.type_name.starts_with(nested) && out.type_name.ends_with('>')) {
    out.type_name = out.type_name.substr(nested.size(), out.type_name.size() - nested.size() - 1);
    while (out.type_name.ends_with(' ')) out.type_name.pop_back();  // The demangler's "> >".
  }
  out.what = describe_current_what(out.type_name);
  return out;
}

inline exception_description describe_exception(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (...) {
    return describe_current_exception();
  }
}

/// How an error of a body begins: `task "add" failed on node n (process 1)`. No node and no process
/// where they are empty and 0.
inline std::string failed_where(std::string_view subject, std::string_view node, int process) {
  std::string message(subject);
  message += " failed";
  if (!node.empty()) message.append(" on node ").append(node);
  if (process != 0) message.append(" (process ").append(text_of(process)).append(")");
  return message;
}

/// To be called in a `catch` block around user code: a `task_error` that says what failed, where
/// and why, with the current exception nested in it. `subject` is what failed, as `task "add"` or
/// `actor "tally", call "increment"`.
inline std::exception_ptr task_error_of_current_exception(std::string_view subject,
                                                          std::string task, std::string node,
                                                          int process) {
  exception_description thrown = describe_current_exception();
  std::string message = failed_where(subject, node, process);
  message.append(": ").append(thrown.type_name).append(": ").append(thrown.what);
  return std::make_exception_ptr(task_error_with_cause(
      message, {std::move(thrown.type_name), std::move(task), std::move(node), process}));
}

}  // namespace mobula::detail
