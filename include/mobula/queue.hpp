#pragma once

/// `queue<T>`: hands items from those who push to those who pop, whichever processes they are in.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/actor.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/waiting_line.hpp"
#include "mobula/future.hpp"
#include "mobula/get.hpp"
#include "mobula/promise.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

/// Something was pushed to a queue that is closed, or popped from one that is closed and empty.
class queue_closed_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {

/// Items on their way. They are for whoever gets them to take apart. Shared, so that the queue has
/// them still where nobody gets them; and a list of what can't be copied claims that it can.
template <class T>
using queue_items = std::shared_ptr<std::vector<T>>;

/// What a pop is given. No items and not closed: there is nothing at the moment.
template <class T>
struct queue_offer {
  queue_items<T> items;
  bool closed = false;
};

enum class queue_answer : std::uint8_t { taken, full, closed };

/// Invariant: items lie here, or poppers wait, never both; pushers wait only where there is no room
/// for the first of them.
template <class T>
class queue_state {
 public:
  using offer = queue_offer<T>;
  using some = queue_items<T>;

  explicit queue_state(std::size_t capacity) : capacity_(capacity) {}

  offer take(std::size_t most) {
    offer made = cut(most);
    admit();
    return made;
  }
  void wait_for_items(promise<offer> whom, std::size_t most) {
    poppers_.join(std::move(whom), most);
    serve();
    admit();
  }
  void bring_back(const offer& from) {
    if (from.items == nullptr) return;
    put_back(*from.items);
    serve();
  }

  queue_answer push(const some& items) {
    if (closed_) return queue_answer::closed;
    if (pushers_.first() != nullptr || !has_room_for(items->size())) return queue_answer::full;
    append(*items);
    return queue_answer::taken;
  }
  queue_answer push_or_wait(const some& items, promise<queue_answer> whom) {
    if (closed_) return queue_answer::closed;
    if (pushers_.first() == nullptr && has_room_for(items->size())) {
      append(*items);
      return queue_answer::taken;
    }
    pushers_.join(std::move(whom), items);
    return queue_answer::full;
  }

  void close() {
    closed_ = true;
    while (pushers_.first() != nullptr) pushers_.give(queue_answer::closed);
    while (poppers_.first() != nullptr) poppers_.give({nullptr, true});
  }
  bool closed() const { return closed_; }
  std::size_t size() const { return items_.size(); }
  std::size_t capacity() const { return capacity_; }
  /// For tests.
  std::size_t waiting_poppers() const { return poppers_.size(); }
  std::size_t waiting_pushers() const { return pushers_.size(); }
  std::size_t entries() const { return poppers_.entries() + pushers_.entries(); }

 private:
  bool has_room_for(std::size_t count) const {
    return capacity_ == 0 || items_.size() + count <= capacity_;
  }
  offer cut(std::size_t most) {
    offer made{nullptr, closed_ && items_.empty()};
    if (items_.empty()) return made;
    const auto end = items_.begin() + static_cast<std::ptrdiff_t>(std::min(most, items_.size()));
    made.items = std::make_shared<std::vector<T>>(std::move_iterator(items_.begin()),
                                                  std::move_iterator(end));
    items_.erase(items_.begin(), end);
    return made;
  }
  void put_back(std::vector<T>& items) {
    items_.insert(items_.begin(), std::move_iterator(items.begin()),
                  std::move_iterator(items.end()));
  }
  void append(std::vector<T>& items) {
    items_.insert(items_.end(), std::move_iterator(items.begin()), std::move_iterator(items.end()));
    serve();
  }
  void serve() {
    while (const std::size_t* const most = poppers_.first()) {
      const offer made = cut(*most);
      if (made.items == nullptr && !made.closed) return;
      if (!poppers_.give(made) && made.items != nullptr) put_back(*made.items);
    }
  }
  void admit() {
    while (const some* const waiting = pushers_.first()) {
      if (!has_room_for((*waiting)->size())) return;
      const some items = *waiting;
      if (pushers_.give(queue_answer::taken)) append(*items);
    }
  }

  std::size_t capacity_;
  bool closed_ = false;
  std::deque<T> items_;
  waiting_line<std::size_t, offer> poppers_;
  waiting_line<some, queue_answer> pushers_;
};

}  // namespace detail

