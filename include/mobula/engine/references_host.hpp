#pragma once

/// What the table of references tells the machine that has it.

#include <cstdint>
#include <memory>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/outbox.hpp"

namespace mobula::engine {

/// What a `references` tells the machine around it. The members below are called inside of the
/// table's, and may call the table's members in turn: what follows from that is told after they
/// have returned, so that no chain is too long for a stack. (`send` may not.)
class references_host : public outbox {
 public:
  /// Nobody uses the key here, and nobody borrows it or is about to if it is an own one: forget
  /// what it stands for. Called once; the key is not known any more, `tag` is what it had. For
  /// foreign keys only where they had a tag.
  virtual void unreferenced(object_key key, std::uint32_t tag) = 0;
  /// The last handle of the promise of `own` is gone. The object is still there.
  virtual void promise_unreferenced(object_key own) = 0;
  /// Somebody became a borrower of the own object: it wants `settled` if the outcome is known.
  /// Not called for promises.
  virtual void borrower_added(object_key own, party who) = 0;
  /// The key is used here, but what it stands for can't be had any more: its owner has freed it, or
  /// died before `mark_settled`. Called once. The uses are still to be dropped.
  virtual void lost(object_key key, const std::shared_ptr<const error_fields>& why) = 0;

 protected:
  ~references_host() = default;
};

}  // namespace mobula::engine
