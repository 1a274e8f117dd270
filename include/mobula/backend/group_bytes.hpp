#pragma once

/// How what a placement group's handle knows is written, for another process.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mobula/core/group_facts.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::detail {

inline void write_text(const std::string& text, output& to) {
  to.size(text.size());
  to.write(text.data(), text.size());
}
inline std::string read_text(input& from) {
  std::string text(from.size(1), '\0');
  from.read(text.data(), text.size());
  return text;
}

inline void write_amounts(const resource_vector& one, output& to) {
  to.number(one.cpus().steps());
  to.number(one.gpus().steps());
  to.number(one.memory());
  to.size(one.custom().size());
  for (const auto& [name, amount] : one.custom()) {
    write_text(name, to);
    to.number(amount.steps());
  }
}
inline resource_vector read_amounts(input& from) {
  resource_set made;
  made.cpus = resource_amount::from_steps(from.number<std::int64_t>()).value();
  made.gpus = resource_amount::from_steps(from.number<std::int64_t>()).value();
  made.memory = from.number<std::uint64_t>();
  for (std::size_t left = from.size(1); left > 0; --left) {
    std::string name = read_text(from);
    made.custom[std::move(name)] = resource_amount::from_steps(from.number<std::int64_t>()).value();
  }
  return resource_vector(made);
}

/// Null is written as such.
inline void write_group(const group_ptr& group, output& to) {
  to.number(group ? group->id.value() : std::uint64_t{0});
  if (!group) return;
  write_text(group->name, to);
  to.size(group->bundles.size());
  for (const resource_vector& one : group->bundles) write_amounts(one, to);
}
/// `epoch` is the reader's runtime.
inline group_ptr read_group(input& from, std::uint32_t epoch) {
  const group_id id{from.number<std::uint64_t>()};
  if (id.empty()) return nullptr;
  auto made = std::make_shared<group_facts>();
  made->id = id;
  made->epoch = epoch;
  made->name = read_text(from);
  for (std::size_t left = from.size(1); left > 0; --left)
    made->bundles.push_back(read_amounts(from));
  return made;
}

}  // namespace mobula::detail
