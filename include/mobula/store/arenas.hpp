#pragma once

/// A node's shared memory: which writer has which block of which segment.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <unistd.h>

#include "mobula/core/assert.hpp"
#include "mobula/store/block_table.hpp"
#include "mobula/store/detail/byte_option.hpp"
#include "mobula/store/memory_segment.hpp"
#include "mobula/store/place.hpp"

namespace mobula::store {

struct arena_options {
  /// What live objects take at most, in bytes. The node's engine counts and keeps to it; here it is
  /// the bound of what is held: blocks and warm memory are not more, but for a page an object.
  /// Above zero, at most 2^46.
  std::uint64_t bytes_max = 0;
  /// The address space of a segment, in bytes: not memory, but each process that reads an object of
  /// it maps all of it, so where `ulimit -v` is set this is to be small. A larger object gets a
  /// larger one. Above zero, at most 2^46; rounded up to a power of two.
  std::uint64_t segment_bytes = std::uint64_t{4} << 30;
  /// `allocate` itself takes fresh memory from the system, which costs 0.25 ms a MiB but makes a
  /// shortage an exception there. Otherwise the writer's first touch takes it, and is a SIGBUS when
  /// there is none.
  bool reserve = true;
};

/// Throws `std::invalid_argument` that names the field.
inline void validate(const arena_options& value) {
  detail::check_bytes("arena_options.bytes_max", value.bytes_max);
  detail::check_bytes("arena_options.segment_bytes", value.segment_bytes);
}

/// The node's side. Fresh memory is ten times slower than memory that was used before, so what is
/// freed stays warm for the next object of the same writer, until another's needs it.
///
///   arenas memory{{.bytes_max = std::uint64_t{1} << 30}};
///   const place at = memory.allocate(worker, size);
///   send(worker, at, memory.descriptor(at.segment));  // for its `segment_map`
///   memory.free(at);
///
/// A segment has one writer at a time, who may write anywhere in it. Thread safety: none.
class arenas {
 public:
  explicit arenas(const arena_options& options) : options_(options) { validate(options); }
  arenas(const arenas&) = delete;
  arenas& operator=(const arenas&) = delete;

  /// A block that is this writer's to fill, at least 64-byte aligned, and page-aligned from a page
  /// upwards. `writer` is any number. In this order: warm memory of its own, warm memory in a
  /// segment of nobody's, which becomes its own, then fresh memory. What it holds by then is
  /// undefined: an earlier object's bytes or zeros. `size` is at most `bytes_max`. O(the writer's
  /// segments and those of nobody's), and what fresh memory costs. Throws `std::system_error` with
  /// the call and the size where the system gives no memory, no descriptor or no file so large;
  /// then no block is taken, and `trim(0)` may help.
  [[nodiscard]] place allocate(std::uint64_t writer, std::uint64_t size) {
    MOBULA_ASSERT(size <= options_.bytes_max, "no object is larger than the store");
    const std::uint64_t bytes = block_bytes(size, page_);
    std::vector<segment*>& own = writers_[writer];
    segment* chosen = warmest(own, bytes);
    if (chosen == nullptr) chosen = adopt(warmest(orphans_, bytes), own);
    if (chosen != nullptr) return {chosen->memory.number(), chosen->blocks.take_warm(bytes)};
    chosen = with_cold_room(own, bytes);
    if (chosen == nullptr) chosen = adopt(with_cold_room(orphans_, bytes), own);
    if (chosen == nullptr) chosen = &make(own, bytes);
    return {chosen->memory.number(), take_fresh(*chosen, bytes)};
  }

  /// Nobody reads or writes the block any more. Its memory stays, for its segment's writer.
  void free(place what) { find(what.segment).blocks.give(what.offset, ++age_); }

  /// Its segments are nobody's. Blocks in them stay until they are freed.
  void writer_gone(std::uint64_t writer) {
    const auto at = writers_.find(writer);
    if (at == writers_.end()) return;
    orphans_.insert(orphans_.end(), at->second.begin(), at->second.end());
    writers_.erase(at);
  }

  /// Gives memory back to the system, what is free for the longest time first, until at most so
  /// many warm bytes are left, or only such as share a page with small objects. Closes the segments
  /// of nobody's that are without memory then, and returns their numbers: for `segment_map::forget`
  /// in all processes. O(segments) a range, and 0.25 ms a MiB.
  std::vector<std::uint32_t> trim(std::uint64_t warm_bytes_max) {
    if (use_.warm > warm_bytes_max) give_back(use_.warm - warm_bytes_max);
    std::vector<std::uint32_t> closed;
    std::erase_if(orphans_, [&](segment* one) {
      if (!one->blocks.bare()) return false;
      closed.push_back(one->memory.number());
      segments_.erase(closed.back());
      return true;
    });
    return closed;
  }

