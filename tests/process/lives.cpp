// Goal: a worker is what it was asked to be, and its driver hears what became of it, in order.
// Method: workers run small scripts (workers.cpp) below a zygote that is forked and one that is
// this program executed again; reports, output and /proc are compared with what the script says.
// Each case ends with no process and no descriptor more than before.

#include <csignal>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mobula/process/detail/proc.hpp"

#include "process/support.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace process_tests;
namespace detail = mobula::process::detail;

namespace {

mobula::process::zygote_options options_of(bool forks, bool pipes = false) {
  mobula::process::zygote_options made;
  made.entry = &work;
  made.may_fork = forks;
  made.pipe_streams = pipes;
  return made;
}

// What a worker with this script writes to its standard output.
std::string output_of(const std::string& script, mobula::process::zygote_options options) {
  options.pipe_streams = true;
  zygote workers(options);
  inbox reports(workers);
  workers.start_worker(1, birth_of(script));
  reports.await(kind::started, 1);
  const std::string text = read_all(reports.of(1, kind::started).out);
  reports.await(kind::exited, 1);
  return text;
}

bool readable(int descriptor) {
  pollfd watched{descriptor, POLLIN, 0};
  return poll(&watched, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a worker's end is told as it was", "[process]") {
  const bool forks = GENERATE(true, false);
  house home;
  {
    zygote workers(options_of(forks));
    inbox reports(workers);
    workers.start_worker(1, birth_of("exit 3"));
    workers.start_worker(2, birth_of("return"));
    workers.start_worker(3, birth_of("raise 15"));
    workers.start_worker(1'000'000'000'000, birth_of("wait"));
    reports.await(kind::exited, 3);
    workers.end_worker(1'000'000'000'000);
    reports.await(kind::exited, 4);
    CHECK(reports.of(1, kind::exited).status == 3);
    CHECK(reports.of(1, kind::exited).signal == 0);
    CHECK(reports.of(2, kind::exited).status == 0);
    CHECK(reports.of(2, kind::exited).signal == 0);
    CHECK(reports.of(3, kind::exited).signal == SIGTERM);
    CHECK(reports.of(1'000'000'000'000, kind::exited).signal == SIGKILL);
    for (const zygote::report& one : reports.all()) {
      CHECK(one.pid == reports.of(one.number, kind::started).pid);
      CHECK(one.out == -1);
    }
    CHECK_FALSE(readable(workers.descriptor()));
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("a worker gets its birth whole", "[process]") {
  const std::size_t bytes = GENERATE(std::size_t{5}, std::size_t{5'000}, zygote::birth_bytes_max);
  house home;
  std::string birth = "echo ";
  while (birth.size() < bytes) birth += static_cast<char>(' ' + birth.size() % 90);
  unsigned sum = 0;
  for (const char one : birth) sum += static_cast<unsigned char>(one);
  CHECK(output_of(birth, options_of(true)) ==
        std::to_string(bytes) + " " + std::to_string(sum) + "\n");
  CHECK(home.leftovers() == "");
}

TEST_CASE("a worker finds signals, input and group as a fresh process does", "[process]") {
  const bool forks = GENERATE(true, false);
  house home;
  CHECK(output_of("status", options_of(forks)) == "held 0 handled 0 input 0 leads 1 asked 0\n");
  CHECK(home.leftovers() == "");
}

TEST_CASE("a worker's streams are pipes of its own where that is asked", "[process]") {
  house home;
  {
    zygote workers(options_of(true, true));
    inbox reports(workers);
    workers.start_worker(1, birth_of("say one complain uno"));
    workers.start_worker(2, birth_of("say two complain due"));
    reports.await(kind::exited, 2);
    CHECK(read_all(reports.of(1, kind::started).out) == "one\n");
    CHECK(read_all(reports.of(1, kind::started).err) == "uno\n");
    CHECK(read_all(reports.of(2, kind::started).out) == "two\n");
    CHECK(read_all(reports.of(2, kind::started).err) == "due\n");
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("the end brings reports that nobody has read, and streams with them", "[process]") {
  const bool forks = GENERATE(true, false);
  house home;
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  mobula::process::zygote_options options = options_of(forks, true);
  options.inherited = {ends[1]};
  std::string text;
  int later = 0;
  {
    zygote workers(options);
    workers.start_worker(1,
                         birth_of("complain hello ready " + std::to_string(ends[1]) + " wait"));
    CHECK(read_line(ends[0]) == "r");
    workers.end([&](const zygote::report& one) {
      if (one.what != kind::started) return;
      text += read_all(one.err);
      close(one.out);
      close(one.err);
    });
    workers.end([&](const zygote::report&) { ++later; });
    CHECK_THROWS_AS(workers.start_worker(2, birth_of("return")), std::system_error);
  }
  close(ends[0]);
  close(ends[1]);
  CHECK(text == "hello\n");
  CHECK(later == 0);
  CHECK(home.leftovers() == "");
}

TEST_CASE("workers find the inherited descriptors under their numbers, and no others",
          "[process]") {
  house home;
  const int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int plain = open("/dev/null", O_RDONLY);
  const int left = open("/dev/null", O_RDONLY);
  mobula::process::zygote_options options = options_of(false);
  options.inherited = {kept, plain};
  const std::string script = "holds " + std::to_string(kept) + " holds " + std::to_string(plain) +
                             " holds " + std::to_string(left);
  CHECK(output_of(script, options) == std::to_string(kept) + " " + std::to_string(FD_CLOEXEC) +
                                          "\n" + std::to_string(plain) + " 0\n" +
                                          std::to_string(left) + " -1\n");
  options.inherited = {left + 1000};
  CHECK_THROWS_AS(zygote(options), std::invalid_argument);
  for (const int one : {kept, plain, left}) close(one);
  CHECK(home.leftovers() == "");
}

TEST_CASE("a worker that does not listen, or is stopped, is ended all the same", "[process]") {
  house home;
  {
    zygote workers(options_of(true, true));
    inbox reports(workers);
    workers.start_worker(1, birth_of("deaf complain deaf wait"));
    workers.start_worker(2, birth_of("complain here wait"));
    reports.await(kind::started, 2);
    const pid_t stopped = reports.of(2, kind::started).pid;
    CHECK(read_line(reports.of(1, kind::started).err) == "deaf");
    CHECK(read_line(reports.of(2, kind::started).err) == "here");
    workers.end_worker(1, SIGTERM);
    workers.end_worker(2, SIGSTOP);
    wait_until([&] { return detail::status_of(stopped).state == 'T'; });
    CHECK(reports.count(kind::exited) == 0);
    workers.end_worker(1);
    workers.end_worker(2);
    reports.await(kind::exited, 2);
    CHECK(reports.of(1, kind::exited).signal == SIGKILL);
    CHECK(reports.of(2, kind::exited).signal == SIGKILL);
    workers.end_worker(1);  // It is gone, and nothing comes of it.
    workers.end_worker(77);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("many workers start and end, and leave nothing", "[process]") {
  house home;
  {
    const std::uint64_t count = sanitized ? 200 : 1'000;
    zygote workers(options_of(true));
    inbox reports(workers);
    for (std::uint64_t i = 1; i <= count; ++i) {
      workers.start_worker(i, birth_of(i % 2 == 0 ? "wait" : "exit 1"));
      if (i % 2 == 0) workers.end_worker(i);
    }
    reports.await(kind::exited, count);
    CHECK(reports.count(kind::started) == count);
    CHECK(reports.count(kind::failed) == 0);
    for (std::uint64_t i = 1; i <= count; ++i) {
      REQUIRE(reports.of(i, kind::exited).signal == (i % 2 == 0 ? SIGKILL : 0));
    }
    CHECK(detail::read_file(("/proc/" + std::to_string(workers.pid()) + "/task/" +
                             std::to_string(workers.pid()) + "/children")
                                .c_str()) == "");
    workers.start_worker(1, birth_of("wait"));  // A number of one that is gone.
    reports.await(kind::started, count + 1);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("Ctrl-C is for the driver", "[process]") {
  const bool forks = GENERATE(true, false);
  house home;
  {
    zygote workers(options_of(forks));
    inbox reports(workers);
    workers.start_worker(1, birth_of("wait"));
    reports.await(kind::started, 1);
    // What the terminal does reaches the driver's session alone, and a zygote would not mind.
    CHECK(getsid(workers.pid()) == workers.pid());
    CHECK(getsid(reports.of(1, kind::started).pid) == workers.pid());
    kill(workers.pid(), SIGINT);
    workers.start_worker(2, birth_of("exit 0"));
    reports.await(kind::exited, 1);
    CHECK(reports.of(2, kind::exited).status == 0);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("what a worker can't have is refused where it is asked", "[process]") {
  house home;
  {
    zygote workers(options_of(true));
    const std::vector<std::byte> long_birth(zygote::birth_bytes_max + 1);
    CHECK_THROWS_WITH(workers.start_worker(1, long_birth),
                      ContainsSubstring("131073 bytes: must be at most 131072"));
    workers.start_worker(1, birth_of("wait"));
    CHECK_THROWS_WITH(workers.start_worker(1, birth_of("wait")),
                      ContainsSubstring("number = 1: is a worker's that has not ended"));
    CHECK_THROWS_AS(zygote(mobula::process::zygote_options{}), std::invalid_argument);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("requests wait while the zygote takes none, up to the limit", "[process]") {
  house home;
  {
    mobula::process::zygote_options options = options_of(true);
    options.unsent_requests_max = 10;
    zygote workers(options);
    inbox reports(workers);
    workers.start_worker(1, birth_of("exit 0"));
    reports.await(kind::exited, 1);
    kill(workers.pid(), SIGSTOP);
    wait_until([&] { return detail::status_of(workers.pid()).state == 'T'; });
    const std::vector<std::byte> birth(zygote::birth_bytes_max);
    std::uint64_t asked = 1;
    CHECK_THROWS_AS([&] { for (;; ++asked) workers.start_worker(asked + 1, birth); }(),
                    std::system_error);
    CHECK(asked > 10);
    CHECK(asked < 20);
    CHECK_FALSE(readable(workers.descriptor()));
    kill(workers.pid(), SIGCONT);
    reports.await(kind::exited, asked);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("a worker that can't be forked is told with the system's reason", "[process]") {
  if (geteuid() == 0) SKIP_CASE("the limit of processes does not hold for root");
  house home;
  rlimit before{};
  getrlimit(RLIMIT_NPROC, &before);
  {
    zygote workers(options_of(true));
    inbox reports(workers);
    workers.start_worker(1, birth_of("exit 0"));
    reports.await(kind::exited, 1);
    const rlimit none{0, before.rlim_max};
    prlimit(workers.pid(), RLIMIT_NPROC, &none, nullptr);
    workers.start_worker(1, birth_of("wait"));
    reports.await(kind::failed, 1);
    CHECK(reports.of(1, kind::failed).error == EAGAIN);
    prlimit(workers.pid(), RLIMIT_NPROC, &before, nullptr);
    workers.start_worker(1, birth_of("exit 0"));
    reports.await(kind::exited, 2);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("a worker whose pipes can't be made is told with the system's reason", "[process]") {
  house home;
  {
    zygote workers(options_of(true, true));
    inbox reports(workers);
    workers.start_worker(1, birth_of("wait"));
    reports.await(kind::started, 1);
    rlimit before{};
    prlimit(workers.pid(), RLIMIT_NOFILE, nullptr, &before);
    const rlimit none{3, before.rlim_max};
    prlimit(workers.pid(), RLIMIT_NOFILE, &none, nullptr);
    workers.start_worker(2, birth_of("wait"));
    reports.await(kind::failed, 1);
    CHECK(reports.of(2, kind::failed).error == EMFILE);
    prlimit(workers.pid(), RLIMIT_NOFILE, &before, nullptr);
    workers.start_worker(2, birth_of("exit 6"));
    reports.await(kind::exited, 1);
    CHECK(reports.of(2, kind::exited).status == 6);
  }
  CHECK(home.leftovers() == "");
}
