#pragma once

/// What conformance cases share: a runtime on the backend under test, what that backend can't do,
/// events that cross bodies, and what is written to standard error.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mobula/mobula.hpp"

#include "support/catch.hpp"

namespace conformance {

using namespace std::chrono_literals;

// --- The backend under test ----------------------------------------------------------------------

/// The one that `MOBULA_BACKEND` names; CTest sets it.
inline std::string backend_under_test() {
  const char* const named = std::getenv("MOBULA_BACKEND");
  return named != nullptr && *named != '\0' ? named : "threads";
}

/// What a suite for several backends has to know of each. To test another one: its line here, its
/// word in `test_backends` of tests/CMakeLists.txt, and what it can't do in `lacks`.
struct backend_traits {
  std::string_view name;
  bool one_process = true;  ///< bodies share the driver's memory: cases tagged [in-process] run
  bool serialises = false;  ///< every value is a copy that went through bytes
  bool real_time = true;    ///< `sleep_for` takes as long as it says
  bool foreign_threads = true;  ///< any thread of the program may call Mobula
  /// Workers end as processes do, real or simulated ones: a kill does not wait for a body, and what
  /// one process does takes a moment to reach another.
  bool workers_end = false;
};
inline constexpr backend_traits known_backends[] = {
    {.name = "threads"},
    {.name = "loopback", .serialises = true},
    {.name = "processes", .one_process = false, .serialises = true, .workers_end = true},
    {.name = "simulation",
     .serialises = true,
     .real_time = false,
     .workers_end = true},
};
inline const backend_traits& traits() {
  const std::string wanted = backend_under_test();
  for (const backend_traits& one : known_backends) {
    if (one.name == wanted) return one;
  }
  throw std::logic_error("backend '" + wanted + "' has no line in known_backends");
}

/// What a backend can't do, by clause or by another tag, and why. A case about it says
/// `NEEDS("tag")` first, and CTest reports it as skipped with the reason.
struct lack {
  std::string_view backend;
  std::string_view tag;
  const char* reason;
};
inline constexpr lack lacks[] = {
    {"threads", "nodes", "there is one node, the process"},
    {"loopback", "nodes", "there is one node, the process"},
    {"processes", "nodes", "there is one node, the machine"},
    {"threads", "environments", "there is no process to give an environment to"},
    {"loopback", "environments", "there is no process to give an environment to"},
    {"simulation", "environments", "simulated processes share what there is of a process's"},
    {"threads", "serialises", "threads hands values over without serialising them"},
    {"loopback", "shares-values", "loopback sends every value through bytes, so nothing is shared"},
    {"loopback", "nested-original",
     "an exception's original stays where it was thrown, as between processes"},
    {"processes", "shares-values", "processes share no values but arrays"},
    {"processes", "nested-original", "the original exception does not leave its process"},
    {"processes", "in-process", "bodies run in other processes and don't see the test's memory"},
    {"processes", "knows-holders",
     "a worker has a copy of its own, and does not know who else has"},
    {"processes", "deaf-bodies", "a deaf body is ended with its worker after the grace"},
    {"processes", "executors", "the executor lends threads to the backend threads alone"},
    {"processes", "takes-cpus-late",
     "an actor keeps its CPUs from when it is placed, so nobody is held back for whom it keeps out"},
    {"processes", "checks-at-once",
     "results are read, and actors made, when nobody calls: the reason is all that is left"},
    {"processes", "stack-limit",
     "a body that waits has a process of its own, of which there are as many as the system allows"},
    {"processes", "deep-values",
     "who has a future is sent its value, and what is in that, so a chain costs its length squared"},
    {"simulation", "shares-values", "simulated processes share no values but arrays"},
    {"simulation", "nested-original", "the original exception does not leave its process"},
    {"simulation", "knows-holders",
     "a worker has a copy of its own, and does not know who else has"},
    {"simulation", "checks-at-once",
     "results are read, and actors made, when nobody calls: the reason is all that is left"},
    {"simulation", "deaf-bodies", "a deaf body is ended with its worker after the grace"},
    {"simulation", "takes-cpus-late",
     "an actor keeps its CPUs from when it is placed, so nobody is held back for whom it keeps out"},
    {"simulation", "executors", "the executor lends threads to the backend threads alone"},
    {"simulation", "stack-limit",
     "a body that waits has a fiber of its own, of which there are as many as memory allows"},
};
/// Null where the backend can.
inline const char* backend_lacks(std::string_view tag) {
  for (const lack& one : lacks) {
    if (one.backend == backend_under_test() && one.tag == tag) return one.reason;
  }
  return nullptr;
}

/// Ends the case as skipped, with the reason, where the backend can't do what the tag names.
#define NEEDS(tag)                                                                   \
  do {                                                                               \
    if (const char* const why = ::conformance::backend_lacks(tag); why != nullptr) { \
      SKIP_CASE(why);                                                                \
    }                                                                                \
  } while (false)

/// A runtime on the backend under test, with 2 CPUs unless it says otherwise, so that cases mean
/// the same on every machine.
///
///   test_runtime runtime{{.cpus = 1}};
class test_runtime {
 public:
  explicit test_runtime(mobula::runtime_options options = {})
      : runtime_(prepared(std::move(options))) {}

