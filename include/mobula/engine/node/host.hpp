#pragma once

/// What a node asks of whoever runs it.

#include <cstdint>
#include <string>
#include <vector>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/outbox.hpp"

namespace mobula::engine {

/// How writing an object to disk ended.
enum class spill_result : std::uint8_t { ok = 0, disk_full = 1, failed = 2 };
/// How reading it back ended.
enum class restore_result : std::uint8_t { ok = 0, lost = 1 };

/// What a worker is born with and keeps. It serves only those who need just that.
struct worker_kind {
  std::uint64_t number = 0;           ///< the node's own; 0: neither of the two
  payload environment;                ///< as in `want_leases`
  std::vector<std::uint32_t> gpus{};  ///< their indices, from 0
};

/// Called while the node handles an event; must not call back into it from there. `send` to the
/// node's own party is for the machine beside it, the directory. What is sent to a party of another
/// node that is dead is answered by `node::party_gone`, as often as that happens: the node does not
/// remember the dead.
class node_host : public outbox {
 public:
  /// Start a process. Answered by `node::party_joined` with its party and the kind's number, or by
  /// `node::worker_failed_to_start`.
  virtual void start_worker(const worker_kind& what) = 0;
  /// Kill it. Answered by `node::party_gone` with a death of this kind and text, unless it was dead
  /// already.
  virtual void end_worker(party worker, death_kind kind, const std::string& why) = 0;

  /// `object_created` with `ok` means: there is memory of that size for the object, and its writer
  /// may write to it. It is there until this.
  virtual void release_memory(object_key object) = 0;
  /// Write the object to disk; it may be read meanwhile, and its memory stays. Answered by
  /// `node::spilled`.
  virtual void spill(object_key object, std::uint64_t size) = 0;
  /// Take memory and read it back; the file stays. Answered by `node::restored`.
  virtual void restore(object_key object, std::uint64_t size) = 0;
  /// Delete the file, unless it is lost anyway. Never while a `spill` or `restore` is unanswered.
  virtual void erase_spilled(object_key object) = 0;

  /// There is to be memory of that size for a copy from another node, until `release_memory`. Where
  /// it can't be had, `node::copy_failed` says so.
  virtual void take_memory(object_key object, std::uint64_t size) = 0;
  /// Write the bytes into such memory, before anything that is sent after this.
  virtual void write_part(const object_part& what) = 0;
  /// Read the part, which is in memory now, and send it to `to` as an `object_part`.
  virtual void send_part(party to, const fetch_part& what) = 0;

  /// For the log; each text comes once.
  virtual void warn(const std::string& text) = 0;

 protected:
  ~node_host() = default;
};

}  // namespace mobula::engine
