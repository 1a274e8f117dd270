#ifdef MOBULA_TEST_WITH_PROCESSES

// Goal: what workers write reaches the driver's standard streams: whole lines under the name of
// who wrote them, in order, equal ones folded, none lost at the end, whatever ends the writer; and
// whoever reads slowly holds up only those who write.
// Method: `repeated_lines` with a clock of its own; `streams` with pipes that the test writes to;
// and runtimes whose driver's streams are files or a pipe. Nothing is timed.

#include "mobula/backends/processes/streams.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mobula/backends/processes.hpp"
#include "mobula/mobula.hpp"

#include "backends/processes_output.hpp"
#include "support/catch.hpp"

namespace processes_test {

using mobula::async;
using mobula::get;
using mobula::processes::party;
using mobula::processes::repeated_lines;
using mobula::processes::streams;
using Catch::Matchers::ContainsSubstring;
using strings = std::vector<std::string>;

namespace {

constexpr mobula::processes::instant second = 1'000'000'000;

// --- Folding -------------------------------------------------------------------------------------

struct folder {
  repeated_lines seen;
  strings written{};

  explicit folder(repeated_lines::options how = {}) : seen(how) {}

  auto write() {
    return [this](std::string_view prefix, std::string_view text) {
      written.push_back(std::string(prefix) + std::string(text));
    };
  }
  void add(const std::string& prefix, const std::string& text, mobula::processes::instant now) {
    if (!seen.hold(prefix, text, now, write())) write()(prefix, text);
  }
  strings said() { return std::exchange(written, {}); }
};

}  // namespace

TEST_CASE("the first of equal lines goes through, the others are counted for 5 s",
          "[processes][clause-50]") {
  folder f;
  f.add("a ", "hello", 0);
  CHECK(f.seen.next() == mobula::engine::never);  // Nothing is held, so nobody has to wake.
  for (int i = 0; i < 41; ++i) f.add("b ", "hello", second);
  f.add("a ", "other", second);
  CHECK(f.said() == strings{"a hello", "a other"});
  CHECK(f.seen.next() == 5 * second);
  f.seen.expire(5 * second - 1, f.write());
  CHECK(f.said().empty());
  f.seen.expire(5 * second, f.write());
  CHECK(f.said() == strings{"b hello ... repeated 41 times"});

  f.add("c ", "hello", 6 * second);  // The next window has begun with what was said.
  f.seen.expire(10 * second, f.write());
  CHECK(f.said() == strings{"c hello"});
  f.add("c ", "hello", 11 * second);
  CHECK(f.said() == strings{"c hello"});
  CHECK(f.seen.next() == mobula::engine::never);
}

TEST_CASE("what is held is said at the end, and early where too much would be held",
          "[processes][clause-50]") {
  folder f({.lines_max = 2, .bytes_max = 10});
  f.add("", "one", 0);
  f.add("", "one", 0);
  f.add("", "one", 0);
  f.add("", "two", 0);
  f.add("", "six", 0);  // A third one: the oldest window ends.
  CHECK(f.said() == strings{"one", "two", "one ... repeated 2 times", "six"});
  f.add("", "six", 0);
  f.add("", "elevenbytes", 0);  // Too long to be remembered: written as often as it comes.
  f.add("", "elevenbytes", 0);
  CHECK(f.said() == strings{"elevenbytes", "elevenbytes"});
  f.add("", "tenbytes10", 0);
  CHECK(f.said() == strings{"six", "tenbytes10"});
  f.add("", "tenbytes10", 0);
  f.add("", "tenbytes10", 0);
  f.seen.flush(f.write());
  f.seen.flush(f.write());
  CHECK(f.said() == strings{"tenbytes10 ... repeated 2 times"});
}

// --- Pipes ---------------------------------------------------------------------------------------

namespace {

/// The write ends of a worker's streams.
class writer {
 public:
  writer(streams& to, party who, pid_t pid) {
    int out[2], error[2];
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(error, O_CLOEXEC) == 0);
    ends_[0] = out[1];
    ends_[1] = error[1];
    added = to.add(who, pid, out[0], error[0]);
  }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;
  ~writer() { end(); }

  void write(std::string_view text, int stream = 0) const {
    while (!text.empty()) {
      const ssize_t done = ::write(ends_[stream], text.data(), text.size());
      if (done <= 0) throw std::runtime_error("a pipe of the test can't be written to");
      text.remove_prefix(static_cast<std::size_t>(done));
    }
  }
  void end() {
    for (int& one : ends_) {
      if (one >= 0) ::close(std::exchange(one, -1));
    }
  }

