#pragma once

/// How a machine sends.

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Called by a machine while it handles an event. Takes over the message, puts it on the link to
/// `to`, and does not call back into the machine. To a party that is dead it is dropped. The two
/// messages that every task needs have a way of their own, for a `message` is a large thing to
/// move.
class outbox {
 public:
  virtual void send(party to, push_task&& one) = 0;
  virtual void send(party to, task_done&& one) = 0;
  virtual void send(party to, message&& one) = 0;

 protected:
  ~outbox() = default;
};

}  // namespace mobula::engine
