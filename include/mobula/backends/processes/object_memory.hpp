#pragma once

/// What a process has of the object store: segments that it has mapped, what it reads in them, and
/// what it writes there before anybody knows of an object.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <unistd.h>

#include "mobula/engine/ids.hpp"
#include "mobula/store/segment_map.hpp"

namespace mobula::processes {

/// Lives as long as anybody uses an address in it, be it after the runtime. What is let go of, on
/// whatever thread, is listed until somebody takes it: `on_let_go` says that there is something.
///
/// A draft is memory that this process has got for no object yet. It becomes one when it is
/// adopted, and is read from then on; whoever has its memory keeps the object where it is.
///
/// Thread safety: all members, but `close` and `on_let_go`.
class object_memory : public std::enable_shared_from_this<object_memory> {
 public:
  explicit object_memory(pid_t node) : map(node) {}

  store::segment_map map;
  void (*on_let_go)(void* context) noexcept = nullptr;
  void* context = nullptr;

  /// What reads that object has a pin of it: `let_go::pins` when it does no more.
  std::shared_ptr<const void> reader_of(const std::byte* first, engine::object_key object) {
    return {first, [self = shared_from_this(), object](const void*) { self->let_go_of(object); }};
  }

  struct let_go {
    std::vector<engine::object_key> pins;
    std::vector<engine::object_key> drafts;
  };
  [[nodiscard]] bool any_let_go() const noexcept { return any_.load(std::memory_order_acquire); }
  let_go take_let_go() {
    const std::lock_guard held(mutex_);
    any_.store(false, std::memory_order_relaxed);
    return std::exchange(let_go_, {});
  }

  /// `size` bytes from `first` on, and the room before them, are that draft's.
  std::shared_ptr<std::byte> draft(engine::object_key key, std::byte* first, std::size_t size) {
    {
      const std::lock_guard held(mutex_);
      drafts_[first] = {key, {}, size};
    }
    return {first, [self = shared_from_this()](std::byte* at) { self->let_go_of_draft(at); }};
  }
  /// The draft that lies there, if it is no object yet; now it is `object`.
  std::optional<engine::object_key> adopt(const std::byte* first, std::size_t size,
                                          engine::object_key object) {
    const std::lock_guard held(mutex_);
    const auto at = drafts_.find(first);
    if (at == drafts_.end() || at->second.size != size || !at->second.object.empty()) return {};
    at->second.object = object;
    return at->second.key;
  }

  /// The runtime has ended: nobody takes anything any more.
  void close() {
    const std::lock_guard held(mutex_);
    on_let_go = nullptr;
    closed_ = true;
  }

 private:
  struct draft_state {
    engine::object_key key;
    engine::object_key object;  ///< empty: none yet
    std::size_t size = 0;
  };

  void let_go_of(engine::object_key object) {
    const std::lock_guard held(mutex_);
    if (closed_) return;
    let_go_.pins.push_back(object);
    tell();
  }
  void let_go_of_draft(const std::byte* first) {
    const std::lock_guard held(mutex_);
    const auto at = drafts_.find(first);
    const draft_state gone = at->second;
    drafts_.erase(at);
    if (closed_) return;
    if (gone.object.empty()) {
      let_go_.drafts.push_back(gone.key);
    } else {
      let_go_.pins.push_back(gone.object);
    }
    tell();
  }
  void tell() {
    if (!any_.exchange(true, std::memory_order_acq_rel) && on_let_go != nullptr) on_let_go(context);
  }

  std::mutex mutex_;
  std::atomic<bool> any_{false};
  bool closed_ = false;
  let_go let_go_;
  std::unordered_map<const std::byte*, draft_state> drafts_;
};

}  // namespace mobula::processes
