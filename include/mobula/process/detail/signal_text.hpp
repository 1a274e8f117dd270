#pragma once

/// Text that a signal handler may write: without allocation, locks or stdio.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <unistd.h>

namespace mobula::process::detail {

/// To a descriptor, to memory, or to both. Memory always ends with a zero byte, whatever does not
/// fit, so that a reader in another process may look at any time.
class signal_text {
 public:
  signal_text(int descriptor, std::span<char> memory) noexcept
      : descriptor_(descriptor), memory_(memory) {}

  void put(std::string_view text) noexcept {
    if (!memory_.empty()) {
      const std::size_t room = memory_.size() - 1 - used_;
      const std::size_t taken = text.size() < room ? text.size() : room;
      memory_[used_ + taken] = '\0';
      std::memcpy(memory_.data() + used_, text.data(), taken);
      used_ += taken;
    }
    while (descriptor_ >= 0 && !text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written <= 0) return;  // A story that nobody reads is no reason to stay.
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void put_number(std::uint64_t number, unsigned base = 10) noexcept {
    char digits[24];
    std::size_t at = sizeof digits;
    do {
      digits[--at] = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    if (base == 16) put("0x");
    put({digits + at, sizeof digits - at});
  }

 private:
  int descriptor_;
  std::span<char> memory_;
  std::size_t used_ = 0;
};

}  // namespace mobula::process::detail
