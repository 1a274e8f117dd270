// What the workers of these tests do.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/support.hpp"

namespace process_tests {

namespace {

void run(const char* command) {
  if (std::system(command) != 0) _exit(99);
}

// In a session of its own, with a parent that is gone. Returns when it is so.
void start_daemon() { run("setsid -f sleep 1000"); }

// The same by forks alone, so it keeps the worker's own environment.
void fork_daemon() {
  int ends[2];
  if (pipe(ends) != 0) _exit(99);
  const pid_t between = fork();
  if (between == 0) {
    if (fork() == 0) {
      setsid();
      [[maybe_unused]] const ssize_t written = write(ends[1], "d", 1);
      for (;;) pause();
    }
    _exit(0);
  }
  char byte = 0;
  if (read(ends[0], &byte, 1) != 1 || waitpid(between, nullptr, 0) != between) _exit(99);
  close(ends[0]);
  close(ends[1]);
}

void tell_status() {
  sigset_t mask;
  sigprocmask(SIG_SETMASK, nullptr, &mask);
  int held = 0;
  int handled = 0;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) != 0) continue;
    held += sigismember(&mask, signal) == 1 ? 1 : 0;
    handled += action.sa_handler != SIG_DFL ? 1 : 0;
  }
  char byte = 0;
  const ssize_t input = read(STDIN_FILENO, &byte, 1);
  std::printf("held %d handled %d input %zd leads %d asked %d\n", held, handled, input,
              getpgrp() == getpid() ? 1 : 0, std::getenv("MOBULA_WORKER_ZYGOTE") != nullptr);
}

}  // namespace

void work(std::span<const std::byte> birth) {
  std::istringstream script(
      std::string(reinterpret_cast<const char*>(birth.data()), birth.size()));
  std::string word;
  std::string text;
  int number = 0;
  while (script >> word) {
    if (word == "exit") {
      script >> number;
      _exit(number);
    } else if (word == "return") {
      return;
    } else if (word == "raise") {
      script >> number;
      raise(number);
    } else if (word == "say") {
      script >> text;
      std::printf("%s\n", text.c_str());
    } else if (word == "complain") {
      script >> text;
      std::fprintf(stderr, "%s\n", text.c_str());
    } else if (word == "ready") {
      script >> number;
      if (write(number, "r\n", 2) != 2) _exit(99);
    } else if (word == "deaf") {
      std::signal(SIGTERM, SIG_IGN);
    } else if (word == "litter") {
      run("sleep 1000 &");
      start_daemon();
      fork_daemon();
    } else if (word == "daemon") {
      start_daemon();
    } else if (word == "echo") {
      unsigned sum = 0;
      for (const std::byte one : birth) sum += std::to_integer<unsigned>(one);
      std::printf("%zu %u\n", birth.size(), sum);
      return;
    } else if (word == "status") {
      tell_status();
    } else if (word == "holds") {
      script >> number;
      std::printf("%d %d\n", number, fcntl(number, F_GETFD));
    } else if (word == "wait") {
      for (;;) pause();
    } else {
      _exit(98);
    }
  }
}

}  // namespace process_tests