  std::string_view backend() const noexcept { return runtime_.backend(); }

 private:
  static mobula::runtime_options prepared(mobula::runtime_options options) {
    if (options.backend.empty()) options.backend = backend_under_test();
    if (!options.cpus) options.cpus = 2;
    return options;
  }
  mobula::runtime runtime_;
};

/// What is done to nodes, by their names. Set by what brings a backend with several into the suite.
struct node_deeds {
  /// At once, with all that runs on it.
  void (*kill)(const std::string& which) = nullptr;
  /// Returns when it is known.
  void (*join)(const mobula::node_options& what) = nullptr;
  /// From all others, for so long.
  void (*cut)(const std::string& which, mobula::duration lasts) = nullptr;
  /// It is asked to leave; what runs there may go on for so long.
  void (*drain)(const std::string& which, mobula::duration lasts) = nullptr;
  /// From each of the first to each of the second, in this direction, for so long.
  void (*cut_between)(const std::vector<std::string>& from, const std::vector<std::string>& to,
                      mobula::duration lasts) = nullptr;
  /// All that runs on it, for so long.
  void (*pause)(const std::string& which, mobula::duration lasts) = nullptr;
};
inline node_deeds deeds;

/// A runtime of nodes with so many CPUs each, called `node0` and so on. The driver is on the first.
///
///   test_nodes runtime({2, 2, 4});
class test_nodes {
 public:
  explicit test_nodes(const std::vector<double>& cpus, mobula::runtime_options options = {})
      : test_nodes(of_sizes(cpus), std::move(options)) {}
  explicit test_nodes(std::vector<mobula::node_options> nodes, mobula::runtime_options options = {})
      : runtime_(prepared(std::move(nodes), std::move(options))) {}

 private:
  static std::vector<mobula::node_options> of_sizes(const std::vector<double>& cpus) {
    std::vector<mobula::node_options> out;
    for (const double one : cpus) out.push_back({.cpus = one});
    return out;
  }
  static mobula::runtime_options prepared(std::vector<mobula::node_options> nodes,
                                          mobula::runtime_options options) {
    options.backend = backend_under_test();
    options.simulation.nodes = std::move(nodes);
    return options;
  }
  mobula::runtime runtime_;
};
inline mobula::node_info node_of_name(const std::string& name) {
  std::vector<mobula::node_info> all = mobula::nodes();
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (at->name == name) return *at;
  }
  throw std::logic_error("there never was a node " + name);
}

// --- Sizes ---------------------------------------------------------------------------------------

#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitizer = true;
inline constexpr bool address_sanitizer = false;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr bool thread_sanitizer = false;
inline constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
inline constexpr bool address_sanitizer = false;
#elif __has_feature(address_sanitizer)
inline constexpr bool thread_sanitizer = false;
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
inline constexpr bool address_sanitizer = false;
#endif
#else
inline constexpr bool thread_sanitizer = false;
inline constexpr bool address_sanitizer = false;
#endif

/// A large number, smaller where a sanitizer makes everything slow.
constexpr int scaled(int count) {
  return thread_sanitizer ? (count + 19) / 20 : address_sanitizer ? (count + 3) / 4 : count;
}

/// The same, smaller still where a task is many messages between simulated processes, all of which
/// one thread carries.
inline int sized(int count) {
  const int least = scaled(count);
  return traits().workers_end ? std::max(std::min(least, 20), least / 10) : least;
}

