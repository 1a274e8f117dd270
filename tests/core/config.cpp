// Goal: the command line beats the environment, which beats the options; a slip is named with
// the near miss; other arguments are left alone.
// Method: command lines and environments by hand. Each case is a program of its own, so the
// remembered flags and the variables are cleared around it.

#include "mobula/core/config.hpp"

#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mobula/core/settings.hpp"
#include "mobula/core/validate.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

// A program with its own command line and environment.
class program {
 public:
  explicit program(std::vector<std::string> arguments = {},
                   std::vector<std::pair<std::string, std::string>> variables = {})
      : arguments_(std::move(arguments)), variables_(std::move(variables)) {
    detail::remembered_flags::instance().forget();
    for (const auto& setting : detail::settings()) {  // Those of whoever runs the tests.
      unsetenv(detail::variable_name(setting.name).c_str());
    }
    arguments_.insert(arguments_.begin(), "program");
    for (std::string& argument : arguments_) argv_.push_back(argument.data());
    argc_ = static_cast<int>(argv_.size());
    argv_.push_back(nullptr);
    for (const auto& [name, value] : variables_) setenv(name.c_str(), value.c_str(), 1);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program() {
    for (const auto& [name, value] : variables_) unsetenv(name.c_str());
    detail::remembered_flags::instance().forget();
  }

  runtime_options start(runtime_options base = {}) {
    return resolve(argc_, argv_.data(), std::move(base));
  }

  // What is left for the program itself.
  std::vector<std::string> rest() const {
    CHECK(argv_[static_cast<std::size_t>(argc_)] == nullptr);
    return {argv_.begin() + 1, argv_.begin() + argc_};
  }

 private:
  std::vector<std::string> arguments_;
  std::vector<std::pair<std::string, std::string>> variables_;
  std::vector<char*> argv_;
  int argc_ = 0;
};

void refuse(std::vector<std::string> arguments, const std::string& message) {
  INFO(message);
  program bad(arguments);
  CHECK_THROWS_AS(bad.start(), std::invalid_argument);
  CHECK_THROWS_WITH(bad.start(), ContainsSubstring(message));
  CHECK(bad.rest() == arguments);  // Nothing was taken.
  CHECK(detail::remembered_flags::instance().all().empty());
}

void refuse_variable(const std::string& name, const std::string& value,
                     const std::string& message) {
  INFO(message);
  program bad({}, {{name, value}});
  CHECK_THROWS_AS(bad.start(), std::invalid_argument);
  CHECK_THROWS_WITH(bad.start(), ContainsSubstring(message));
  CHECK_THROWS_WITH(resolve(runtime_options{}), ContainsSubstring(message));
}

}  // namespace

