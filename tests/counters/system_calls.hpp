#pragma once

/// Notices the system calls of the calling thread.

namespace support {

/// While it lives, the kernel hands the first system call of the thread that made it to a handler
/// of ours, which writes its number down and lets it pass (Linux' syscall user dispatch). One at a
/// time.
class system_call_watch {
 public:
  system_call_watch() noexcept;
  system_call_watch(const system_call_watch&) = delete;
  system_call_watch& operator=(const system_call_watch&) = delete;
  ~system_call_watch();

  /// Whether this kernel and processor can do it. A thread's own answer.
  [[nodiscard]] static bool available() noexcept;
  /// The number of the first call since then, or -1: there was none. The watch is over.
  [[nodiscard]] long first() noexcept;
};

}  // namespace support
