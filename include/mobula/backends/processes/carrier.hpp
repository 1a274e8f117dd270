#pragma once

/// What carries the messages of a process: its parties share a mutex, and whoever waits in it looks
/// after the rings.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <span>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/processes/adaptive_spin.hpp"
#include "mobula/backends/processes/local_party.hpp"
#include "mobula/backends/processes/message_tag.hpp"
#include "mobula/backends/processes/run_all.hpp"
#include "mobula/backends/processes/start_thread.hpp"
#include "mobula/backends/processes/turn.hpp"
#include "mobula/backends/threads/parker.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/engine/codec.hpp"
#include "mobula/net/endpoint.hpp"
#include "mobula/net/exchange.hpp"

namespace mobula::processes {

using hosting::completion;

/// Invariants:
///  - Machines are stepped, and rings are read and written, by the thread that has entered. Enter
///    as often as you like; the outermost `leave` delivers what local parties said to each other,
///    publishes what was sent, and then runs, unlocked, what is the program's.
///  - One thread at most is the leader: it polls the rings, and sleeps when nothing comes. Whoever
///    waits becomes it, if there is none. The helper, a thread of its own, looks after the rings
///    while nobody does for a millisecond, so that a short gap wakes nobody.
///  - Whoever looks after the rings dozes before it sleeps: answers of a process that has more to
///    do don't wake it, but gather for a moment. Nothing waits longer than that.
class carrier {
 public:
  carrier(net::exchange& exchange, party self, party node)
      : exchange_(exchange), ends_(exchange, self.value()), self_(self), node_(node) {}
  carrier(const carrier&) = delete;
  carrier& operator=(const carrier&) = delete;
  ~carrier() { MOBULA_ASSERT(!helper_.joinable(), "a process is stopped before it goes"); }

  [[nodiscard]] party self() const noexcept { return self_; }
  [[nodiscard]] party node() const noexcept { return node_; }
  net::exchange& exchange() noexcept { return exchange_; }
  void add(local_party& one) { parties_.push_back(&one); }
  /// Called for each message that no machine gets (`message_tag::control`), by whoever has entered.
  std::function<void(party from, std::span<const std::byte> content)> on_control;
  /// Called, entered, when nothing of this process touches what it shared with the dead.
  std::function<void(party dead)> on_buried;
  /// Called, entered, before a message of a party that was never heard of reaches the node.
  std::function<void(party from)> on_stranger;

  void start() {
    helper_ = start_thread("that looks after messages", [this] { help(); });
  }
  /// No thread but the caller's is in it afterwards, if no other waits.
  void stop() {
    enter();
    stopping_ = true;
    leave();
    ends_.wake();
    wake_helper();
    if (helper_.joinable()) helper_.join();
  }

  // --- Turns

  void enter() { turn_.enter(); }
  /// `has_more`: bodies are to run here, so that answers can wait. Not while the last one runs: a
  /// caller who is told then can send more in time.
  void leave(bool has_more = false) noexcept {
    if (!turn_.is_outermost()) return turn_.step_out();
    hear();
    end_turn(has_more ? net::urgency::can_wait : net::urgency::now);
    release();
  }
  /// What has come from others, if nobody else listens. For whoever has entered, in no event.
  void hear() {
    if (leader_ == nullptr && ends_.has_news()) poll(poll_share);
  }
  void leave_unchanged() noexcept {
    turn_.is_outermost() ? static_cast<void>(turn_.release()) : turn_.step_out();
  }
  [[nodiscard]] bool is_inside() const noexcept { return turn_.is_mine(); }
  void run_outside(action what) { outside_.push_back(std::move(what)); }

  // --- Messages

  template <class Message>
  void send(local_party& from, party to, Message&& one) {
    if (local_party* const here = local(to)) {
      to_local_.emplace_back(from.self(), here, engine::message(std::forward<Message>(one)));
      return;
    }
    const bool to_node = to == node_;
    const party there = to_node ? driver_ : to;
    if (!to_node && dead_.contains(there)) return;
    std::uint32_t tag = to_node ? message_tag::to_node : 0;
    if (from.self() == node_) tag |= message_tag::from_node;
    constexpr bool answers = std::is_same_v<std::remove_cvref_t<Message>, engine::task_done>;
    const auto sent = engine::encode_to(one, [&](std::size_t bytes, auto fill) {
      return ends_.send(there.value(), tag, bytes, fill,
                        answers ? net::urgency::can_wait : net::urgency::now);
    });
    if (sent == net::endpoint::sent::unknown) {
      // Dead before we knew it: its end is told when the machine that speaks is done.
      to_bury_.push_back(there);
    }
  }
  void send_control(party to, std::span<const std::byte> content) {
    static_cast<void>(ends_.send(to.value(), message_tag::control, content));
  }
  void set_driver(party driver) noexcept { driver_ = driver; }

