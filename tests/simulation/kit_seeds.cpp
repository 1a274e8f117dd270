// Goal: a program that fails from some seed is found, printed with the line that replays it, and
// replayed by that line; a body that really blocks is named. Method: programs with bugs that only
// some orders of events show.

#include "mobula/testing/simulation.hpp"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

#include <mobula/mobula.hpp>

#include "kit_support.hpp"

namespace {

using namespace std::chrono_literals;
using kit_tests::errors_of;
using kit_tests::variable;
namespace testing = mobula::testing;
using Catch::Matchers::ContainsSubstring;

class last_word {
 public:
  void say(const std::string& word) { word_ = word; }
  [[nodiscard]] std::string get() const { return word_; }

 private:
  std::string word_;
};
void says(const mobula::actor<last_word>& to, const std::string& word) {
  mobula::get(to.call<&last_word::say>(word));
}

// Its author believes that who is started first speaks first.
void race() {
  const auto words = mobula::spawn<last_word>();
  const auto first = mobula::async<says>(words, "first");
  const auto second = mobula::async<says>(words, "second");
  mobula::get({first, second});
  if (mobula::get(words.call<&last_word::get>()) != "second") {
    throw std::runtime_error("the first was last");
  }
}

mobula::simulation_options two_cpus() {
  mobula::simulation_options made;
  made.nodes[0].cpus = 2;
  made.faults.message_delay = 1ms;
  return made;
}

// A test framework's own: no std::exception.
struct requirement_failed {};

}  // namespace

TEST_CASE("a seed that fails is printed, and replays", "[kit][clause-52]") {
  std::uint64_t failing = 0;
  std::string what;
  const std::string said = errors_of([&] {
    try {
      testing::for_each_seed({.count = 200, .test = "a race"}, two_cpus(), race);
    } catch (const testing::seed_error& error) {
      failing = error.seed();
      what = error.what();
      CHECK_THROWS_AS(error.rethrow_nested(), std::runtime_error);
    }
  });
  REQUIRE(failing != 0);
  CHECK_THAT(what, ContainsSubstring("the first was last"));
  CHECK_THAT(said, ContainsSubstring("mobula: seed " + std::to_string(failing) + " fails"));
  CHECK_THAT(said, ContainsSubstring("MOBULA_SIMULATION_SEED=" + std::to_string(failing) + " ") &&
                       ContainsSubstring("'a race'"));

  // What the line does: the variable, and this one seed is run.
  const std::string number = std::to_string(failing);
  const variable seed("MOBULA_SIMULATION_SEED", number.c_str());
  int runs = 0;
  static_cast<void>(errors_of([&] {
    CHECK_THROWS_AS(testing::for_each_seed({.count = 200}, two_cpus(),
                                           [&] {
                                             ++runs;
                                             race();
                                           }),
                    testing::seed_error);
  }));
  CHECK(runs == 1);
  CHECK_THROWS_AS(testing::simulate(two_cpus(), race), std::runtime_error);
}

TEST_CASE("all seeds that succeed say nothing", "[kit][clause-52]") {
  int runs = 0;
  const std::string said = errors_of([&runs] {
    testing::for_each_seed({.first = 4711, .count = 20}, [&runs] {
      ++runs;
      mobula::sleep_for(1s);
    });
  });
  CHECK(runs == 20);
  CHECK(said.empty());
}

TEST_CASE("a failed requirement goes through as it is", "[kit][clause-52]") {
  const std::string said = errors_of([] {
    CHECK_THROWS_AS(testing::for_each_seed({.first = 3}, [] { throw requirement_failed{}; }),
                    requirement_failed);
  });
  CHECK_THAT(said, ContainsSubstring("seed 3 fails"));
}

TEST_CASE("dead-locks and time limits have their seed", "[kit][clause-52]") {
  const std::string said = errors_of([] {
    CHECK_THROWS_AS(testing::for_each_seed({.first = 8}, [] {
                      const mobula::promise<int> never;
                      mobula::get(never.get_future());
                    }),
                    testing::seed_error);
    CHECK_THROWS_AS(testing::for_each_seed({.first = 9}, {.time_limit = 1s},
                                           [] { mobula::sleep_for(2s); }),
                    testing::seed_error);
  });
  CHECK_THAT(said, ContainsSubstring("seed 8 fails, the 1st of 100: "
                                     "mobula::testing::dead_lock_error") &&
                       ContainsSubstring("seed 9 fails, the 1st of 100: mobula::timeout_error"));
}

TEST_CASE("a failing seed leaves a trace where it is asked to", "[kit][clause-52]") {
  const std::string path = "kit_seeds_" + std::to_string(getpid()) + ".trace";
  const std::string said = errors_of([&path] {
    CHECK_THROWS_AS(testing::for_each_seed({.count = 200, .trace_file = path}, two_cpus(), race),
                    testing::seed_error);
  });
  CHECK_THAT(said, ContainsSubstring("its trace: " + path));
  std::FILE* const file = std::fopen(path.c_str(), "r");
  REQUIRE(file != nullptr);
  CHECK(std::fgetc(file) != EOF);
  std::fclose(file);
  std::remove(path.c_str());
}

TEST_CASE("a body that really blocks is named once, with its seed", "[kit][clause-53]") {
  const std::string said = errors_of([] {
    testing::simulate({.seed = 21}, [] {
      testing::set_watchdog(100ms);
      for (int i = 0; i < 2; ++i) {
        mobula::get(mobula::async({.name = "innocent"}, [] { mobula::sleep_for(1h); }));
      }
      mobula::get(mobula::async({.name = "sleeper"}, [] {
        std::this_thread::sleep_for(600ms);  // real time: what a mutex or a socket would take
      }));
    });
  });
  CHECK_THAT(said, ContainsSubstring("seed 21: task \"sleeper\" has run for"));
  CHECK(said.find("sleeper") == said.rfind("sleeper"));
  CHECK(said.find("innocent") == said.npos);
}
