#pragma once

/// Lists of hosts, and what is wrong with them, for people and as JSON.

#include <string>
#include <string_view>

#include "sources.hpp"

namespace mobula::launcher {

/// The layout's version in `mobula hosts --json`. It grows when a field is taken away or changes
/// its meaning; new fields may come without that.
inline constexpr int hosts_json_version = 1;

/// Colours, or nothing at all.
struct colours {
  bool on = false;

  std::string bold(std::string_view text) const { return painted("1", text); }
  std::string error(std::string_view text) const { return painted("1;31", text); }
  std::string notice(std::string_view text) const { return painted("1;35", text); }

 private:
  std::string painted(std::string_view code, std::string_view text) const;
};

/// A table with the columns that say something, and the sum below it.
std::string hosts_table(const found_list& found, const colours& with);

/// What docs/LISTS.md describes, with a line's end behind it.
std::string hosts_json(const found_list& found);

/// `machines.txt:3:7: error: ...`, the line with a mark below the place, and what would be right.
std::string remark_text(std::string_view place, const remark& about, bool is_error,
                        const colours& with);

/// A sentence with its way out, which stands behind a line's end in `text`.
std::string error_text(std::string_view text, const colours& with);

}  // namespace mobula::launcher
