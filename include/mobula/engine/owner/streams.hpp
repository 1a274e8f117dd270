#pragma once

/// The items of generators, in the party that reads them: which objects their workers may give
/// next.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/objects.hpp"
#include "mobula/engine/owner/owner_host.hpp"
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// The rules are in docs/ENGINE.md, "Streams". The objects of items are this party's own, made
/// before the items are: so a worker that dies takes none with it that was given, and the next
/// attempt goes on where it was.
///
/// Invariants:
///  - Of a stream that is not over, the objects that are `open` have one use, the stream's, and no
///    outcome; the worker, if one has the task, knows them.
///  - Never more are open than the reader's buffer and `window_max` allow.
/// Thread safety: none. An item costs O(1).
class streams {
 public:
  /// So many objects are open at most, however fast the worker is: what it gives beyond them waits
  /// for this party. Source: measured, more make no difference.
  static constexpr std::uint64_t window_max = 128;
  static constexpr std::uint64_t window_min = 8;

  streams(slab<task_slot>& tasks, references& refs, objects& known, owner_host& host)
      : tasks_(tasks), references_(refs), objects_(known), host_(host) {}

  /// Of a task that was not pushed yet. `buffer`: how many items the reader leaves untaken before
  /// the generator stops; 0: it never stops.
  void open(task_slot& one, std::uint64_t buffer) {
    one.stream = std::make_unique<open_items>();
    one.stream->buffer = buffer;
    make(*one.stream, allowed(*one.stream));
  }
  /// The worker has given an item. False: this makes no sense (any more).
  bool given(party from, stream_item&& what) {
    const slot task = objects_.maker(what.task);
    open_items* const of = task == no_slot ? nullptr : tasks_[task].stream.get();
    if (of == nullptr || !tasks_[task].is_at(from) || of->keys.empty() ||
        of->keys.front() != what.item || what.result.kind == outcome_kind::pending) {
      objects_.discard(what.item, what.result);
      return false;
    }
    of->keys.pop_front();
    const bool is_doubtful = of->given++ < of->doubtful;
    if (tasks_[task].decided) {
      objects_.discard(what.item, what.result);
    } else {
      host_.item_given(what.task, what.item);
      const bool is_new = objects_.fulfil(what.item, std::move(what.result));
      MOBULA_ASSERT(is_new, "an open item has no outcome");
    }
    if (is_doubtful) objects_.free_stored(what.item, tasks_[task].lost_at);
    if (tasks_[task].decided) references_.drop(what.item);
    extend(tasks_[task]);
    return true;
  }
  /// The reader has taken an item.
  void taken(object_key key) {
    const slot task = objects_.maker(key);
    if (task == no_slot || !tasks_[task].stream) return;
    ++tasks_[task].stream->taken;
    extend(tasks_[task]);
  }
  /// The task is over. One that was decided before has its open objects until then, for its worker
  /// may have stored what it could not give.
  void close(task_slot& one) {
    if (!one.stream) return;
    const std::unique_ptr<open_items> of = std::move(one.stream);
    for (std::size_t i = 0; i < of->keys.size(); ++i) {
      if (of->given + i < of->doubtful) objects_.free_stored(of->keys[i], one.lost_at);
      references_.drop(of->keys[i]);
    }
  }

 private:
  /// How many may be open.
  static std::uint64_t allowed(const open_items& of) noexcept {
    const std::uint64_t window = std::clamp(of.given, window_min, window_max);
    return of.buffer == 0 ? window : std::min(window, of.taken + of.buffer - of.given);
  }
  void make(open_items& of, std::uint64_t count) {
    for (std::uint64_t i = of.keys.size(); i < count; ++i) of.keys.push_back(objects_.make());
  }
  /// Not for each item, where the reader is not about to be reached.
  void extend(task_slot& one) {
    open_items& of = *one.stream;
    const std::uint64_t most = allowed(of);
    if (one.decided || 2 * of.keys.size() > most || of.keys.size() == most) return;
    const std::size_t first = of.keys.size();
    make(of, most);
    if (one.state == task_state::pushed) send_room(one, first, host_);
  }

  slab<task_slot>& tasks_;
  references& references_;
  objects& objects_;
  owner_host& host_;
};

}  // namespace mobula::engine
