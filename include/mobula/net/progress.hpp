#pragma once

/// What a process has begun, for others to read when it is dead.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/net/exchange.hpp"

namespace mobula::net {

/// Where a process may write why it ends, text and a zero, for `progress_view::last_words`. Of its
/// own party; until it has ended.
inline std::span<char> last_words_of(const exchange& of, std::uint64_t self) noexcept {
  return of.progress_of(self).last_words;
}

/// The process's own side: it writes down what it is about to do, and no crash can take that back.
/// One thread at a time. The exchange outlives it. No system call; no allocation beyond the most
/// calls at a time so far; a few stores to memory that is the process's own until it dies.
class progress {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  /// For the calling process's own party, once.
  progress(exchange& of, std::uint64_t self) : area_(&of.progress_of(self)) {}
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Two words whose meaning is the caller's: which lease is served, how much was begun. Zero at
  /// first.
  void set_lease(std::uint64_t lease) noexcept {
    area_->lease.store(lease, std::memory_order_release);
  }
  void set_begun(std::uint64_t begun) noexcept {
    area_->begun.store(begun, std::memory_order_release);
  }

  /// How many bodies run now.
  void set_bodies(std::uint32_t count) noexcept {
    area_->bodies.store(count, std::memory_order_release);
  }
  /// Whether what was begun last would run again, if this process died.
  void set_retryable(bool retryable) noexcept {
    area_->retryable.store(retryable ? 1 : 0, std::memory_order_release);
  }
  /// Whether somebody wants to be told that a body begins: true once for each time that it was
  /// asked for. May miss what is asked at the same time.
  [[nodiscard]] bool take_body_awaited() noexcept {
    return area_->body_awaited.load(std::memory_order_relaxed) != 0 &&
           area_->body_awaited.exchange(0, std::memory_order_relaxed) != 0;
  }

  /// What this process does, for people: at most 64 bytes, and of longer ones the beginning and
  /// "...". Dearer than the others: ten stores.
  void set_name(std::string_view text) noexcept {
    std::array<char, detail::name_bytes> bytes{};
    std::size_t size = text.size();
    if (size > bytes.size()) {
      size = bytes.size() - cut_mark.size();
      // Not within a character of UTF-8.
      while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    }
    std::copy_n(text.data(), size, bytes.data());
    if (size < text.size()) std::copy(cut_mark.begin(), cut_mark.end(), bytes.data() + size);
    // Each store releases those before it: a reader of a new word sees the odd version too.
    const std::uint32_t version = area_->name_version.load(std::memory_order_relaxed);
    area_->name_version.store(version + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < bytes.size() / 8; ++i) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + 8 * i, sizeof word);
      area_->name[i].store(word, std::memory_order_release);
    }
    area_->name_version.store(version + 2, std::memory_order_release);
  }

  /// This call is under way until `end_call`. The key's two halves may be anything. Where 65 536
  /// calls are, it returns `none`, and readers know from then on that the list has gaps.
  std::uint32_t begin_call(std::uint64_t key_a, std::uint64_t key_b) {
    std::uint32_t index;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else {
      if (used_ == detail::calls_max) {
        area_->overflowed.store(1, std::memory_order_release);
        return none;
      }
      if (free_.capacity() == used_) free_.reserve(used_ == 0 ? 64 : 2 * free_.capacity());
      index = used_++;
      area_->used.store(used_, std::memory_order_release);
    }
    area_->calls[index].a.store(key_a, std::memory_order_relaxed);
    area_->calls[index].b.store(key_b, std::memory_order_relaxed);
    set_valid(index, true);
    return index;
  }

  /// `none` is let pass.
  void end_call(std::uint32_t index) noexcept {
    if (index == none) return;
    MOBULA_ASSERT(index < used_ && is_valid(index), "a call ends once");
    set_valid(index, false);
    free_.push_back(index);  // room for all was reserved
  }

 private:
  std::atomic<std::uint64_t>& word_of(std::uint32_t index) const noexcept {
    return area_->valid[index / 64];
  }
  static std::uint64_t bit_of(std::uint32_t index) noexcept {
    return std::uint64_t{1} << index % 64;
  }
  bool is_valid(std::uint32_t index) const noexcept {
    return (word_of(index).load(std::memory_order_relaxed) & bit_of(index)) != 0;
  }
  void set_valid(std::uint32_t index, bool valid) noexcept {
    // Nobody else writes it.
    const std::uint64_t others = word_of(index).load(std::memory_order_relaxed) & ~bit_of(index);
    word_of(index).store(valid ? others | bit_of(index) : others, std::memory_order_release);
  }

  static constexpr std::string_view cut_mark = "...";

  detail::progress_area* area_;
  std::uint32_t used_ = 0;
  std::vector<std::uint32_t> free_;
};

/// The same from another process: as it is now, or of a retired party, as it was when it died,
/// until the party is reclaimed. Any thread.
class progress_view {
 public:
  progress_view(const exchange& of, std::uint64_t party) : area_(&of.progress_of(party)) {}

  std::uint64_t lease() const noexcept { return area_->lease.load(std::memory_order_acquire); }
  std::uint64_t begun() const noexcept { return area_->begun.load(std::memory_order_acquire); }
  std::uint32_t bodies() const noexcept { return area_->bodies.load(std::memory_order_acquire); }
  bool retryable() const noexcept { return area_->retryable.load(std::memory_order_acquire) != 0; }
  /// The process is to say when its next body begins; how, is its affair.
  void await_body() const noexcept { area_->body_awaited.store(1, std::memory_order_relaxed); }

  /// Empty where none was set, or where the process was just changing it, or died so.
  std::string name() const {
    for (int tries = 0; tries < name_tries; ++tries) {
      const std::uint32_t version = area_->name_version.load(std::memory_order_acquire);
      std::array<char, detail::name_bytes> bytes;
      for (std::size_t i = 0; i < bytes.size() / 8; ++i) {
        const std::uint64_t word = area_->name[i].load(std::memory_order_acquire);
        std::memcpy(bytes.data() + 8 * i, &word, sizeof word);
      }
      if (version % 2 != 0 || area_->name_version.load(std::memory_order_relaxed) != version) {
        continue;
      }
      return {bytes.data(), static_cast<std::size_t>(
                                std::find(bytes.begin(), bytes.end(), '\0') - bytes.begin())};
    }
    return {};
  }

  /// Of a dead process: why it ended, where it has said so. The dead may have scribbled in it.
  std::string last_words() const {
    return {area_->last_words, ::strnlen(area_->last_words, detail::last_words_bytes)};
  }

  /// There were calls that `for_each_call` can't show.
  bool overflowed() const noexcept {
    return area_->overflowed.load(std::memory_order_acquire) != 0;
  }

  /// Calls `visit(key_a, key_b)` for each call that is under way. O(most calls ever at a time).
  template <class Visit>
  void for_each_call(Visit visit) const {
    const std::uint32_t used = area_->used.load(std::memory_order_acquire);
    const std::uint32_t end = used < detail::calls_max ? used : detail::calls_max;
    for (std::uint32_t first = 0; first < end; first += 64) {
      const std::uint64_t valid = area_->valid[first / 64].load(std::memory_order_acquire);
      for (std::uint32_t i = first; i < first + 64; ++i) {
        if ((valid >> (i - first) & 1) == 0) continue;
        const auto& call = area_->calls[i];
        visit(call.a.load(std::memory_order_relaxed), call.b.load(std::memory_order_relaxed));
      }
    }
  }

 private:
  static constexpr int name_tries = 100;

  detail::progress_area* area_;
};

}  // namespace mobula::net
