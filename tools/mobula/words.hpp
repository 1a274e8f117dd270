#pragma once

/// A line's words, and where they stand.

#include <cstddef>
#include <string>
#include <string_view>

namespace mobula::launcher {

/// A part of the line and where it begins.
struct word {
  std::string_view text{};
  std::size_t at = 0;

  word from(std::size_t begin) const { return {text.substr(begin), at + begin}; }
  word to(std::size_t end) const { return {text.substr(0, end), at}; }
};

/// Within a line.
inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\f' || c == '\v'; }

/// The words of a line, one after the other: a line may have millions.
class words {
 public:
  explicit words(std::string_view line) : line_(line) { skip(); }

  bool empty() const { return at_ == line_.size(); }
  /// Only where there is one.
  word next() {
    const std::size_t begin = at_;
    while (at_ < line_.size() && !is_space(line_[at_])) ++at_;
    const word out{line_.substr(begin, at_ - begin), begin};
    skip();
    return out;
  }
  word peek() const { return words(*this).next(); }

 private:
  void skip() {
    while (at_ < line_.size() && is_space(line_[at_])) ++at_;
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

}  // namespace mobula::launcher
