#pragma once

/// Stacks for fibers: each with a page below it that nobody may touch, and used again and again.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "mobula/backends/simulation/sanitizers.hpp"
#include "mobula/core/assert.hpp"

namespace mobula::simulation {

struct stack_options {
  /// Bytes of a stack, rounded up to whole pages; at least `bytes_min`. Only what is touched takes
  /// memory. The address sanitizer's frames are several times as large.
  std::size_t bytes = stacks::under_asan ? std::size_t{1} << 20 : std::size_t{256} << 10;
  /// Unused stacks above this number are given back to the system; the others keep the memory that
  /// was touched.
  std::size_t kept_max = 1024;
  /// Stacks at one time. Source: each takes two of the 65 530 mappings that Linux lets a process
  /// have (`vm.max_map_count`).
  std::size_t alive_max = 30'000;

  static constexpr std::size_t bytes_min = std::size_t{16} << 10;
};

/// A stack grows from `top()` down to `bottom`; below that is the guard page. Who runs off its end
/// gets SIGSEGV at an address for which `guards` is true.
struct stack {
  std::byte* bottom = nullptr;
  std::size_t bytes = 0;
  std::size_t guard_bytes = 0;

  std::byte* top() const noexcept { return bottom + bytes; }
  bool guards(const void* address) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    const auto end = reinterpret_cast<std::uintptr_t>(bottom);
    return at < end && at >= end - guard_bytes;
  }
  explicit operator bool() const noexcept { return bottom != nullptr; }
};

/// Stacks that come back are handed out again, the warmest first. Not thread-safe.
class stack_pool {
 public:
  explicit stack_pool(const stack_options& options = {})
      : options_(options), page_bytes_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    if (options.bytes < stack_options::bytes_min || options.bytes > bytes_max) {
      throw std::invalid_argument("stack_options.bytes = " + std::to_string(options.bytes) +
                                  ": must be from 16384 to 1073741824");
    }
    options_.bytes = (options.bytes + page_bytes_ - 1) / page_bytes_ * page_bytes_;
  }
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;
  ~stack_pool() {
    MOBULA_ASSERT(used_ == 0, "the stacks of a pool come back before it ends");
    for (const stack& each : kept_) unmap(each);
  }

  /// Throws `std::runtime_error` where there are too many, or the system has no more.
  stack take() {
    if (!kept_.empty()) {
      const stack taken = kept_.back();
      kept_.pop_back();
      ++used_;
      return taken;
    }
    if (used_ >= options_.alive_max) refuse("that is the limit of stack_options.alive_max");
    // Room for one more that comes back, so that giving back can't fail.
    kept_.reserve(used_ + 1 < options_.kept_max ? used_ + 1 : options_.kept_max);
    const std::size_t guard_bytes = page_bytes_;
    void* const memory =
        mmap(nullptr, guard_bytes + options_.bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) refuse("the system has no more memory or mappings (mmap)");
    // A huge page below each stack that is touched once would be all of the memory.
    if (options_.bytes >= huge_page_bytes) {
      madvise(memory, guard_bytes + options_.bytes, MADV_NOHUGEPAGE);
    }
    auto* const low = static_cast<std::byte*>(memory);
    if (mprotect(low, guard_bytes, PROT_NONE) != 0) {
      munmap(memory, guard_bytes + options_.bytes);
      refuse("the system has no more mappings (mprotect; see vm.max_map_count)");
    }
    ++used_;
    return {.bottom = low + guard_bytes, .bytes = options_.bytes, .guard_bytes = guard_bytes};
  }

  void give_back(const stack& returned) noexcept {
    MOBULA_ASSERT(used_ > 0 && returned, "only a stack that was taken comes back");
    --used_;
    stacks::forget_frames(returned.bottom, returned.bytes);
    if (kept_.size() < options_.kept_max && kept_.size() < kept_.capacity()) {
      kept_.push_back(returned);
    } else {
      unmap(returned);
    }
  }

  std::size_t used() const noexcept { return used_; }
  std::size_t kept() const noexcept { return kept_.size(); }
  const stack_options& options() const noexcept { return options_; }

 private:
  static constexpr std::size_t bytes_max = std::size_t{1} << 30;
  static constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

  [[noreturn]] void refuse(const char* why) const {
    throw std::runtime_error("no stack for one more fiber, with " + std::to_string(used_) + " of " +
                             std::to_string(options_.bytes) + " bytes in use: " + why);
  }

  static void unmap(const stack& each) noexcept {
    munmap(each.bottom - each.guard_bytes, each.guard_bytes + each.bytes);
  }

  stack_options options_;
  std::size_t page_bytes_;
  std::size_t used_ = 0;
  std::vector<stack> kept_;
};

}  // namespace mobula::simulation
