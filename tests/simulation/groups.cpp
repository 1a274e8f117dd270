// Goal: placement groups stay whole whatever is lost, late or dead: their resources add up at each
// moment, every future of work in them has an outcome, and in the end all is given back. Method:
// random programs of groups, tasks, actors and removals, by seed, with crashes and disturbed
// messages; the machines check their sums on the way, and what is left at the end is nothing.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <mobula/mobula.hpp>

#include "mobula/testing/simulation.hpp"

#include "kit_support.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using mobula::error_code;
using mobula::future;
using mobula::placement_group;

int twice(int value) { return 2 * value; }
int doze(int value) {
  mobula::this_task::sleep_for(5ms);
  return 2 * value;
}
int nest(int depth) {
  testing::compute_for(100us);
  return depth == 0 ? 1 : 1 + mobula::get(mobula::async<nest>(depth - 1));
}
void remove(placement_group which) { which.remove(); }

class clerk {
 public:
  int file(int value) { return value + mobula::get(mobula::async<twice>(value)); }
};

class random_groups {
 public:
  random_groups(std::uint64_t seed, bool crashes) : random_(seed), crashes_(crashes) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      testing::verify();
    }
    for (const placement_group& one : groups_) one.remove();
    for (const future<int>& one : results_) judge(one);
    for (const future<void>& one : waits_) {
      try {
        mobula::get(one);
      } catch (const mobula::placement_group_removed_error&) {
      }
    }
  }

 private:
  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }
  bool one_in(std::size_t n) { return pick(n) == 0; }
  double size() {
    static constexpr double sizes[] = {0.25, 0.5, 1, 1, 1.5};
    return sizes[pick(5)];
  }

  void step() {
    switch (pick(12)) {
      case 0:
      case 1: {
        std::vector<mobula::bundle> bundles(1 + pick(3));
        for (mobula::bundle& one : bundles) {
          one.cpus = size();
          if (one_in(4)) one.gpus = 0.5;
        }
        groups_.push_back(mobula::reserve(bundles, static_cast<mobula::strategy>(pick(3))));
        if (one_in(2)) waits_.push_back(groups_.back().ready());
        return;
      }
      case 2:
        if (groups_.empty()) return;
        if (one_in(2)) return any_group().remove();
        static_cast<void>(mobula::async<remove>({.cpus = 0}, any_group()));
        return;
      case 3:
        if (groups_.empty()) return;
        static_cast<void>(any_group().state());
        return;
      case 4:
        mobula::sleep_for(std::chrono::milliseconds(pick(20)));
        return;
      case 5:
        results_.push_back(mobula::async<doze>({.cpus = size(), .max_retries = -1}, 1));
        return;
      case 6: {
        if (groups_.empty()) return;
        const placement_group& in = any_group();
        mobula::actor_options options{.where = in.any(), .capture_children = one_in(2)};
        options.cpus = 0.25;
        options.max_restarts = one_in(2) ? -1 : 0;
        if (one_in(3)) options.isolation = mobula::isolation::shared;
        const auto made = mobula::spawn<clerk>(options);
        for (std::size_t left = pick(4); left > 0; --left) {
          results_.push_back(made.call<&clerk::file>({.max_task_retries = -1}, 3));
        }
        return;
      }
      default: {
        if (groups_.empty()) return;
        const placement_group& in = any_group();
        const std::size_t bundle = pick(in.size() + 1);
        mobula::task_options options{.cpus = 0.25};
        options.where = bundle == in.size() ? in.any() : in.bundle(bundle);
        options.max_retries = one_in(3) ? 1 : -1;
        options.capture_children = one_in(3);
        if (options.capture_children) {
          // Its children need a CPU each, which not every group has in one piece.
          try {
            results_.push_back(mobula::async<doze>(options, 2));
          } catch (const std::invalid_argument&) {
          }
          return;
        }
        results_.push_back(one_in(2) ? mobula::async<doze>(options, 2)
                                     : mobula::async<twice>(options, 2));
        if (one_in(4)) results_.push_back(mobula::async<nest>({.cpus = 0.25}, 2));
        return;
      }
    }
  }
  const placement_group& any_group() { return groups_[pick(groups_.size())]; }

  void judge(const future<int>& one) {
    try {
      mobula::get(one, 600s);
    } catch (const mobula::error& why) {
      const error_code code = why.code();
      const bool of_the_group = code == error_code::placement_group_removed;
      const bool of_the_actor =
          code == error_code::actor_died || code == error_code::actor_unavailable;
      const bool of_a_crash =
          crashes_ && (code == error_code::worker_died || code == error_code::owner_died ||
                       code == error_code::object_lost);
      const bool within = code == error_code::task;  // a child's, thrown on by its parent
      INFO(why.what());
      REQUIRE((of_the_group || of_the_actor || of_a_crash || within));
    }
  }

  std::mt19937_64 random_;
  const bool crashes_;
  std::vector<placement_group> groups_;
  std::vector<future<int>> results_;
  std::vector<future<void>> waits_;
};

mobula::runtime_options options_of(std::uint64_t seed) {
  mobula::runtime_options made;
  made.cpus = 3;
  made.gpus = 1;
  made.simulation.seed = seed;
  made.simulation.time_limit = 3h;
  mobula::fault_plan& faults = made.simulation.faults;
  if (seed % 3 == 1) {
    faults.message_loss = 0.02;
    faults.message_repeats = 0.02;
    faults.message_reorders = 0.05;
  }
  if (seed % 3 == 2) faults.worker_crashes = 3;
  return made;
}

bool all_is_free() { return mobula::available_resources() == mobula::total_resources(); }

}  // namespace

TEST_CASE("whatever is lost, late or dead, groups are whole and give all back",
          "[kit][groups][clause-30]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    testing::simulate(options_of(seed), [seed] {
      {
        random_groups program(seed, seed % 3 == 2);
        program.run(80);
      }
      for (int looks = 0; !all_is_free() && looks < 1'000; ++looks) mobula::sleep_for(10ms);
      REQUIRE(mobula::available_resources() == mobula::total_resources());
      REQUIRE(testing::what_is_held().groups == 0);
      testing::verify();
    });
  }
}

TEST_CASE("a worker that dies in a bundle gives its share back to the bundle",
          "[kit][groups][clause-14]") {
  mobula::runtime_options options;
  options.cpus = 2;
  testing::simulate(options, [] {
    const placement_group group = mobula::reserve({{.cpus = 1}});
    const future<int> first = mobula::async<doze>({.where = group.any()}, 4);
    while (testing::worker_count() == 0) mobula::sleep_for(100us);
    mobula::sleep_for(3ms);
    for (const std::size_t worker : testing::workers()) testing::kill_worker(worker);
    REQUIRE(mobula::get(first) == 8);  // on another worker, in the same bundle
    REQUIRE(mobula::get(mobula::async<twice>({.where = group.bundle(0)}, 4)) == 8);
    REQUIRE(group.state() == mobula::group_state::created);
    REQUIRE(mobula::available_resources().cpus <= 1);
  });
}

TEST_CASE("a program with groups runs the same twice", "[kit][groups][clause-52]") {
  testing::require_same_run(options_of(11), [] {
    random_groups program(11, true);
    program.run(40);
  });
}