  /// That process is dead: what it had sent is delivered, and then the cut. For whoever has
  /// entered, in no event.
  void bury(party dead) {
    if (!dead_.insert(dead).second) return;
    ends_.receive_from(dead.value(), [this](std::uint64_t from, std::uint32_t tag,
                                            std::span<const std::byte> content) {
      arrived(party{from}, tag, content);
    });
    ends_.forget(dead.value());
    for (local_party* const one : parties_) one->cut(dead);
    if (on_buried) on_buried(dead);
  }
  /// All that was sent is in the rings, where its reader finds it even if this process dies now.
  [[nodiscard]] bool all_arrived() const noexcept {
    return to_local_.empty() && !ends_.has_output();
  }

  // --- Waiting

  /// How one thread of the process waits.
  class waiter final : public hosting::sleeper {
   public:
    explicit waiter(carrier& of) : of_(of) {}
    /// For whoever has entered.
    void completed() override {
      woken_.store(true, std::memory_order_seq_cst);
      if (of_.leader_ == this) {
        if (of_.leader_sleeps_.load(std::memory_order_seq_cst)) of_.ends_.wake();
      } else {
        parker_.unpark();
      }
    }

   private:
    friend class carrier;
    carrier& of_;
    detail::parker parker_;
    std::atomic<bool> woken_{false};
  };

  /// Leaves, and returns, entered again, when `until()` is true, which it then stays: it is asked
  /// whenever the waiter was woken by `completed`, or the deadline, which it may change, has come.
  /// Meanwhile the thread leads, if nobody does. It runs the program's code (`run_outside`), and
  /// may so come back here.
  template <class Until>
  void wait(waiter& one, const instant& deadline, Until until) {
    while (!until()) {
      one.woken_.store(false, std::memory_order_relaxed);
      if (until()) break;
      if (leader_ == nullptr) {
        leader_ = &one;
        lead(one, deadline, until);
      } else {
        followers_.push_back(&one);
        end_turn();
        const int depth = release();
        one.parker_.park(deadline == engine::never
                             ? clock::time_point::max()
                             : clock::time_point(clock::duration(deadline)));
        turn_.take_back(depth);
        std::erase(followers_, &one);
      }
    }
    // Somebody has to lead while others wait.
    if (leader_ == nullptr && !followers_.empty()) followers_.front()->parker_.unpark();
  }
  static void nudge(waiter& one) { one.completed(); }

  /// Something was let go of, on any thread: it is looked at soon.
  void look_soon() noexcept {
    must_look_.store(true, std::memory_order_seq_cst);
    if (helper_deep_.load(std::memory_order_seq_cst)) {
      ends_.wake();
      wake_helper();
    }
  }
  /// A body begins on the calling thread, which has entered: until it is over the helper looks
  /// after the rings, if it lasts.
  void body_begins() noexcept {
    bodies_begun_.fetch_add(1, std::memory_order_relaxed);
    // Where it looks after them already, those who send wake it.
    if (helper_deep_.load(std::memory_order_seq_cst) &&
        !ends_.expects_wake(net::sleeper::helper)) {
      wake_helper();
    }
  }

 private:
  static constexpr std::size_t poll_share = 256;
  static constexpr std::size_t local_share = 4096;
  static constexpr instant tick = 1'000'000;       ///< ns; how long nobody may look
  static constexpr instant quiet_after = 20 * tick;  ///< then the helper sleeps for good
  static constexpr instant awake = INT64_MIN;        ///< nobody sleeps
  static constexpr instant doze = 100'000;           ///< ns; how long answers may gather

  /// Gives the whole turn up, for a while or for good; the program's code runs meanwhile.
  int release() noexcept {
    if (outside_.empty()) return turn_.release();
    std::vector<action> outside = spare_actions::take();
    outside.swap(outside_);
    const int depth = turn_.release();
    run_all(std::move(outside));
    return depth;
  }

  local_party* local(party who) const noexcept {
    for (local_party* const one : parties_) {
      if (one->self() == who) return one;
    }
    return nullptr;
  }

