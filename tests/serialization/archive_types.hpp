#pragma once

/// The types that property tests, hostile messages and the fuzzer go through: every rule of the
/// archive at least once.

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/array.hpp"
#include "mobula/serialization/serializer.hpp"

namespace archive_types {

enum class flag : bool { off, on };
enum class colour : std::uint8_t { red, green };

struct plain {
  double x = 0;
  std::int32_t n = 0;
  bool ok = false;
  colour c = colour::red;
  bool operator==(const plain&) const = default;
};
struct packed {
  float x = 0, y = 0;
  std::uint32_t id = 0;
  bool operator==(const packed&) const = default;
};
struct packed_flags {
  bool a = false, b = false;
  flag c = flag::off;
  char d = 0;
  bool operator==(const packed_flags&) const = default;
};
struct record {
  std::string name;
  std::vector<plain> parts;
  std::optional<packed> place;
  std::map<std::string, std::vector<std::int16_t>> table;
  bool operator==(const record&) const = default;
};
struct tree {
  std::int32_t value = 0;
  std::vector<tree> children;
  std::unique_ptr<tree> next;
  bool operator==(const tree& other) const {
    return value == other.value && children == other.children &&
           (next == nullptr) == (other.next == nullptr) &&
           (next == nullptr || *next == *other.next);
  }
};
struct nothing {
  bool operator==(const nothing&) const = default;
};
/// A user's type that takes no byte: the only way to a container of elements without bytes.
struct weightless {
  bool operator==(const weightless&) const = default;
};

/// All of them. An index into this list is what the fuzzer's first byte chooses.
using all =
    std::tuple<std::int64_t, bool, double, long double, std::string, std::u16string,
               std::vector<int>, std::vector<bool>, std::vector<std::string>, std::vector<plain>,
               std::vector<packed>, std::vector<packed_flags>, std::deque<std::string>,
               std::list<plain>, std::set<std::string>, std::multiset<int>,
               std::map<std::string, int>, std::multimap<int, std::string>,
               std::unordered_map<std::string, plain>, std::unordered_set<std::int64_t>,
               std::pair<std::string, bool>, std::tuple<int, std::string, std::vector<bool>>,
               std::array<std::string, 3>, std::optional<std::vector<int>>,
               std::variant<int, std::string, plain, std::vector<double>>,
               std::vector<std::optional<std::variant<bool, record>>>, plain, packed, packed_flags,
               record, tree, nothing, std::vector<nothing>, std::unique_ptr<record>,
               std::vector<std::vector<std::vector<char>>>, std::array<flag, 8>>;

/// These can't be compared or made at random in the same way.
using others = std::tuple<std::forward_list<int>, std::bitset<77>, std::chrono::nanoseconds,
                          std::complex<double>, std::filesystem::path, mobula::array<packed>,
                          mobula::array<bool>, mobula::array<plain>, std::shared_ptr<tree>,
                          std::vector<weightless>, std::map<weightless, weightless>>;

}  // namespace archive_types

template <>
struct mobula::serializer<archive_types::weightless> {
  static void save(const archive_types::weightless&, output&) {}
  static archive_types::weightless load(input&) { return {}; }
};
template <>
struct std::less<archive_types::weightless> {
  bool operator()(const archive_types::weightless&, const archive_types::weightless&) const {
    return false;
  }
};
