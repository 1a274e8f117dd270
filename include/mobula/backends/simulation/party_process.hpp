#pragma once

/// A simulated process as the others see it: links to its peers, a timer, and a death.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/world.hpp"
#include "mobula/engine/codec.hpp"
#include "mobula/engine/link.hpp"
#include "mobula/engine/outbox.hpp"

namespace mobula::simulation {

/// What drivers, workers and nodes have in common. Everything that is sent is encoded, cut into
/// frames, exposed to the network's faults, put together by the other end's link and decoded.
///
/// Invariant: an engine's machine is never called from within itself. What a machine wants done
/// (`later`) is done when its event is over, in order.
class party_process : public party_base {
 public:
  party_process(world& in, party self) : party_base(in, self) {}

  // party_loop

  instant now() const noexcept override { return world_.now(); }
  /// All is done on one thread, or by one that has entered the world.
  void enter() override {}
  void leave() noexcept override {}
  void run_outside(action what) override { what(); }
  void transmit(party to, engine::push_task&& one) override { pass_on(to, std::move(one)); }
  void transmit(party to, engine::task_done&& one) override { pass_on(to, std::move(one)); }
  void transmit(party to, engine::message&& one) override { pass_on(to, std::move(one)); }

  /// The process is dead. Peers' links are cut by the world when all that is on its way has
  /// arrived.
  void die() {
    alive_ = false;
    forget_todo();
    world_.events().drop(self());
    timer_ = event_id{};
  }

  /// From a peer's link.
  void frame_arrived(party from, std::span<const std::byte> frame) {
    if (!alive_) return;
    peer& one = peer_of(from);
    if (one.cut) return;
    one.link.frame_arrived(frame, world_.now());
    take_messages(from, one);
    set_timer();
    if (alive_) after_event();
  }
  /// Nothing comes from that peer any more.
  void peer_gone(party who) override {
    if (!alive_) return;
    peer& one = peer_of(who);
    if (one.cut) return;
    one.cut = true;
    one.link.cut();
    event([&] { cut_off(who); });
  }

 protected:
  void event_over() override {
    set_timer();
    after_event();
  }
  /// A message for the process's machines.
  virtual void receive(party from, engine::message&& one) = 0;
  /// A peer is dead.
  virtual void cut_off(party who) = 0;
  /// When its machines want to be called next, and calling them.
  virtual instant next_machine_timer() = 0;
  virtual void machine_timer() = 0;
  /// Something has happened: a machine's event, or a peer's ack.
  virtual void after_event() {}

  /// All that was sent to living peers is known to have arrived.
  [[nodiscard]] bool all_arrived() const {
    if (!to_itself_.empty()) return false;
    for (const auto& [who, one] : peers_) {
      if (!one->cut && one->link.unacknowledged_bytes() != 0) return false;
    }
    return true;
  }

  template <class Message>
  void pass_on(party to, Message&& one) {
    if (!alive_) return;
    if (to == self()) {
      // Its own machines talk to each other without a network, but in order too.
      to_itself_.emplace_back(std::forward<Message>(one));
      world_.events().at(world_.now(), {event_kind::local, self().value(), 0, self()}, [this] {
        engine::message first = std::move(to_itself_.front());
        to_itself_.pop_front();
        deliver(self(), std::move(first));
      });
      return;
    }
    peer& with = peer_of(to);
    if (with.cut) return;
    if constexpr (std::is_same_v<std::remove_cvref_t<Message>, engine::task_done>) {
      if (!one.unbegun) with.note_answer(one.task);
    }
    ++with.sent;
    buffer_.clear();
    engine::encode(one, buffer_);
    with.link.send(buffer_, world_.now());
    if (!in_event()) set_timer();
  }
  /// Calls and tasks that have begun here, and whose answer may never arrive if this process dies
  /// now.
  void append_unheard(engine::key_list& out) {
    for (const auto& [who, one] : peers_) {
      if (one->cut) continue;
      one->forget_heard();
      for (const auto& [number, task] : one->answers) out.push_back(task);
    }
  }
  void deliver(party from, engine::message&& one) {
    if (!alive_) return;
    world_.saw(from, self(), one);
    event([&] { receive(from, std::move(one)); });
  }

 private:
  struct peer final : engine::link_host {
    peer(party_process& of, party with, const engine::link_options& options)
        : process(of),
          to(with),
          link(of.self() < with ? engine::link_end::first : engine::link_end::second,
               session_of(of.self(), with), *this, of.world_.now(), options) {}
    void send_frame(std::span<const std::byte> frame) override {
      process.world_.carry(process.self(), to, frame);
    }
    void link_dead(engine::link_failure) override { broken = true; }
    void note_answer(engine::object_key task) {
      forget_heard();
      answers.emplace_back(sent, task);
    }
    void forget_heard() {
      const std::uint64_t heard = sent - link.unacknowledged_messages();
      while (!answers.empty() && answers.front().first < heard) answers.pop_front();
    }

    static std::uint64_t session_of(party a, party b) noexcept {
      return a < b ? (a.value() << 32) | b.value() : (b.value() << 32) | a.value();
    }

    party_process& process;
    party to;
    engine::link link;
    std::uint64_t sent = 0;  ///< messages
    /// Of those that the peer may not have got: how-manieth it is, from 0, and what it answers.
    std::deque<std::pair<std::uint64_t, engine::object_key>> answers;
    bool cut = false;
    bool broken = false;
  };

  peer& peer_of(party who) {
    std::unique_ptr<peer>& at = peers_[who];
    if (!at) at = std::make_unique<peer>(*this, who, world_.links());
    return *at;
  }
  void take_messages(party from, peer& one) {
    one.link.take([&](std::span<const std::byte> bytes) {
      if (one.cut || !alive_) return;
      deliver(from, engine::decode(bytes));
    });
  }

  void set_timer() {
    if (!alive_) return;
    instant next = next_machine_timer();
    for (const auto& [who, one] : peers_) {
      if (!one->cut) next = std::min(next, one->link.next_timer());
    }
    if (next == timer_at_) return;
    world_.events().cancel(timer_);
    timer_at_ = next;
    timer_ = event_id{};
    if (next == engine::never) return;
    timer_ = world_.events().at(next, {event_kind::timer, self().value(), 0, self()}, [this] {
      timer_at_ = engine::never;
      for (const auto& [who, one] : peers_) {
        if (!one->cut && one->link.next_timer() <= world_.now()) one->link.timer(world_.now());
      }
      event([&] {
        if (next_machine_timer() <= world_.now()) machine_timer();
      });
      set_timer();
    });
  }

  std::map<party, std::unique_ptr<peer>> peers_;
  std::deque<engine::message> to_itself_;
  std::vector<std::byte> buffer_;
  event_id timer_;
  instant timer_at_ = engine::never;
};

}  // namespace mobula::simulation
