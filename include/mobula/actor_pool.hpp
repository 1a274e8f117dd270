#pragma once

/// `actor_pool<A>`: gives calls to whichever of its actors is idle.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mobula/actor.hpp"
#include "mobula/core/demangle.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/arguments.hpp"
#include "mobula/detail/one_pass.hpp"
#include "mobula/detail/waiting_line.hpp"
#include "mobula/future.hpp"
#include "mobula/get.hpp"
#include "mobula/promise.hpp"
#include "mobula/wait.hpp"

namespace mobula {

namespace detail {

/// A call that changes nothing, of any actor: whether it lives.
struct touch_actor {
  template <class A>
  void operator()(A&) const noexcept {}
};

template <class A, auto Member, class... Arguments>
using pooled_result = typename decltype(std::declval<const actor<A>&>().template call<Member>(
    std::declval<Arguments>()...))::value_type;

/// What was given to a pool, from then until its result is taken.
template <class A>
class pool_item {
 public:
  explicit pool_item(const std::type_info& result_type) : result_type_(&result_type) {}
  pool_item(const pool_item&) = delete;
  pool_item& operator=(const pool_item&) = delete;
  virtual ~pool_item() = default;

  /// Throws what the call throws, and then it has not started.
  virtual void start(const actor<A>& on) = 0;
  virtual void fail(const std::exception_ptr& why) = 0;

  const std::type_info& result_type() const noexcept { return *result_type_; }
  /// Empty until it has started.
  const record_ptr& result() const noexcept { return result_; }
  bool done() const noexcept { return result_ && result_->settled(); }
  record_ptr take_result() noexcept { return std::move(result_); }

  bool wanted = true;  ///< false: nobody will take the result, so it need not start

 protected:
  record_ptr result_;

 private:
  const std::type_info* result_type_;
};

template <class A, auto Member, class... Arguments>
class pool_call final : public pool_item<A> {
 public:
  using result = pooled_result<A, Member, Arguments...>;

  template <class... Given>
  explicit pool_call(Given&&... arguments)
      : pool_item<A>(typeid(result)), arguments_(std::forward<Given>(arguments)...) {}

  void start(const actor<A>& on) override {
    this->result_ = std::apply(
        [&on](Arguments&... arguments) {
          return on.template call<Member>(std::move(arguments)...).state();
        },
        arguments_);
  }
  void fail(const std::exception_ptr& why) override {
    const promise<result> failed;
    failed.set_exception(why);
    this->result_ = failed.get_future().state();
  }

 private:
  std::tuple<Arguments...> arguments_;
};

/// The actors of a pool and what they are at.
template <class A>
class pool_work {
 public:
  using item_ptr = std::shared_ptr<pool_item<A>>;

  void add(actor<A> one) {
    idle_.push_back(std::move(one));
    refill();
  }
  std::optional<actor<A>> take_idle() {
    if (idle_.empty()) return std::nullopt;
    actor<A> one = std::move(idle_.front());
    idle_.pop_front();
    return one;
  }
  bool has(const actor<A>& one) const {
    return std::find(idle_.begin(), idle_.end(), one) != idle_.end() ||
           std::any_of(busy_.begin(), busy_.end(),
                       [&one](const busy& each) { return each.who == one; });
  }
  std::size_t idle_count() const noexcept { return idle_.size(); }
  std::size_t actor_count() const noexcept { return idle_.size() + busy_.size(); }

  void submit(item_ptr item) {
    look();
    waiting_.push_back(std::move(item));
    refill();
  }
  /// Sees who has become idle, and gives them what waits.
  void look() {
    for (std::size_t i = 0; i < busy_.size();) {
      if (!busy_[i].with->settled()) {
        ++i;
        continue;
      }
      busy one = std::move(busy_[i]);
      busy_.erase(busy_.begin() + static_cast<std::ptrdiff_t>(i));
      const failure* const why = one.with->failed();
      if (why == nullptr || dynamic_cast<const actor_died_error*>(&why->cause()) == nullptr) {
        idle_.push_back(std::move(one.who));
      } else if (one.touched) {
        last_death_ = why->cause().what();
      } else {  // it may be the death of another one, that it had called
        touch(std::move(one.who));
      }
    }
    refill();
  }
  /// Waits until somebody may have become idle. False: not in time.
  bool wait_for_any(mobula::duration timeout) {
    std::vector<future<void>> all;
    all.reserve(busy_.size());
    for (const busy& each : busy_) all.push_back(future<void>(each.with));
    return !wait(all, {.count = 1, .timeout = timeout, .fetch = false}).ready.empty();
  }

 private:
  struct busy {
    actor<A> who;
    record_ptr with;
    bool touched = false;  ///< it is only asked whether it lives
  };