  bool added = false;

 private:
  int ends_[2] = {-1, -1};
};

constexpr party ada{7};
constexpr party bob{8};

struct desk {
  mobula::net::exchange exchange = mobula::net::exchange::create({.processes_max = 16});
  captured out{STDOUT_FILENO};
  captured error{STDERR_FILENO};
  streams all{exchange, "here"};

  desk() {
    exchange.announce(ada.value());
    exchange.announce(bob.value());
    all.start();
  }
};

}  // namespace

TEST_CASE("a line has the name, the process and the machine of its writer in front",
          "[processes][clause-50]") {
  desk d;
  mobula::net::progress doing(d.exchange, ada.value());
  {
    const writer a(d.all, ada, 70);
    a.write("before\n");
    while (d.out.so_far().empty()) std::this_thread::yield();
    doing.set_name("sort");
    a.write("one\n\ntwo\nth");
    a.write("bad\n", 1);
    while (count_of(d.out.so_far(), "two") == 0) std::this_thread::yield();
    a.write("ree");
    writer b(d.all, bob, 80);
    b.write("no end");
    b.end();
    d.all.name_stays(bob);
  }
  // It is dead, and its place is another's.
  d.all.name_stays(ada);
  doing.set_name("other");
  d.all.finish();
  strings lines = lines_of(d.out.text());
  std::sort(lines.begin() + 4, lines.end());
  CHECK(lines == strings{"(worker pid=70, here) before", "(sort pid=70, here) one",
                         "(sort pid=70, here) ", "(sort pid=70, here) two",
                         "(sort pid=70, here) three", "(worker pid=80, here) no end"});
  CHECK(d.error.text() == "(sort pid=70, here) bad\n");
}

TEST_CASE("a line of more than 64 KiB is split, one of as much is not", "[processes][clause-50]") {
  constexpr std::size_t most = streams::line_bytes_max;
  desk d;
  {
    const writer a(d.all, ada, 70);
    a.write(std::string(most, 'a') + "\n" + std::string(most + 1, 'b') + "\n" +
            std::string(most, 'c') + std::string(most, 'd'));
    a.write("\n\nlast");
  }
  d.all.finish();
  const std::string prefix = "(worker pid=70, here) ";
  const bool as_wanted =
      lines_of(d.out.text()) ==
      strings{prefix + std::string(most, 'a'), prefix + std::string(most, 'b'), prefix + "b",
              prefix + std::string(most, 'c'), prefix + std::string(most, 'd'), prefix,
              prefix + "last"};
  CHECK(as_wanted);
}

TEST_CASE("lines of two writers are whole and each one's are in order", "[processes][clause-50]") {
  desk d;
  constexpr int count = 20'000;
  {
    const writer a(d.all, ada, 1);
    const writer b(d.all, bob, 2);
    const auto write_all = [&](const writer& to, const std::string& mark) {
      std::string text;
      for (int i = 0; i < count; ++i) text += mark + std::to_string(i) + "\n";
      to.write(text);
    };
    std::thread other([&] { write_all(a, "a"); });
    write_all(b, "b");
    other.join();
  }
  d.all.finish();
  int next[2] = {0, 0};
  for (const std::string& line : lines_of(d.out.text())) {
    const bool is_b = line.find(" pid=2,") != line.npos;
    const std::string start = is_b ? "(worker pid=2, here) b" : "(worker pid=1, here) a";
    const std::string wanted = start + std::to_string(next[is_b]++);
    if (line != wanted) FAIL(line << " in place of " << wanted);
  }
  CHECK(next[0] == count);
  CHECK(next[1] == count);
}

// --- Runtimes ------------------------------------------------------------------------------------

int say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::cerr << "not " << text << '\n';
  std::cout << "unended " << text;
  return ::getpid();
}
void flood(int count) {
  for (int i = 0; i < count; ++i) std::printf("%d is one of a flood of lines\n", i);
}
int die_in_a_line() {
  std::printf("whole\nhalf");
  std::fflush(stdout);
  return ::raise(SIGKILL);
}
int say_and_wait(int number, const mobula::actor<gate>& at) {
  std::printf("line of %d\n", number);
  std::fflush(stdout);
  wait_at(at);
  std::printf("second line of %d\n", number);
  return number;
}
struct speaker {
  speaker() { std::cout << "made\n"; }
  int speak() {
    std::cout << "called" << std::endl;
    return ::getpid();
  }
};

