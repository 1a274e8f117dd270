#pragma once

/// What a worker is told when it is born, by whoever started it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "mobula/core/group.hpp"
#include "mobula/core/options.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/message.hpp"
#include "mobula/serialization/output.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula::processes {

/// However long it is, it stands in the message and not beside it.
inline void save_text(output& to, const std::string& text) {
  to.size(text.size());
  to.write(text.data(), text.size());
}
inline std::string load_text(input& from) {
  std::string text(from.size(1), '\0');
  from.read(text.data(), text.size());
  return text;
}

/// Both ends run the same program, so there is no version in it.
struct worker_birth {
  engine::party self;
  engine::party node;
  engine::party driver;
  std::uint32_t epoch = 0;
  int exchange = -1;           ///< the descriptor of the shared memory for messages
  pid_t node_process = 0;
  std::string name_space;
  node_info where;
  infeasible_policy infeasible = infeasible_policy::wait;
  std::string environment;          ///< a `shipped_environment`, as it is written
  std::string environments_folder;  ///< perhaps not there yet
  std::optional<std::string> gpus;  ///< for CUDA_VISIBLE_DEVICES; none: as it is

  [[nodiscard]] std::vector<std::byte> write() const {
    output to;
    to.number(self.value());
    to.number(node.value());
    to.number(driver.value());
    to.number(epoch);
    to.number(exchange);
    to.number(node_process);
    to.number(infeasible);
    serialization::save(to, name_space);
    serialization::save(to, where.id.value());
    serialization::save(to, where.name);
    serialization::save(to, where.labels);
    save(to, where.total);
    save_text(to, environment);
    serialization::save(to, environments_folder);
    serialization::save(to, gpus);
    return to.take().bytes;
  }
  static worker_birth read(std::span<const std::byte> bytes) {
    message whole;
    whole.bytes.assign(bytes.begin(), bytes.end());
    input from(whole);
    worker_birth made;
    made.self = engine::party{from.number<std::uint64_t>()};
    made.node = engine::party{from.number<std::uint64_t>()};
    made.driver = engine::party{from.number<std::uint64_t>()};
    made.epoch = from.number<std::uint32_t>();
    made.exchange = from.number<int>();
    made.node_process = from.number<pid_t>();
    made.infeasible = from.number<infeasible_policy>();
    made.name_space = serialization::load<std::string>(from);
    made.where.id = node_id{serialization::load<std::uint64_t>(from)};
    made.where.name = serialization::load<std::string>(from);
    made.where.labels = serialization::load<label_map>(from);
    made.where.total = load(from);
    made.where.available = made.where.total;
    made.environment = load_text(from);
    made.environments_folder = serialization::load<std::string>(from);
    made.gpus = serialization::load<std::optional<std::string>>(from);
    return made;
  }

  static void save(output& to, const resource_set& what) {
    to.number(what.cpus);
    to.number(what.gpus);
    to.number(what.memory);
    serialization::save(to, what.custom);
  }
  static resource_set load(input& from) {
    resource_set made;
    made.cpus = from.number<double>();
    made.gpus = from.number<double>();
    made.memory = from.number<std::uint64_t>();
    made.custom = serialization::load<resource_map>(from);
    return made;
  }
};

}  // namespace mobula::processes
