#pragma once

/// Where a process was when a signal ended it, told by itself with its last breath.

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <span>
#include <string_view>

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "mobula/process/detail/signal_text.hpp"

namespace mobula::process {

/// Most frames that a story has, those nearest to the crash.
inline constexpr std::size_t crash_frames_max = 20;

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
  pid_t process = 0;  ///< whose it is; its forks have none
  bool can_unwind = false;
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

#if defined(__x86_64__) || defined(__aarch64__)
inline constexpr bool knows_crash_address = true;
#else
inline constexpr bool knows_crash_address = false;
#endif

inline bool is_code(void* address) noexcept {
  Dl_info found{};
  return dladdr(address, &found) != 0;
}

/// Where the processor was; null where `knows_crash_address` is not set.
inline void* crash_address(const ucontext_t& context) noexcept {
#if defined(__x86_64__)
  return reinterpret_cast<void*>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(context.uc_mcontext.pc);
#else
  static_cast<void>(context);
  return nullptr;
#endif
}

/// Of a call that has led to an address without code: as if it had returned. The unwinder would
/// read the code there.
inline void undo_call(ucontext_t& context) noexcept {
#if defined(__x86_64__)
  auto& registers = context.uc_mcontext.gregs;
  std::memcpy(&registers[REG_RIP], reinterpret_cast<const void*>(registers[REG_RSP]),
              sizeof registers[REG_RIP]);
  registers[REG_RSP] += 8;
#elif defined(__aarch64__)
  context.uc_mcontext.pc = context.uc_mcontext.regs[30];
#else
  static_cast<void>(context);
#endif
}

/// From the crash on. Before it on the stack are this handler and the system's way into it.
inline void tell_frames(signal_text& text, ucontext_t& context) noexcept {
  void* crashed_at = crash_address(context);
  std::size_t told = 0;
  if (knows_crash_address && !is_code(crashed_at)) {
    tell_frame(text, told++, crashed_at);
    undo_call(context);
    crashed_at = crash_address(context);
    if (!is_code(crashed_at)) return;
  }
  constexpr int own_max = 8;
  void* frames[own_max + crash_frames_max];
  const int count = ::backtrace(frames, own_max + crash_frames_max);
  int first = 0;
  while (first < count && first < own_max && frames[first] != crashed_at) ++first;
  if (first == count || frames[first] != crashed_at) first = 0;
  for (int i = first; i < count && told < crash_frames_max; ++i) {
    tell_frame(text, told++, frames[i]);
  }
}

/// Who crashes within the dynamic loader may wait for its own locks; nobody waits for it longer
/// than this.
inline void limit_story_time() noexcept {
  constexpr timespec time{10, 0};
  sigevent killed{};
  killed.sigev_notify = SIGEV_SIGNAL;
  killed.sigev_signo = SIGKILL;
  int timer = 0;  // the kernel's number: the library's functions allocate
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &killed, &timer) != 0) return;
  const itimerspec once{{}, time};
  syscall(SYS_timer_settime, timer, 0, &once, nullptr);
}

[[noreturn]] inline void end_by(int signal) noexcept {
  sigset_t all;
  sigemptyset(&all);
  sigaddset(&all, signal);
  std::signal(signal, SIG_DFL);
  raise(signal);  // It is held back so far, or was pending already.
  pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
  _exit(128 + signal);
}

inline void tell_crash(int signal, siginfo_t* info, void* context) noexcept {
  if (getpid() != crash.process) end_by(signal);
  const pid_t self = gettid();
  pid_t nobody = 0;
  if (!crash.teller.compare_exchange_strong(nobody, self)) {
    // Another thread tells already, and ends the process when it has.
    for (;;) pause();
  }
  limit_story_time();
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
  tell_frames(text, *static_cast<ucontext_t*>(context));
  end_by(signal);
}

/// The first call loads a library and reads its tables, which a handler had better not.
inline void load_unwinder() noexcept {
  if (crash.can_unwind) return;
  void* frame = nullptr;
  ::backtrace(&frame, 1);
  crash.can_unwind = true;
}

}  // namespace detail

/// From now on a process that is ended by SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT first writes
/// where it was; the signal remains what it ends by. Replaces handlers that others have set, and
/// an earlier target. To be called once a process, by a worker at its beginning. What that forks
/// ends as it would without.
///
/// The frames are as `backtrace(3)` finds them and `dladdr(3)` names them: neither is promised to
/// be safe in a handler. A process that crashes within the dynamic loader may end with half a
/// story, or be stuck for ten seconds and then end by SIGKILL. A full stack can be told of only by
/// threads with a `crash_stack`.
///
/// Some 3 us after `prepare_to_tell_crashes`, also in a process that this one was forked from.
inline void tell_crashes(const crash_target& target) noexcept {
  detail::crash.target = target;
  detail::crash.process = getpid();
  detail::crash.teller = 0;
  if (!target.memory.empty()) target.memory[0] = '\0';
  detail::load_unwinder();
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
  /// Throws `std::bad_alloc`.
  crash_stack() {
    stack_t before{};
    sigaltstack(nullptr, &before);
    if ((before.ss_flags & SS_DISABLE) != 0) {
      memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
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

/// Does beforehand, and for good, what `tell_crashes` and a `crash_stack` of this thread would take
/// time for in each process that is forked from now on.
inline void prepare_to_tell_crashes() {
  [[maybe_unused]] static const auto* const of_this_thread = new crash_stack;
  detail::load_unwinder();
}

}  // namespace mobula::process
