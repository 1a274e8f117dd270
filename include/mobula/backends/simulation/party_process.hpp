#pragma once

/// A simulated process as the others see it: links to its peers, a timer, and a death.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/backends/simulation/due_links.hpp"
#include "mobula/backends/simulation/world.hpp"
#include "mobula/engine/codec.hpp"
#include "mobula/engine/fifo.hpp"
#include "mobula/engine/lasting/conversation.hpp"
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
  party_process(world& in, party self) : party_base(in, self), clock_(in.clock_of(self)) {}

  // party_loop

  instant now() const noexcept override { return clock_.at(world_.now()); }
  instant own_time(instant of_clock) const noexcept override { return clock_.at(of_clock); }
  [[nodiscard]] const machine_clock& own_clock() const noexcept { return clock_; }
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
    world_.died(self());
    forget_todo();
    world_.events().drop(self());
    timer_ = event_id{};
  }

  /// From a peer's link.
  void frame_arrived(party from, std::span<const std::byte> frame) {
    if (!alive_) return;
    peer* const known = peer_unless_gone(from);
    if (known == nullptr) return;
    peer& one = *known;
    one.link.frame_arrived(frame, now());
    take_messages(from, one);
    note_due(one);
    set_timer();
    if (alive_) after_event();
  }
  /// Nothing comes from that peer any more.
  void peer_gone(party who) override {
    if (!alive_ || !gone_.insert(who).second) return;
    if (const auto at = peers_.find(who); at != peers_.end()) {
      at->second->cut = true;
      at->second->link.cut();
      note_due(*at->second);
    }
    event([&] { cut_off(who); });
  }
  std::vector<party> peers() const override {
    std::vector<party> out;
    for (const auto& [who, one] : peers_) out.push_back(who);
    std::sort(out.begin(), out.end());
    return out;
  }
  bool has_peer(party who) const override { return peers_.contains(who); }
  /// Something that was sent to one of those is not known to have arrived.
  template <class Test>
  [[nodiscard]] bool waits_for_acks_of_any(Test is_one) const {
    for (const auto& [who, one] : peers_) {
      if (!one->cut && one->link.unacknowledged_bytes() != 0 && is_one(who)) return true;
    }
    return false;
  }
  /// The head was dead, and is there again: there is a new link to it.
  void head_is_back() {
    if (!alive_) return;
    renew_link(lasting_);
    send_bytes(lasting_, engine::encode(engine::resume_words{talk_.begin_link()}));
  }

 protected:
  /// The head of several nodes, which comes back when it dies: with it this is one conversation.
  void talk_lasts_with(party head) { lasting_ = head; }

  void event_over() override {
    set_timer();
    after_event();
  }
  /// From a peer's link.
  virtual void take_message(party from, std::span<const std::byte> bytes) {
    engine::message what = engine::decode(bytes);
    if (from == lasting_ && !hear(what)) return;
    deliver(from, std::move(what));
  }
  /// A message for the process's machines.
  virtual void receive(party from, engine::message&& one) = 0;
  /// A peer is dead.
  virtual void cut_off(party who) = 0;
  /// Something was to be sent to a peer that is known to be dead.
  virtual void unreachable(party) {}
  /// The head is back, and has all that was said: what it only looks at it does not know any more.
  virtual void show_again() {}
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
    peer* const known = peer_unless_gone(to);
    if (known == nullptr) return unreachable(to);
    peer& with = *known;
    if constexpr (std::is_same_v<std::remove_cvref_t<Message>, engine::task_done>) {
      if (!one.unbegun) with.note_answer(one.task);
    }
    ++with.sent;
    buffer_.clear();
    engine::encode(one, buffer_);
    if (to == lasting_ && is_only_view(one)) {
      if (talk_.is_open()) with.link.send(buffer_, now());
    } else if (to == lasting_) {
      talk_.say(buffer_);
      talk_.release(1, [&](std::span<const std::byte> bytes) {
        with.link.send(bytes, now());
      });
    } else {
      with.link.send(buffer_, now());
    }
    note_due(with);
    if (!in_event()) set_timer();
  }
  void send_bytes(party to, std::span<const std::byte> bytes) {
    peer* const known = alive_ ? peer_unless_gone(to) : nullptr;
    if (known == nullptr) return;
    peer& with = *known;
    ++with.sent;
    with.link.send(bytes, now());
    note_due(with);
    if (!in_event()) set_timer();
  }
  /// What is on the old one is lost.
  void renew_link(party with) {
    const auto at = peers_.find(with);
    if (at == peers_.end()) return;
    due_.set(*at->second, engine::never);
    peers_.erase(at);
  }
  void renew_all_links() {
    due_.clear();
    peers_.clear();
    set_timer();
  }
  /// Nothing comes from them any more. In order.
  const std::set<party>& cut_parties() const noexcept { return gone_; }

  /// Calls and tasks that have begun here, and whose answer may never arrive if this process dies
  /// now.
  void append_unheard(engine::key_list& out) {
    for (const party who : peers()) {
      peer& one = *peers_.find(who)->second;
      if (one.cut) continue;
      one.forget_heard();
      for (const auto& [number, task] : one.answers) out.push_back(task);
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
               session_of(of.self(), with), *this, of.now(), options) {}
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

    std::uint64_t session_of(party a, party b) const {
      const std::uint64_t life = process.world_.life_of(a) + process.world_.life_of(b);
      return (life << 52) + (a < b ? (a.value() << 32) | b.value() : (b.value() << 32) | a.value());
    }

    party_process& process;
    party to;
    engine::link link;
    std::uint64_t sent = 0;  ///< messages
    /// Of those that the peer may not have got: how-manieth it is, from 0, and what it answers.
    engine::fifo<std::pair<std::uint64_t, engine::object_key>> answers;
    instant due = engine::never;
    std::size_t due_place = due_links<peer>::nowhere;
    bool cut = false;
    bool broken = false;
  };

  template <class Message>
  static bool is_only_view(const Message& one) {
    if constexpr (std::is_same_v<Message, engine::message>) return engine::is_view(one);
    return false;
  }
  /// Null: nothing comes from it any more.
  peer* peer_unless_gone(party who) {
    if (const auto at = peers_.find(who); at != peers_.end()) {
      return at->second->cut ? nullptr : at->second.get();
    }
    if (gone_.contains(who)) return nullptr;
    peer& made = *peers_.emplace(who, std::make_unique<peer>(*this, who, world_.links()))
                      .first->second;
    world_.linked(self(), who);
    return &made;
  }
  void take_messages(party from, peer& one) {
    one.link.take([&](std::span<const std::byte> bytes) {
      if (one.cut || !alive_) return;
      take_message(from, bytes);
    });
  }
  /// From the head. False: a word about the link, or one that was here before.
  bool hear(const engine::message& what) {
    const auto send = [this](std::span<const std::byte> bytes) { send_bytes(lasting_, bytes); };
    if (const auto* const words = std::get_if<engine::resume_words>(&what)) {
      const bool is_known = talk_.resume(words->kept, send);
      MOBULA_ASSERT(is_known, "a head that comes back is who it was");
      event([&] { show_again(); });
      return false;
    }
    if (const auto* const words = std::get_if<engine::words_kept>(&what)) {
      const bool is_known = talk_.forget(words->kept);
      MOBULA_ASSERT(is_known, "a head has no more than it was told");
      return false;
    }
    if (!talk_.hear()) return false;
    if (talk_.keep(1)) send(engine::encode(engine::words_kept{talk_.kept()}));
    return true;
  }

  /// Its link may want to be called at another time.
  void note_due(peer& one) {
    due_.set(one, one.cut ? engine::never : one.link.next_timer());
  }
  /// Those links that want to be called now are, in the order of their peers.
  void call_links() {
    const instant now = this->now();
    if (due_.first() > now) return;
    std::vector<peer*> late;
    due_.for_each_due(now, [&late](peer& one) { late.push_back(&one); });
    std::sort(late.begin(), late.end(), [](peer* a, peer* b) { return a->to < b->to; });
    for (peer* const one : late) {
      one->link.timer(now);
      note_due(*one);
    }
  }
  /// What links owe, and what they send again, can wait a little for others of the process.
  instant due_in_time() const noexcept {
    constexpr instant together = 4'000'000;
    const instant first = due_.first();
    if (first >= engine::never - together) return first;
    return (first + together - 1) / together * together;
  }
  void set_timer() {
    if (!alive_) return;
    const instant next = std::min(next_machine_timer(), due_in_time());
    if (next == timer_at_) return;
    world_.events().cancel(timer_);
    timer_at_ = next;
    timer_ = event_id{};
    if (next == engine::never) return;
    const instant then = std::max(clock_.when(next), world_.now());
    timer_ = world_.events().at(then, {event_kind::timer, self().value(), 0, self()}, [this] {
      timer_at_ = engine::never;
      call_links();
      event([&] {
        if (next_machine_timer() <= now()) machine_timer();
      });
      set_timer();
    });
  }

  const machine_clock clock_;
  boost::unordered_flat_map<party, std::unique_ptr<peer>, std::hash<party>> peers_;
  due_links<peer> due_;                      ///< when links want to be called
  std::set<party> gone_;                     ///< whose links are cut, be it before there was one
  party lasting_;  ///< the head; empty: none
  engine::conversation talk_;
  engine::fifo<engine::message> to_itself_;
  std::vector<std::byte> buffer_;
  event_id timer_;
  instant timer_at_ = engine::never;
};

}  // namespace mobula::simulation
