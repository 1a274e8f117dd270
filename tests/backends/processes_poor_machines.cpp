// Goal: on a machine that has too little of something, a runtime on processes does what can be done
// without it, or throws an error that says what is missing and what helps; nothing hangs, nobody
// crashes, and nothing is left. Method: a child process makes itself poor, for real: limits as
// another user, file systems of its own, a filter of system calls. What it finds it writes to a
// pipe. An alarm ends one that hangs.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::async;
using mobula::future;
using mobula::get;

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

/// A child that can't make itself poor says so with this, and why.
const std::string impossible = "impossible: ";

/// What the child's body returns, or "threw: " and its error; "died: " and the signal. Its standard
/// error goes to `errors`.
struct child_story {
  std::string text;
  std::string errors;
};

std::string read_end(int from) {
  std::string text;
  char some[4096];
  ssize_t got = 0;
  while ((got = ::read(from, some, sizeof some)) > 0) {
    text.append(some, static_cast<std::size_t>(got));
  }
  ::close(from);
  return text;
}
std::string in_file(int file) {
  std::string text;
  char some[4096];
  ssize_t got = 0;
  ::lseek(file, 0, SEEK_SET);
  while ((got = ::read(file, some, sizeof some)) > 0) {
    text.append(some, static_cast<std::size_t>(got));
  }
  return text;
}

child_story in_child(const std::function<std::string()>& body) {
  constexpr unsigned seconds_max = 60;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  std::FILE* const errors = std::tmpfile();
  REQUIRE(errors != nullptr);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child != -1);
  if (child == 0) {
    ::alarm(seconds_max);
    without_core();
    for (const int number : {SIGSEGV, SIGBUS, SIGABRT}) std::signal(number, SIG_DFL);
    ::dup2(::fileno(errors), STDERR_FILENO);
    std::string text;
    try {
      text = body();
    } catch (const std::exception& thrown) {
      text = std::string("threw: ") + thrown.what();
    }
    [[maybe_unused]] const auto written = ::write(ends[1], text.data(), text.size());
    std::fflush(nullptr);
    ::_exit(0);
  }
  ::close(ends[1]);
  child_story story;
  story.text = read_end(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  story.errors = in_file(::fileno(errors));
  std::fclose(errors);
  if (WIFSIGNALED(status)) story.text = "died: signal " + std::to_string(WTERMSIG(status));
  return story;
}
bool can_not(const child_story& story) {
  return story.text.compare(0, impossible.size(), impossible) == 0;
}

// --- Poverty -------------------------------------------------------------------------------------

