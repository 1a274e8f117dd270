#include "counters/system_calls.hpp"

#include <csignal>

#include <sys/prctl.h>
#include <ucontext.h>

namespace support {
namespace {

// From <linux/prctl.h>, which older systems have without them.
constexpr int set_syscall_user_dispatch = 59;
constexpr unsigned long dispatch_off = 0;
constexpr unsigned long dispatch_on = 1;

// The kernel reads this byte at every system call of the watched thread: 0 lets it pass.
volatile char selector = 0;
volatile long first_call = -1;

#if defined(__x86_64__)
void note(int, siginfo_t* what, void* context) {
  selector = 0;
  first_call = what->si_syscall;
  // Back to the instruction, which is two bytes long; its register still holds the number.
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_RIP] -= 2;
  registers[REG_RAX] = what->si_syscall;
}
bool turn(unsigned long mode) noexcept {
  // With no range of code that is exempt.
  return prctl(set_syscall_user_dispatch, mode, 0UL, 0UL,
               mode == dispatch_on ? &selector : nullptr) == 0;
}
#else
void note(int, siginfo_t*, void*) {}
bool turn(unsigned long) noexcept { return false; }
#endif

struct sigaction before;

}  // namespace

bool system_call_watch::available() noexcept {
  selector = 0;
  return turn(dispatch_on) && turn(dispatch_off);
}

system_call_watch::system_call_watch() noexcept {
  first_call = -1;
  struct sigaction mine {};
  mine.sa_sigaction = note;
  mine.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &mine, &before);
  selector = 0;
  turn(dispatch_on);
  selector = 1;
}

long system_call_watch::first() noexcept {
  selector = 0;
  return first_call;
}

system_call_watch::~system_call_watch() {
  selector = 0;
  turn(dispatch_off);
  sigaction(SIGSYS, &before, nullptr);
}

}  // namespace support
