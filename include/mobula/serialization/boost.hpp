#pragma once

/// Sends what Boost.Serialization can serialise. Include it in every file that sends such types.
///
/// A type's own `serialize`, member or not, split or not, private with
/// `boost::serialization::access` as a friend or not, is called with one of the archives below, and
/// with the version that `BOOST_CLASS_VERSION` gave the type. What it hands to the archive goes
/// back to `mobula::serialization`: standard containers and pointers need none of Boost's headers,
/// are bounded by what is left of the message and are never tracked; pointers to base classes are
/// refused when they are saved. Nothing of Boost's compiled library is used.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <boost/mpl/bool.hpp>
#include <boost/serialization/array_wrapper.hpp>
#include <boost/serialization/base_object.hpp>
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/item_version_type.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/split_free.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/version.hpp>

#include "mobula/serialization/serializer.hpp"

namespace mobula::serialization {

namespace detail {

template <class T>
struct boost_wrapper : std::false_type {};
template <class T>
struct boost_wrapper<::boost::serialization::nvp<T>> : std::true_type {};
template <class T>
struct boost_wrapper<::boost::serialization::array_wrapper<T>> : std::true_type {};
template <>
struct boost_wrapper<::boost::serialization::binary_object> : std::true_type {};
template <>
struct boost_wrapper<::boost::serialization::collection_size_type> : std::true_type {};
template <>
struct boost_wrapper<::boost::serialization::item_version_type> : std::true_type {};

template <class T>
inline constexpr unsigned int boost_version =
    static_cast<unsigned int>(::boost::serialization::version<T>::value);

}  // namespace detail

/// A namespace of their own, since Boost looks for a type's functions in that of its archive too.
namespace archives {

/// A Boost output archive over an `output`.
class boost_output {
 public:
  using is_loading = ::boost::mpl::bool_<false>;
  using is_saving = ::boost::mpl::bool_<true>;

  explicit boost_output(output& out) : out_(out) {}

  template <class T>
  boost_output& operator<<(const T& value) {
    put(value);
    return *this;
  }
  template <class T>
  boost_output& operator&(const T& value) {
    put(value);
    return *this;
  }
  void save_binary(const void* data, std::size_t size) { out_.block(data, size); }
  template <class T>
  void register_type(const T* = nullptr) {}
  [[nodiscard]] unsigned int get_library_version() const { return 0; }

  /// Calls the function that T's author wrote.
  template <class T>
  void call(const T& value) {
    out_.size(detail::boost_version<T>);
    // `serialize` is one function for both directions.
    ::boost::serialization::serialize_adl(*this, const_cast<T&>(value), detail::boost_version<T>);
  }

 private:
  template <class T>
  void put(const T& value) {
    if constexpr (detail::boost_wrapper<T>::value) {
      put_wrapped(value);
    } else {
      serialization::save(out_, value);
    }
  }
  template <class T>
  void put_wrapped(const ::boost::serialization::nvp<T>& pair) {
    put(pair.const_value());
  }
  template <class T>
  void put_wrapped(const ::boost::serialization::array_wrapper<T>& elements) {
    for (std::size_t i = 0; i != elements.count(); ++i) put(elements.address()[i]);
  }
  void put_wrapped(const ::boost::serialization::binary_object& bytes) {
    save_binary(bytes.m_t, bytes.m_size);
  }
  void put_wrapped(const ::boost::serialization::collection_size_type& count) {
    out_.size(static_cast<std::size_t>(count));
  }
  void put_wrapped(const ::boost::serialization::item_version_type& version) {
    out_.size(static_cast<unsigned int>(version));
  }

  output& out_;
};

/// A Boost input archive over an `input`.
class boost_input {
 public:
  using is_loading = ::boost::mpl::bool_<true>;
  using is_saving = ::boost::mpl::bool_<false>;

  explicit boost_input(input& in) : in_(in) {}

  template <class T>
  boost_input& operator>>(T&& value) {
    get(value);
    return *this;
  }
  template <class T>
  boost_input& operator&(T&& value) {
    get(value);
    return *this;
  }
  void load_binary(void* data, std::size_t size) {
    const buffer block = in_.block(size);
    if (size != 0) std::memcpy(data, block.data, size);
  }
  template <class T>
  void register_type(const T* = nullptr) {}
  [[nodiscard]] unsigned int get_library_version() const { return 0; }
  void reset_object_address(const void*, const void*) {}

  template <class T>
  void call(T& value) {
    const std::size_t version = in_.bounded(UINT32_MAX);
    ::boost::serialization::serialize_adl(*this, value, static_cast<unsigned int>(version));
  }

 private:
  template <class T>
  void get(T& value) {
    using type = std::remove_const_t<T>;
    if constexpr (detail::boost_wrapper<type>::value) {
      get_wrapped(const_cast<type&>(value));
    } else if constexpr (scheme_of<T> == scheme::boost) {
      const input::nested level(in_);
      call(value);  // in place: the object may be one that can't be moved
    } else {
      detail::load_into(in_, value);
    }
  }
  template <class T>
  void get_wrapped(::boost::serialization::nvp<T>& pair) {
    get(pair.value());
  }
  template <class T>
  void get_wrapped(::boost::serialization::array_wrapper<T>& elements) {
    for (std::size_t i = 0; i != elements.count(); ++i) get(elements.address()[i]);
  }
  void get_wrapped(::boost::serialization::binary_object& bytes) {
    load_binary(const_cast<void*>(bytes.m_t), bytes.m_size);
  }
  void get_wrapped(::boost::serialization::collection_size_type& count) {
    // A container of Boost's own reserves this much next. Each of its elements takes a byte at
    // least.
    count = ::boost::serialization::collection_size_type(in_.size(1));
  }
  void get_wrapped(::boost::serialization::item_version_type& version) {
    version = ::boost::serialization::item_version_type(
        static_cast<unsigned int>(in_.bounded(UINT32_MAX)));
  }

  input& in_;
};

}  // namespace archives

namespace detail {

using archives::boost_input;
using archives::boost_output;

/// Boost's functions have a version as last parameter. A private one, for `access` alone, can't be
/// told from cereal's, which come first where their header is included and `cereal::access` is the
/// friend.
template <class T>
concept boost_serializable = requires(T& value, probe<T>& archive) {
  value.serialize(archive, 0u);
}
|| requires(T& value, probe<T>& archive) { serialize(archive, value, 0u); }
|| (hides_foreign_functions<T> && !has_foreign_functions<T>);

template <class T>
requires(std::is_class_v<T>&& boost_serializable<T>) struct boost_codec<T> {
  static constexpr bool exists = true;
  static constexpr bool constructible =
      std::is_default_constructible_v<T> || hides_foreign_functions<T>;

  static void save(const T& value, output& out) { out.helper<boost_output>().call(value); }

  static T load(input& in) {
    if constexpr (std::is_default_constructible_v<T>) {
      T value{};
      in.helper<boost_input>().call(value);
      return value;
    } else {
      // Its constructor is for Boost alone, its destructor for all.
      alignas(T) std::byte memory[sizeof(T)];
      T* value = reinterpret_cast<T*>(memory);
      ::boost::serialization::access::construct(value);
      struct destroyer {
        T* value;
        ~destroyer() { value->~T(); }
      };
      const destroyer end{value};
      in.helper<boost_input>().call(*value);
      return std::move(*value);
    }
  }
};

}  // namespace detail

}  // namespace mobula::serialization
