#pragma once

/// Records that hold a value of a known type: what `put`, promises and tasks make.

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "mobula/backend/foreign.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/core/record.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula::detail {

/// Room for a value that is constructed later. Empty for void.
template <class T>
struct value_slot {
  alignas(T) std::byte bytes[sizeof(T)];
};
template <>
struct value_slot<void> {};

template <class T>
T& value_of(record& of) noexcept {
  return *std::launder(static_cast<T*>(of.value()));
}
template <class T>
const T& value_of(const record& of) noexcept {
  return *std::launder(static_cast<const T*>(of.value()));
}

template <class T>
record* load_ready(input& from);

/// The functions of `record_type` for a record class `Record` that ends in `value_slot<T> slot`.
template <class T, class Record>
struct record_functions {
  static constexpr record_type make(std::uint32_t value_offset) noexcept {
    record_type made;
    made.value_offset = value_offset;
    if constexpr (!std::is_trivially_destructible_v<T> && !std::is_void_v<T>) {
      made.destroy_value = [](record& of) noexcept { value_of<T>(of).~T(); };
    }
    made.destroy_record = [](record& of) noexcept { delete static_cast<Record*>(&of); };
    made.save_value = [](const record& of, output& to) {
      if constexpr (!std::is_void_v<T>) serialization::save(to, value_of<T>(of));
    };
    made.load_value = [](input& from) -> record* { return load_ready<T>(from); };
    made.move_value = [](record& from, record& to) {
      if constexpr (!std::is_void_v<T>) ::new (to.value()) T(std::move(value_of<T>(from)));
    };
    made.value_type = &typeid(T);
    return made;
  }
};

/// An object by itself: ready from its birth, or a promise's.
template <class T>
class value_record final : public record {
 public:
  struct ready_tag {};
  struct pending_tag {};

  template <class... Arguments>
  value_record(ready_tag, std::uint32_t epoch, Arguments&&... arguments)
      : record(type_, epoch, one_handle + one_pin) {
    if constexpr (!std::is_void_v<T>) ::new (value()) T(std::forward<Arguments>(arguments)...);
    set_ready();
  }
  /// Has a producer, who owes the value.
  value_record(pending_tag, std::uint32_t epoch, record_kind what) noexcept
      : record(type_, epoch, one_handle + one_pin + producing) {
    kind = what;
  }

 private:
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
  static constexpr std::uint32_t offset() noexcept {
    if constexpr (std::is_void_v<T>) {
      return 0;
    } else {
      return offsetof(value_record, slot_);
    }
  }
#pragma GCC diagnostic pop
  static const record_type type_;

  [[no_unique_address]] value_slot<T> slot_;
};

template <class T>
inline constexpr record_type value_record<T>::type_ =
    record_functions<T, value_record<T>>::make(value_record<T>::offset());

template <class T, class... Arguments>
record_ptr make_ready(std::uint32_t epoch, Arguments&&... arguments) {
  using made = value_record<T>;
  return record_ptr::adopt(
      new made(typename made::ready_tag{}, epoch, std::forward<Arguments>(arguments)...));
}

template <class T>
record_ptr make_pending(std::uint32_t epoch, record_kind what) {
  using made = value_record<T>;
  return record_ptr::adopt(new made(typename made::pending_tag{}, epoch, what));
}

template <class T>
record_ptr make_pending_object(std::uint32_t epoch) {
  return make_pending<T>(epoch, object_record);
}
/// For objects and promises that are in other processes.
template <class T>
inline constexpr object_maker object_maker_of{&typeid(T), &make_pending_object<T>};

template <class T>
record* load_ready(input& from) {
  // The epoch of a loaded value is that of the record it replaces; whoever loads sets it.
  if constexpr (std::is_void_v<T>) {
    (void)from;
    return make_ready<void>(0).release();
  } else {
    return make_ready<T>(0, serialization::load<T>(from)).release();
  }
}

}  // namespace mobula::detail
