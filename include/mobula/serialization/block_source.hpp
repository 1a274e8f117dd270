#pragma once

/// Where the memory of out-of-band blocks comes from: the heap, or whatever a backend with shared
/// memory puts here.

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>

namespace mobula::serialization {

/// Every block starts at a multiple of this, so that an `array<T>` can be read in place for any
/// ordinary T, and a vector register can too.
inline constexpr std::size_t block_alignment = 64;

/// Returns `size` writable bytes, aligned to `block_alignment`, that live as long as the pointer's
/// owner. Throws `std::bad_alloc` or an error of its own; called from any thread.
using block_source = std::shared_ptr<std::byte> (*)(std::size_t size);

namespace detail {

inline std::shared_ptr<std::byte> heap_block(std::size_t size) {
  constexpr std::align_val_t alignment{block_alignment};
  auto* data = static_cast<std::byte*>(::operator new(size == 0 ? 1 : size, alignment));
  return {data, [](std::byte* block) { ::operator delete(block, alignment); }};
}

inline std::atomic<block_source> current_block_source{&heap_block};

}  // namespace detail

/// Puts another source in the heap's place and returns the one before; `nullptr` puts the heap
/// back. A backend calls it while its runtime starts and when it ends; blocks that exist keep their
/// own memory.
inline block_source set_block_source(block_source source) {
  return detail::current_block_source.exchange(source != nullptr ? source : &detail::heap_block);
}

/// A new block, not initialised.
inline std::shared_ptr<std::byte> allocate_block(std::size_t size) {
  return detail::current_block_source.load(std::memory_order_acquire)(size);
}

}  // namespace mobula::serialization