/// A handle to a queue, which is an actor: copies refer to the same one, and it is a value that can
/// be sent, stored and returned. When the last handle goes, so does the queue, with what is in it.
/// `T` may be one that can only be moved.
///
///   mobula::queue<job> jobs(100);  // at most 100 lie in it
///   mobula::async<work>(jobs);     // while (std::optional<job> next = jobs.next()) ...
///   jobs.push(job{1});
///   jobs.close();
///
/// Items come out as they went in, and whoever has waited longest is served first. An item is
/// handed out once: not to who gave up (a timeout, a cancelled task) or died while he waited, but
/// to the next. Who dies when he has it takes it with him; he has it when his process does, and
/// what lies ready from when he asks for it. While a process is stopped, not dead, to which an item
/// is on its way, the queue waits for its answer.
///
/// A body that waits gives back its CPUs, and nobody asks anything meanwhile. A timeout is how long
/// to wait for others; the way to the queue and back comes on top, also where it is 0. Items are
/// copied into the queue's process and out: pass large ones as `array<T>` or `future<T>`.
///
/// Errors: `actor_died_error` where the queue's process is gone. Thread safety: like
/// `std::shared_ptr`; calls on one queue may be made from anywhere.
template <class T>
class queue {
 public:
  using value_type = T;

  /// Makes a queue without a limit.
  queue() : queue(0) {}
  /// `capacity`: how many items it holds at most; 0 is no limit, as Ray's `maxsize`. With a name in
  /// the options and `.get_if_exists` it may be an older one, of another capacity.
  explicit queue(std::size_t capacity, actor_options options = {}) : capacity_(capacity) {
    detail::check_state_options(options, "queue");
    const bool may_be_older = options.get_if_exists;
    state_ = spawn<state>(std::move(options), capacity);
    if (may_be_older) capacity_ = get(state_.template call<&state::capacity>());
  }

  /// Waits while there is no room. Throws `timeout_error`, with which the item is not in the queue
  /// and gone with the call; `queue_closed_error`, also when it is closed meanwhile. Of a push in a
  /// body that is cancelled nobody knows whether it came in time.
  void push(T item, mobula::duration timeout = mobula::duration::none()) const {
    push_all("push", one(std::move(item)), timeout);
  }
  /// False where there is no room within the timeout, by default at once.
  [[nodiscard]] bool try_push(T item, mobula::duration timeout = mobula::duration::zero()) const {
    return add("try_push", one(std::move(item)), timeout);
  }
  /// All or none of them, one after another and in one message: it waits until there is room for
  /// all. More than the queue can hold is `std::invalid_argument`.
  void push_batch(std::vector<T> items, mobula::duration timeout = mobula::duration::none()) const {
    push_all("push_batch", all(std::move(items)), timeout);
  }
  [[nodiscard]] bool try_push_batch(std::vector<T> items,
                                    mobula::duration timeout = mobula::duration::zero()) const {
    return add("try_push_batch", all(std::move(items)), timeout);
  }

  /// Waits for an item. Throws `timeout_error`, and `queue_closed_error` where it is closed and
  /// empty.
  T pop(mobula::duration timeout = mobula::duration::none()) const {
    const offer given = take("pop", 1, timeout);
    if (given.closed) throw queue_closed_error("pop: the queue is closed and empty");
    if (given.items == nullptr) throw_timeout("pop", timeout);
    return std::move(given.items->front());
  }
  /// The same; empty where the queue is closed and empty: for loops.
  std::optional<T> next(mobula::duration timeout = mobula::duration::none()) const {
    const offer given = take("next", 1, timeout);
    if (given.closed) return std::nullopt;
    if (given.items == nullptr) throw_timeout("next", timeout);
    return std::move(given.items->front());
  }
  /// Empty where nothing comes within the timeout, by default at once, or ever.
  std::optional<T> try_pop(mobula::duration timeout = mobula::duration::zero()) const {
    const offer given = take("try_pop", 1, timeout);
    if (given.items == nullptr) return std::nullopt;
    return std::move(given.items->front());
  }
  /// Waits for one item, and takes what lies behind it too, up to `most`. Empty only where the
  /// queue is closed and empty. Ray's waits for as many as asked for.
  std::vector<T> pop_batch(std::size_t most,
                           mobula::duration timeout = mobula::duration::none()) const {
    const offer given = take("pop_batch", most, timeout);
    if (given.closed) return {};
    if (given.items == nullptr) throw_timeout("pop_batch", timeout);
    return std::move(*given.items);
  }
  /// Empty where nothing comes within the timeout, by default at once, or ever.
  std::vector<T> try_pop_batch(std::size_t most,
                               mobula::duration timeout = mobula::duration::zero()) const {
    const offer given = take("try_pop_batch", most, timeout);
    if (given.items == nullptr) return {};
    return std::move(*given.items);
  }

