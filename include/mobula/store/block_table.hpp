#pragma once

/// The blocks of one segment, in bytes: large ones have pages of their own, small ones share them.

#include <cstdint>

#include "mobula/core/assert.hpp"
#include "mobula/store/extents.hpp"
#include "mobula/store/small_pages.hpp"

namespace mobula::store {

/// What the blocks of several segments take, in bytes. Memory is held for both.
struct memory_use {
  std::uint64_t live = 0;  ///< In blocks: objects' sizes, rounded up.
  std::uint64_t warm = 0;  ///< In no block, but not given back yet.
};

/// What a block of this many bytes takes: whole 64ths of a page, or whole pages.
constexpr std::uint64_t block_bytes(std::uint64_t size, std::uint64_t page_bytes) noexcept {
  const std::uint64_t unit = size > page_bytes - page_bytes / small_pages::units
                                 ? page_bytes
                                 : page_bytes / small_pages::units;
  return size == 0 ? unit : (size + unit - 1) / unit * unit;
}

/// Sizes are such as `block_bytes` gives, offsets those of the segment. Moves no memory: the caller
/// does. Thread safety: none. Cost: O(log blocks) a call.
class block_table {
 public:
  static constexpr std::uint64_t nothing = UINT64_MAX;

  /// Whole pages. `use` counts what is here too, and outlives this.
  block_table(std::uint64_t bytes, std::uint64_t page_bytes, memory_use& use)
      : page_(page_bytes), extents_(bytes / page_bytes), use_(use) {}
  block_table(const block_table&) = delete;
  block_table& operator=(const block_table&) = delete;

  /// The free bytes that `take_warm(size)` would cut a block from; `nothing` where it can't.
  std::uint64_t warm_fit(std::uint64_t size) const noexcept {
    if (size < page_) {
      const unsigned run = small_.fit(units(size));
      if (run != small_pages::nothing) return run * (page_ / small_pages::units);
    }
    const std::uint64_t pages = extents_.warm_fit(pages_of(size));
    return pages == extents::nothing ? nothing : pages * page_;
  }
  bool fits_cold(std::uint64_t size) const noexcept {
    return extents_.cold_fit(pages_of(size)) != extents::nothing;
  }

  /// The offset of a block that has memory.
  std::uint64_t take_warm(std::uint64_t size) {
    use_.warm -= size;
    count_taken(size);
    if (size >= page_) return extents_.take_warm(size / page_) * page_;
    if (small_.fit(units(size)) != small_pages::nothing) return offset(small_.take(units(size)));
    return offset(small_.take_in_new(extents_.take_warm(1), units(size)));
  }

  struct taken {
    std::uint64_t offset = 0;
    page_range fresh;  ///< Pages that have no memory yet; they may reach beyond the block.
  };
  /// Where `fits_cold(size)`, and `warm_fit(size)` is `nothing`.
  taken take_cold(std::uint64_t size) {
    const extents::taken made = extents_.take_cold(pages_of(size));
    use_.warm += made.fresh.count * page_;
    use_.warm -= size;
    count_taken(size);
    if (size >= page_) return {made.first * page_, made.fresh};
    return {offset(small_.take_in_new(made.first, units(size))), made.fresh};
  }

  /// The block is warm. `age`: as `extents::give` has it.
  void give(std::uint64_t offset, std::uint64_t age) {
    const std::uint64_t page = offset / page_;
    std::uint64_t size = 0;
    if (small_.has(page)) {
      const std::uint64_t unit_bytes = page_ / small_pages::units;
      MOBULA_ASSERT(offset % unit_bytes == 0, "blocks begin where units do");
      const auto given = small_.give({page, static_cast<unsigned>(offset % page_ / unit_bytes)});
      if (given.page_empty) extents_.give(page, age);
      size = given.count * unit_bytes;
    } else {
      MOBULA_ASSERT(offset % page_ == 0, "large blocks begin where pages do");
      size = extents_.give(page, age) * page_;
    }
    use_.warm += size;
    use_.live -= size;
    live_ -= size;
  }

  /// Of the free extents; what is free in pages that small blocks share can't be given back.
  std::uint64_t oldest() const noexcept { return extents_.oldest(); }
  page_range oldest_tail(std::uint64_t pages_max) const { return extents_.oldest_tail(pages_max); }
  void cool(page_range which) {
    extents_.cool(which);
    use_.warm -= which.count * page_;
  }

  std::uint64_t live_bytes() const noexcept { return live_; }
  /// Neither a block nor warm memory is here.
  bool bare() const noexcept { return live_ == 0 && oldest() == extents::nothing; }

 private:
  std::uint64_t pages_of(std::uint64_t size) const noexcept {
    return size < page_ ? 1 : size / page_;
  }
  unsigned units(std::uint64_t size) const noexcept {
    return static_cast<unsigned>(size / (page_ / small_pages::units));
  }
  std::uint64_t offset(small_pages::position where) const noexcept {
    return where.page * page_ + where.unit * (page_ / small_pages::units);
  }
  void count_taken(std::uint64_t size) noexcept {
    use_.live += size;
    live_ += size;
  }

  std::uint64_t page_;
  extents extents_;
  small_pages small_;
  memory_use& use_;
  std::uint64_t live_ = 0;
};

}  // namespace mobula::store
