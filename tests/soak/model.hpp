#pragma once

/// What the model knows of the futures and actors of a random program.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mobula/mobula.hpp"

#include "soak/bodies.hpp"

namespace soak {

/// What the model allows a future to fail with, as a set of `error_code`s.
using codes = std::uint64_t;
constexpr codes code(mobula::error_code one) { return codes{1} << static_cast<unsigned>(one); }

/// What ran it is dead.
inline constexpr codes died =
    code(mobula::error_code::worker_died) | code(mobula::error_code::node_died);
/// The process that owns it, or that was about to borrow it, is dead.
inline constexpr codes lost =
    code(mobula::error_code::owner_died) | code(mobula::error_code::object_lost);
/// Its node's store is gone, and it may not be made again.
inline constexpr codes lost_with_node = lost | code(mobula::error_code::reconstruction);
inline constexpr codes no_room = code(mobula::error_code::store_full) |
                                 code(mobula::error_code::out_of_disk) |
                                 code(mobula::error_code::object_lost);

/// A future of the program, and what it is to be.
struct item {
  number value = 0;
  mobula::future<number> result{};
  std::vector<std::size_t> of{};  ///< what it fails with
  codes may = 0;
  bool must_fail = false;
  bool nested = false;  ///< a worker answers for a part of it
  int actor = -1;
  int promised_by = -1;  ///< what the task waits for that fulfils it
  int group = -1;        ///< in which its task runs
  work_number work = -1;
  std::size_t choice = 99;  ///< of `step`
};
/// A future of a value that is mostly too large to be sent.
struct large {
  mobula::future<big> result;
  number value;
  std::size_t count;
  std::size_t of;
  codes may;
};
struct teller_entry {
  mobula::actor<teller> handle;
  int id;
  std::string name;
  int restarts;
  int retries;
  codes may = 0;
  bool over = false;      ///< killed for good: later calls must fail
  bool doubtful = false;  ///< it may have ended
  std::int64_t sequence = 0;
};

struct group_entry {
  mobula::placement_group group;
  std::size_t bundles;
  bool is_removed = false;
};

}  // namespace soak
