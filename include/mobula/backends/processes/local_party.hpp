#pragma once

/// A party of the protocol in a process of its own, or beside another one.

#include <cstdint>
#include <type_traits>
#include <utility>

#include <time.h>

#include "mobula/backends/hosting/party_loop.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::processes {

using engine::instant;
using engine::party;
using hosting::action;

class carrier;

/// One of those that every task costs.
template <class Message>
inline constexpr bool is_hot = std::is_same_v<Message, engine::push_task> ||
                               std::is_same_v<Message, engine::task_done>;

/// A party in this process: the driver or a worker, or the node beside the driver.
class local_party : public hosting::party_loop {
 public:
  local_party(carrier& in, party self) : party_loop(self), in_(in) {}
  virtual ~local_party() = default;

  instant now() const noexcept override { return monotonic_now(); }
  void enter() override;
  void leave() noexcept override;
  void leave_unchanged() noexcept override;
  void transmit(party to, engine::push_task&& one) override { pass_on(to, std::move(one)); }
  void transmit(party to, engine::task_done&& one) override { pass_on(to, std::move(one)); }
  void transmit(party to, engine::message&& one) override { pass_on(to, std::move(one)); }
  void run_outside(action what) override;

  /// A message of that party's. For whoever has entered, in no event.
  virtual void hear(party from, engine::message&& one) = 0;
  /// The same where it `is_hot`, without a variant around it.
  virtual void hear(party from, engine::push_task&& one) {
    hear(from, engine::message(std::move(one)));
  }
  virtual void hear(party from, engine::task_done&& one) {
    hear(from, engine::message(std::move(one)));
  }
  /// Nothing comes from that party any more.
  virtual void cut(party who) = 0;
  virtual instant next_timer() = 0;
  virtual void timer() = 0;
  /// At the end of each turn: what is left to be said.
  virtual void turn_ends() {}

  static instant monotonic_now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }

 protected:
  void event_over() override {}
  carrier& in_;

 private:
  template <class Message>
  void pass_on(party to, Message&& one);
};

}  // namespace mobula::processes
