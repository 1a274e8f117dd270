// Random programs in the simulation, each from one seed, with faults, and judged by a model and by
// a history that know nothing of the engine.
//
// Each seed is a process of its own, so that an assertion that fails is the failure of that seed,
// and one that takes a minute of real time hangs. `--alone` keeps a single seed in this process,
// for debuggers. Nights run more seeds than CI: see tools/soak.
//
//   $ ./seeds --first 1 --count 1000
//   1000 seeds: each program ended as its model says, and left nothing behind

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <variant>

#include <sys/wait.h>
#include <unistd.h>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"
#include "mobula/testing/simulation/state.hpp"

#include "soak/history.hpp"
#include "soak/random_program.hpp"

namespace {

using soak::history;
using namespace std::chrono_literals;

/// Longest real time of one seed.
unsigned seed_seconds_max = 60;

mobula::runtime_options options_of(std::uint64_t seed) {
  mobula::runtime_options made;
  made.backend = "simulation";
  made.cpus = 2.0 + static_cast<double>(seed % 3);
  made.store_memory = 600'000;
  made.simulation.seed = seed;
  made.simulation.time_limit = 4h;
  if (seed % 4 != 0) {  // every fourth program meets no fault, and must do without any excuse
    made.simulation.faults = {.worker_crashes = 0.8,
                              .worker_pauses = 0.8,
                              .pause = 300ms,
                              .worker_cuts = 0.8,
                              .cut = 300ms,
                              .slow_workers = 0.2,
                              .message_loss = 0.02,
                              .message_repeats = 0.02,
                              .message_reorders = 0.1,
                              .message_delay = 2ms,
                              .disk_slowness = 10,
                              .disk_full = 0.1,
                              .disk_errors = 0.1,
                              .store_full = 0.1,
                              .clock_skew = 24h,
                              .clock_drift = 0.1,
                              .until = 20s,
                              .swarm = true};
  }
  if (seed % 4 == 3) {  // and every fourth is one of several nodes
    made.simulation.nodes.clear();
    for (std::uint64_t i = 0; i < 2 + seed / 4 % 4; ++i) {
      made.simulation.nodes.push_back({.cpus = 2.0 + static_cast<double>((seed + i) % 3)});
    }
    made.simulation.faults.head_deaths = 0.3;
    made.simulation.faults.head_death = 500ms;
    made.simulation.faults.node_crashes = 0.3;
    made.simulation.faults.node_return = 2s;
    made.simulation.faults.node_drains = 0.3;
    made.simulation.faults.node_drain = 2s;
    made.simulation.faults.node_pauses = 0.3;
    made.simulation.faults.node_pause = 2s;
    made.simulation.faults.node_cuts = 0.3;
    // Of every second one it is more than silence: then who is cut off is dead.
    made.simulation.faults.node_cut = seed % 8 == 3 ? 2s : 10s;
  }
  return made;
}

std::string text_of(const mobula::testing::holdings& one) {
  return "stored objects " + std::to_string(one.stored_objects) + ", in memory " +
         std::to_string(one.objects_in_memory) + ", on disk " +
         std::to_string(one.objects_on_disk) + ", actors " + std::to_string(one.actors) +
         ", names " + std::to_string(one.actor_names) + ", leases " + std::to_string(one.leases) +
         "; driver: tasks " + std::to_string(one.driver_tasks) + ", objects " +
         std::to_string(one.driver_objects) + ", references " +
         std::to_string(one.driver_references) + "; workers: tasks " +
         std::to_string(one.worker_tasks) + ", objects " + std::to_string(one.worker_objects) +
         ", references " + std::to_string(one.worker_references);
}

/// Words about references that made no sense to the owner to whom they came, among those who live.
/// Not the directory: whoever is refused a name lets go of an actor that never was.
std::uint64_t stray_references() {
  mobula::simulation::simulation_host& host =
      mobula::testing::detail_of_kit::require("stray_references");
  const mobula::simulation::turn mine(host);
  std::uint64_t sum = host.driver().own().refs().stray_count();
  for (mobula::simulation::worker_process* const one : host.workers()) {
    sum += one->own().refs().stray_count();
  }
  return sum;
}

/// Whoever has done with a stored object says so while the store still has it, unless somebody died.
/// For one node.
void judge_the_store() {
  mobula::simulation::simulation_host& host =
      mobula::testing::detail_of_kit::require("judge_the_store");
  mobula::testing::on_message([&host](const mobula::testing::seen_message& one) {
    const auto* const done = std::get_if<mobula::engine::unpin_object>(&one.what);
    if (done == nullptr) return;
    const mobula::engine::stored_object* const known =
        host.the_node().machine().objects().look(done->object);
    if (known == nullptr || known->pins.empty()) {
      history::of_run().lost("object " + to_string(done->object) + ", which is read,");
    }
  });
}

/// With every handle gone and no more faults, everything comes back.
void check_that_nothing_is_left() {
  history& all = history::of_run();
  const mobula::testing::holdings nothing;
  const auto is_clean = [&] {
    return mobula::testing::what_is_held() == nothing && all.lives() == 0 &&
           mobula::available_resources() == mobula::total_resources();
  };
  for (int i = 0; i < 300 && !is_clean(); ++i) mobula::sleep_for(100ms);
  if (!is_clean()) {
    all.wrong("left behind: " + text_of(mobula::testing::what_is_held()) + "; living actors " +
              std::to_string(all.lives()) + ", CPUs " +
              std::to_string(mobula::available_resources().cpus) + " of " +
              std::to_string(mobula::total_resources().cpus));
  }
  mobula::testing::verify();
}

/// Returns whether nothing was wrong.
bool run(std::uint64_t seed, const char* trace = nullptr) {
  history& all = history::of_run();
  try {
    const mobula::runtime runtime{options_of(seed)};
    if (trace != nullptr) mobula::testing::write_trace(trace);
    mobula::testing::check_always(1 + seed % 100);
    const bool is_alone = mobula::nodes().size() == 1;
    if (is_alone) judge_the_store();
    const mobula::fault_plan faults = mobula::testing::faults_of_this_run();
    const bool nodes_die = faults.node_crashes != 0 || soak::cuts_are_long(faults);
    if (faults.worker_crashes == 0 && !nodes_die) {
      all.limit_cpus(static_cast<std::int64_t>(mobula::total_resources().cpus * 10'000));
    }
    soak::random_program program(seed, faults);
    program.grow(60 + static_cast<int>(seed % 7) * 30);
    program.check_all();
    program.drop_all();
    const auto faults_end = mobula::clock::time_point(20s);
    if (mobula::clock::now() < faults_end) mobula::sleep_for(faults_end - mobula::clock::now());
    check_that_nothing_is_left();
    const std::uint64_t strays = stray_references();
    if (strays != 0) {
      all.wrong(std::to_string(strays) + " words about references made no sense");
    }
  } catch (const std::exception& why) {
    all.wrong(std::string("the program threw: ") + why.what());
  }
  for (const std::string& one : all.wrongs()) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), one.c_str());
  }
  return all.wrongs().empty();
}

