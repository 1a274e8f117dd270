// Goal: with a worker goes all that it has started, and nothing that another one has.
// Method: workers that start processes in their group, and daemons by execution and by forks; the
// zygote's children are read from /proc until only those are left that may be.

#include <string>
#include <vector>

#include <sys/types.h>

#include "mobula/process/detail/proc.hpp"

#include "process/support.hpp"
#include "support/catch.hpp"

using namespace process_tests;
namespace detail = mobula::process::detail;

namespace {

// All that run below this one.
std::size_t living_below(pid_t ancestor) {
  std::vector<pid_t> family{ancestor};
  std::size_t living = 0;
  const std::vector<detail::process_status> all = detail::all_processes();
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (const detail::process_status& one : all) {
      if (one.parent != family[i]) continue;
      family.push_back(one.pid);
      living += one.dead() ? 0 : 1;
    }
  }
  return living;
}

mobula::process::zygote_options options() {
  mobula::process::zygote_options made;
  made.entry = &work;
  made.pipe_streams = true;
  return made;
}

}  // namespace

TEST_CASE("with a worker goes all that it has started", "[process]") {
  const std::string end = GENERATE("wait", "exit 0", "raise 6");
  house home;
  {
    zygote workers(options());
    inbox reports(workers);
    workers.start_worker(1, birth_of("litter complain ready " + end));
    reports.await(kind::started, 1);
    CHECK(read_line(reports.of(1, kind::started).err) == "ready");
    if (end == "wait") {
      CHECK(living_below(workers.pid()) == 4);  // itself, one of its group, two daemons
      workers.end_worker(1);
    }
    reports.await(kind::exited, 1);
    wait_until([&] { return living_below(workers.pid()) == 0; });
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("what a worker has started stays when another one goes", "[process]") {
  house home;
  {
    zygote workers(options());
    inbox reports(workers);
    workers.start_worker(1, birth_of("daemon complain ready wait"));
    workers.start_worker(2, birth_of("daemon complain ready wait"));
    reports.await(kind::started, 2);
    CHECK(read_line(reports.of(1, kind::started).err) == "ready");
    CHECK(read_line(reports.of(2, kind::started).err) == "ready");
    CHECK(living_below(workers.pid()) == 4);
    workers.end_worker(1);
    reports.await(kind::exited, 1);
    wait_until([&] { return living_below(workers.pid()) <= 2; });
    // Were the other's daemon doomed, it would be so by now: all are looked at in one go.
    CHECK(living_below(workers.pid()) == 2);
    workers.end_worker(2);
    reports.await(kind::exited, 2);
    wait_until([&] { return living_below(workers.pid()) == 0; });
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("with a zygote goes all that its workers have started", "[process]") {
  house home;
  for (int round = 0; round < 10; ++round) {
    zygote workers(options());
    inbox reports(workers);
    for (std::uint64_t i = 1; i <= 3; ++i) {
      workers.start_worker(i, birth_of("litter complain ready wait"));
    }
    reports.await(kind::started, 3);
    for (std::uint64_t i = 1; i <= 3; ++i) {
      CHECK(read_line(reports.of(i, kind::started).err) == "ready");
    }
  }
  CHECK(home.leftovers() == "");
}