  void arrived(party from, std::uint32_t tag, std::span<const std::byte> content) {
    if ((tag & message_tag::control) != 0) {
      if (on_control) on_control(from, content);
      return;
    }
    const bool to_node = (tag & message_tag::to_node) != 0;
    local_party* const here = local(to_node ? node_ : self_);
    if (here == nullptr) return;
    if (to_node && on_stranger) on_stranger(from);
    const party sender = (tag & message_tag::from_node) != 0 ? node_ : from;
    try {
      engine::decode_to(content, [&]<class Message>(Message&& one) {
        if constexpr (is_hot<Message>) return here->hear(sender, std::move(one));
        deliver(sender, *here, engine::message(std::move(one)));
      });
    } catch (const protocol_error& nonsense) {
      std::fprintf(stderr, "mobula: process %llu sent nonsense to this one: %s\n",
                   static_cast<unsigned long long>(from.value()), nonsense.what());
    }
  }
  void deliver(party from, local_party& to, engine::message&& one) {
    // Who is told of a death is told of the cut soon, when all that the dead had said is heard.
    if (const auto* const death = std::get_if<engine::party_died>(&one)) {
      to_bury_.push_back(death->what.who);
    }
    to.hear(from, std::move(one));
  }

  bool poll(std::size_t most) {
    const std::size_t count =
        ends_.receive([this](std::uint64_t from, std::uint32_t tag,
                             std::span<const std::byte> content) {
          arrived(party{from}, tag, content);
        }, most);
    while (const auto broken = ends_.next_broken()) {
      std::fprintf(stderr, "mobula: process %llu wrote nonsense to this one: %s\n",
                   static_cast<unsigned long long>(broken->party), broken->why);
    }
    return count != 0;
  }

  /// One step. False: nothing is left to be heard, and the parties had nothing to say either.
  bool hear_local() {
    if (!to_local_.empty()) {
      local_message next = std::move(to_local_.front());
      to_local_.pop_front();
      deliver(next.from, *next.to, std::move(next.what));
    } else if (!to_bury_.empty()) {
      const party gone = to_bury_.back();
      to_bury_.pop_back();
      bury(gone);
    } else {
      for (local_party* const one : parties_) one->turn_ends();
      return !to_local_.empty() || !to_bury_.empty();
    }
    return true;
  }
  /// Delivers what local parties have said, and publishes. Others are heard too, however long it
  /// lasts.
  void end_turn(net::urgency answers = net::urgency::now) {
    MOBULA_ASSERT(turn_.is_mine(), "a turn is the thread's own");
    for (std::size_t steps = 1; hear_local(); ++steps) {
      if (steps % local_share != 0) continue;
      ends_.flush();
      poll(poll_share);
    }
    ends_.flush(answers);
    schedule_timer();
  }
  /// Whoever sleeps wakes in time.
  void schedule_timer() {
    instant next = engine::never;
    for (local_party* const one : parties_) next = std::min(next, one->next_timer());
    next_timer_ = next;
    if (next < sleeps_until_) ends_.wake();
  }
  void fire_timers() {
    if (next_timer_ == engine::never || local_party::monotonic_now() < next_timer_) return;
    for (local_party* const one : parties_) {
      if (one->next_timer() <= local_party::monotonic_now()) one->timer();
    }
  }