TEST_CASE("every scalar field has a flag and a variable", "[config]") {
  const std::vector<std::pair<std::string, std::string>> values{
      {"backend", "loopback"},
      {"address", "host:1"},
      {"cpus", "2.5"},
      {"gpus", "0.5"},
      {"memory", "2G"},
      {"store-memory", "512MiB"},
      {"name-space", "n"},
      {"environment-working-directory", "d"},
      {"environment-setup", "make -j2"},
      {"environment-setup-timeout", "1min"},
      {"infeasible", "fail"},
      {"shutdown-grace", "0"},
      {"simulation-seed", "0xfFfFffffffffffff"},
      {"simulation-faults-worker-crashes", "0.25"},
      {"simulation-faults-worker-pauses", "2"},
      {"simulation-faults-pause", "2s"},
      {"simulation-faults-worker-cuts", "1e1"},
      {"simulation-faults-cut", "3s"},
      {"simulation-faults-slow-workers", "0.5"},
      {"simulation-faults-worker-slowness", "7"},
      {"simulation-faults-message-loss", "0.01"},
      {"simulation-faults-message-repeats", "1"},
      {"simulation-faults-message-reorders", "0.75"},
      {"simulation-faults-message-delay", "5ms"},
      {"simulation-faults-disk-slowness", "1000"},
      {"simulation-faults-disk-full", "0.125"},
      {"simulation-faults-disk-errors", "0.0625"},
      {"simulation-faults-store-full", "0.375"},
      {"simulation-faults-until", "1min"},
      {"simulation-faults-swarm", "on"},
      {"simulation-time-limit", "2h"},
      {"simulation-stack-bytes", "512KiB"},
      {"secret-file", "s"},
      {"certificates", "c"},
      {"spill-directory", "p"},
      {"connect-timeout", "1.5s"},
      {"node-silence", "250ms"},
      {"observe", "yes"},
      {"executor", "tbb"},
  };
  std::vector<std::string> names, flags;
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& [name, value] : values) {
    names.push_back(name);
    flags.push_back("--mobula-" + name + "=" + value);
    variables.emplace_back(detail::variable_name(name), value);
  }
  const auto known = detail::setting_names();
  CHECK(names == std::vector<std::string>(known.begin(), known.end()));

  const auto check = [](const runtime_options& options) {
    CHECK(options.backend == "loopback");
    CHECK(options.address == "host:1");
    CHECK(options.cpus == 2.5);
    CHECK(options.gpus == 0.5);
    CHECK(options.memory == std::uint64_t{2} << 30);
    CHECK(options.store_memory == std::uint64_t{512} << 20);
    CHECK(options.name_space == "n");
    CHECK(options.environment.working_directory == "d");
    CHECK(options.environment.setup == "make -j2");
    CHECK(options.environment.setup_timeout == 1min);
    CHECK(options.infeasible == infeasible_policy::fail);
    CHECK(options.shutdown_grace == 0s);
    CHECK(options.simulation.seed == ~std::uint64_t{0});
    const fault_plan plan{.worker_crashes = 0.25,
                          .worker_pauses = 2,
                          .pause = 2s,
                          .worker_cuts = 10,
                          .cut = 3s,
                          .slow_workers = 0.5,
                          .worker_slowness = 7,
                          .message_loss = 0.01,
                          .message_repeats = 1,
                          .message_reorders = 0.75,
                          .message_delay = 5ms,
                          .disk_slowness = 1000,
                          .disk_full = 0.125,
                          .disk_errors = 0.0625,
                          .store_full = 0.375,
                          .until = 1min,
                          .swarm = true};
    CHECK(options.simulation.faults == plan);
    CHECK(options.simulation.time_limit == 2h);
    CHECK(options.simulation.stack_bytes == std::uint64_t{512} << 10);
    CHECK(options.secret_file == "s");
    CHECK(options.certificates == "c");
    CHECK(options.spill_directory == "p");
    CHECK(options.connect_timeout == 1500ms);
    CHECK(options.node_silence == 250ms);
    CHECK(options.observe);
    CHECK(options.executor == "tbb");
  };
  {
    program by_flags(flags);
    check(by_flags.start());
    CHECK(by_flags.rest().empty());
  }
  program by_variables({}, variables);
  check(by_variables.start());
}

TEST_CASE("the command line beats the environment, which beats the options", "[config]") {
  program with_all({"--mobula-backend=a"}, {{"MOBULA_BACKEND", "b"}, {"MOBULA_NAME_SPACE", "b"}});
  const auto options = with_all.start({.backend = "c", .address = "c", .name_space = "c"});
  CHECK(options.backend == "a");
  CHECK(options.name_space == "b");
  CHECK(options.address == "c");
}

TEST_CASE("an empty variable is one that is not set", "[config]") {
  program with_empty({}, {{"MOBULA_BACKEND", ""}, {"MOBULA_CPUS", ""}});
  CHECK(with_empty.start({.backend = "threads"}).backend == "threads");
}

TEST_CASE("flags are taken out of argv and other arguments keep their order", "[config]") {
  program mixed({"in.txt", "--mobula-cpus", "3", "-v", "--mobula-observe", "--mobula_name_space=n",
                 "--mobule", "", "--", "--mobula-cpus=4", "--mobula-nonsense"});
  const auto options = mixed.start();
  CHECK(options.cpus == 3.0);
  CHECK(options.observe);
  CHECK(options.name_space == "n");
  CHECK(mixed.rest() == std::vector<std::string>{"in.txt", "-v", "--mobule", "", "--",
                                                 "--mobula-cpus=4", "--mobula-nonsense"});
}

TEST_CASE("a switch stands alone or says yes or no", "[config]") {
  CHECK(program({"--mobula-observe"}).start().observe);
  CHECK_FALSE(program({"--mobula-observe=off"}).start({.observe = true}).observe);
  program followed({"--mobula-observe", "false"});  // The program's own argument.
  CHECK(followed.start().observe);
  CHECK(followed.rest() == std::vector<std::string>{"false"});
}

