#pragma once

/// Equal lines of output are written once, and then counted.

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "mobula/engine/ids.hpp"

namespace mobula::processes {

/// The first of equal lines goes through at once. Those that follow within the window are held, and
/// said in one line when it is over: "text ... repeated 41 times"; a single one as it was. Then the
/// next window begins, or, where there was at most one, nothing is known of the line any more. As
/// Ray does, but of one worker's lines too, and lines have to be equal in every character.
///
///   repeated_lines seen;
///   if (seen.hold("(say pid=7, ada) ", "hello", now, write)) continue;
///   write("(say pid=7, ada) ", "hello");
///   ...
///   seen.expire(now, write);  // write(prefix, text), perhaps
///
/// Thread safety: none. Cost: a look-up and an allocation a line. Memory: at most `bytes_max` of
/// text and `lines_max` lines; beyond, the oldest window ends early.
class repeated_lines {
 public:
  struct options {
    /// ns. Source: Ray's `RAY_DEDUP_LOGS_AGG_WINDOW_S` is 5 s.
    engine::instant window = 5'000'000'000;
    std::size_t lines_max = 1'000;
    std::size_t bytes_max = std::size_t{1} << 20;
  };

  repeated_lines() : repeated_lines(options()) {}
  explicit repeated_lines(const options& given) : options_(given) {}

  /// True: the line is held. False: the caller writes it now, after what this call has written.
  template <class Write>
  [[nodiscard]] bool hold(std::string_view prefix, std::string_view text, engine::instant now,
                          Write write) {
    expire(now, write);
    if (const auto known = by_text_.find(text); known != by_text_.end()) {
      seen& one = *known->second;
      if (one.count++ == 0) ++held_;
      one.prefix = prefix;
      return true;
    }
    if (text.size() > options_.bytes_max) return false;
    while (!windows_.empty() && (windows_.size() >= options_.lines_max ||
                                 bytes_ + text.size() > options_.bytes_max)) {
      tell(windows_.front(), write);
      forget_oldest();
    }
    windows_.push_back({std::string(text), {}, now + options_.window, 0});
    by_text_.emplace(windows_.back().text, std::prev(windows_.end()));
    bytes_ += text.size();
    return false;
  }

  /// Writes what is held of windows that are over.
  template <class Write>
  void expire(engine::instant now, Write write) {
    while (!windows_.empty() && windows_.front().until <= now) {
      seen& one = windows_.front();
      const bool goes_on = one.count > 1;
      tell(one, write);
      if (!goes_on) {
        forget_oldest();
        continue;
      }
      one.until = now + options_.window;
      windows_.splice(windows_.end(), windows_, windows_.begin());
    }
  }
  /// When `expire` has something to write; `never`.
  [[nodiscard]] engine::instant next() const noexcept {
    if (held_ == 0) return engine::never;
    for (const seen& one : windows_) {
      if (one.count != 0) return one.until;
    }
    return engine::never;
  }
  /// Writes all that is held.
  template <class Write>
  void flush(Write write) {
    for (seen& one : windows_) tell(one, write);
  }

 private:
  struct seen {
    std::string text;
    std::string prefix;  ///< of the last that is held
    engine::instant until = 0;
    std::uint64_t count = 0;  ///< held
  };

  template <class Write>
  void tell(seen& one, Write& write) {
    if (one.count == 0) return;
    if (one.count == 1) {
      write(one.prefix, one.text);
    } else {
      write(one.prefix, one.text + " ... repeated " + std::to_string(one.count) + " times");
    }
    one.count = 0;
    --held_;
  }
  void forget_oldest() {
    bytes_ -= windows_.front().text.size();
    by_text_.erase(windows_.front().text);
    windows_.pop_front();
  }

  options options_;
  std::list<seen> windows_;  ///< by their ends
  std::unordered_map<std::string_view, std::list<seen>::iterator> by_text_;  ///< of texts there
  std::size_t bytes_ = 0;
  std::size_t held_ = 0;  ///< windows that hold something
};

}  // namespace mobula::processes
