#pragma once

/// What becomes of an object, and what a call is made of: the parts that messages share.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <boost/container/small_vector.hpp>

#include "mobula/core/error_fields.hpp"
#include "mobula/core/function.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/payload.hpp"
#include "mobula/engine/short_list.hpp"

namespace mobula::engine {

/// Values and arguments of at most so many bytes travel with the message, larger values through the
/// store. Source: SPEC clause 35.
inline constexpr std::size_t inline_bytes_max = 64 * 1024;

/// Most messages name none or one.
using key_list = short_list<object_key, 2>;

enum class outcome_kind : std::uint8_t { pending = 0, value = 1, stored = 2, failed = 3 };

/// What became of an object.
struct outcome {
  outcome_kind kind = outcome_kind::pending;
  payload value;             ///< of `value`
  std::uint64_t size = 0;    ///< of `stored`: bytes in the store under the object's key
  party node{};              ///< of `stored`: whose store
  key_list refs;             ///< futures, promises and actors inside the value
  std::shared_ptr<const error_fields> why;  ///< of `failed`; never null there

  friend bool operator==(const outcome& a, const outcome& b) {
    return a.kind == b.kind && a.value == b.value && a.size == b.size &&
           a.node == b.node && a.refs == b.refs &&
           (a.why == b.why || (a.why && b.why && *a.why == *b.why));
  }
};
inline outcome failed_outcome(error_fields why) {
  outcome made;
  made.kind = outcome_kind::failed;
  made.why = std::make_shared<const error_fields>(std::move(why));
  return made;
}

/// An argument that was a future: its value goes with the call, inline or by its key in the store.
struct carried {
  object_key object;
  outcome value;  ///< `value` or `stored`
  friend bool operator==(const carried&, const carried&) = default;
};
using carried_list = boost::container::small_vector<carried, 1>;

/// What is run, and with what. `arguments` was written by the front end; it names the k-th carried
/// value and the k-th reference by their index.
struct invocation {
  detail::function_id function;
  payload arguments;
  key_list refs;        ///< futures, promises and actors inside the arguments
  carried_list values;  ///< of the arguments that are resolved
  /// Which exceptions are worth another attempt; 0: none. The host's number.
  std::uint64_t filter = 0;
  std::string name;     ///< empty: the function's
  friend bool operator==(const invocation&, const invocation&) = default;
};

}  // namespace mobula::engine
