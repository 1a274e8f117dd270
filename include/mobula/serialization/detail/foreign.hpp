#pragma once

/// Whether a type's author wrote serialising functions for cereal or Boost.Serialization, found out
/// without either.

#include <type_traits>

// An archive that knows these tags makes the compiler look into both libraries' namespaces for a
// non-member function.
namespace cereal {
struct mobula_probe;
}
namespace boost::serialization {
struct mobula_probe;
}

namespace mobula::serialization::detail {

/// Two catch-alls of the same shape as the library's own default: a call is ambiguous between them
/// unless somebody wrote something closer for the type, and then it is not.
namespace catch_all_1 {
struct here;
template <class Archive, class T>
void serialize(Archive&, T&);
template <class Archive, class T>
void serialize(Archive&, T&, const unsigned int);
template <class Archive, class T>
void save(Archive&, const T&);
template <class Archive, class T>
void save(Archive&, const T&, const unsigned int);
template <class Archive, class T>
void load(Archive&, T&);
template <class Archive, class T>
void load(Archive&, T&, const unsigned int);
template <class Archive, class T>
void save_minimal(const Archive&, const T&);
}  // namespace catch_all_1

namespace catch_all_2 {
struct here;
template <class Archive, class T>
void serialize(Archive&, T&);
template <class Archive, class T>
void serialize(Archive&, T&, const unsigned int);
template <class Archive, class T>
void save(Archive&, const T&);
template <class Archive, class T>
void save(Archive&, const T&, const unsigned int);
template <class Archive, class T>
void load(Archive&, T&);
template <class Archive, class T>
void load(Archive&, T&, const unsigned int);
template <class Archive, class T>
void save_minimal(const Archive&, const T&);
}  // namespace catch_all_2

/// Accepts everything an archive does. T is a parameter so that T's namespace is searched too.
template <class T, class... Where>
struct probe_archive {
  using is_saving = std::true_type;
  using is_loading = std::true_type;
  template <class... A>
  probe_archive& operator()(A&&...);
  template <class A>
  probe_archive& operator&(A&&);
  template <class A>
  probe_archive& operator<<(A&&);
  template <class A>
  probe_archive& operator>>(A&&);
};

template <class T>
using probe = probe_archive<T, cereal::mobula_probe, boost::serialization::mobula_probe,
                            catch_all_1::here, catch_all_2::here>;

template <class T>
concept member_functions = requires(T& t, probe<T>& archive) {
  t.serialize(archive);
}
|| requires(T& t, probe<T>& archive) { t.serialize(archive, 0u); }
|| requires(T& t, const T& c, probe<T>& archive) {
  c.save(archive);
  t.load(archive);
}
|| requires(T& t, const T& c, probe<T>& archive) {
  c.save(archive, 0u);
  t.load(archive, 0u);
}
|| requires(const T& c, const probe<T>& archive) { c.save_minimal(archive); };

template <class T>
concept free_functions = requires(T& t, probe<T>& archive) {
  serialize(archive, t);
}
|| requires(T& t, probe<T>& archive) { serialize(archive, t, 0u); }
|| requires(T& t, const T& c, probe<T>& archive) {
  save(archive, c);
  load(archive, t);
}
|| requires(T& t, const T& c, probe<T>& archive) {
  save(archive, c, 0u);
  load(archive, t, 0u);
}
|| requires(const T& c, const probe<T>& archive) { save_minimal(archive, c); };

/// Anyone may call them.
template <class T>
inline constexpr bool has_foreign_functions = [] {
  if constexpr (std::is_class_v<T>) {
    return member_functions<T> || free_functions<T>;
  } else {
    return false;
  }
}();

struct fallback_names {
  int serialize, save, load, save_minimal;
};
template <class T>
struct with_fallback_names : T, fallback_names {};

/// T has a member of one of the names that isn't an ordinary public function: as far as can be
/// known, a private function template that a library's `access` class may call as a friend. (The
/// name, private or not, is ambiguous in a class that also has it from elsewhere; only a public
/// function that is neither overloaded nor a template has an address.)
template <class T>
inline constexpr bool hides_foreign_functions = [] {
  if constexpr (std::is_class_v<T> && !std::is_final_v<T>) {
    using both = with_fallback_names<T>;
    return (
               !requires { &both::serialize; } && !requires { &T::serialize; }) ||
           (
               !requires { &both::save; } && !requires { &T::save; } &&
               !requires { &both::load; } && !requires { &T::load; }) ||
           (
               !requires { &both::save_minimal; } && !requires { &T::save_minimal; });
  } else {
    return false;
  }
}();

template <class T>
inline constexpr bool foreign = has_foreign_functions<T> || hides_foreign_functions<T>;

/// How cereal and Boost.Serialization plug in: their headers specialise these for the types that
/// they can write, with `save(const T&, output&)`, `T load(input&)`.
template <class T, class = void>
struct cereal_codec {
  static constexpr bool exists = false;
};
template <class T, class = void>
struct boost_codec {
  static constexpr bool exists = false;
};

}  // namespace mobula::serialization::detail
