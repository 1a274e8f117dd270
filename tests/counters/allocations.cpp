#include "counters/allocations.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

std::atomic<std::size_t> count{0};
std::atomic<std::size_t> bytes{0};
std::atomic<std::size_t> asked{0};

/// The block with malloc's own word before it.
std::size_t whole(void* block) noexcept { return malloc_usable_size(block) + sizeof(std::size_t); }

void* counted(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  count.fetch_add(1, std::memory_order_relaxed);
  const std::size_t size = whole(block);
  bytes.fetch_add(size, std::memory_order_relaxed);
  asked.fetch_add(size, std::memory_order_relaxed);
  return block;
}
void uncounted(void* block) noexcept {
  if (block == nullptr) return;
  bytes.fetch_sub(whole(block), std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

namespace support {

allocations allocations_now() noexcept { return {count.load(), bytes.load(), asked.load()}; }

}  // namespace support

// The others of the global functions call these.
void* operator new(std::size_t size) { return counted(std::malloc(size == 0 ? 1 : size)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(step, (size + step - 1) / step * step));
}
void operator delete(void* block) noexcept { uncounted(block); }
void operator delete(void* block, std::size_t) noexcept { uncounted(block); }
void operator delete(void* block, std::align_val_t) noexcept { uncounted(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { uncounted(block); }
