#pragma once

/// A sequence of futures that a generator makes somewhere: the reader's end.

#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/cancel.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/one_pass.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/future.hpp"

namespace mobula {

/// The items of a `generator<T>` that runs as a task or as an actor's call, in their order, each a
/// future of its own: taken while the task still runs, and kept, sent or passed on like any future.
/// Going on to the next item blocks until there is one, like `get`. Where the generator throws, is
/// cancelled or can't be run, the last item is a future that throws that.
///
///   for (const mobula::future<int>& item : mobula::async<count>(10)) sum += mobula::get(item);
///
/// One pass, one reader at a time; move-only, and bound to its process: send its items. Dropping it
/// frees what is unread and cancels the task. Default-constructed it is empty.
template <class T>
class stream {
  /// Where a loop over it stands.
  struct cursor {
    const future<T>& item() const { return *current; }
    void next() { current = of->next(); }
    bool at_end() const noexcept { return !current; }

    stream* of = nullptr;
    std::optional<future<T>> current;
  };

 public:
  using value_type = future<T>;

  stream() = default;
  /// For Mobula's own parts.
  explicit stream(detail::record_ptr producer) noexcept : producer_(std::move(producer)) {}
  stream(stream&& other) noexcept
      : producer_(std::move(other.producer_)), told_failure_(other.told_failure_) {}
  stream& operator=(stream other) noexcept {
    cursor_.current.reset();
    std::swap(producer_, other.producer_);
    std::swap(told_failure_, other.told_failure_);
    return *this;
  }
  ~stream() { drop(); }

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(producer_); }

  using iterator = detail::one_pass_iterator<cursor, future<T>>;

  /// Blocks until the first item that is not taken is there, or the end is. Move no stream that
  /// is being gone through.
  iterator begin() {
    cursor_.of = this;
    cursor_.next();
    return iterator{&cursor_};
  }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// The next item; empty at the end. Blocks like `get`; throws `timeout_error` where none has come
  /// in time, and nothing is lost. 0: what is there now.
  std::optional<future<T>> next(duration timeout = duration::none()) {
    detail::record& producer = *require("stream::next");
    detail::backend& host = detail::require_backend("stream::next", producer.epoch());
    detail::throw_if_asked_to_stop();
    const clock::time_point deadline = detail::deadline_of(host, timeout);
    detail::stream_state& state = *static_cast<detail::task&>(producer).wishes->stream;
    for (;;) {
      detail::stream_state::next_item found = state.next(producer.epoch());
      if (found.item) {
        host.taken(static_cast<detail::task&>(producer));
        return future<T>{std::move(found.item)};
      }
      if (!found.arrival) return last();
      if (!host.await(*found.arrival, deadline)) {
        throw timeout_error("stream::next: no item of '" +
                            static_cast<detail::task&>(producer).name() + "' came in time");
      }
    }
  }

  /// Ready when the generator has ended, be its items taken or not; throws what it has failed with.
  future<void> finished() const { return future<void>{require("stream::finished")}; }

  /// For Mobula's own parts.
  const detail::record_ptr& require(const char* call) const {
    if (!producer_) throw std::logic_error(std::string{call} + ": the stream is empty");
    return producer_;
  }

 private:
  /// After the last of its items: its failure, once.
  std::optional<future<T>> last() {
    detail::failure* const why = producer_->failed();
    if (why == nullptr || std::exchange(told_failure_, true)) return std::nullopt;
    detail::record_ptr failed = detail::make_pending<T>(producer_->epoch(), detail::object_record);
    failed->settle_failure(detail::failure_ptr::share(why));
    failed->end_producing();
    return future<T>{std::move(failed)};
  }
  void drop() noexcept;

  detail::record_ptr producer_;
  bool told_failure_ = false;
  cursor cursor_;
};

/// Cancels the generator: the items that have come can still be taken, and `cancelled_error` is the
/// last. Nothing where it has ended.
template <class T>
void cancel(const stream<T>& what, cancel_options how = {}) {
  detail::record& producer = *what.require("cancel");
  detail::require_backend("cancel", producer.epoch())
      .cancel(producer, how,
              detail::failure_ptr::make(cancelled_error("the stream was cancelled")));
}

template <class T>
void stream<T>::drop() noexcept {
  cursor_.current.reset();
  const detail::record_ptr producer = std::move(producer_);
  if (!producer) return;
  static_cast<detail::task&>(*producer).wishes->stream->drop();
  detail::backend* const host = detail::the_runtime.host.load(std::memory_order_acquire);
  const bool lives = host != nullptr &&
                     detail::the_runtime.epoch.load(std::memory_order_relaxed) == producer->epoch();
  if (!lives || producer->settled()) return;
  host->cancel(*producer, {}, detail::failure_ptr::make(cancelled_error("the stream was dropped")));
}

}  // namespace mobula
