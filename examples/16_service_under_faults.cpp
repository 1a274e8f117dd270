// A service tested against what production does to it: workers die in the middle of a call, and
// messages are late and lost. Restarts, retries and named errors are part of the program, so they
// are part of its unit tests: no container is killed, and nothing sleeps in real time.
//
//   $ ./16_service_under_faults
//   ...
//   All tests passed (... assertions in 4 test cases)
//   ...

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#define CATCH_CONFIG_RUNNER
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <mobula/mobula.hpp>
#include <mobula/testing/simulation.hpp>

using namespace std::chrono_literals;
namespace testing = mobula::testing;

// --- The service: pages about words. An actor has an index, tasks make pages with it. ---

using texts = std::map<std::string, std::string>;

// All that it knows comes from its constructor's arguments, so a new life knows the same.
class word_index {
 public:
  explicit word_index(const texts& of) {
    testing::compute_for(20ms);  // what it would take; on other backends this line would go
    for (const auto& [name, text] : of) {
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        places_[text.substr(at, end - at)].push_back(name);
        at = end + 1;
      }
    }
  }
  std::vector<std::string> find(const std::string& word) const {
    testing::compute_for(5ms);
    const auto at = places_.find(word);
    return at == places_.end() ? std::vector<std::string>{} : at->second;
  }
  bool is_new_life() const { return mobula::this_actor::restarted(); }

 private:
  std::map<std::string, std::vector<std::string>> places_;
};

std::string page(const mobula::actor<word_index>& index, const std::string& word) {
  try {
    std::string out = word + ":";
    for (const std::string& each : mobula::get(index.call<&word_index::find>(word))) {
      out += " " + each;
    }
    return out;
  } catch (const mobula::actor_unavailable_error&) {
    return "try again";
  }
}

mobula::actor<word_index> open_service(mobula::actor_options options) {
  options.name = "index";
  return mobula::spawn<word_index>(
      std::move(options), texts{{"haiku", "old pond frog jumps"}, {"fable", "frog and ox"}});
}

// --- Its tests ---

TEST_CASE("a page names the texts with its word") {
  testing::simulate([] {
    const auto index = open_service({});
    REQUIRE(mobula::get(mobula::async<page>(index, "frog")) == "frog: fable haiku");
    REQUIRE(mobula::get(mobula::async<page>(index, "toad")) == "toad:");
  });
}

TEST_CASE("an index that dies in the middle of a call answers it in its next life") {
  testing::simulate([] {
    const auto index = open_service({.max_restarts = 1, .max_task_retries = 1});
    REQUIRE_FALSE(mobula::get(index.call<&word_index::is_new_life>()));
    const auto answer = mobula::async<page>(index, "frog");
    mobula::sleep_for(3ms);
    REQUIRE(testing::kill_worker_of(index));
    REQUIRE(mobula::get(answer) == "frog: fable haiku");
    REQUIRE(mobula::get(index.call<&word_index::is_new_life>()));
  });
}

TEST_CASE("without retries the reader is asked to try again, and then it works") {
  mobula::simulation_options options;
  options.faults.script = {{.at = 50ms, .what = mobula::fault::kill_actor, .which = "index"}};
  testing::simulate(options, [] {
    const auto index = open_service({.max_restarts = 1});
    std::vector<std::string> answers;
    do {
      answers.push_back(mobula::get(mobula::async<page>(index, "pond")));
    } while (mobula::clock::now().time_since_epoch() < 100ms);
    REQUIRE(std::count(answers.begin(), answers.end(), "try again") == 1);
    REQUIRE(answers.back() == "pond: haiku");
  });
}

TEST_CASE("whatever dies and whatever is lost, every reader gets the right page") {
  mobula::simulation_options options;
  options.nodes[0].cpus = 4;
  options.time_limit = 1min;  // virtual: whoever takes longer hangs
  options.faults = {.worker_pauses = 5,  // of each worker, times a second
                    .message_loss = 0.05,
                    .message_delay = 2ms,
                    .swarm = true,  // each seed has some of these
                    .script = {{.at = 45ms, .what = mobula::fault::kill_actor, .which = "index"},
                               {.at = 90ms, .what = mobula::fault::kill_worker}}};
  testing::for_each_seed({.count = 100}, options, [] {
    const auto index = open_service({.max_restarts = -1, .max_task_retries = -1});
    std::vector<mobula::future<std::string>> pages;
    for (int i = 0; i < 10; ++i) {
      pages.push_back(mobula::async<page>({.max_retries = -1}, index, "frog"));
    }
    for (const std::string& each : mobula::get(pages)) REQUIRE(each == "frog: fable haiku");
  });
}

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
