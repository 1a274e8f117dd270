#include "ranges.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "mobula/core/detail/text.hpp"

#include "text.hpp"
#include "wrong.hpp"

namespace mobula::launcher {

namespace {

using mobula::detail::quoted;

// More digits than a host's name may have numbers of; they fit 64 bits.
constexpr std::size_t digits_max = 18;

std::uint64_t read_number(std::string_view text, std::size_t at) {
  if (!is_number(text)) {
    throw wrong{at,
                text.empty() ? "a number is missing in the brackets"
                             : quoted(text) + " in brackets is not a number",
                "numbers and ranges of numbers, as in node[1-4,7]"};
  }
  if (text.size() > digits_max) {
    throw wrong{at,
                "a number in brackets has " + std::to_string(text.size()) + " digits, more than " +
                    std::to_string(digits_max),
                "node[1-4]"};
  }
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

host_pattern host_pattern::literal(std::string_view text) {
  host_pattern out;
  out.pieces_.push_back({std::string(text), {}});
  return out;
}

host_pattern host_pattern::parse(std::string_view text, std::size_t at, std::uint64_t count_max) {
  host_pattern out;
  std::size_t begin = 0;
  while (true) {
    const std::size_t open = text.find('[', begin);
    const std::string_view plain = text.substr(begin, open - begin);
    if (const std::size_t stray = plain.find_first_of("]{}"); stray != std::string_view::npos) {
      if (plain[stray] == ']') {
        throw wrong{at + begin + stray, "] without a [ before it", "node[1-4]"};
      }
      throw wrong{at + begin + stray, "braces are the shell's", "brackets, as in node[1-4]"};
    }
    out.pieces_.push_back({std::string(plain), {}});
    if (open == std::string_view::npos) return out;
    if (out.pieces_.size() > brackets_max) {
      throw wrong{at + open, "more than " + std::to_string(brackets_max) + " brackets in one name",
                  "node[1-4]x[1-2]"};
    }
    const std::size_t close = text.find(']', open);
    if (close == std::string_view::npos) {
      throw wrong{at + open, "[ without a ] behind it", "node[1-4], without spaces"};
    }
    std::uint64_t total = 0;
    for (std::size_t from = open + 1; from <= close;) {
      const std::size_t to = std::min(text.find(',', from), close);
      const std::string_view part = text.substr(from, to - from);
      const std::size_t hyphen = part.find('-');
      if (part.find(':') != std::string_view::npos) {
        throw wrong{at + from, quoted(part) + " in brackets is not a number",
                    "a range has a hyphen, as in node[1-4]"};
      }
      if (part.find('/') != std::string_view::npos) {
        throw wrong{at + from, quoted(part) + " in brackets: a range has no step here",
                    "each number, as in node[1,3,5]"};
      }
      range one;
      one.first = read_number(part.substr(0, hyphen), at + from);
      one.width = std::min(hyphen, part.size());
      one.last = one.first;
      if (hyphen != std::string_view::npos) {
        const std::string_view last = part.substr(hyphen + 1);
        one.last = read_number(last, at + from + hyphen + 1);
        if (last.starts_with('0') && last.size() > one.width) {
          throw wrong{at + from, quoted(part) + " begins with fewer digits than it ends with",
                      "as many zeros on both sides, as in node[001-010]"};
        }
      }
      if (one.last < one.first) {
        throw wrong{at + from, quoted(part) + " goes down",
                    "the smaller number first: [" + std::string(part.substr(hyphen + 1)) + "-" +
                        std::string(part.substr(0, hyphen)) + "]"};
      }
      total += one.last - one.first + 1;  // Both terms are below 2^60, and the sum is checked.
      if (total > count_max) {
        throw wrong{at + open,
                    "the brackets stand for " + std::string(to < close ? "more than " : "") +
                        std::to_string(total) + " hosts, and a list has at most " +
                        std::to_string(count_max),
                    "a smaller range"};
      }
      out.pieces_.back().ranges.push_back(one);
      from = to + 1;
    }
    begin = close + 1;
  }
}

std::uint64_t host_pattern::count() const noexcept {
  std::uint64_t product = 1;
  for (const piece& one : pieces_) {
    if (one.ranges.empty()) continue;
    std::uint64_t sum = 0;
    for (const range& numbers : one.ranges) sum += numbers.last - numbers.first + 1;
    if (product > std::numeric_limits<std::uint64_t>::max() / sum) {
      return std::numeric_limits<std::uint64_t>::max();
    }
    product *= sum;
  }
  return product;
}

void host_pattern::for_each(const std::function<bool(const std::string&)>& take) const {
  std::string name;
  expand(0, name, take);
}

bool host_pattern::expand(std::size_t index, std::string& name,
                          const std::function<bool(const std::string&)>& take) const {
  if (index == pieces_.size()) return take(name);
  const piece& here = pieces_[index];
  name += here.text;
  const std::size_t length = name.size();
  bool more = true;
  if (here.ranges.empty()) more = expand(index + 1, name, take);
  for (const range& numbers : here.ranges) {
    for (std::uint64_t n = numbers.first; more && n <= numbers.last; ++n) {
      const std::string digits = std::to_string(n);
      if (digits.size() < numbers.width) name.append(numbers.width - digits.size(), '0');
      name += digits;
      more = expand(index + 1, name, take);
      name.resize(length);
    }
  }
  name.resize(length - here.text.size());
  return more;
}

}  // namespace mobula::launcher
