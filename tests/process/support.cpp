#include "process/support.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/process/detail/launch.hpp"
#include "mobula/process/detail/proc.hpp"

namespace process_tests {

namespace detail = mobula::process::detail;
using namespace std::chrono_literals;

namespace {

// Only a failure waits so long.
constexpr auto patience = 60s;

void await_readable(int descriptor) {
  pollfd watched{descriptor, POLLIN, 0};
  if (poll(&watched, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) != 1) {
    throw std::runtime_error("nothing has come for a minute");
  }
}

}  // namespace

inbox::~inbox() {
  for (const zygote::report& one : reports_) {
    if (one.out >= 0) close(one.out);
    if (one.err >= 0) close(one.err);
  }
}

void inbox::read_until(const std::function<bool()>& enough) {
  while (!enough()) {
    await_readable(from_.descriptor());
    from_.read_reports([this](const zygote::report& one) { reports_.push_back(one); });
  }
}

void inbox::await(kind what, std::size_t wanted) {
  read_until([&] { return count(what) >= wanted; });
}

std::size_t inbox::count(kind what) const {
  std::size_t found = 0;
  for (const zygote::report& one : reports_) found += one.what == what ? 1 : 0;
  return found;
}

const zygote::report& inbox::of(std::uint64_t number, kind what) const {
  for (const zygote::report& one : reports_) {
    if (one.number == number && one.what == what) return one;
  }
  throw std::runtime_error("no such report of worker " + std::to_string(number));
}

std::string read_all(int descriptor) {
  std::string text;
  for (;;) {
    await_readable(descriptor);
    char bytes[4096];
    const ssize_t got = read(descriptor, bytes, sizeof bytes);
    if (got <= 0) return text;
    text.append(bytes, static_cast<std::size_t>(got));
  }
}

std::string read_line(int descriptor) {
  std::string text;
  for (;;) {
    await_readable(descriptor);
    char byte = 0;
    if (read(descriptor, &byte, 1) != 1 || byte == '\n') return text;
    text += byte;
  }
}

std::size_t open_descriptor_count() { return detail::open_descriptors().size(); }

void wait_until(const std::function<bool()>& answer) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!answer()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("it was not so in time");
    std::this_thread::sleep_for(1ms);
  }
}

house::house() : descriptors_(open_descriptor_count()) { prctl(PR_SET_CHILD_SUBREAPER, 1); }
house::~house() { prctl(PR_SET_CHILD_SUBREAPER, 0); }

std::string house::leftovers() {
  std::string left;
  const auto end = std::chrono::steady_clock::now() + patience;
  for (bool late = false;;) {
    const pid_t gone = waitpid(-1, nullptr, WNOHANG);
    if (gone < 0 && errno == ECHILD) break;
    if (gone != 0) continue;
    std::this_thread::sleep_for(1ms);
    if (late || std::chrono::steady_clock::now() < end) continue;
    late = true;
    for (const pid_t child : detail::own_children()) {
      left += "process " + std::to_string(child) + ": " +
              detail::read_file(("/proc/" + std::to_string(child) + "/cmdline").c_str()) + "; ";
      kill(child, SIGKILL);
    }
  }
  const std::size_t now = open_descriptor_count();
  if (now != descriptors_) {
    left += "descriptors " + std::to_string(descriptors_) + " before, " + std::to_string(now) +
            " after; ";
  }
  return left;
}

player::player(const std::string& role, const std::string& file) {
  int into[2];
  int out_of[2];
  if (pipe2(into, O_CLOEXEC) != 0 || pipe2(out_of, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipes");
  }
  detail::spawn_plan plan;
  posix_spawn_file_actions_adddup2(&plan.actions, into[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, out_of[1], told);
  std::vector<std::string> variables;
  for (char** one = environ; *one != nullptr; ++one) variables.emplace_back(*one);
  variables.push_back("MOBULA_TEST_ROLE=" + role);
  std::vector<std::string> arguments{"test_process"};
  const int error =
      posix_spawn(&pid, file.c_str(), &plan.actions, &plan.attributes,
                  detail::pointers_to(arguments).data(), detail::pointers_to(variables).data());
  close(into[0]);
  close(out_of[1]);
  input = into[1];
  output = out_of[0];
  if (error != 0) throw std::runtime_error("the test can't execute itself");
}

player::~player() {
  if (input >= 0) close(input);
  if (output >= 0) close(output);
}

}  // namespace process_tests
