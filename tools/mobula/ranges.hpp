#pragma once

/// Hosts with brackets, as Slurm and pdsh write many at once: `node[01-04,07]x[1-2]`.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::launcher {

/// More brackets in one name than any cluster has dimensions.
inline constexpr std::size_t brackets_max = 8;

/// What a text with brackets stands for. It is small however many hosts that are.
class host_pattern {
 public:
  /// A text without brackets, or one that is taken as it is.
  static host_pattern literal(std::string_view text);

  /// Numbers from `[first-last]`, or single ones, separated by commas. `[01-10]` has two digits
  /// each; `[8-12]` as many as they need. `at` is where `text` stands, for the error.
  ///
  /// Throws `wrong`, too where one bracket alone has more than `count_max` numbers.
  static host_pattern parse(std::string_view text, std::size_t at, std::uint64_t count_max);

  /// How many names it stands for; the largest number where that does not fit.
  std::uint64_t count() const noexcept;

  /// Each name, the last bracket's numbers first, until `take` says false. O(their bytes).
  void for_each(const std::function<bool(const std::string&)>& take) const;

 private:
  struct range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::size_t width = 0;
  };
  struct piece {
    std::string text{};
    /// What stands behind the text; none in the last piece.
    std::vector<range> ranges{};
  };

  bool expand(std::size_t index, std::string& name,
              const std::function<bool(const std::string&)>& take) const;

  std::vector<piece> pieces_;
};

}  // namespace mobula::launcher
