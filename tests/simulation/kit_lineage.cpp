// Goal: a program whose large results are lost with their spill file gets them all the same, made
// again by their tasks, and with them what they were made of; what can't be made again is an error
// that says why.
// Method: a store of ten blocks, a flood that drives what was there before to the disk, and a disk
// from which nothing can be read. Statics count how often bodies ran.

#include "mobula/testing/simulation.hpp"
#include "mobula/testing/simulation/state.hpp"

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include <mobula/mobula.hpp>

#include "kit_support.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using Catch::Matchers::ContainsSubstring;

using block = std::vector<char>;

// Too large for a message, and ten of them for the store.
constexpr std::size_t block_bytes = 100'000;

int makes = 0;
int changes = 0;
int calls = 0;

block make(char of) {
  ++makes;
  return block(block_bytes, of);
}
// Stored results whose arguments are stored.
block change(block what) {
  ++changes;
  ++what.front();
  return what;
}
char first_of(const block& what) { return what.front(); }

class keeper {
 public:
  void make_here() { held_.push_back(mobula::async<make>('k')); }
  void keep(std::vector<mobula::future<block>> what) { held_ = std::move(what); }
  std::vector<mobula::future<block>> give() { return std::exchange(held_, {}); }
  block answer() {
    ++calls;
    return block(block_bytes, 'a');
  }

 private:
  std::vector<mobula::future<block>> held_;
};

mobula::runtime_options small_store() {
  mobula::runtime_options made;
  made.store_memory = 10 * block_bytes;
  return made;
}
void set_read_errors(double probability) {
  testing::detail_of_kit::require("a test").the_node().spill_disk().set_faults(
      {.read_error = probability});
}
// Everything that was there before is on the disk, and can't be read.
std::vector<mobula::future<block>> flood() {
  std::vector<mobula::future<block>> all;
  for (int i = 0; i < 12; ++i) all.push_back(mobula::put(block(block_bytes, 'f')));
  mobula::sleep_for(1s);
  set_read_errors(1);
  return all;
}
template <class Program>
void run(Program program) {
  makes = changes = calls = 0;
  testing::simulate(small_store(), program);
}

}  // namespace

TEST_CASE("a lost result is made again for the task that reads it", "[kit][clause-38]") {
  run([] {
    const auto one = mobula::async<make>('a');
    mobula::wait({one});
    const auto others = flood();
    REQUIRE(mobula::get(mobula::async<first_of>(one)) == 'a');
    REQUIRE(makes == 2);
  });
}

TEST_CASE("a lost result is made again for the program, whoever owns it", "[kit][clause-38]") {
  SECTION("the program, which has only got it back now") {
    run([] {
      const auto box = mobula::spawn<keeper>();
      {
        std::vector<mobula::future<block>> given{mobula::async<make>('a')};
        mobula::get(box.call<&keeper::keep>(std::move(given)));
      }
      const auto others = flood();
      const auto back = mobula::get(box.call<&keeper::give>());
      REQUIRE(mobula::get(back.at(0)).front() == 'a');
      REQUIRE(makes == 2);
    });
  }
  SECTION("an actor, from which it has got it") {
    run([] {
      const auto box = mobula::spawn<keeper>();
      mobula::get(box.call<&keeper::make_here>());
      mobula::sleep_for(1s);
      const auto others = flood();
      const auto back = mobula::get(box.call<&keeper::give>());
      REQUIRE(mobula::get(back.at(0)).front() == 'k');
      REQUIRE(makes == 2);
    });
  }
}

TEST_CASE("what a lost result was made of is made again too", "[kit][clause-38]") {
  SECTION("where it is lost as well") {
    run([] {
      const auto one = mobula::async<make>('a');
      const auto two = mobula::async<change>(one);
      const auto three = mobula::async<change>(two);
      mobula::wait({three});
      const auto others = flood();
      REQUIRE(mobula::get(mobula::async<first_of>(three)) == 'c');
      REQUIRE(makes == 2);
      REQUIRE(changes == 4);
    });
  }
  SECTION("where it is free already") {
    run([] {
      auto one = mobula::async<make>('a');
      auto two = mobula::async<change>(std::move(one));
      const auto three = mobula::async<change>(std::move(two));
      mobula::wait({three});
      mobula::sleep_for(1s);
      const auto others = flood();
      REQUIRE(mobula::get(mobula::async<first_of>(three)) == 'c');
      REQUIRE(makes == 2);
      REQUIRE(changes == 4);
    });
  }
  SECTION("with one CPU for all of it") {
    makes = changes = 0;
    mobula::runtime_options options = small_store();
    options.cpus = 1;
    testing::simulate(options, [] {
      const auto one = mobula::async<make>('a');
      const auto two = mobula::async<change>(one);
      mobula::wait({two});
      const auto others = flood();
      REQUIRE(mobula::get(mobula::async<first_of>(two)) == 'b');
      REQUIRE(makes == 2);
      REQUIRE(changes == 2);
    });
  }
}

