#pragma once

/// What may name a host, a user or a port.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mobula::launcher {

/// RFC 1035's limit for a whole name, without the dot at its end.
inline constexpr std::size_t host_bytes_max = 253;
/// And for each part between dots.
inline constexpr std::size_t host_label_bytes_max = 63;
/// Longer than any system's; Linux has 32 for accounts of its own and 256 as its limit.
inline constexpr std::size_t user_bytes_max = 64;

/// The host as it is meant: an IP address in its usual form (RFC 5952), any other name as it is
/// written. A name has RFC 1123's letters, digits, hyphens and dots, and underscores, which
/// clusters have too. A name whose last part is a number must be an IPv4 address: `10.0.0.300` is a
/// slip.
///
/// `at` is where `name` stands, for the error. Throws `wrong`.
std::string checked_host(std::string_view name, std::size_t at);

/// What two spellings of one host have in common: lower case, no dot at the end.
std::string host_key(std::string_view name);

/// Throws `wrong` for a user's name that is empty, too long, or that ssh or a shell could take for
/// something else (it begins with a hyphen, has spaces or quotes).
void check_user(std::string_view user, std::size_t at);

/// From 1 to 65535, or throws `wrong`.
std::uint16_t checked_port(std::string_view text, std::size_t at);

}  // namespace mobula::launcher
