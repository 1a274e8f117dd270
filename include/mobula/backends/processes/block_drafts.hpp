#pragma once

/// Where large blocks of the program come from while there is a runtime on processes: the store, so
/// that nothing is copied when they become objects.

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <thread>

#include <unistd.h>

#include "mobula/backends/processes/program.hpp"
#include "mobula/serialization/block_source.hpp"

namespace mobula::processes {

/// Of the process; there is one runtime at a time. Thread safety: all members.
class block_drafts {
 public:
  static block_drafts& of_process() {
    static block_drafts one;
    return one;
  }

  void open(program& from) {
    process_ = ::getpid();
    from_.store(&from);
    serialization::set_block_source([](std::size_t size) { return of_process().allocate(size); });
  }
  /// Nobody is in the program afterwards. Those who wait in it have been told that it ends.
  void close() noexcept {
    serialization::set_block_source(nullptr);
    from_.store(nullptr);
    while (users_.load() != 0) std::this_thread::yield();
  }

 private:
  /// Below, the way to the node and back takes longer than the copy.
  static constexpr std::size_t draft_bytes_min = std::size_t{1} << 20;

  std::shared_ptr<std::byte> allocate(std::size_t size) {
    if (size >= draft_bytes_min) {
      struct user {
        explicit user(std::atomic<int>& of) : count(of) { count.fetch_add(1); }
        ~user() { count.fetch_sub(1); }
        std::atomic<int>& count;
      } const here{users_};
      program* const from = from_.load();
      // Who was forked off, by the program itself, has no runtime.
      if (from != nullptr && process_ == ::getpid()) {
        try {
          if (auto made = from->draft(size)) return made;
        } catch (const std::exception&) {  // the runtime ends, or no more can be mapped
        }
      }
    }
    return serialization::detail::heap_block(size);
  }

  std::atomic<program*> from_{nullptr};
  std::atomic<int> users_{0};
  std::atomic<pid_t> process_{0};
};

}  // namespace mobula::processes