TEST_CASE("a call's lost result is made again where the call may run again", "[kit][clause-38]") {
  SECTION("it may") {
    run([] {
      const auto box = mobula::spawn<keeper>({.max_task_retries = 1});
      const auto answer = box.call<&keeper::answer>();
      mobula::wait({answer});
      const auto others = flood();
      REQUIRE(mobula::get(mobula::async<first_of>(answer)) == 'a');
      REQUIRE(calls == 2);
    });
  }
  SECTION("it may not") {
    run([] {
      const auto box = mobula::spawn<keeper>();
      const auto answer = box.call<&keeper::answer>();
      mobula::wait({answer});
      const auto others = flood();
      REQUIRE_THROWS_WITH(mobula::get(mobula::async<first_of>(answer)),
                          ContainsSubstring("may run once only"));
      REQUIRE(calls == 1);
    });
  }
}

TEST_CASE("what can't be made again is lost, and says why", "[kit][clause-38]") {
  SECTION("a task that may run once only") {
    run([] {
      const auto one = mobula::async<make>({.max_retries = 0}, 'a');
      mobula::wait({one});
      const auto others = flood();
      const auto reads = mobula::async<first_of>(one);
      REQUIRE_THROWS_AS(mobula::get(reads), mobula::object_lost_error);
      REQUIRE_THROWS_WITH(mobula::get(reads),
                          ContainsSubstring("could not be read back") &&
                              ContainsSubstring("may run once only"));
      REQUIRE(makes == 1);
    });
  }
  SECTION("what was put") {
    run([] {
      const auto one = mobula::put(block(block_bytes, 'p'));
      const auto others = flood();
      const auto reads = mobula::async<first_of>(one);
      REQUIRE_THROWS_AS(mobula::get(reads), mobula::object_lost_error);
      REQUIRE_THROWS_WITH(mobula::get(reads), ContainsSubstring("no task's result"));
    });
  }
  SECTION("a task whose argument was put, and is lost too") {
    run([] {
      const auto one = mobula::put(block(block_bytes, 'p'));
      const auto two = mobula::async<change>(one);
      mobula::wait({two});
      const auto others = flood();
      const auto reads = mobula::async<first_of>(two);
      REQUIRE_THROWS_AS(mobula::get(reads), mobula::object_lost_error);
      REQUIRE_THROWS_WITH(mobula::get(reads), ContainsSubstring("no task's result"));
      REQUIRE(changes == 1);
    });
  }
  SECTION("a task whose retries are used up") {
    run([] {
      const auto one = mobula::async<make>({.max_retries = 1}, 'a');
      mobula::wait({one});
      auto others = flood();
      REQUIRE(mobula::get(mobula::async<first_of>(one)) == 'a');
      others = flood();
      const auto reads = mobula::async<first_of>(one);
      REQUIRE_THROWS_AS(mobula::get(reads), mobula::reconstruction_error);
      REQUIRE(makes == 2);
    });
  }
}

TEST_CASE("disks that lose and workers that die leave every result as it should be",
          "[kit][clause-38][clause-13]") {
  mobula::runtime_options options = small_store();
  options.cpus = 2;
  options.simulation.faults.disk_errors = 0.3;
  options.simulation.faults.worker_crashes = 0.5;
  options.simulation.faults.message_loss = 0.02;
  makes = changes = 0;
  testing::for_each_seed({.count = 60}, options, [] {
    std::vector<mobula::future<block>> ends;
    std::vector<mobula::future<char>> firsts;
    for (int i = 0; i < 6; ++i) {
      const char first = static_cast<char>('a' + i);
      auto one = mobula::async<make>({.max_retries = -1}, first);
      auto two = mobula::async<change>({.max_retries = -1}, one);
      ends.push_back(mobula::async<change>({.max_retries = -1}, std::move(two)));
    }
    for (const auto& end : ends) {
      firsts.push_back(mobula::async<first_of>({.max_retries = -1}, end));
    }
    for (int i = 0; i < 6; ++i) {
      REQUIRE(mobula::get(firsts[i]) == 'a' + i + 2);
      REQUIRE(mobula::get(ends[i]).front() == 'a' + i + 2);
    }
  });
  CHECK(makes > 60 * 6);
}