  void touch(actor<A> who) {
    try {
      record_ptr with = who.template call<touch_actor{}>().state();
      busy_.push_back({std::move(who), std::move(with), true});
    } catch (const pending_calls_error&) {  // so it lives
      idle_.push_back(std::move(who));
    }
  }
  void refill() {
    while (!waiting_.empty()) {
      if (!waiting_.front()->wanted) {
        waiting_.pop_front();
        continue;
      }
      if (idle_.empty() && !busy_.empty()) return;
      const item_ptr next = std::move(waiting_.front());
      waiting_.pop_front();
      if (idle_.empty()) {
        next->fail(std::make_exception_ptr(actor_died_error(
            "the pool has no actor" +
            (last_death_.empty() ? std::string() : "; the last one: " + last_death_))));
        continue;
      }
      try {
        next->start(idle_.front());
      } catch (...) {
        next->fail(std::current_exception());
        continue;
      }
      busy_.push_back({std::move(idle_.front()), next->result()});
      idle_.pop_front();
    }
  }

  std::deque<actor<A>> idle_;
  std::vector<busy> busy_;
  std::deque<item_ptr> waiting_;
  std::string last_death_;
};

/// Items whose results one reader takes, in order or as they are done.
template <class A>
class pool_reader {
 public:
  using item_ptr = std::shared_ptr<pool_item<A>>;

  pool_reader() = default;
  pool_reader(pool_reader&&) noexcept = default;
  pool_reader& operator=(pool_reader&&) = delete;
  ~pool_reader() {
    for (const item_ptr& each : items_) each->wanted = false;
  }

  void add(item_ptr item) { items_.push_back(std::move(item)); }
  bool empty() const noexcept { return items_.empty(); }
  const item_ptr& first() const { return items_.front(); }

  /// Takes the first, or of those with that type of result the first that is done; waits for it.
  /// Null: not in time.
  item_ptr take(pool_work<A>& work, bool in_order, const std::type_info& type,
                clock::time_point end) {
    for (;;) {
      work.look();
      auto found = items_.begin();
      if (!in_order) {
        found = std::find_if(found, items_.end(), [&type](const item_ptr& one) {
          return one->done() && one->result_type() == type;
        });
      }
      if (found != items_.end() && (*found)->done()) {
        work.look();  // who made it lets go of it
        item_ptr taken = std::move(*found);
        items_.erase(found);
        return taken;
      }
      if (!work.wait_for_any(time_left(end))) return nullptr;
    }
  }
  bool has(const std::type_info& type) const {
    return std::any_of(items_.begin(), items_.end(),
                       [&type](const item_ptr& one) { return one->result_type() == type; });
  }

 private:
  std::deque<item_ptr> items_;
};

}  // namespace detail

/// What `map` gives: a range of `future<R>`, which are ready, one after another. One pass, one
/// thread; incrementing waits. An error is thrown by `get` of the future whose call it was. What
/// has not begun when the range goes is not begun any more. The pool outlives it.
template <class A, class R>
class pool_results {
 public:
  pool_results(detail::pool_work<A>& work, detail::pool_reader<A> items, bool in_order)
      : work_(&work), items_(std::move(items)), in_order_(in_order) {}
  pool_results(const pool_results&) = delete;
  pool_results& operator=(const pool_results&) = delete;

  using iterator = detail::one_pass_iterator<pool_results, future<R>>;

  /// Waits for the first. Call it once.
  iterator begin() {
    next();
    return iterator{this};
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend iterator;
  const future<R>& item() const noexcept { return current_; }
  bool at_end() const noexcept { return !current_.valid(); }
  void next() {
    current_ = {};
    if (items_.empty()) return;
    current_ = future<R>(
        items_.take(*work_, in_order_, typeid(R), clock::time_point::max())->take_result());
  }

  detail::pool_work<A>* work_;
  detail::pool_reader<A> items_;
  bool in_order_;
  future<R> current_;
};

/// Some actors of one class, and calls for any of them: each goes to one that is idle, or waits for
/// the first that becomes so. As Ray's `ActorPool`.
///
///   mobula::actor_pool<resizer> pool(4, settings);
///   for (const mobula::future<image>& each : pool.map<&resizer::shrink>(images)) {
///     show(mobula::get(each));
///   }
///
/// The pool is an object of whoever made it: it is not sent, one thread uses it at a time, and
/// calls that wait are handed out in the pool's own members (`submit`, `next`, `map`'s iterators,
/// `look`). Errors come out at the item whose call it was. An actor that is found dead there leaves
/// the pool, which goes on with the others; with none left, items fail with `actor_died_error`
/// until one is pushed. An actor that restarts stays. When the pool goes, so do its handles.
template <class A>
class actor_pool {
 public:
  /// Makes `count` actors, each of `arguments`. Throws `std::invalid_argument` for 0.
  template <class... Arguments>
  requires(!detail::starts_with_options<Arguments...>) explicit actor_pool(
      std::size_t count, const Arguments&... arguments)
      : actor_pool(actor_options{}, count, arguments...) {}
  template <class... Arguments>
  actor_pool(const actor_options& options, std::size_t count, const Arguments&... arguments) {
    if (count == 0) throw std::invalid_argument("actor_pool: count is 0, at least 1 is needed");
    if (count > 1 && !options.name.empty()) {
      throw std::invalid_argument("actor_pool: actor_options.name would be the name of " +
                                  std::to_string(count) + " actors");
    }
    for (std::size_t i = 0; i < count; ++i) work_.add(spawn<A>(options, arguments...));
  }
  /// Takes actors that there are, and that others may call as well. Throws `std::logic_error` for
  /// an empty handle and `std::invalid_argument` for one that is in the list twice.
  explicit actor_pool(const std::vector<actor<A>>& actors) {
    for (const actor<A>& each : actors) push(each);
  }
  actor_pool(const actor_pool&) = delete;
  actor_pool& operator=(const actor_pool&) = delete;