  /// What blocks take: a multiple of a 64th of a page each, or of a page.
  std::uint64_t live_bytes() const noexcept { return use_.live; }
  /// What is held beside that.
  std::uint64_t warm_bytes() const noexcept { return use_.warm; }
  std::size_t segments() const noexcept { return segments_.size(); }

  /// In this process, as long as the segment is open. Others open it in `/proc`.
  int descriptor(std::uint32_t number) const {
    const auto at = segments_.find(number);
    MOBULA_ASSERT(at != segments_.end(), "the segment is open");
    return at->second.memory.descriptor();
  }

 private:
  struct segment {
    segment(std::uint32_t number, std::uint64_t bytes, std::uint64_t page, memory_use& use)
        : memory(number, bytes), blocks(bytes, page, use) {}

    memory_segment memory;
    block_table blocks;
  };

  segment& find(std::uint32_t number) {
    const auto at = segments_.find(number);
    MOBULA_ASSERT(at != segments_.end(), "a block's segment is open");
    return at->second;
  }

  static segment* warmest(const std::vector<segment*>& where, std::uint64_t bytes) {
    segment* best = nullptr;
    std::uint64_t least = block_table::nothing;
    for (segment* const one : where) {
      const std::uint64_t fit = one->blocks.warm_fit(bytes);
      if (fit < least) {
        least = fit;
        best = one;
      }
    }
    return best;
  }
  static segment* with_cold_room(const std::vector<segment*>& where, std::uint64_t bytes) {
    const auto at = std::find_if(where.begin(), where.end(),
                                 [&](segment* one) { return one->blocks.fits_cold(bytes); });
    return at == where.end() ? nullptr : *at;
  }
  segment* adopt(segment* one, std::vector<segment*>& own) {
    if (one == nullptr) return nullptr;
    own.push_back(one);
    std::erase(orphans_, one);
    return one;
  }
  segment& make(std::vector<segment*>& own, std::uint64_t bytes) {
    own.reserve(own.size() + 1);
    const std::uint64_t size = std::bit_ceil(std::max({bytes, options_.segment_bytes, page_}));
    const std::uint32_t number = last_number_ + 1;
    segment& made = segments_.try_emplace(number, number, size, page_, use_).first->second;
    last_number_ = number;
    own.push_back(&made);
    return made;
  }

  std::uint64_t take_fresh(segment& where, std::uint64_t bytes) {
    const block_table::taken made = where.blocks.take_cold(bytes);
    try {
      const std::uint64_t held = use_.live + use_.warm;
      if (held > options_.bytes_max) give_back(held - options_.bytes_max);
      if (options_.reserve) reserve(where, made.fresh);
    } catch (...) {
      where.blocks.give(made.offset, ++age_);
      where.blocks.cool(made.fresh);
      throw;
    }
    return made.offset;
  }
  void reserve(segment& where, page_range fresh) {
    try {
      where.memory.reserve(fresh.first * page_, fresh.count * page_);
    } catch (const std::system_error&) {
      where.memory.try_punch(fresh.first * page_, fresh.count * page_);
      throw;
    }
  }

  /// At least so many of the warm bytes, or all whole pages. Of a range only as much as is needed.
  void give_back(std::uint64_t bytes) {
    std::uint64_t pages = (bytes + page_ - 1) / page_;
    while (pages != 0) {
      segment* oldest = nullptr;
      for (auto& [number, one] : segments_) {
        if (oldest == nullptr || one.blocks.oldest() < oldest->blocks.oldest()) oldest = &one;
      }
      if (oldest == nullptr || oldest->blocks.oldest() == block_table::nothing) return;
      const page_range tail = oldest->blocks.oldest_tail(pages);
      oldest->memory.punch(tail.first * page_, tail.count * page_);
      oldest->blocks.cool(tail);
      pages -= tail.count;
    }
  }

  arena_options options_;
  std::uint64_t page_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  memory_use use_;
  std::uint64_t age_ = 0;
  std::uint32_t last_number_ = 0;
  std::unordered_map<std::uint32_t, segment> segments_;
  std::unordered_map<std::uint64_t, std::vector<segment*>> writers_;
  std::vector<segment*> orphans_;
};

}  // namespace mobula::store
