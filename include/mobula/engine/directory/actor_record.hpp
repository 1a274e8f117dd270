#pragma once

/// What a directory knows of one actor.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/dealings.hpp"
#include "mobula/engine/directory/phase.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// What an actor and one party have to do with each other.
struct actor_tie {
  bool watches = false;  ///< wants `actor_changed`
  bool made = false;     ///< registered it, and takes it along when it dies
  bool hosts = false;    ///< is the worker of its present life
  bool lends = false;    ///< is the node that was asked for its worker, or has lent it

  bool idle() const noexcept { return !watches && !made && !hosts && !lends; }
  template <class Archive>
  void state(Archive& of) {
    of(watches, made, hosts, lends);
  }
};
using actor_ties = dealing_table<actor_tie>;

/// Invariants:
///  - In a head, `node` is tied to it as who lends.
///  - `lease` and `worker` are there exactly while it has a life, and then the worker hosts it.
///  - `constructor`, with a use of each of its mentions, is there while another life may need it.
///  - `why` is there when it is restarting or dead.
struct actor_record {
  register_actor made;  ///< as it was registered; empty key: nobody
  invocation constructor;
  party creator;
  actor_phase phase = actor_phase::arguments;
  std::uint32_t life = 1;
  std::uint32_t life_begun = 0;  ///< the one that the worker has
  std::int32_t restarts = 0;     ///< spent
  party node;  ///< that is asked for a worker, or has lent it; empty: none is found yet
  lease_id lease;
  party worker;
  lease_purpose purpose = lease_purpose::own_process;  ///< as decided for its first life
  bool placed = false;        ///< `purpose` is decided
  bool keeps_constructor = false;
  bool end_sent = false;      ///< this life is told to end, in whatever way
  bool end_at_once = false;   ///< and not gracefully
  bool unreferenced = false;  ///< the record goes when the life is over
  actor_ties::list ties;
  std::shared_ptr<const error_fields> why;

  bool may_restart() const noexcept {
    return made.max_restarts < 0 || restarts < made.max_restarts;
  }
  template <class Archive>
  void state(Archive& of) {
    of(made, constructor, creator, phase, life, life_begun, restarts, node, lease, worker, purpose,
       placed, keeps_constructor, end_sent, end_at_once, unreferenced, ties, why);
  }
};

inline std::shared_ptr<const error_fields> actor_died_text(const std::string& label,
                                                           const std::string& why) {
  return std::make_shared<const error_fields>(error_fields{
      .code = error_code::actor_died, .what = "actor \"" + label + "\" died: " + why});
}
inline std::shared_ptr<const error_fields> actor_restarts_text(const std::string& label,
                                                               const std::string& why) {
  return std::make_shared<const error_fields>(
      error_fields{.code = error_code::actor_unavailable,
                   .what = "actor \"" + label + "\" is being restarted: " + why});
}
/// What is added to the reason of a death that no restart follows.
inline std::string restarts_spent_text(std::int32_t max_restarts) {
  if (max_restarts <= 0) return {};
  if (max_restarts == 1) return "; its only restart is spent";
  return "; all " + std::to_string(max_restarts) + " restarts are spent";
}

}  // namespace mobula::engine