  /// Has an idle actor make the call, now or when there is one; `next` gives the result.
  template <auto Member, class... Arguments>
  void submit(Arguments&&... arguments) {
    auto item = make<Member>(std::forward<Arguments>(arguments)...);
    submitted_.add(item);
    work_.submit(std::move(item));
  }
  /// The result of the call that was submitted first, or its error. `R` is what its member returns,
  /// else it is `std::invalid_argument`. Throws `timeout_error`, and then nothing is taken;
  /// `std::logic_error` where nothing was submitted.
  template <class R>
  R next(mobula::duration timeout = mobula::duration::none()) {
    return take<R>("next", true, timeout);
  }
  /// The same of whichever is done first of those that return `R`.
  template <class R>
  R next_unordered(mobula::duration timeout = mobula::duration::none()) {
    return take<R>("next_unordered", false, timeout);
  }
  /// Whether a result was not taken yet.
  [[nodiscard]] bool has_next() const noexcept { return !submitted_.empty(); }

  /// Calls the member for each of the values, with `more` behind it. The results come in the order
  /// of the values.
  template <auto Member, class Range, class... More>
  [[nodiscard]] auto map(Range&& values, const More&... more) {
    return map_all<Member>(true, std::forward<Range>(values), more...);
  }
  /// The results come as they are done.
  template <auto Member, class Range, class... More>
  [[nodiscard]] auto map_unordered(Range&& values, const More&... more) {
    return map_all<Member>(false, std::forward<Range>(values), more...);
  }

  /// Adds an actor. Throws as the constructor does.
  void push(const actor<A>& one) {
    if (!one.valid()) throw std::logic_error("push: the actor's handle is empty");
    if (work_.has(one)) throw std::invalid_argument("push: the actor is in the pool already");
    work_.add(one);
  }
  /// Takes an actor out that is idle, if there is one.
  std::optional<actor<A>> pop_idle() {
    work_.look();
    return work_.take_idle();
  }
  [[nodiscard]] bool has_idle() {
    work_.look();
    return work_.idle_count() != 0;
  }
  /// Of actors that are not known to be dead.
  [[nodiscard]] std::size_t size() const noexcept { return work_.actor_count(); }
  /// Gives what waits to who is idle, without taking a result: for a program that has more to do
  /// than to wait. Never blocks.
  void look() { work_.look(); }

 private:
  using item_ptr = std::shared_ptr<detail::pool_item<A>>;

  template <auto Member, class... Arguments>
  static item_ptr make(Arguments&&... arguments) {
    return std::make_shared<detail::pool_call<A, Member, detail::owned_t<Arguments>...>>(
        std::forward<Arguments>(arguments)...);
  }
  template <auto Member, class Range, class... More>
  auto map_all(bool in_order, Range&& values, const More&... more) {
    using value = decltype(*std::begin(values));
    using result =
        detail::pooled_result<A, Member, detail::owned_t<value>, detail::owned_t<const More&>...>;
    detail::pool_reader<A> items;
    for (auto&& each : values) {
      item_ptr item = make<Member>(std::forward<decltype(each)>(each), more...);
      items.add(item);
      work_.submit(std::move(item));
    }
    return pool_results<A, result>(work_, std::move(items), in_order);
  }
  template <class R>
  R take(const char* call, bool in_order, mobula::duration timeout) {
    if (submitted_.empty()) throw std::logic_error(std::string{call} + ": nothing was submitted");
    if (in_order ? submitted_.first()->result_type() != typeid(R) : !submitted_.has(typeid(R))) {
      throw std::invalid_argument(std::string{call} + ": the result is of type " +
                                  detail::demangle(submitted_.first()->result_type()) + ", not " +
                                  detail::type_name<R>());
    }
    const item_ptr taken = submitted_.take(work_, in_order, typeid(R), detail::end_of(timeout));
    if (taken == nullptr) {
      throw timeout_error(std::string{call} + ": no result came within " + to_string(timeout));
    }
    return get(future<R>(taken->take_result()));
  }

  detail::pool_work<A> work_;
  detail::pool_reader<A> submitted_;
};

}  // namespace mobula
