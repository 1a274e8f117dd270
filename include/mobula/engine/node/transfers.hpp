#pragma once

/// Copies that are on their way to a node: whom it asks for their parts, and for how many at once.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/wire_limits.hpp"

namespace mobula::engine {

struct transfer {
  std::uint32_t slot = 0;
  object_key object;
  std::uint64_t number = 0;  ///< this node's own for it, another for each source
  std::uint64_t size = 0;
  party origin;                     ///< where the object is, as its outcome says
  party source;                     ///< who is asked now
  std::uint64_t from_transfer = 0;  ///< the source's own, by which it has the object
  bool is_origin_gone = false;
  bool is_granted = false;           ///< the source answers for parts
  std::uint64_t next = 0;            ///< offset of the next part that is to be asked for
  std::uint64_t arrived = 0;         ///< bytes
  std::vector<std::uint64_t> asked;  ///< offsets of parts that have not come
  chain_link<transfer> hungry;       ///< could ask for more than the node may have on its way
};

/// A receiver pulls: what it has not asked for does not come, so a slow one is never flooded.
///
/// Invariants: the bytes on their way are the sum of the parts that were asked for and have not
/// come, of a transfer at most `fetch_window_bytes`, of all at most `fetch_bytes_max`, but for one
/// part.
class transfers {
 public:
  enum class progress : std::uint8_t { stray, going_on, failed, whole };

  transfers(const node_options& options, node_host& host) : options_(options), host_(host) {
    MOBULA_ASSERT(options.part_bytes != 0 && options.part_bytes <= payload_bytes_max,
                  "a part fits in a message");
  }

  /// There is memory for it.
  transfer& begin(object_key object, std::uint64_t size, party origin) {
    transfer& made = pool_.take();
    made.object = object;
    made.number = 0;
    made.size = size;
    made.origin = origin;
    made.is_origin_gone = false;
    ask(made, origin, 0, {});
    return made;
  }
  /// Null where there is none of that number, or of another object.
  transfer* find(object_key object, std::uint64_t number) const {
    const auto at = under_way_.find(number);
    return at == under_way_.end() || at->second->object != object ? nullptr : at->second;
  }

  progress answered(party from, const fetch_answer& what) {
    transfer* const one = find(what.object, what.transfer);
    if (one == nullptr) return progress::going_on;  // they crossed
    if (one->source != from || one->is_granted) return progress::stray;
    if (what.status != store_status::ok || what.at == options_.self) return go_back(*one);
    if (!what.at.empty()) {
      ask(*one, what.at, what.from_transfer, {});
      return progress::going_on;
    }
    one->is_granted = true;
    if (one->size == 0) return progress::whole;
    ask_parts(*one);
    return progress::going_on;
  }
  progress arrived(party from, const object_part& what) {
    transfer* const one = find(what.object, what.transfer);
    if (one == nullptr) return progress::going_on;  // they crossed
    if (one->source != from) return progress::stray;
    const auto at = std::find(one->asked.begin(), one->asked.end(), what.offset);
    if (at == one->asked.end() || what.bytes.size() != part_at(*one, what.offset)) {
      return progress::stray;
    }
    one->asked.erase(at);
    on_way_ -= what.bytes.size();
    one->arrived += what.bytes.size();
    host_.write_part(what);
    const bool is_whole = one->arrived == one->size;
    if (!is_whole && !hungry_.linked(*one)) hungry_.push_back(*one);
    feed();
    return is_whole ? progress::whole : progress::going_on;
  }

  /// It has all, or nobody wants it any more; or it has failed, of which the source knows.
  void end(transfer& one, bool has_failed = false) {
    forget_asked(one);
    if (!has_failed) {
      host_.send(one.source, message(end_fetch{one.object, one.number}));
    }
    under_way_.erase(one.number);
    pool_.give(one);
    feed();
  }
  /// Calls `lost(transfer&, progress)` for each of which it was the source: `failed`, and is to be
  /// ended, or `going_on` from its beginning.
  template <class Lost>
  void party_gone(party who, Lost lost) {
    std::vector<transfer*> its;
    for (const auto& [number, one] : under_way_) {
      if (one->origin == who) one->is_origin_gone = true;
      if (one->source == who) its.push_back(one);
    }
    for (transfer* const one : its) lost(*one, go_back(*one));
    feed();
  }