/// For waits that end long before; when one does not, the case fails instead of hanging.
inline constexpr std::chrono::seconds patience{60};

// --- Events across bodies ------------------------------------------------------------------------

namespace detail {

/// Shared with workers that are forked later, since it is mapped before `main`.
inline std::atomic<std::int64_t>* shared_words() {
  static constexpr std::size_t words = 1 << 18;
  static std::atomic<std::int64_t>* const first = [] {
    void* const memory = ::mmap(nullptr, words * sizeof(std::atomic<std::int64_t>),
                                PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<std::atomic<std::int64_t>*>(memory);  // zeros, which are zero atomics
  }();
  return first;
}
inline std::atomic<std::int64_t>* const mapped_before_main = shared_words();

inline std::uint32_t next_word(std::uint32_t count = 1) {
  static std::atomic<std::uint32_t> used{0};
  const std::uint32_t word = used.fetch_add(count);
  if (word + count > (1u << 18)) throw std::length_error("the test uses more than 262 144 tallies");
  return word;
}

}  // namespace detail

/// Where time is virtual: the body or the driver that calls it computes for 100 us of that time,
/// keeps its CPUs and doesn't see whether it is cancelled. Set by what brings such a backend into
/// the suite. Null: real time passes.
inline void (*pass_time)() = nullptr;

/// Null where real time passes, be it that no runtime lives.
inline void (*time_to_pass())() {
  if (pass_time == nullptr || traits().real_time) return nullptr;
  return mobula::detail::the_runtime.host.load() != nullptr ? pass_time : nullptr;
}

/// Returns when `done()` is true; throws when it never is, so that a test that would hang fails.
/// As seen from the runtime the body computes meanwhile.
template <class Condition>
void wait_until(Condition done, std::string_view what = "a state") {
  const auto end = mobula::clock::now() + patience;
  for (int looks = 0; !done(); ++looks) {
    if (mobula::clock::now() >= end) {
      throw std::runtime_error("the test waited a minute in vain for " + std::string{what});
    }
    if (void (*const pass)() = time_to_pass()) {
      pass();
    } else if (looks < 50) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(100us);
    }
  }
}

/// Computes long enough for others to be seen at the same time, if they may run then.
inline void linger(int yields = 20) {
  if (void (*const pass)() = time_to_pass()) return pass();
  for (int i = 0; i < yields; ++i) std::this_thread::yield();
}

/// Returns when what the caller did last (a cancel, a kill) has reached whom it is about. At once
/// where that is so when the call returns.
inline void let_arrive() {
  if (traits().workers_end) mobula::sleep_for(50ms);
}

