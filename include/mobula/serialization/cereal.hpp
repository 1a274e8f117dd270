#pragma once

/// Sends what cereal can serialise. Include it in every file that sends such types.
///
/// A type's own `serialize`, `save`/`load` or `save_minimal`/`load_minimal`, member or not,
/// versioned or not, private with `cereal::access` as a friend or not, is called with one of the
/// archives below. What it hands to the archive goes back to `mobula::serialization`: standard
/// containers and pointers need none of cereal's `types/` headers, are bounded by what is left of
/// the message, and are never tracked, so that a message has no pointer ids which could name an
/// object of another type. Pointers to base classes are refused when they are saved.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <cereal/access.hpp>
#include <cereal/cereal.hpp>
#include <cereal/details/traits.hpp>

#include "mobula/serialization/serializer.hpp"

/// A base class of the archives: cereal's own functions are looked for in the namespaces of an
/// archive and its bases.
namespace cereal {
struct mobula_probe {};
}  // namespace cereal

/// A namespace of their own, since the user's functions are looked for there too.
namespace mobula::serialization::archives {

class cereal_output;
class cereal_input;

}  // namespace mobula::serialization::archives

CEREAL_SETUP_ARCHIVE_TRAITS(mobula::serialization::archives::cereal_input,
                            mobula::serialization::archives::cereal_output)

namespace mobula::serialization {

namespace detail {

/// Whether one of cereal's twelve ways of writing T is the one to use: it exists, and no other is
/// preferred.
#define MOBULA_DETAIL_CEREAL_WAY(way)                            \
  (::cereal::traits::has_##way<T, Archive>::value &&             \
   (::cereal::traits::is_specialized_##way<T, Archive>::value || \
    !::cereal::traits::is_specialized<T, Archive>::value))

template <class T>
struct cereal_wrapper : std::false_type {};
template <class T>
struct cereal_wrapper<::cereal::NameValuePair<T>> : std::true_type {};
template <class T>
struct cereal_wrapper<::cereal::SizeTag<T>> : std::true_type {};
template <class T>
struct cereal_wrapper<::cereal::BinaryData<T>> : std::true_type {};
template <class T>
struct cereal_wrapper<::cereal::base_class<T>> : std::true_type {};
template <class T>
struct cereal_wrapper<::cereal::virtual_base_class<T>> : std::true_type {};
template <class T>
struct cereal_wrapper<::cereal::DeferredData<T>> : std::true_type {};

}  // namespace detail

namespace archives {

/// A cereal output archive over an `output`. Deferred data is written at once.
class cereal_output : public ::cereal::detail::OutputArchiveBase, ::cereal::mobula_probe {
 public:
  using is_loading = std::false_type;
  using is_saving = std::true_type;

  explicit cereal_output(output& out) : out_(out) {}

  template <class... T>
  cereal_output& operator()(T&&... values) {
    (put(values), ...);
    return *this;
  }
  template <class T>
  cereal_output& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  cereal_output& operator<<(T&& value) {
    return (*this)(value);
  }
  void serializeDeferments() {}

  /// Calls the function that T's author wrote.
  template <class T>
  void call(const T& value) {
    using Archive = cereal_output;
    using ::cereal::access;
    T& writable = const_cast<T&>(value);  // `serialize` is one function for both directions
    if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_serialize)) {
      access::member_serialize(*this, writable);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_serialize)) {
      CEREAL_SERIALIZE_FUNCTION_NAME(*this, writable);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_save)) {
      access::member_save(*this, value);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_save)) {
      CEREAL_SAVE_FUNCTION_NAME(*this, value);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_save_minimal)) {
      put(access::member_save_minimal(*this, value));
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_save_minimal)) {
      put(CEREAL_SAVE_MINIMAL_FUNCTION_NAME(*this, value));
    } else {
      const std::uint32_t version = ::cereal::detail::Version<T>::version;
      out_.size(version);
      if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_versioned_serialize)) {
        access::member_serialize(*this, writable, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_versioned_serialize)) {
        CEREAL_SERIALIZE_FUNCTION_NAME(*this, writable, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_versioned_save)) {
        access::member_save(*this, value, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_versioned_save)) {
        CEREAL_SAVE_FUNCTION_NAME(*this, value, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_versioned_save_minimal)) {
        put(access::member_save_minimal(*this, value, version));
      } else {
        put(CEREAL_SAVE_MINIMAL_FUNCTION_NAME(*this, value, version));
      }
    }
  }

 private:
  template <class T>
  void put(const T& value) {
    if constexpr (detail::cereal_wrapper<T>::value) {
      put_wrapped(value);
    } else {
      serialization::save(out_, value);
    }
  }
  template <class T>
  void put_wrapped(const ::cereal::NameValuePair<T>& pair) {
    put(pair.value);
  }
  template <class T>
  void put_wrapped(const ::cereal::SizeTag<T>& tag) {
    out_.size(static_cast<std::size_t>(tag.size));
  }
  template <class T>
  void put_wrapped(const ::cereal::BinaryData<T>& data) {
    out_.block(data.data, static_cast<std::size_t>(data.size));
  }
  template <class T>
  void put_wrapped(const ::cereal::base_class<T>& base) {
    call(*base.base_ptr);
  }
  template <class T>
  void put_wrapped(const ::cereal::virtual_base_class<T>& base) {
    call(*base.base_ptr);
  }
  template <class T>
  void put_wrapped(const ::cereal::DeferredData<T>& deferred) {
    put(deferred.value);
  }

  output& out_;
};

/// A cereal input archive over an `input`.
class cereal_input : public ::cereal::detail::InputArchiveBase, ::cereal::mobula_probe {
 public:
  using is_loading = std::true_type;
  using is_saving = std::false_type;

