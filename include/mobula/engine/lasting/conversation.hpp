#pragma once

/// What two parties say to each other over links that may be made anew: all of it, in order and
/// once, though one of them dies and comes back with what it had written down.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/fifo.hpp"

namespace mobula::engine {

/// One end. What is said is kept until the other end will never ask for it again, and said again on
/// a new link as far as the other end does not have it. Numbers count messages from 1; the words
/// that make this work (`resume_words`, `words_kept`) are not counted, nor is what is only a view
/// (`is_view`): that goes over the link that there is, and again over a new one.
///
///   talk.say(bytes);
///   talk.release(1, [&](std::span<const std::byte> one) { link.send(one); });
///   ... the link is gone, and a new one is made ...
///   link.send(encode(resume_words{talk.begin_link()}));
///   ... its `resume_words` come ...
///   talk.resume(its.kept, [&](std::span<const std::byte> one) { link.send(one); });
///
/// What may go out is `released`: a party that writes down what it hears waits until that is
/// written. And it has `kept` what it has written.
///
/// Invariant: all that was said and may be asked for is there, in order.
class conversation {
 public:
  /// So many messages are kept by the other end before it is told: what it need not keep.
  static constexpr std::uint64_t untold_max = 16;

  // --- Saying ------------------------------------------------------------------------------------

  void say(std::vector<std::byte> bytes) {
    ++said_;
    there_.push_back(std::move(bytes));
  }
  /// The next so many may go out. Calls `visit(span)` for each that goes now.
  template <class Visit>
  void release(std::uint64_t count, Visit visit) {
    MOBULA_ASSERT(count <= said_ - released_, "what is released was said");
    for (; count != 0; --count) {
      ++released_;
      if (is_open_) visit(std::span<const std::byte>(stored(released_)));
    }
  }
  /// The other end has so many for ever. False: it can't.
  [[nodiscard]] bool forget(std::uint64_t kept) {
    if (kept > released_) return false;
    while (said_ - there_.size() < kept) there_.pop_front();
    return true;
  }

  // --- Hearing -----------------------------------------------------------------------------------

  /// A message has come. False: it was here before.
  [[nodiscard]] bool hear() {
    if (next_++ <= heard_) return false;
    ++heard_;
    return true;
  }
  /// The next so many are written, or need not be. True: it is time to tell `kept()`.
  bool keep(std::uint64_t count) {
    MOBULA_ASSERT(count <= heard_ - kept_, "what is kept was heard");
    kept_ += count;
    if (kept_ - told_ < untold_max) return false;
    told_ = kept_;
    return true;
  }
  std::uint64_t kept() const noexcept { return kept_; }

  // --- Links -------------------------------------------------------------------------------------

  /// There is a new one: its first word is what this returns. Until the other end's comes, nothing
  /// else goes out.
  std::uint64_t begin_link() {
    is_open_ = false;
    next_ = kept_ + 1;
    return told_ = kept_;
  }
  /// The other end's first word. False: it has heard what was never said, so one of the two is not
  /// who it was.
  template <class Visit>
  [[nodiscard]] bool resume(std::uint64_t kept, Visit visit) {
    if (is_open_ || kept < said_ - there_.size() || !forget(kept)) return false;
    is_open_ = true;
    for (std::uint64_t at = kept + 1; at <= released_; ++at) {
      visit(std::span<const std::byte>(stored(at)));
    }
    return true;
  }

  // --- What there is -----------------------------------------------------------------------------

  bool is_open() const noexcept { return is_open_; }
  std::uint64_t said() const noexcept { return said_; }
  std::uint64_t heard() const noexcept { return heard_; }
  /// Messages that may be asked for.
  std::size_t there() const noexcept { return there_.size(); }

  /// What outlives the process: all that was heard is written, and all that was said may go out.
  /// See `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(said_, heard_, there_);
    if constexpr (Archive::is_reading) {
      released_ = said_;
      told_ = kept_ = heard_;
      next_ = heard_ + 1;
      is_open_ = false;
    }
  }

 private:
  std::vector<std::byte>& stored(std::uint64_t number) {
    const std::uint64_t first = said_ - there_.size() + 1;
    MOBULA_ASSERT(number >= first && number <= said_,
                  "a message is there while it may be asked for");
    return there_[static_cast<std::size_t>(number - first)];
  }

  std::uint64_t said_ = 0;
  std::uint64_t released_ = 0;
  fifo<std::vector<std::byte>> there_;   ///< the last of those that were said
  std::uint64_t heard_ = 0;
  std::uint64_t kept_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t next_ = 1;  ///< number of the next that comes on this link
  bool is_open_ = true;     ///< the first link needs no word
};

}  // namespace mobula::engine
