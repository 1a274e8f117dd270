#pragma once

/// What an owner is told by the program around it, and what it tells it.

#include <cstddef>
#include <cstdint>
#include <string>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/outbox.hpp"
#include "mobula/engine/owner/leases.hpp"

namespace mobula::engine {

struct owner_options {
  party self;
  party node;       ///< of this process
  party directory;  ///< of the actors
  lease_options leasing;
  /// What lineage may weigh, arguments and a fixed size for each task. Source: at Ray's 1 GiB a
  /// process (`max_lineage_bytes`) few would notice where their memory goes.
  std::size_t lineage_bytes_max = std::size_t{64} << 20;
  /// After a link is cut the node's word is waited for so long, where no lease is of the dead. Much
  /// more than it takes to come.
  instant death_patience = 1'000'000'000;
  /// The same for what stands in a worker behind a task that is cancelled by force.
  instant force_patience = 1'000'000'000;
};

/// A task as its submitter describes it. `what.values` names the objects whose values it is handed,
/// `what.refs` the references inside the arguments: the submitter holds a use of each while it
/// submits.
struct task_spec {
  class_spec home;
  invocation what;
  key_list after;
  std::int32_t retries = 0;  ///< -1: without end
  instant deadline = never;
  bool yields = false;              ///< a generator, of which this party reads the items
  std::uint64_t stream_buffer = 0;  ///< see `streams::open`
};
struct call_spec {
  object_key actor;          ///< the submitter holds a use of it
  std::uint64_t caller = 0;  ///< those of equal ones keep their order; not above 2^63 + 2^62
  invocation what;
  key_list after;
  std::int32_t retries = 0;
  std::string group;
  bool report_begin = false;
  bool stop_actor = false;
  bool post = false;
  instant deadline = never;
  bool yields = false;
  std::uint64_t stream_buffer = 0;
};
struct cancel_spec {
  bool recursive = true;  ///< what the body has submitted is cancelled too
  bool force = false;     ///< tasks: a worker that runs it is ended
};

/// Called while the owner handles an event, in the order in which things happen; it must not call
/// back.
class owner_host : public outbox {
 public:
  /// The outcome of an object that is held here: own, or borrowed. Once each, but for what was
  /// stored and is lost, which has another outcome later. References inside it are held as long as
  /// the object is, and not lost.
  virtual void settled(object_key object, const outcome& result) = 0;
  /// A generator has given an item, which `settled` follows. The program has one use of it from now
  /// on.
  virtual void item_given(object_key generator, object_key item) = 0;
  /// The answer to `fulfil` of another party's promise, once each. Where that party is dead there
  /// is nobody left to refuse it.
  virtual void promise_answered(std::uint64_t request, bool accepted) = 0;
  /// The answer to `register_actor` with a name, or to `find_actor`.
  virtual void actor_answered(const actor_registered& what) = 0;
  /// For errors: `task "add"`, or `actor "tally", call "increment"`.
  virtual std::string subject(object_key task, const invocation& what) = 0;

 protected:
  ~owner_host() = default;
};

}  // namespace mobula::engine
