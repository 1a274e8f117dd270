#pragma once

/// What a head needs of its host.

#include <cstddef>
#include <string>

#include "mobula/engine/ids.hpp"
#include "mobula/engine/outbox.hpp"

namespace mobula::engine {

/// Called while the head handles an event; see `outbox`. What is sent to the head's own party is
/// for the machine beside it, the directory.
class head_host : public outbox {
 public:
  /// For the user's eyes, said once.
  virtual void warn(const std::string& text) = 0;
  /// A member is dead from now on, though it may live: its links to the head, and to all others
  /// that hear the head, are to be cut, and it is to end when it hears of that. Followed by
  /// `head::party_cut`; said again until that comes.
  virtual void take_for_dead(party node) = 0;

 protected:
  ~head_host() = default;
};

/// Of the small values that a head keeps: in its memory, and in each snapshot.
struct value_limits {
  /// Of a key and its namespace together.
  std::size_t key_bytes_max = 1024;
  /// What is larger is for the object store.
  std::size_t value_bytes_max = std::size_t{1} << 20;
  /// Of all keys and values, and `head_values::entry_bytes` for each.
  std::size_t sum_bytes_max = std::size_t{64} << 20;
};

/// Times are nanoseconds.
struct head_options {
  party self{};
  /// A party whose link is cut, and of which its node does not say what became of it, is taken for
  /// dead after so long. Much more than it takes to say.
  instant death_patience = 1'000'000'000;
  /// Where the head has sent work to a node, and that reports no change for so long, the work never
  /// came. Source: several of a node's reports.
  instant placing_patience = 500'000'000;
  /// A placement group waits so long in the lines of the nodes that were chosen for it; then others
  /// are, where there are such, and it waits twice as long there. Source: long for a task.
  instant group_patience = 2'000'000'000;
  /// Nodes that have refused a group's bundles are not asked again for so long. Source: a report
  /// that says what they have is there by then.
  instant group_rest = 100'000'000;
  /// When a node says that it does not hear another one, others have so long to say the same of
  /// whom they don't hear. Source: their clocks and frames that are sent again differ by less.
  instant unheard_patience = 1'500'000'000;
  value_limits values{};
};

}  // namespace mobula::engine
