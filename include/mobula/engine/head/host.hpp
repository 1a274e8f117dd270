#pragma once

/// What a head needs of its host.

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

 protected:
  ~head_host() = default;
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
};

}  // namespace mobula::engine
