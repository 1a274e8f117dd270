#pragma once

/// What every handle to an actor knows, whichever process it came to, and how it travels.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/group_bytes.hpp"
#include "mobula/core/group_facts.hpp"
#include "mobula/engine/payload.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/message.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::hosting {

/// As the actor's maker said it.
struct actor_about {
  std::string class_name;  ///< as `type_info::name` has it
  std::string name;        ///< empty: it has none
  int max_task_retries = 0;
  std::size_t max_pending_calls = 0;
  std::vector<std::string> groups{};  ///< of concurrency
  detail::group_ptr placed_in{};      ///< null: in no placement group
  bool captures_children = false;

  void write(output& to) const {
    write(to, class_name);
    write(to, name);
    to.number(static_cast<std::int32_t>(max_task_retries));
    to.size(max_pending_calls);
    to.size(groups.size());
    for (const std::string& group : groups) write(to, group);
    detail::write_group(placed_in, to);
    to.number(static_cast<std::uint8_t>(captures_children));
  }
  static actor_about read(input& from) {
    actor_about made;
    made.class_name = read_text(from);
    made.name = read_text(from);
    made.max_task_retries = from.number<std::int32_t>();
    made.max_pending_calls = from.bounded(static_cast<std::size_t>(-1));
    for (std::size_t left = from.size(1); left > 0; --left) {
      made.groups.push_back(read_text(from));
    }
    made.placed_in =
        detail::read_group(from, detail::the_runtime.epoch.load(std::memory_order_relaxed));
    made.captures_children = from.number<std::uint8_t>() != 0;
    return made;
  }

  engine::payload to_payload() const {
    output out;
    write(out);
    return engine::payload(out.take().bytes);
  }
  static actor_about of(const engine::payload& bytes) {
    if (bytes.empty()) return {};
    message whole;
    whole.bytes.assign(bytes.bytes().begin(), bytes.bytes().end());
    input in(whole);
    return read(in);
  }

 private:
  static void write(output& to, const std::string& text) {
    to.size(text.size());
    to.write(text.data(), text.size());
  }
  static std::string read_text(input& from) {
    std::string text(from.size(1), '\0');
    from.read(text.data(), text.size());
    return text;
  }
};

}  // namespace mobula::hosting