  /// Nothing can be pushed any more: pushes throw, those that wait too. What is in it can be
  /// popped; then pops find it closed. Twice is once.
  void close() const { detail::call_in_any_case<&state::close>(require("close")); }
  [[nodiscard]] bool closed() const {
    return get(require("closed").template call<&state::closed>());
  }
  /// Items that lie in it, when it was asked.
  [[nodiscard]] std::size_t size() const {
    return get(require("size").template call<&state::size>());
  }
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// 0: no limit.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// Two handles are equal where they refer to the same queue.
  friend bool operator==(const queue& a, const queue& b) noexcept { return a.state_ == b.state_; }

 private:
  using state = detail::queue_state<T>;
  using offer = detail::queue_offer<T>;
  using some = detail::queue_items<T>;
  using answer = detail::queue_answer;
  friend serializer<queue>;

  queue(actor<state> received, std::size_t capacity) noexcept
      : state_(std::move(received)), capacity_(capacity) {}

  const actor<state>& require(const char* call) const {
    return detail::require_state(state_, call, "queue");
  }
  static some one(T item) {
    auto items = std::make_shared<std::vector<T>>();
    items->push_back(std::move(item));
    return items;
  }
  static some all(std::vector<T>&& items) {
    return std::make_shared<std::vector<T>>(std::move(items));
  }
  [[noreturn]] static void throw_timeout(const char* call, mobula::duration timeout) {
    throw timeout_error(std::string{call} + ": nothing came within " + to_string(timeout));
  }

  void push_all(const char* call, some items, mobula::duration timeout) const {
    if (add(call, std::move(items), timeout)) return;
    throw timeout_error(std::string{call} + ": there was no room within " + to_string(timeout));
  }
  /// False: there was no room in time.
  bool add(const char* call, some items, mobula::duration timeout) const {
    const actor<state>& to = require(call);
    if (capacity_ != 0 && items->size() > capacity_) {
      throw std::invalid_argument(std::string{call} + ": " + std::to_string(items->size()) +
                                  " items are more than the queue's capacity of " +
                                  std::to_string(capacity_));
    }
    answer got = answer::full;
    if (capacity_ == 0 || timeout <= mobula::duration::zero()) {
      got = get(to.template call<&state::push>(std::move(items)));
    } else {
      got = add_or_wait(to, std::move(items), detail::end_of(timeout));
    }
    if (got == answer::closed) {
      throw queue_closed_error(std::string{call} + ": the queue is closed");
    }
    return got == answer::taken;
  }
  static answer add_or_wait(const actor<state>& to, some items, clock::time_point end) {
    future<answer> later;
    future<answer> first;
    {
      const promise<answer> whom;
      later = whom.get_future();
      first = to.template call<&state::push_or_wait>(std::move(items), whom);
    }
    try {
      if (const answer now = get(first); now != answer::full) return now;
    } catch (...) {
      if (detail::asked_to_stop()) cancel(later);
      throw;
    }
    const answer* const got =
        detail::await_grant<nullptr, &state::size>(to, later, detail::time_left(end));
    return got == nullptr ? answer::full : *got;
  }

  /// What lies ready, else what comes in time.
  offer take(const char* call, std::size_t most, mobula::duration timeout) const {
    const actor<state>& from = require(call);
    if (most == 0) {
      throw std::invalid_argument(std::string{call} + ": most is 0, at least 1 is needed");
    }
    detail::throw_if_asked_to_stop();
    const clock::time_point end = detail::end_of(timeout);
    future<offer> ready;
    {
      const detail::without_parent free;
      ready = from.template call<&state::take>(most);
    }
    offer now = detail::get_or_send_back<&state::bring_back>(from, ready);
    if (now.items != nullptr || now.closed || timeout <= mobula::duration::zero()) return now;
    future<offer> later;
    {
      const promise<offer> whom;
      later = whom.get_future();
      const detail::without_parent free;
      from.template post<&state::wait_for_items>(whom, most);
    }
    const offer* const given =
        detail::await_grant<&state::bring_back, &state::size>(from, later, detail::time_left(end));
    return given == nullptr ? offer{} : *given;
  }

  actor<state> state_;
  std::size_t capacity_ = 0;
};

/// A queue in a value travels as a handle, and keeps the queue alive.
template <class T>
struct serializer<queue<T>> {
  static void save(const queue<T>& value, output& to) {
    serialization::save(to, value.state_);
    to.number(static_cast<std::uint64_t>(value.capacity_));
  }
  static queue<T> load(input& from) {
    auto state = serialization::load<actor<detail::queue_state<T>>>(from);
    return queue<T>(std::move(state), from.number<std::uint64_t>());
  }
};

}  // namespace mobula