  /// Returns when `until()`, or when the program's code has run: then somebody else may lead.
  template <class Until>
  void lead(waiter& me, const instant& deadline, Until& until) {
    attended_.fetch_add(1, std::memory_order_relaxed);
    ends_.awake();
    bool dozes = true;  // first, and as long as something comes meanwhile
    for (;;) {
      fire_timers();
      const bool any = poll(poll_share);
      dozes = dozes || any;
      end_turn();
      if (!outside_.empty()) {
        leader_ = nullptr;
        if (!followers_.empty()) followers_.front()->parker_.unpark();
        turn_.take_back(release());
        break;
      }
      if (until()) break;
      if (any) continue;
      const instant wake_at = std::min(deadline, next_timer_);
      sleeps_until_ = wake_at;
      const int depth = release();
      const auto news = [&] {
        return ends_.has_news() || me.woken_.load(std::memory_order_acquire);
      };
      if (!spin_.finds(news) && wake_at > local_party::monotonic_now()) {
        leader_sleeps_.store(true, std::memory_order_seq_cst);
        const instant until_then = expect_wake(net::sleeper::leader, dozes, wake_at);
        if (!ends_.has_news() && !me.woken_.load(std::memory_order_seq_cst)) {
          ends_.sleep(net::sleeper::leader, until_then);
        }
        ends_.awake();
        leader_sleeps_.store(false, std::memory_order_relaxed);
        dozes = false;
      }
      turn_.take_back(depth);
      sleeps_until_ = awake;
      if (until()) break;
    }
    attended_.fetch_add(1, std::memory_order_relaxed);
    if (leader_ == &me) leader_ = nullptr;
    if (helper_deep_.load(std::memory_order_seq_cst)) wake_helper();
  }
  /// From now on the thread is woken; returns until when it may sleep.
  instant expect_wake(net::sleeper who, bool dozes, instant until) noexcept {
    if (!dozes) {
      ends_.expect_wake(who);
      return until;
    }
    ends_.expect_wake_dozing(who);
    return std::min(until, local_party::monotonic_now() + doze);
  }
  /// However it sleeps, or is just about to.
  void wake_helper() noexcept {
    nap_.unpark();
    ends_.wake_helper();
  }
  /// The helper: looks after the rings when nobody has for a tick.
  void help() {
    std::uint64_t seen = 0;
    std::uint64_t seen_bodies = 0;
    instant active_at = local_party::monotonic_now();
    bool dozes = true;
    enter();
    while (!stopping_) {
      const instant now = local_party::monotonic_now();
      const bool is_led = leader_ != nullptr;
      const std::uint64_t attended = attended_.load(std::memory_order_relaxed);
      const std::uint64_t bodies = bodies_begun_.load(std::memory_order_relaxed);
      const bool has_moved = attended != seen || bodies != seen_bodies;
      seen = attended;
      seen_bodies = bodies;
      if (has_moved) active_at = now;
      must_look_.store(false, std::memory_order_seq_cst);
      const bool attends = !is_led && !has_moved;  // nobody looks: it is ours until somebody does
      if (attends) {
        fire_timers();
        dozes = poll(poll_share) || dozes;
      }
      end_turn();
      if (!outside_.empty()) {
        turn_.take_back(release());
        continue;
      }
      const bool is_deep = attends || (is_led && now - active_at > quiet_after);
      const instant until = std::min(attends ? next_timer_ : engine::never,
                                     is_deep ? engine::never : now + tick);
      helper_deep_.store(is_deep, std::memory_order_seq_cst);
      if (is_deep && must_look_.load(std::memory_order_seq_cst)) continue;
      instant until_then = until;
      if (attends) {
        sleeps_until_ = until;
        until_then = expect_wake(net::sleeper::helper, std::exchange(dozes, false), until);
      }
      const int depth = release();
      if (!attends) {
        nap_.park(until == engine::never ? clock::time_point::max()
                                         : clock::time_point(clock::duration(until)));
      } else if (!ends_.has_news()) {
        ends_.sleep(net::sleeper::helper, until_then);
      }
      turn_.take_back(depth);
      if (attends && leader_ == nullptr) sleeps_until_ = awake;
      helper_deep_.store(false, std::memory_order_relaxed);
    }
    leave();
  }

  struct local_message {
    local_message(party by, local_party* whom, engine::message&& one)
        : from(by), to(whom), what(std::move(one)) {}
    party from;
    local_party* to;
    engine::message what;
  };

  net::exchange& exchange_;
  net::endpoint ends_;
  const party self_;
  const party node_;
  party driver_;
  std::vector<local_party*> parties_;

  turn turn_;
  bool stopping_ = false;
  std::deque<local_message> to_local_;
  std::vector<party> to_bury_;
  std::unordered_set<party> dead_;
  std::vector<action> outside_;
  instant next_timer_ = engine::never;

  waiter* leader_ = nullptr;
  std::vector<waiter*> followers_;
  std::atomic<bool> leader_sleeps_{false};
  adaptive_spin spin_;  ///< the leader's
  instant sleeps_until_ = awake;  ///< of whoever looks after the rings
  std::atomic<std::uint64_t> attended_{0};      ///< grows when somebody leads
  std::atomic<std::uint64_t> bodies_begun_{0};
  std::atomic<bool> helper_deep_{false};
  std::atomic<bool> must_look_{false};  ///< `look_soon` has come since the helper looked
  detail::parker nap_;                  ///< the helper's, while others look after the rings
  std::thread helper_;
};

inline void local_party::enter() { in_.enter(); }
inline void local_party::leave() noexcept { in_.leave(); }
inline void local_party::leave_unchanged() noexcept { in_.leave_unchanged(); }
inline void local_party::run_outside(action what) { in_.run_outside(std::move(what)); }
template <class Message>
void local_party::pass_on(party to, Message&& one) {
  if (alive_) in_.send(*this, to, std::forward<Message>(one));
}

}  // namespace mobula::processes