TEST_CASE("of one flag given twice the last counts", "[config]") {
  CHECK(program({"--mobula-cpus=1", "--mobula-cpus", "2"}).start().cpus == 2.0);
}

TEST_CASE("a string may be set to nothing by a flag", "[config]") {
  CHECK(program({"--mobula-address="}).start({.address = "host:1"}).address.empty());
}

TEST_CASE("later runtimes of the process remember the flags", "[config]") {
  program first({"--mobula-cpus=3", "--mobula-backend=loopback"});
  first.start();
  CHECK(resolve(runtime_options{.cpus = 1}).cpus == 3.0);

  // The same command line again, now without them; and a newer flag beats a remembered one.
  CHECK(first.start().backend == "loopback");
  std::string name = "program", newer = "--mobula-cpus=5";
  char* argv[] = {name.data(), newer.data(), nullptr};
  int argc = 2;
  CHECK(resolve(argc, argv, {}).cpus == 5.0);
  CHECK(argc == 1);
  CHECK(argv[1] == nullptr);
  CHECK(resolve(runtime_options{}).cpus == 5.0);
  CHECK(resolve(runtime_options{}).backend == "loopback");
}

TEST_CASE("flags can be remembered and read by many threads", "[config]") {
  program clean;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 50; ++round) {
        std::string name = "program", flag = "--mobula-cpus=" + std::to_string(i + 1);
        char* argv[] = {name.data(), flag.data(), nullptr};
        int argc = 2;
        resolve(argc, argv, {});
        resolve(runtime_options{});
      }
    });
  }
  for (std::thread& each : threads) each.join();
  const auto cpus = resolve(runtime_options{}).cpus;
  CHECK((cpus >= 1.0 && cpus <= 4.0));
}

TEST_CASE("a program without a command line has options too", "[config]") {
  program clean;
  int argc = 0;
  CHECK(resolve(argc, nullptr, {.backend = "threads"}).backend == "threads");
  char* argv[] = {nullptr};
  CHECK_NOTHROW(resolve(argc, argv, {}));
  argc = 1;
  CHECK_THROWS_AS(resolve(argc, nullptr, {}), std::invalid_argument);
}

TEST_CASE("an unknown flag is named with the near miss", "[config][clause-16][clause-51]") {
  refuse({"--mobula-bakend=x"}, "unknown flag --mobula-bakend (did you mean --mobula-backend?)");
  refuse({"a", "--mobula-cpu", "2"}, "unknown flag --mobula-cpu (did you mean --mobula-cpus?)");
  refuse({"--mobula-namespace=x"}, "did you mean --mobula-name-space?");
  refuse({"--mobula-xyzzy"}, "unknown flag --mobula-xyzzy (--mobula-help lists them)");
  refuse({"--mobula-"}, "unknown flag --mobula-");
  program secret({"--mobula-secret=hunter2"});
  CHECK_THROWS_WITH(secret.start(), !ContainsSubstring("hunter2"));
}

TEST_CASE("the flag --mobula-help is answered with all flags", "[config][clause-51]") {
  program asks({"--mobula-help"});
  CHECK_THROWS_AS(asks.start(), std::invalid_argument);
  for (const detail::setting& each : detail::settings()) {
    CHECK_THROWS_WITH(asks.start(), ContainsSubstring("\n  --mobula-" + std::string(each.name)));
  }
  CHECK_THROWS_WITH(asks.start(), ContainsSubstring("\n  --mobula-cpus=...\n"));
}

TEST_CASE("a field without a flag is said to be set in the program", "[config][clause-51]") {
  const std::string reason = ": that is set in the program, in its runtime_options";
  refuse({"--mobula-resources=a"}, "unknown flag --mobula-resources" + reason);
  refuse({"--mobula-simulation-nodes", "3"}, "unknown flag --mobula-simulation-nodes" + reason);
  refuse_variable("MOBULA_LABELS", "a", "unknown variable MOBULA_LABELS" + reason);
}

