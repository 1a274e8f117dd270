#include "names.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "mobula/core/detail/text.hpp"

#include "text.hpp"
#include "wrong.hpp"

namespace mobula::launcher {

namespace {

using mobula::detail::quoted;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The address in its usual form, or nothing.
std::string usual_form(int family, std::string_view text) {
  const std::string terminated(text);
  unsigned char address[sizeof(in6_addr)];
  if (::inet_pton(family, terminated.c_str(), address) != 1) return {};
  char out[INET6_ADDRSTRLEN];
  return ::inet_ntop(family, address, out, sizeof out);
}

std::string checked_ipv6(std::string_view name, std::size_t at) {
  const std::size_t percent = name.find('%');
  std::string address = name.find('\0') == std::string_view::npos
                            ? usual_form(AF_INET6, name.substr(0, percent))
                            : std::string();
  if (address.empty()) {
    throw wrong{at, quoted(name) + " is no IPv6 address",
                "an address such as fd00::17, or [fd00::17]:4 with its slots; with a name there is "
                "one colon, as in node1:4"};
  }
  if (percent == std::string_view::npos) return address;
  const std::string_view zone = name.substr(percent + 1);
  constexpr std::size_t zone_bytes_max = 15;  // Linux's IFNAMSIZ, without the zero.
  const bool valid = !zone.empty() && zone.size() <= zone_bytes_max &&
                     std::all_of(zone.begin(), zone.end(), [](char c) {
                       return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
                     });
  if (!valid) {
    throw wrong{at + percent, quoted(zone) + " is no interface",
                "the interface behind the percent sign, as in fe80::1%eth0"};
  }
  return address.append("%").append(zone);
}

}  // namespace

std::string checked_host(std::string_view name, std::size_t at) {
  if (name.empty()) throw wrong{at, "a host's name is missing", "node1"};
  if (name.find(':') != std::string_view::npos) return checked_ipv6(name, at);

  std::string_view rest = name;
  if (rest.ends_with('.')) rest.remove_suffix(1);
  if (rest.size() > host_bytes_max) {
    throw wrong{at,
                "the host's name has " + std::to_string(rest.size()) + " bytes, more than " +
                    std::to_string(host_bytes_max),
                "several hosts are separated by commas, or stand on lines of their own"};
  }
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.') continue;
    const character one = first_character(rest.substr(i));
    const std::string shown = quoted(rest.substr(i, one.size));
    if (one.valid && one.code >= 0x80) {
      throw wrong{at + i, "a host's name has ASCII letters only, and no " + shown,
                  "the name as DNS has it, which begins with xn-- for other letters"};
    }
    throw wrong{at + i, "a host's name can't have " + shown,
                "letters, digits, hyphens, underscores and dots, as in node-1.example.com"};
  }
  std::size_t begin = 0;
  std::string_view part;
  while (begin <= rest.size()) {
    const std::size_t end = std::min(rest.find('.', begin), rest.size());
    part = rest.substr(begin, end - begin);
    if (part.empty()) {
      throw wrong{at + begin, quoted(name) + " has nothing between two dots, or before the first",
                  "node1.example.com"};
    }
    if (part.size() > host_label_bytes_max) {
      throw wrong{at + begin,
                  "a part of the host's name has " + std::to_string(part.size()) +
                      " bytes, more than " + std::to_string(host_label_bytes_max),
                  "shorter parts between the dots"};
    }
    if (part.front() == '-' || part.back() == '-') {
      throw wrong{at + begin + (part.front() == '-' ? 0 : part.size() - 1),
                  "a part of a host's name neither begins nor ends with a hyphen: " + quoted(part),
                  "to leave a host out, put # before it"};
    }
    begin = end + 1;
  }
  if (is_number(part)) {
    const std::string address = usual_form(AF_INET, rest);
    if (address.empty()) {
      throw wrong{at, quoted(name) + " is neither an IPv4 address nor a name",
                  "four numbers from 0 to 255, as in 10.0.0.17; the last part of a name is not a "
                  "number alone"};
    }
    return address;
  }
  return std::string(name);
}

std::string host_key(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string key(name);
  // The interface of an IPv6 address has upper and lower case.
  const std::size_t percent = std::min(key.find('%'), key.size());
  std::transform(
      key.begin(), key.begin() + static_cast<std::ptrdiff_t>(percent), key.begin(),
      [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return key;
}

void check_user(std::string_view user, std::size_t at) {
  constexpr std::string_view help = "letters, digits and . _ - + @ \\, as in alice@node1";
  if (user.empty()) throw wrong{at, "a user's name is missing", std::string(help)};
  if (user.size() > user_bytes_max) {
    throw wrong{at,
                "the user's name has " + std::to_string(user.size()) + " bytes, more than " +
                    std::to_string(user_bytes_max),
                std::string(help)};
  }
  if (user.front() == '-') {
    throw wrong{at, "a user's name does not begin with a hyphen: " + quoted(user),
                std::string(help)};
  }
  for (std::size_t i = 0; i < user.size(); ++i) {
    const char c = user[i];
    if (is_letter(c) || is_digit(c) || std::strchr("._-+@\\", c) != nullptr) {
      if (c != '\0') continue;
    }
    if (c == ':') {
      throw wrong{at + i, "a colon before the @: a user's name has none",
                  "alice@node1; a password does not belong into a list, nor does the kind of "
                  "shell that pdsh has there"};
    }
    const std::size_t size = first_character(user.substr(i)).size;
    throw wrong{at + i, "a user's name can't have " + quoted(user.substr(i, size)),
                std::string(help)};
  }
}

std::uint16_t checked_port(std::string_view text, std::size_t at) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, port);
  if (!is_number(text) || read.ec != std::errc() || port == 0) {
    throw wrong{at, quoted(text) + " is no port", "a number from 1 to 65535, as in port=2222"};
  }
  return port;
}

}  // namespace mobula::launcher
