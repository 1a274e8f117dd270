#pragma once

/// What a machine knows, as bytes and back: for one that lives on after its process.
///
/// A class names its state once, and both directions go over that:
///
///   template <class Archive>
///   void state(Archive& of) {
///     of(jobs_, made_);
///     if constexpr (Archive::is_reading) index_again();
///   }
///
/// The same state has one form: what has no order of its own is written sorted. So machines of
/// equal state are machines of equal bytes. The bytes are the program's own, kept under a check
/// (`record_log.hpp`), and of its own version: nonsense in them is a `protocol_error` or a bug.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/codec.hpp"
#include "mobula/engine/fifo.hpp"

namespace mobula::engine {

class state_writer {
 public:
  static constexpr bool is_reading = false;
  explicit state_writer(std::vector<std::byte>& onto) : onto_(onto) {}

  template <class... Fields>
  void operator()(Fields&... fields) {
    (put(fields), ...);
  }
  /// A table that has no order.
  template <class Table>
  void sorted(Table& table) {
    std::vector<const typename Table::value_type*> all;
    for (auto& one : table) all.push_back(&one);
    std::sort(all.begin(), all.end(),
              [](const auto* a, const auto* b) { return key_of(*a) < key_of(*b); });
    count(all.size());
    for (const auto* one : all) put(const_cast<typename Table::value_type&>(*one));
  }

  // A sink of `wire`.
  static constexpr bool checks = false;
  void number(std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) onto_.push_back(static_cast<std::byte>(value >> 8 * i));
  }
  void raw(const void* from, std::size_t bytes) {
    const auto* const first = static_cast<const std::byte*>(from);
    onto_.insert(onto_.end(), first, first + bytes);
  }

 private:
  template <class Key, class Value>
  static const Key& key_of(const std::pair<Key, Value>& one) {
    return one.first;
  }
  template <class Key>
  static const Key& key_of(const Key& one) {
    return one;
  }
  void count(std::size_t entries) { number(entries, 8); }

  template <class T>
  void put(T& value) {
    if constexpr (requires { value.state(*this); }) {
      value.state(*this);
    } else if constexpr (std::is_same_v<T, bool> || std::is_enum_v<T> || std::is_integral_v<T>) {
      number(static_cast<std::uint64_t>(value), sizeof(T));
    } else {
      wire::put(*this, value, wire::place{nullptr, "state"});
    }
  }
  void put(std::string& value) {
    count(value.size());
    raw(value.data(), value.size());
  }
  void put(std::shared_ptr<const error_fields>& value) {
    number(value ? 1 : 0, 1);
    if (value) wire::visit_fields(*value, [this](const char*, auto& one) { put_field(one); });
  }
  void put(message& value) {
    std::vector<std::byte> bytes = encode(value);
    put(bytes);
  }
  template <class A, class B>
  void put(std::pair<A, B>& both) {
    put(const_cast<std::remove_const_t<A>&>(both.first));
    put(both.second);
  }
  template <class T>
  void put(std::vector<T>& list) {
    put_all(list);
  }
  template <class T>
  void put(std::deque<T>& list) {
    put_all(list);
  }
  template <class T>
  void put(fifo<T>& list) {
    put_all(list);
  }
  template <class Key, class T>
  void put(std::map<Key, T>& table) {
    put_all(table);
  }
  template <class Key>
  void put(std::set<Key>& all) {
    count(all.size());
    for (Key one : all) put(one);
  }
  template <class List>
  void put_all(List& list) {
    count(list.size());
    for (auto& one : list) put(one);
  }
  template <class T>
  void put_field(const T& value) {
    put(const_cast<T&>(value));
  }

  std::vector<std::byte>& onto_;
};

/// Throws `protocol_error` where the bytes end too early.
class state_reader {
 public:
  static constexpr bool is_reading = true;
  explicit state_reader(std::span<const std::byte> bytes) : in_(bytes) {}

  std::size_t left() const noexcept { return in_.left(); }

  template <class... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }
  template <class Table>
  void sorted(Table& table) {
    table.clear();
    for (std::size_t left = count(); left != 0; --left) get_entry(table);
  }

 private:
  static wire::place here() { return {nullptr, "state"}; }
  std::size_t count() {
    const auto entries = static_cast<std::size_t>(in_.number(8, here()));
    if (entries > in_.left()) wire::refuse(here(), "has more entries than bytes");
    return entries;
  }

  template <class T>
  void get(T& value) {
    if constexpr (requires { value.state(*this); }) {
      value.state(*this);
    } else if constexpr (std::is_same_v<T, bool>) {
      value = in_.number(1, here()) != 0;
    } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
      value = static_cast<T>(in_.number(sizeof(T), here()));
    } else {
      wire::get(in_, value, here());
    }
  }
  void get(std::string& value) {
    const std::span<const std::byte> from = in_.take(count(), here());
    value.clear();
    for (const std::byte one : from) value.push_back(static_cast<char>(one));
  }
  void get(std::shared_ptr<const error_fields>& value) {
    value = nullptr;
    if (in_.number(1, here()) == 0) return;
    const auto made = std::make_shared<error_fields>();
    wire::visit_fields(*made, [this](const char*, auto& one) { get(one); });
    value = made;
  }
  void get(message& value) {
    std::vector<std::byte> bytes;
    get(bytes);
    value = decode(bytes);
  }
  template <class A, class B>
  void get(std::pair<A, B>& both) {
    get(both.first);
    get(both.second);
  }
  template <class T>
  void get(std::vector<T>& list) {
    get_all(list);
  }
  template <class T>
  void get(std::deque<T>& list) {
    get_all(list);
  }
  template <class T>
  void get(fifo<T>& list) {
    get_all(list);
  }
  template <class Key, class T>
  void get(std::map<Key, T>& table) {
    sorted(table);
  }
  template <class Key>
  void get(std::set<Key>& all) {
    sorted(all);
  }
  template <class List>
  void get_all(List& list) {
    list.clear();
    for (std::size_t left = count(); left != 0; --left) get(list.emplace_back());
  }
  template <class Table>
  void get_entry(Table& table) {
    if constexpr (requires { typename Table::mapped_type; }) {
      typename Table::key_type key{};
      get(key);
      get(table[key]);
    } else {
      typename Table::key_type one{};
      get(one);
      table.insert(one);
    }
  }

  wire::byte_reader in_;
};

}  // namespace mobula::engine
