#pragma once

/// Where a process was when a signal ended it, told by itself with its last breath.

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <unistd.h>

#include "mobula/process/detail/signal_text.hpp"

namespace mobula::process {

/// Where the story is written. Both may be given, and have to outlive the process's last thread.
struct crash_target {
  /// -1: none. One that others may block, a full pipe for example, delays the process's end.
  int descriptor = -1;
  /// For example in memory that another process shares; it ends with a zero byte. Some 100 bytes a
  /// frame.
  std::span<char> memory{};
};

namespace detail {

// A signal's handler belongs to the process, so these do too.

struct crash_state {
  crash_target target{};
  std::atomic<pid_t> teller{0};  ///< the thread that tells
};
[[gnu::visibility("default")]] inline constinit crash_state crash{};

/// Of the calling thread, where it has a `crash_stack`.
struct stack_bounds {
  std::uintptr_t low = 0;
  std::uintptr_t guard_bytes = 0;
};
[[gnu::visibility("default")]] inline constinit thread_local stack_bounds own_stack{};

inline constexpr int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

inline std::string_view signal_name(int signal) noexcept {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    case SIGABRT:
      return "SIGABRT";
    default:
      return "a signal";
  }
}

/// "3 ./program(function+0x1f) [0x55d0c0de]" or, where the function has no name that the loader
/// knows, "3 ./program(+0x14c0de) [0x55d0c0de]": an offset in the file, as addr2line takes it.
inline void tell_frame(signal_text& text, std::size_t index, void* address) noexcept {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  text.put("  ");
  text.put_number(index);
  text.put(" ");
  Dl_info found{};
  if (dladdr(address, &found) != 0 && found.dli_fname != nullptr) {
    text.put(found.dli_fname);
    text.put("(");
    if (found.dli_sname != nullptr) text.put(found.dli_sname);
    const void* const base = found.dli_sname != nullptr ? found.dli_saddr : found.dli_fbase;
    text.put("+");
    text.put_number(number - reinterpret_cast<std::uintptr_t>(base), 16);
    text.put(")");
  }
  text.put(" [");
  text.put_number(number, 16);
  text.put("]\n");
}

/// Whether the address is one that the thread's stack touches when it grows too large. A frame may
/// step over the guard page by what it has of local variables.
inline bool is_stack_overflow(std::uintptr_t address) noexcept {
  constexpr std::uintptr_t reach = std::uintptr_t{64} << 10;
  const stack_bounds own = own_stack;
  return own.low != 0 && address < own.low + reach && address + own.guard_bytes + reach >= own.low;
}

inline void tell_crash(int signal, siginfo_t* info, void*) noexcept {
  const pid_t self = gettid();
  pid_t nobody = 0;
  if (!crash.teller.compare_exchange_strong(nobody, self)) {
    // Another thread tells already, and ends the process when it has.
    for (;;) pause();
  }
  signal_text text(crash.target.descriptor, crash.target.memory);
  text.put("Mobula: process ");
  text.put_number(static_cast<std::uint64_t>(getpid()));
  text.put(" ends by ");
  text.put(signal_name(signal));
  const bool is_fault = info->si_code > 0 && signal != SIGABRT;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (is_fault) {
    text.put(" at address ");
    text.put_number(address, 16);
  }
  if (is_fault && signal == SIGSEGV && is_stack_overflow(address)) {
    text.put(": its stack is used up (recursion without end, or large local variables)");
  }
  text.put("\n");
  constexpr int frames_max = 64;
  void* frames[frames_max];
  const int count = ::backtrace(frames, frames_max);
  for (int i = 0; i < count; ++i) tell_frame(text, static_cast<std::size_t>(i), frames[i]);
  std::signal(signal, SIG_DFL);
  raise(signal);  // It is held back until this returns, and then ends the process.
}

}  // namespace detail

/// From now on a process that is ended by SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT first writes
/// where it was; the signal remains what it ends by. Replaces handlers that others have set, and
/// an earlier target. To be called once a process, by a worker at its beginning; forks inherit it.
///
/// The frames are as `backtrace(3)` finds them and `dladdr(3)` names them: neither is promised to
/// be safe in a handler. A process that crashes within the dynamic loader may end with half a
/// story, or be stuck until it is killed. A full stack can be told of only by threads with a
/// `crash_stack`.
inline void tell_crashes(const crash_target& target) noexcept {
  detail::crash.target = target;
  detail::crash.teller = 0;
  if (!target.memory.empty()) target.memory[0] = '\0';
  void* frame = nullptr;
  ::backtrace(&frame, 1);  // The first call loads a library, which a handler had better not.
  struct sigaction action {};
  action.sa_sigaction = &detail::tell_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  // A fault within the handler can't be delivered then, and ends the process at once.
  sigfillset(&action.sa_mask);
  for (const int signal : detail::crash_signals) sigaction(signal, &action, nullptr);
}

/// Lends the thread that makes it a stack for `tell_crashes` to run on, where it has none. To be
/// destroyed by the same thread.
///
///   crash_stack stack;  // first in a thread's function
class crash_stack {
 public:
  crash_stack() {
    stack_t before{};
    sigaltstack(nullptr, &before);
    if ((before.ss_flags & SS_DISABLE) != 0) {
      memory_ = std::make_unique<std::byte[]>(bytes);
      stack_t mine{};
      mine.ss_sp = memory_.get();
      mine.ss_size = bytes;
      sigaltstack(&mine, nullptr);
    }
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
    void* low = nullptr;
    std::size_t size = 0;
    std::size_t guard = 0;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_getguardsize(&attributes, &guard);
    pthread_attr_destroy(&attributes);
    detail::own_stack = {reinterpret_cast<std::uintptr_t>(low), guard};
  }
  crash_stack(const crash_stack&) = delete;
  crash_stack& operator=(const crash_stack&) = delete;
  ~crash_stack() {
    detail::own_stack = {};
    if (memory_ == nullptr) return;
    stack_t now{};
    sigaltstack(nullptr, &now);
    if (now.ss_sp != memory_.get()) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }

 private:
  static constexpr std::size_t bytes = std::size_t{64} << 10;

  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace mobula::process