  explicit cereal_input(input& in) : in_(in) {}

  template <class... T>
  cereal_input& operator()(T&&... values) {
    (get(values), ...);
    return *this;
  }
  template <class T>
  cereal_input& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  cereal_input& operator>>(T&& value) {
    return (*this)(value);
  }
  void serializeDeferments() {}

  template <class T>
  void call(T& value) {
    using Archive = cereal_input;
    using ::cereal::access;
    namespace found = ::cereal::traits;
    if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_serialize)) {
      access::member_serialize(*this, value);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_serialize)) {
      CEREAL_SERIALIZE_FUNCTION_NAME(*this, value);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_load)) {
      access::member_load(*this, value);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_load)) {
      CEREAL_LOAD_FUNCTION_NAME(*this, value);
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_load_minimal)) {
      using minimal =
          typename found::detail::get_member_save_minimal_type<T, cereal_output, true>::type;
      access::member_load_minimal(*this, value, serialization::load<std::decay_t<minimal>>(in_));
    } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_load_minimal)) {
      using minimal =
          typename found::detail::get_non_member_save_minimal_type<T, cereal_output, true>::type;
      CEREAL_LOAD_MINIMAL_FUNCTION_NAME(*this, value,
                                        serialization::load<std::decay_t<minimal>>(in_));
    } else {
      const std::uint32_t version = get_version();
      if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_versioned_serialize)) {
        access::member_serialize(*this, value, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_versioned_serialize)) {
        CEREAL_SERIALIZE_FUNCTION_NAME(*this, value, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_versioned_load)) {
        access::member_load(*this, value, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(non_member_versioned_load)) {
        CEREAL_LOAD_FUNCTION_NAME(*this, value, version);
      } else if constexpr (MOBULA_DETAIL_CEREAL_WAY(member_versioned_load_minimal)) {
        using minimal =
            typename found::detail::get_member_versioned_save_minimal_type<T, cereal_output,
                                                                           true>::type;
        access::member_load_minimal(*this, value, serialization::load<std::decay_t<minimal>>(in_),
                                    version);
      } else {
        using minimal =
            typename found::detail::get_non_member_versioned_save_minimal_type<T, cereal_output,
                                                                               true>::type;
        CEREAL_LOAD_MINIMAL_FUNCTION_NAME(*this, value,
                                          serialization::load<std::decay_t<minimal>>(in_), version);
      }
    }
  }

 private:
  std::uint32_t get_version() {
    const std::size_t version = in_.bounded(UINT32_MAX);
    return static_cast<std::uint32_t>(version);
  }

  template <class T>
  void get(T& value) {
    if constexpr (detail::cereal_wrapper<std::remove_const_t<T>>::value) {
      get_wrapped(value);
    } else if constexpr (scheme_of<T> == scheme::cereal) {
      const input::nested level(in_);
      call(value);  // in place: the object may be one that can't be moved
    } else {
      detail::load_into(in_, value);
    }
  }
  template <class T>
  void get_wrapped(const ::cereal::NameValuePair<T>& pair) {
    get(const_cast<std::remove_reference_t<T>&>(pair.value));
  }
  template <class T>
  void get_wrapped(const ::cereal::SizeTag<T>& tag) {
    // A container of cereal's own reserves this much next. Each of its elements takes a byte at
    // least.
    const_cast<std::remove_reference_t<T>&>(tag.size) =
        static_cast<std::remove_cvref_t<T>>(in_.size(1));
  }
  template <class T>
  void get_wrapped(const ::cereal::BinaryData<T>& data) {
    const buffer block = in_.block(static_cast<std::size_t>(data.size));
    if (block.size != 0) std::memcpy(data.data, block.data, block.size);
  }
  template <class T>
  void get_wrapped(const ::cereal::base_class<T>& base) {
    call(*base.base_ptr);
  }
  template <class T>
  void get_wrapped(const ::cereal::virtual_base_class<T>& base) {
    call(*base.base_ptr);
  }
  template <class T>
  void get_wrapped(const ::cereal::DeferredData<T>& deferred) {
    get(const_cast<std::remove_reference_t<T>&>(deferred.value));
  }

  input& in_;
};

}  // namespace archives

#undef MOBULA_DETAIL_CEREAL_WAY

namespace detail {

using archives::cereal_input;
using archives::cereal_output;

template <class T>
requires(std::is_class_v<T>&& ::cereal::traits::is_output_serializable<T, cereal_output>::value&& ::
             cereal::traits::is_input_serializable<T, cereal_input>::value) struct cereal_codec<T> {
  static constexpr bool exists = true;
  static constexpr bool constructible = ::cereal::traits::is_default_constructible<T>::value;

  static void save(const T& value, output& out) {
    try {
      out.helper<cereal_output>().call(value);
    } catch (const ::cereal::Exception& error) {
      throw serialization_error(std::string("cereal: ") + error.what());
    }
  }

  static T load(input& in) {
    if constexpr (std::is_default_constructible_v<T>) {
      T value{};
      load_into(in, value);
      return value;
    } else {
      // Its constructor is for cereal alone, which makes objects on the heap.
      const std::unique_ptr<T> value(::cereal::access::construct<T>());
      load_into(in, *value);
      return std::move(*value);
    }
  }

 private:
  static void load_into(input& in, T& value) {
    try {
      in.helper<cereal_input>().call(value);
    } catch (const ::cereal::Exception& error) {
      throw serialization_error(std::string("cereal: ") + error.what());
    }
  }
};

}  // namespace detail

}  // namespace mobula::serialization