TEST_CASE("an unknown variable is named with the near miss", "[config][clause-16][clause-51]") {
  refuse_variable("MOBULA_BAKEND", "x",
                  "unknown variable MOBULA_BAKEND (did you mean MOBULA_BACKEND?)");
  refuse_variable("MOBULA_backend", "x", "did you mean MOBULA_BACKEND?");
  refuse_variable("MOBULA_XYZZY", "", "unknown variable MOBULA_XYZZY (--mobula-help");
  program secret({}, {{"MOBULA_SECRET", "hunter2"}});
  CHECK_THROWS_WITH(secret.start(), !ContainsSubstring("hunter2"));
}

TEST_CASE("variables of the tests, the benchmarks, workers and CMake are left alone", "[config]") {
  program others({}, {{"MOBULA_TEST_BACKEND", "x"},
                      {"MOBULA_BENCH_ROUNDS", "3"},
                      {"MOBULA_WORKER_SOCKET", "5"},
                      {"MOBULA_ROOT", "/opt"},
                      {"MOBULA_DIR", "/opt"},
                      {"MOBULAR", "x"}});
  CHECK_NOTHROW(others.start());
}

TEST_CASE("a bad value is named with its flag and what is expected", "[config][clause-16]") {
  refuse({"--mobula-cpus=0"}, "--mobula-cpus = \"0\": must be above zero");
  refuse({"--mobula-cpus=-1"}, "--mobula-cpus = -1: must not be negative");
  refuse({"--mobula-cpus", "-1"}, "--mobula-cpus = -1: must not be negative");
  refuse({"--mobula-cpus=nan"}, "--mobula-cpus = nan: must be a number");
  refuse({"--mobula-cpus=1000000000"}, "--mobula-cpus = 1000000000: must be at most 1000000");
  refuse({"--mobula-cpus=inf"}, "--mobula-cpus = inf: must be at most 1000000");
  refuse({"--mobula-cpus=1e999"}, "--mobula-cpus = inf: must be at most 1000000");
  refuse({"--mobula-cpus=four"}, "--mobula-cpus = \"four\": must be a number");
  refuse({"--mobula-cpus=4x"}, "--mobula-cpus = \"4x\": must be a number");
  refuse({"--mobula-cpus="}, "--mobula-cpus = \"\": must be a number");
  refuse({"--mobula-gpus=0.00001"}, "--mobula-gpus = 0.00001: must be a multiple of 0.0001");
  refuse({"--mobula-memory=12parsecs"}, "--mobula-memory = \"12parsecs\": must be a size");
  refuse({"--mobula-store-memory=0"}, "--mobula-store-memory = \"0\": must be above zero");
  refuse({"--mobula-infeasible=maybe"}, "--mobula-infeasible = \"maybe\": must be wait or fail");
  refuse({"--mobula-shutdown-grace=5"}, "--mobula-shutdown-grace = \"5\": must be a time");
  refuse({"--mobula-connect-timeout=0s"}, "--mobula-connect-timeout = \"0s\": must be above zero");
  refuse({"--mobula-observe=maybe"}, "--mobula-observe = \"maybe\": must be true or false");
  refuse({"--mobula-simulation-seed=-1"}, "--mobula-simulation-seed = \"-1\": must be a whole");
  refuse({"--mobula-simulation-faults-message-loss=1.5"},
         "--mobula-simulation-faults-message-loss = 1.5: must be from 0 to 1");
  refuse({"--mobula-simulation-faults-message-loss=nan"}, "-loss = nan: must be from 0 to 1");
  refuse({"--mobula-simulation-faults-message-loss=1%"}, "message-loss = \"1%\": must be a number");
  refuse({"--mobula-simulation-faults-message-delay=none"}, "delay = none: must have a limit");
  refuse({"--mobula-simulation-faults-worker-crashes=-1"}, "crashes = -1: must be from 0 to 1000");
  refuse({"--mobula-simulation-faults-pause=0"}, "faults-pause = \"0\": must be above zero");
  refuse({"--mobula-simulation-faults-disk-slowness=0"}, "slowness = 0: must be from 1 to 1000");
  refuse({"--mobula-simulation-faults-disk-slowness=4294967297"}, "must be from 1 to 1000");
  refuse({"--mobula-simulation-stack-bytes=1K"}, "stack-bytes = 1024: must be 0 or from 16384");
  refuse({"--mobula-simulation-fault-swarm"}, "did you mean --mobula-simulation-faults-swarm?");
  refuse({"--mobula-executor=tbbb"}, "--mobula-executor = \"tbbb\": must be own or tbb");
  refuse_variable("MOBULA_CPUS", "0", "MOBULA_CPUS = \"0\": must be above zero");
  refuse_variable("MOBULA_NODE_SILENCE", "soon", "MOBULA_NODE_SILENCE = \"soon\": must be a time");
}