/// A thread of the program beside the driver's. Where there can be none it runs at once, in the
/// constructor: for callers that wait for nobody who comes later; others need "foreign-threads".
class foreign_thread {
 public:
  template <class Body>
  requires(!std::is_same_v<std::remove_cvref_t<Body>, foreign_thread>)
  explicit foreign_thread(Body&& body) {
    if (traits().foreign_threads) {
      thread_ = std::thread(std::forward<Body>(body));
    } else {
      body();
    }
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

/// A number that driver and bodies share: the value of a `tally` is a place, so it is sent like an
/// int and means the same on every backend whose workers are forked (trivially copyable classes
/// without room for a pointer are sent by their bytes). `wait_for` is a `wait_until`.
class tally {
 public:
  tally() : word_(detail::next_word()) {}

  std::int64_t add(std::int64_t by = 1) const { return place().fetch_add(by) + by; }
  void set(std::int64_t to) const { place().store(to); }
  std::int64_t value() const { return place().load(); }
  /// Keeps the largest.
  void raise_to(std::int64_t value) const {
    std::int64_t seen = place().load();
    while (seen < value && !place().compare_exchange_weak(seen, value)) {
    }
  }
  void wait_for(std::int64_t at_least) const {
    wait_until([this, at_least] { return value() >= at_least; }, "a tally");
  }

 private:
  std::atomic<std::int64_t>& place() const { return detail::shared_words()[word_]; }
  std::uint32_t word_;
};

/// Objects of bodies: how many were made, and how many are gone, destroyed or with the process
/// that they were in, which runs no destructor where it is killed. Counted by process, one
/// word at a time, so that a process may be killed in the midst of it.
class census {
 public:
  class column {
   public:
    column(std::uint32_t first, std::uint32_t which) : first_(first), which_(which) {}
    void add() const { house()[1 + which_].fetch_add(1); }
    /// For the driver.
    std::int64_t value() const {
      std::int64_t sum = 0;
      for (std::uint32_t i = 0; i < houses_max; ++i) {
        std::atomic<std::int64_t>* const one = words() + 2 + 3 * i;
        const std::int64_t pid = one[0].load();
        if (pid == 0) continue;
        if (::kill(static_cast<pid_t>(pid), 0) != 0) {
          const std::int64_t all = one[1].exchange(0);
          words()[0].fetch_add(all);
          words()[1].fetch_add(all);
          one[2].store(0);
          one[0].store(0);
        } else {
          sum += one[1 + which_].load();
        }
      }
      return words()[which_].load() + sum;
    }
    void wait_for(std::int64_t at_least) const {
      wait_until([this, at_least] { return value() >= at_least; }, "a census");
    }

   private:
    std::atomic<std::int64_t>* words() const { return detail::shared_words() + first_; }
    /// The calling process's: its number, how many were made in it, and how many destroyed.
    std::atomic<std::int64_t>* house() const {
      const std::int64_t mine = ::getpid();
      for (std::uint32_t i = 0; i < houses_max; ++i) {
        if (words()[2 + 3 * i].load() == mine) return words() + 2 + 3 * i;
      }
      for (std::uint32_t i = 0; i < houses_max; ++i) {
        std::int64_t nobody = 0;
        if (words()[2 + 3 * i].compare_exchange_strong(nobody, mine)) return words() + 2 + 3 * i;
      }
      throw std::length_error("the test's objects are in more processes than it has room for");
    }

    std::uint32_t first_;
    std::uint32_t which_;
  };

  census() : census(detail::next_word(2 + 3 * houses_max)) {}

  column made;
  column gone;

 private:
  static constexpr std::uint32_t houses_max = 200;
  explicit census(std::uint32_t first) : made(first, 0), gone(first, 1) {}
};

/// Happens once, in the driver or in a body; anybody can wait for it or ask.
class event {
 public:
  void set() const { happened_.set(1); }
  bool is_set() const { return happened_.value() != 0; }
  /// The runtime knows nothing of it.
  void wait() const { happened_.wait_for(1); }

 private:
  tally happened_;
};

/// Counts how many are inside at once, and the most that ever were.
class crowd {
 public:
  class visit {
   public:
    explicit visit(const crowd& of) : of_(of) { of.most_.raise_to(of.inside_.add(1)); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() { of_.inside_.add(-1); }

   private:
    const crowd& of_;
  };
  std::int64_t inside() const { return inside_.value(); }
  std::int64_t most() const { return most_.value(); }
  void wait_for(std::int64_t inside) const { inside_.wait_for(inside); }

 private:
  tally inside_;
  tally most_;
};

// --- Warnings ------------------------------------------------------------------------------------

/// What is written to the standard error stream while it lives.
class captured_errors {
 public:
  captured_errors() : file_(std::tmpfile()), before_(::dup(2)) {
    std::fflush(stderr);
    ::dup2(::fileno(file_), 2);
  }
  captured_errors(const captured_errors&) = delete;
  captured_errors& operator=(const captured_errors&) = delete;
  ~captured_errors() {
    restore();
    std::fclose(file_);
  }
  /// All of it so far.
  std::string so_far() const {
    std::fflush(stderr);
    std::string all;
    char some[4096];
    while (true) {
      const ssize_t got =
          ::pread(::fileno(file_), some, sizeof some, static_cast<off_t>(all.size()));
      if (got <= 0) return all;
      all.append(some, static_cast<std::size_t>(got));
    }
  }
  /// All of it; from now on nothing is captured.
  std::string text() {
    restore();
    return so_far();
  }

 private:
  void restore() {
    if (before_ < 0) return;
    std::fflush(stderr);
    ::dup2(before_, 2);
    ::close(std::exchange(before_, -1));
  }
  std::FILE* file_;
  int before_;
};

/// How often `what` occurs in `text`.
inline int count_of(const std::string& text, const std::string& what) {
  int count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace conformance