/// A user who has no other process: limits count all of a user's, and don't hold for root.
bool become_nobody() {
  const auto user = static_cast<uid_t>(1'000'000 + ::getpid());
  return ::setgroups(0, nullptr) == 0 && ::setresgid(user, user, user) == 0 &&
         ::setresuid(user, user, user) == 0 &&
         ::prctl(PR_SET_DUMPABLE, 1) == 0;  // as a process that was executed as this user
}
/// 0: of this process. False where that is not allowed.
bool limit_processes(rlim_t most, pid_t of = 0) {
  rlimit limit{};
  ::prlimit(of, RLIMIT_NPROC, nullptr, &limit);
  limit.rlim_cur = most;
  return ::prlimit(of, RLIMIT_NPROC, &limit, nullptr) == 0;
}
bool own_file_systems() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}
/// From all threads of this process, and what it forks.
bool refuse_call(long call, int error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{4, program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

// --- Work ----------------------------------------------------------------------------------------

int add(int a, int b) { return a + b; }
long sum(const std::vector<int>& all) { return std::accumulate(all.begin(), all.end(), 0L); }

struct counter {
  int next() { return ++value; }
  int value = 0;
};
/// With one thread and no right to another.
struct lonely {
  int limit() {
    return limit_processes(1) ? 1 : 0;
  }
  int wait(event begun, event end) {
    begun.set();
    end.wait();
    return 2;
  }
  int next() { return 3; }
};

/// A little of everything: small and large values, an actor, many tasks.
std::string work() {
  mobula::runtime runtime{on_processes()};
  std::vector<future<int>> all;
  for (int i = 0; i < 100; ++i) all.push_back(async<add>(i, 1));
  int total = 0;
  for (const future<int>& one : all) total += get(one);
  const std::vector<int> large(1'000'000, 1);
  const long counted = get(async<sum>(large));
  const auto one = mobula::spawn<counter>();
  const int next = get(one.call<&counter::next>());
  return "did " + std::to_string(total) + " " + std::to_string(counted) + " " +
         std::to_string(next);
}
const std::string work_done = "did 5050 1000000 1";

}  // namespace

// From none to enough: each number is another place where it is refused.
TEST_CASE("too few processes and threads for the user are an error that says so, wherever",
          "[processes][clause-14]") {
  int failed = 0;
  int done = 0;
  for (rlim_t most = 1; most <= 16; ++most) {
    const child_story story = in_child([&] {
      if (!become_nobody()) return impossible + "this test needs to be root";
      if (!limit_processes(most)) return impossible + "the limit can't be set";
      return work();
    });
    if (can_not(story)) SKIP_CASE(story.text.c_str());
    CAPTURE(most, story.text, story.errors);
    if (story.text == work_done) {
      ++done;
      continue;
    }
    ++failed;
    CHECK_THAT(story.text, StartsWith("threw: "));
    CHECK_THAT(story.text, ContainsSubstring("ulimit -u"));
    CHECK_THAT(story.text, ContainsSubstring("Resource temporarily unavailable"));
    CHECK_THAT(story.errors, !ContainsSubstring("terminate called"));
    CHECK_THAT(story.text, !ContainsSubstring("crashed"));
  }
  CHECK(failed >= 7);  // the zygote, four threads, a worker, its thread
  CHECK(done >= 1);
}

TEST_CASE("a call for which there is no thread fails alone", "[processes][clause-14]") {
  const child_story story = in_child([] {
    if (!become_nobody()) return impossible + "this test needs to be root";
    mobula::runtime runtime{on_processes()};
    const auto one = mobula::spawn<lonely>({.max_concurrency = 2});
    get(one.call<&lonely::limit>());
    const event begun;
    const event end;
    const future<int> first = one.call<&lonely::wait>(begun, end);
    begun.wait();
    const future<int> second = one.call<&lonely::next>();
    std::string text;
    try {
      text = std::to_string(get(second));
    } catch (const mobula::error& thrown) {
      text = thrown.what();
    }
    end.set();
    text += "; " + std::to_string(get(first));
    return text + std::to_string(get(one.call<&lonely::next>()));
  });
  if (can_not(story)) SKIP_CASE(story.text.c_str());
  CAPTURE(story.errors);
  CHECK_THAT(story.text, ContainsSubstring("a thread for a call beside others can't be started"));
  CHECK_THAT(story.text, ContainsSubstring("ulimit -u"));
  CHECK_THAT(story.text, ContainsSubstring("; 23"));
}

TEST_CASE("workers that are there go on when there can't be more", "[processes][clause-14]") {
  const child_story story = in_child([] {
    if (!become_nobody()) return impossible + "this test needs to be root";
    mobula::runtime runtime{on_processes({.cpus = 1})};
    int total = get(async<add>(1, 1));
    // The zygote is this process's only child.
    const std::vector<pid_t> children = children_of(::getpid());
    if (children.size() != 1) return std::string("the zygote can't be told");
    if (!limit_processes(1, children[0])) return impossible + "the zygote can't be limited";
    for (int i = 0; i < 100; ++i) total += get(async<add>(i, 1));
    std::string text = std::to_string(total) + "; ";
    try {
      const auto one = mobula::spawn<counter>({.isolation = mobula::isolation::process});
      text += std::to_string(get(one.call<&counter::next>()));
    } catch (const mobula::error& thrown) {
      text += thrown.what();
    }
    return text + "; " + std::to_string(get(async<add>(2, 2)));
  });
  if (can_not(story)) SKIP_CASE(story.text.c_str());
  CAPTURE(story.errors);
  CHECK_THAT(story.text, StartsWith("5052; "));
  CHECK_THAT(story.text, ContainsSubstring("could not be started: Resource temporarily"));
  CHECK_THAT(story.text, ContainsSubstring("ulimit -u"));
  CHECK_THAT(story.text, EndsWith("; 4"));
}

TEST_CASE("without /proc a runtime is refused, and the error says what to mount",
          "[processes][clause-36]") {
  const child_story story = in_child([] {
    if (!own_file_systems() || ::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
      return impossible + "no file system can be mounted here";
    }
    return work();
  });
  if (can_not(story)) SKIP_CASE(story.text.c_str());
  CAPTURE(story.errors);
  CHECK_THAT(story.text, StartsWith("threw: "));
  CHECK_THAT(story.text, ContainsSubstring("mount -t proc proc /proc"));
}

TEST_CASE("where /proc has processes alone, memory is not watched, which is said once",
          "[processes][clause-39]") {
  const auto hide_memory = [] {
    if (!own_file_systems() || ::mount("proc", "/proc", "proc", 0, "subset=pid") != 0 ||
        ::access("/proc/meminfo", R_OK) == 0) {
      return false;
    }
    ::mount("none", "/sys/fs/cgroup", "tmpfs", 0, nullptr);
    return true;
  };
  static const std::string no_proc = impossible + "no /proc with processes alone can be mounted";
  const child_story worked = in_child([=] { return hide_memory() ? work() : no_proc; });
  if (can_not(worked)) SKIP_CASE(worked.text.c_str());
  CHECK(worked.text == work_done);
  // Once for each runtime; that of `work` may be over before the first look.
  const child_story story = in_child([=] {
    if (!hide_memory()) return no_proc;
    mobula::runtime runtime{on_processes()};
    const future<int> slow = async([] {
      ::usleep(600'000);  // two looks and more
      return 1;
    });
    return std::to_string(get(slow));
  });
  CAPTURE(story.errors);
  CHECK(story.text == "1");
  const std::string said = "nothing tells how much memory is in use";
  const std::size_t first = story.errors.find(said);
  CHECK(first != std::string::npos);
  CHECK(story.errors.find(said, first + 1) == std::string::npos);
}

TEST_CASE("where memfd_create is refused, the error says so", "[processes][clause-35]") {
  const int error = GENERATE(EPERM, ENOSYS);
  const child_story story = in_child([&] {
    if (!refuse_call(__NR_memfd_create, error)) return impossible + "no filter of system calls";
    return work();
  });
  if (can_not(story)) SKIP_CASE(story.text.c_str());
  CAPTURE(story.errors);
  CHECK_THAT(story.text, StartsWith("threw: memfd_create of "));
  CHECK_THAT(story.text, ContainsSubstring(" bytes for the shared segment"));
  CHECK_THAT(story.text, ContainsSubstring("it must be allowed"));
  CHECK_THAT(story.text, ContainsSubstring(std::strerror(error)));
}

TEST_CASE("where shared memory is refused later, a large value fails, and small ones go on",
          "[processes][clause-35][clause-37]") {
  const child_story story = in_child([] {
    mobula::runtime runtime{on_processes()};
    std::string text = "did " + std::to_string(get(async<add>(1, 1))) + "; ";
    if (!refuse_call(__NR_memfd_create, EPERM)) return impossible + "no filter of system calls";
    try {
      text += std::to_string(get(async<sum>(std::vector<int>(1'000'000, 1))));
    } catch (const mobula::error& thrown) {
      text += thrown.what();
    }
    return text + "; " + std::to_string(get(async<add>(1, 1)));
  });
  if (can_not(story)) SKIP_CASE(story.text.c_str());
  CHECK_THAT(story.text, StartsWith("did 2; ") && EndsWith("; 2"));
  CHECK_THAT(story.text, ContainsSubstring("memfd_create of"));
  CHECK_THAT(story.text, ContainsSubstring("it must be allowed"));
}

TEST_CASE("a temporary directory that can't be written is told at once, with what helps",
          "[processes][clause-37]") {
  const bool other = GENERATE(false, true);
  const child_story story = in_child([&] {
    if (!own_file_systems() || ::mount("none", "/tmp", "tmpfs", MS_RDONLY, nullptr) != 0) {
      return impossible + "no file system can be mounted here";
    }
    ::unsetenv("TMPDIR");
    if (!other) return work();
    mobula::runtime runtime{on_processes({.spill_directory = "/var/tmp"})};
    std::string text = "did " + std::to_string(get(async<add>(1, 1))) + "; ";
    try {
      get(async<add>({.environment = {.setup = "true"}}, 1, 1));
    } catch (const std::exception& thrown) {
      text += thrown.what();
    }
    return text;
  });
  if (can_not(story)) SKIP_CASE(story.text.c_str());
  CAPTURE(story.errors);
  if (other) {
    CHECK_THAT(story.text, StartsWith("did 2; ") && ContainsSubstring("/tmp/mobula-environments"));
    CHECK_THAT(story.text, ContainsSubstring("Read-only file system"));
    CHECK_THAT(story.text, ContainsSubstring("TMPDIR"));
  } else {
    CHECK_THAT(story.text, StartsWith("threw: "));
    CHECK_THAT(story.text, ContainsSubstring("in /tmp (runtime_options.spill_directory"));
    CHECK_THAT(story.text, ContainsSubstring("Read-only file system"));
  }
}

TEST_CASE("nothing needs /dev/shm", "[processes][clause-36]") {
  const child_story story = in_child([] {
    if (!own_file_systems() || ::mount("none", "/dev/shm", "tmpfs", MS_RDONLY, nullptr) != 0) {
      return impossible + "no file system can be mounted here";
    }
    return work();
  });
  if (can_not(story)) SKIP_CASE(story.text.c_str());
  CHECK(story.text == work_done);
}

TEST_CASE("limits on files and on addresses are errors that say so", "[processes][clause-35]") {
  const child_story files = in_child([] {
    const rlimit few{rlim_t{1} << 20, rlim_t{1} << 20};
    ::setrlimit(RLIMIT_FSIZE, &few);
    return work();
  });
  CHECK_THAT(files.text, StartsWith("threw: ") && ContainsSubstring("ulimit -f"));
  const child_story addresses = in_child([] {
    const rlimit few{rlim_t{4} << 30, rlim_t{4} << 30};
    ::setrlimit(RLIMIT_AS, &few);
    return work();
  });
  if (sanitized) return;
  CHECK_THAT(addresses.text, StartsWith("threw: ") && ContainsSubstring("ulimit -v"));
}