TEST_CASE("a flag without its value says so", "[config][clause-16]") {
  refuse({"--mobula-cpus"}, "flag --mobula-cpus needs a value: --mobula-cpus=...");
  refuse({"--mobula-cpus", "--mobula-observe"}, "flag --mobula-cpus needs a value");
  refuse({"--mobula-cpus", "--", "4"}, "flag --mobula-cpus needs a value");
}

TEST_CASE("the program's own options are checked in the end", "[config][clause-16]") {
  CHECK_THROWS_WITH(program().start({.cpus = 0}), ContainsSubstring("runtime_options.cpus = 0"));
  CHECK(program({"--mobula-cpus=2"}).start({.cpus = 0}).cpus == 2.0);
}

TEST_CASE("sizes are written as GNU's tools write them", "[config]") {
  const auto size = [](std::string_view text) { return detail::read_size("size", text); };
  CHECK(size("0") == 0);
  CHECK(size("4096") == 4096);
  CHECK(size("4096B") == 4096);
  CHECK(size("512MiB") == std::uint64_t{512} << 20);
  CHECK(size("512Mi") == std::uint64_t{512} << 20);
  CHECK(size("512m") == std::uint64_t{512} << 20);
  CHECK(size("2G") == std::uint64_t{2} << 30);
  CHECK(size("2 GiB") == std::uint64_t{2} << 30);
  CHECK(size("2GB") == 2'000'000'000);
  CHECK(size("1.5KiB") == 1536);
  CHECK(size("1e3") == 1000);
  CHECK(size("1T") == std::uint64_t{1} << 40);
  CHECK(size("1024T") == memory_bytes_max);
  CHECK(size("1125899906842624") == memory_bytes_max);
  for (const char* bad :
       {"", " ", "M", "-1", "-0", "1X", "1MiBs", "1bb", "1 2", "nan", "inf", "1025T",
        "1125899906842625", "18446744073709551616", "1e400", "0x10", "+1"}) {
    INFO(bad);
    CHECK_THROWS_AS(size(bad), std::invalid_argument);
  }
}

TEST_CASE("times are written with their unit", "[config]") {
  const auto time = [](std::string_view text) { return detail::read_duration("time", text); };
  CHECK(time("5s") == 5s);
  CHECK(time("250ms") == 250ms);
  CHECK(time("1min") == 1min);
  CHECK(time("1m") == 1min);
  CHECK(time("2h") == 2h);
  CHECK(time("1d") == 24h);
  CHECK(time("10us") == 10us);
  CHECK(time("7 ns") == 7ns);
  CHECK(time("0.3s") == 300ms);
  CHECK(time("0") == 0s);
  CHECK(time("none").is_none());
  CHECK(time("9007199254740993ns").count_ns() == 9'007'199'254'740'993);  // Exact above 2^53.
  CHECK(time("1e300h").is_none());
  for (const char* bad : {"", "s", "5", "5 parsecs", "-1s", "nans", "nan", "1s2", "5S"}) {
    INFO(bad);
    CHECK_THROWS_AS(time(bad), std::invalid_argument);
  }
}

TEST_CASE("any text is a value or a std::invalid_argument", "[config]") {
  const auto seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr std::string_view alphabet("0123456789.eE+-xXkKmMgGtTiIbBsnuh infa\0\"\\\x80", 42);
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (std::size_t length = random() % 24; length > 0; --length) {
      text += alphabet[random() % alphabet.size()];
    }
    INFO(detail::quoted(text));
    for (const detail::setting& each : detail::settings()) {
      runtime_options options;
      try {
        each.apply(options, "label", text);
        validate(options);  // What a reader lets pass is good.
      } catch (const std::invalid_argument& refused) {
        if (each.name.starts_with("environment-")) continue;  // A zero byte.
        if (!std::string_view(refused.what()).starts_with("label = ")) FAIL(refused.what());
      }
    }
  }
}