bool run_apart(std::uint64_t seed, const char* program) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(seed_seconds_max);
    const bool good = run(seed);
    std::fflush(nullptr);
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    std::perror("seeds");
    std::exit(2);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFSIGNALED(status)) {
    std::printf("seed %llu: ended by signal %d%s\n", static_cast<unsigned long long>(seed),
                WTERMSIG(status), WTERMSIG(status) == SIGALRM ? ", it hung" : "");
  }
  std::printf("seed %llu failed: %s --first %llu --count 1\n",
              static_cast<unsigned long long>(seed), program,
              static_cast<unsigned long long>(seed));
  return false;
}

[[noreturn]] void explain() {
  std::fprintf(stderr,
               "usage: seeds [--first SEED] [--count N] [--failures-max N] [--seconds-max N]\n"
               "             [--alone] [--trace FILE]\n"
               "  --first SEED       the first seed, 1 unless it is given\n"
               "  --count N          so many seeds, 100 unless it is given\n"
               "  --failures-max N   stop at so many failures, 10 unless it is given\n"
               "  --seconds-max N    real time after which a seed hangs, 60 unless it is given\n"
               "  --alone            the first seed only, in this process\n"
               "  --trace FILE       the same, and what happens in it is written there\n");
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t first = 1, count = 100, failures_max = 10;
  bool alone = false;
  const char* trace = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--alone") {
      alone = true;
      continue;
    }
    if (i + 1 == argc) explain();
    if (flag == "--trace") {
      alone = true;
      trace = argv[++i];
      continue;
    }
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(argv[++i], &end, 10);
    if (*end != '\0' || end == argv[i]) explain();
    if (flag == "--first") first = value;
    else if (flag == "--count") count = value;
    else if (flag == "--failures-max") failures_max = value;
    else if (flag == "--seconds-max") seed_seconds_max = static_cast<unsigned>(value);
    else explain();
  }
  if (alone) return run(first, trace) ? 0 : 1;
  std::uint64_t failures = 0;
  for (std::uint64_t seed = first; seed - first < count && failures < failures_max; ++seed) {
    failures += run_apart(seed, argv[0]) ? 0 : 1;
  }
  if (failures != 0) return 1;
  std::printf("%llu seeds: each program ended as its model says, and left nothing behind\n",
              static_cast<unsigned long long>(count));
  return 0;
}