  std::size_t count() const noexcept { return under_way_.size(); }
  std::uint64_t bytes_on_way() const noexcept { return on_way_; }

  /// Asserts the invariants. O(transfers).
  void verify() const {
    std::uint64_t on_way = 0;
    for (const auto& [number, one] : under_way_) {
      MOBULA_ASSERT(one->number == number, "a transfer is found by its number");
      std::uint64_t its = 0;
      for (const std::uint64_t offset : one->asked) its += part_at(*one, offset);
      MOBULA_ASSERT(one->asked.size() <= 1 || its <= options_.fetch_window_bytes,
                    "a transfer has a window");
      MOBULA_ASSERT(one->is_granted || (its == 0 && one->next == 0), "parts come after the answer");
      MOBULA_ASSERT(one->arrived + its == one->next, "a part that was asked for is awaited");
      MOBULA_ASSERT(
          !one->is_granted || one->next == one->size || !one->asked.empty() || hungry_.linked(*one),
          "who lacks something asks for it");
      on_way += its;
    }
    MOBULA_ASSERT(on_way == on_way_, "bytes on their way add up");
    MOBULA_ASSERT(on_way_ <= std::max(options_.fetch_bytes_max, options_.part_bytes),
                  "no more is on its way than may be");
    MOBULA_ASSERT(pool_.used() == under_way_.size(), "a transfer has a number");
  }

 private:
  std::uint64_t part_at(const transfer& one, std::uint64_t offset) const {
    return std::min(options_.part_bytes, one.size - offset);
  }
  /// From its beginning: what was had of another source may be of another attempt.
  void ask(transfer& one, party source, std::uint64_t from_transfer, party not_at) {
    forget_asked(one);
    under_way_.erase(one.number);
    one.number = ++last_number_;
    under_way_.emplace(one.number, &one);
    one.next = one.arrived = 0;
    one.is_granted = false;
    one.source = source;
    one.from_transfer = from_transfer;
    host_.send(source,
               message(fetch_object{one.object, one.number, one.size, from_transfer, not_at}));
  }
  /// The source has it not, or no more: only the origin knows better.
  progress go_back(transfer& one) {
    if (one.is_origin_gone || one.source == one.origin) return progress::failed;
    ask(one, one.origin, one.from_transfer, one.source);
    return progress::going_on;
  }
  void forget_asked(transfer& one) {
    for (const std::uint64_t offset : one.asked) on_way_ -= part_at(one, offset);
    one.asked.clear();
    hungry_.remove_if_linked(one);
  }

  /// As many as its window and the node's bound allow.
  void ask_parts(transfer& one) {
    std::uint64_t its = 0;
    for (const std::uint64_t offset : one.asked) its += part_at(one, offset);
    while (one.next < one.size) {
      const std::uint64_t part = part_at(one, one.next);
      if (!one.asked.empty() && its + part > options_.fetch_window_bytes) return;
      if (on_way_ != 0 && on_way_ + part > options_.fetch_bytes_max) {
        if (!hungry_.linked(one)) hungry_.push_back(one);
        return;
      }
      one.asked.push_back(one.next);
      its += part;
      on_way_ += part;
      host_.send(one.source, message(fetch_part{one.object, one.number, one.next, part}));
      one.next += part;
    }
  }
  /// Who has waited longest asks first.
  void feed() {
    for (std::size_t left = hungry_.size(); left != 0; --left) {
      transfer& one = *hungry_.front();
      hungry_.remove(one);
      ask_parts(one);
    }
  }

  const node_options& options_;
  node_host& host_;
  std::map<std::uint64_t, transfer*> under_way_;  ///< by their numbers, so in their order
  chain<transfer, &transfer::hungry> hungry_;
  std::uint64_t on_way_ = 0;  ///< bytes
  std::uint64_t last_number_ = 0;
  slots<transfer> pool_;
};

}  // namespace mobula::engine