TEST_CASE("what tasks and actors write is there when the runtime has ended",
          "[processes][clause-50]") {
  captured out(STDOUT_FILENO);
  captured error(STDERR_FILENO);
  std::string place[4];
  {
    const mobula::runtime runtime{{.backend = "processes", .cpus = 2}};
    const std::string host = mobula::this_node::name();
    const auto place_of = [&](int pid) {
      return " pid=" + std::to_string(pid) + ", " + host + ") ";
    };
    place[0] = place_of(get(async<say>("hello")));
    place[1] = place_of(get(async<say>({.name = "greeter"}, "good day")));
    const auto named = mobula::spawn<speaker>({.name = "clerk"});
    place[2] = place_of(get(named.call<&speaker::speak>()));
    const auto nameless = mobula::spawn<speaker>();
    place[3] = place_of(get(nameless.call<&speaker::speak>()));
    CHECK_THROWS_AS(get(async<die_in_a_line>({.name = "victim", .max_retries = 0})),
                    mobula::worker_died_error);
  }
  const std::string text = out.text();
  // Where one worker runs both, and is read in between, is left open: names are of that time.
  CHECK_THAT(text, ContainsSubstring(place[0] + "hello\n"));
  CHECK_THAT(text, ContainsSubstring(place[1]) && ContainsSubstring("good day\n"));
  CHECK_THAT(text, ContainsSubstring("unended good day"));
  CHECK_THAT(text, ContainsSubstring("(clerk" + place[2] + "called\n"));
  CHECK_THAT(text, ContainsSubstring("(processes_test::speaker" + place[3] + "called\n"));
  CHECK_THAT(text, ContainsSubstring("(victim pid=") && ContainsSubstring(") half\n"));
  const std::string complaints = error.text();
  CHECK_THAT(complaints, ContainsSubstring(place[0] + "not hello\n"));
  CHECK_THAT(complaints, ContainsSubstring(place[1] + "not good day\n"));
}

TEST_CASE("whoever does not read the driver's output holds up those who write, and nobody else",
          "[processes][clause-50]") {
  constexpr int count = 100'000;  // Some 5 MB: no pipe takes that.
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  std::fflush(nullptr);
  const int before = ::dup(STDOUT_FILENO);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[1]);
  std::string text;
  bool was_ready = true;
  int seven = 0;
  std::thread reader;
  {
    const mobula::runtime runtime{{.backend = "processes", .cpus = 2}};
    const auto loud = async<flood>({.name = "flood"}, count);
    for (int i = 0; i < 20; ++i) seven = get(async([] { return 7; }));
    was_ready = loud.ready();
    reader = std::thread([&] {
      char some[65536];
      for (ssize_t got; (got = ::read(ends[0], some, sizeof some)) > 0;) {
        text.append(some, static_cast<std::size_t>(got));
      }
    });
    get(loud);
  }
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  reader.join();
  ::close(ends[0]);
  CHECK(seven == 7);
  CHECK_FALSE(was_ready);
  const strings lines = lines_of(text);
  REQUIRE(lines.size() == count);
  int wrong = 0;
  for (int i = 0; i < count; ++i) {
    const std::string& line = lines[static_cast<std::size_t>(i)];
    wrong += without_place(line) != "(flood) " + std::to_string(i) + " is one of a flood of lines";
  }
  CHECK(wrong == 0);
}

TEST_CASE("output for which there are no descriptors is lost, which is said once, and harms nobody",
          "[processes][clause-50]") {
  constexpr int count = 20;
  captured out(STDOUT_FILENO);
  captured error(STDERR_FILENO);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = 40;  // 10 workers have pipes, or 15 where one is started after the other.
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  int sum = 0;
  std::string failed;
  try {
    const mobula::runtime runtime{{.backend = "processes", .cpus = count}};
    const auto at = mobula::spawn<gate>();
    std::vector<mobula::future<int>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(async<say_and_wait>({.name = "one", .max_retries = 0}, i, at));
    }
    await_arrivals(at, count);
    get(at.call<&gate::open>());
    for (const auto& one : all) sum += get(one);
  } catch (const std::exception& thrown) {
    failed = thrown.what();
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(failed.empty());
  CHECK(sum == count * (count - 1) / 2);
  CHECK(count_of(error.text(), "writes to its standard streams is lost") == 1);
  const std::string text = out.text();
  CHECK(count_of(text, ") line of ") >= 1);
  CHECK(count_of(text, ") line of ") < count);
  CHECK(count_of(text, ") line of ") == count_of(text, ") second line of "));
}

}  // namespace processes_test

#endif
