// Goal: options are written as the specification writes them, default as it says, and every bad
// one is refused at the call with its field and value.
// Method: designated initialisers in the specified order (another order does not compile); one
// bad field at a time.

#include "mobula/core/options.hpp"

#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "mobula/core/group.hpp"
#include "mobula/core/validate.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

template <class Options>
void refuse(const Options& options, const std::string& field_and_value) {
  INFO(field_and_value);
  CHECK_THROWS_AS(validate(options), std::invalid_argument);
  CHECK_THROWS_WITH(validate(options), ContainsSubstring(field_and_value));
}

}  // namespace

TEST_CASE("every option can be named, in the specified order", "[options]") {
  const runtime_options runtime{
      .backend = "threads",
      .address = "",
      .cpus = 2,
      .gpus = 0,
      .memory = 1u << 30,
      .resources = {{"camera", 1}},
      .labels = {{"zone", "a"}},
      .store_memory = 1u << 20,
      .name_space = "n",
      .environment = {.variables = {{"A", "1"}},
                      .working_directory = "d",
                      .files = {"f"},
                      .setup = "make",
                      .setup_timeout = 5s},
      .infeasible = infeasible_policy::fail,
      .shutdown_grace = 1s,
      .simulation =
          {.seed = 2,
           .nodes =
               {{.name = "ada", .cpus = 1, .gpus = 0, .memory = 1, .resources = {}, .labels = {}}},
           .faults = {},
           .time_limit = 1h,
           .stack_bytes = 65536},
      .secret_file = "s",
      .certificates = "c",
      .spill_directory = "/tmp",
      .connect_timeout = 1s,
      .node_silence = 1s,
      .observe = true,
      .executor = "own"};
  CHECK_NOTHROW(validate(runtime));

  const task_options task{.name = "t",
                          .cpus = 0.5,
                          .gpus = 0.25,
                          .memory = 1,
                          .resources = {{"camera", 1}},
                          .where = spread(),
                          .capture_children = true,
                          .max_retries = -1,
                          .retry_on = exceptions<std::runtime_error>(),
                          .after = {},
                          .stream_buffer = 4,
                          .timeout = 1.5s,
                          .environment = {}};
  CHECK_NOTHROW(validate(task));

  const actor_options actor{.name = "a",
                            .name_space = "n",
                            .get_if_exists = true,
                            .lifetime = lifetime::detached,
                            .cpus = 0,
                            .gpus = 1,
                            .memory = 1,
                            .resources = {},
                            .where = on_node(node_id(1)),
                            .capture_children = false,
                            .max_restarts = -1,
                            .max_task_retries = -1,
                            .max_concurrency = 8,
                            .concurrency_groups = {{"io", 2}},
                            .max_pending_calls = 10,
                            .isolation = isolation::shared,
                            .environment = {}};
  CHECK_NOTHROW(validate(actor));

  const call_options call{.name = "c",
                          .concurrency_group = "io",
                          .max_task_retries = 2,
                          .retry_on = any_exception,
                          .after = {},
                          .stream_buffer = 0,
                          .timeout = 0s};
  CHECK_NOTHROW(validate(call));

  const bundle part{.cpus = 1, .gpus = 0, .memory = 0, .resources = {}, .labels = {{"zone", "a"}}};
  CHECK_NOTHROW(validate(part));
  const group_options group{.name = "g", .name_space = "n", .lifetime = lifetime::owned};
  CHECK(group.name == "g");
  const wait_options wait{.count = 2, .timeout = 1s, .fetch = false};
  CHECK_NOTHROW(validate(wait));
  const cancel_options cancel{.force = true, .recursive = true};
  CHECK(cancel.force);
  const kill_options kill{.restart = true};
  CHECK(kill.restart);
  const bundle_info info{.resources = {.cpus = 1}, .node = node_id(1)};
  CHECK(info.resources.cpus == 1);
}

TEST_CASE("options default as specified", "[options]") {
  const runtime_options runtime;
  CHECK(runtime.backend.empty());
  CHECK_FALSE(runtime.cpus.has_value());
  CHECK(runtime.infeasible == infeasible_policy::wait);
  CHECK(runtime.shutdown_grace == 5s);
  CHECK(runtime.simulation.seed == 1);
  CHECK(runtime.simulation.nodes.size() == 1);
  CHECK(runtime.simulation.time_limit.is_none());
  CHECK(runtime.connect_timeout == 10s);
  CHECK(runtime.node_silence == 6s);
  CHECK_FALSE(runtime.observe);
  CHECK_NOTHROW(validate(runtime));

  const task_options task;
  CHECK(task.cpus == 1);
  CHECK(task.gpus == 0);
  CHECK(task.max_retries == 3);
  CHECK(task.retry_on.empty());
  CHECK(task.where == anywhere());
  CHECK(task.timeout.is_none());
  CHECK_NOTHROW(validate(task));
  CHECK(resources_of(task) == resource_vector::of_cpus(resource_amount(1)));

  const actor_options actor;
  CHECK_FALSE(actor.cpus.has_value());
  CHECK(actor.max_restarts == 0);
  CHECK(actor.max_task_retries == 0);
  CHECK(actor.max_concurrency == 0);
  CHECK(actor.isolation == isolation::automatic);
  CHECK(actor.lifetime == lifetime::owned);
  CHECK_NOTHROW(validate(actor));
  CHECK(resources_of(actor).is_zero());

  CHECK_FALSE(call_options().max_task_retries.has_value());
  CHECK(wait_options().count == 1);
  CHECK(wait_options().timeout.is_none());
  CHECK(wait_options().fetch);
  CHECK(cancel_options().recursive);
  CHECK_FALSE(cancel_options().force);
  CHECK_FALSE(kill_options().restart);
}

TEST_CASE("options are aggregates", "[options]") {
  STATIC_REQUIRE(std::is_aggregate_v<runtime_options> && std::is_aggregate_v<task_options> &&
                 std::is_aggregate_v<actor_options> && std::is_aggregate_v<call_options> &&
                 std::is_aggregate_v<simulation_options> && std::is_aggregate_v<node_options> &&
                 std::is_aggregate_v<bundle> && std::is_aggregate_v<group_options> &&
                 std::is_aggregate_v<environment> && std::is_aggregate_v<wait_options> &&
                 std::is_aggregate_v<resource_set> && std::is_aggregate_v<node_info>);
}

TEST_CASE("a task's bad options are refused", "[options][clause-16]") {
  refuse(task_options{.cpus = -1}, "task_options.cpus = -1");
  refuse(task_options{.cpus = not_a_number}, "task_options.cpus = nan");
  refuse(task_options{.cpus = 1e9}, "task_options.cpus = 1000000000");
  refuse(task_options{.cpus = 0.00001}, "task_options.cpus = 0.00001");
  refuse(task_options{.gpus = -0.5}, "task_options.gpus = -0.5");
  refuse(task_options{.memory = ~std::uint64_t{0}}, "task_options.memory = 18446744073709551615");
  refuse(task_options{.resources = {{"camera", not_a_number}}},
         "task_options.resources[\"camera\"] = nan");
  refuse(task_options{.resources = {{"CPU", 1}}}, "task_options.resources = \"CPU\"");
  refuse(task_options{.max_retries = -2}, "task_options.max_retries = -2");
  refuse(task_options{.timeout = -1s}, "task_options.timeout = -1s");
  refuse(task_options{.environment = {.variables = {{"A=B", "1"}}}},
         "task_options.environment.variables = \"A=B\"");
  CHECK_NOTHROW(validate(task_options{.cpus = 0}));
}

TEST_CASE("an empty future in .after is refused as any use of one is", "[options]") {
  task_options task;
  task.after.resize(2);
  CHECK_THROWS_AS(validate(task), std::logic_error);
  CHECK_THROWS_WITH(validate(task), "task_options.after[0] is an empty future");
  call_options call;
  call.after.resize(1);
  CHECK_THROWS_WITH(validate(call), "call_options.after[0] is an empty future");
}

TEST_CASE("an actor's bad options are refused", "[options][clause-16]") {
  refuse(actor_options{.get_if_exists = true}, "actor_options.get_if_exists = true");
  refuse(actor_options{.cpus = -1}, "actor_options.cpus = -1");
  refuse(actor_options{.gpus = not_a_number}, "actor_options.gpus = nan");
  refuse(actor_options{.max_restarts = -2}, "actor_options.max_restarts = -2");
  refuse(actor_options{.max_task_retries = -2}, "actor_options.max_task_retries = -2");
  refuse(actor_options{.max_concurrency = -1}, "actor_options.max_concurrency = -1");
  refuse(actor_options{.concurrency_groups = {{"io", 0}}},
         "actor_options.concurrency_groups[\"io\"] = 0");
  refuse(actor_options{.concurrency_groups = {{"", 1}}}, "actor_options.concurrency_groups = \"\"");
  refuse(actor_options{.environment = {.setup_timeout = 0s}},
         "actor_options.environment.setup_timeout = 0s");
}

TEST_CASE("a call's bad options are refused", "[options][clause-16]") {
  refuse(call_options{.max_task_retries = -2}, "call_options.max_task_retries = -2");
  refuse(call_options{.timeout = -1ms}, "call_options.timeout = -1ms");
}

TEST_CASE("a wait for no future is refused, one until a past deadline is not",
          "[options][clause-16]") {
  refuse(wait_options{.count = 0}, "wait_options.count = 0");
  CHECK_NOTHROW(validate(wait_options{.timeout = -1s}));
}

TEST_CASE("a runtime's bad options are refused", "[options][clause-16]") {
  refuse(runtime_options{.cpus = 0}, "runtime_options.cpus = 0");
  refuse(runtime_options{.cpus = -1}, "runtime_options.cpus = -1");
  refuse(runtime_options{.cpus = not_a_number}, "runtime_options.cpus = nan");
  refuse(runtime_options{.cpus = 1e9},
         "runtime_options.cpus = 1000000000: must be at most 1000000");
  refuse(runtime_options{.gpus = -1}, "runtime_options.gpus = -1");
  refuse(runtime_options{.memory = ~std::uint64_t{0}}, "runtime_options.memory");
  refuse(runtime_options{.resources = {{"", 1}}}, "runtime_options.resources = \"\"");
  refuse(runtime_options{.labels = {{"", "a"}}}, "runtime_options.labels = \"\"");
  refuse(runtime_options{.store_memory = 0}, "runtime_options.store_memory = 0");
  refuse(runtime_options{.environment = {.files = {""}}}, "runtime_options.environment.files");
  refuse(runtime_options{.shutdown_grace = -1s}, "runtime_options.shutdown_grace = -1s");
  refuse(runtime_options{.connect_timeout = 0s}, "runtime_options.connect_timeout = 0s");
  refuse(runtime_options{.node_silence = 0s}, "runtime_options.node_silence = 0s");
  refuse(runtime_options{.executor = "tbbb"}, "runtime_options.executor = \"tbbb\"");
  CHECK_NOTHROW(validate(runtime_options{.cpus = 0.5}));
  CHECK_NOTHROW(validate(runtime_options{.shutdown_grace = 0s}));
}

TEST_CASE("a simulation's bad options are refused", "[options][clause-16]") {
  refuse(runtime_options{.simulation = {.nodes = {}}}, "simulation_options.nodes = {}");
  refuse(runtime_options{.simulation = {.nodes = {{.cpus = 0}}}}, "node_options.cpus = 0");
  refuse(runtime_options{.simulation = {.time_limit = 0s}}, "simulation_options.time_limit = 0s");
  refuse(runtime_options{.simulation = {.stack_bytes = 16383}},
         "simulation_options.stack_bytes = 16383");
  CHECK_NOTHROW(validate(simulation_options{.stack_bytes = 16384}));
  refuse(runtime_options{.simulation = {.faults = {.message_loss = 2}}},
         "fault_plan.message_loss = 2");
}

TEST_CASE("a plan of faults has nothing in it by default", "[options][clause-52]") {
  const fault_plan plan;
  CHECK_NOTHROW(validate(plan));
  CHECK(plan.worker_crashes == 0);
  CHECK(plan.message_loss == 0);
  CHECK(plan.message_delay == 0s);
  CHECK(plan.disk_slowness == 1);
  CHECK(plan.until.is_none());
  CHECK_FALSE(plan.swarm);
  CHECK(plan.script.empty());
  CHECK(simulation_options().faults == plan);
  STATIC_REQUIRE(std::is_aggregate_v<fault_plan> && std::is_aggregate_v<fault_event>);
}

TEST_CASE("a plan's bad fields are refused", "[options][clause-16][clause-52]") {
  refuse(fault_plan{.worker_crashes = -1}, "fault_plan.worker_crashes = -1");
  refuse(fault_plan{.worker_crashes = 1001},
         "fault_plan.worker_crashes = 1001: must be from 0 to 1000");
  refuse(fault_plan{.worker_pauses = not_a_number}, "fault_plan.worker_pauses = nan");
  refuse(fault_plan{.pause = 0s}, "fault_plan.pause = 0s");
  refuse(fault_plan{.worker_cuts = -0.5}, "fault_plan.worker_cuts = -0.5");
  refuse(fault_plan{.cut = -1s}, "fault_plan.cut = -1s");
  refuse(fault_plan{.slow_workers = 1.5}, "fault_plan.slow_workers = 1.5: must be from 0 to 1");
  refuse(fault_plan{.worker_slowness = 0}, "fault_plan.worker_slowness = 0");
  refuse(fault_plan{.message_loss = not_a_number}, "fault_plan.message_loss = nan");
  refuse(fault_plan{.message_repeats = 2}, "fault_plan.message_repeats = 2");
  refuse(fault_plan{.message_reorders = -1}, "fault_plan.message_reorders = -1");
  refuse(fault_plan{.message_delay = -1ms}, "fault_plan.message_delay = -1ms");
  refuse(fault_plan{.message_delay = duration::none()}, "fault_plan.message_delay = none");
  refuse(fault_plan{.disk_slowness = 1001}, "fault_plan.disk_slowness = 1001");
  refuse(fault_plan{.disk_full = 7}, "fault_plan.disk_full = 7");
  refuse(fault_plan{.disk_errors = 7}, "fault_plan.disk_errors = 7");
  refuse(fault_plan{.store_full = 7}, "fault_plan.store_full = 7");
  refuse(fault_plan{.head_deaths = -1}, "fault_plan.head_deaths = -1");
  refuse(fault_plan{.head_death = 0s}, "fault_plan.head_death = 0s");
  refuse(fault_plan{.until = -1s}, "fault_plan.until = -1s");
  CHECK_NOTHROW(validate(fault_plan{.message_loss = 1, .until = 0s}));
}

TEST_CASE("a script's bad lines are refused with their number", "[options][clause-16][clause-52]") {
  const auto script = [](fault_event line) {
    return fault_plan{.script = {{.at = 1s, .what = fault::kill_actor, .which = "tally"}, line}};
  };
  CHECK_NOTHROW(validate(script({})));
  CHECK_NOTHROW(validate(script({.what = fault::fill_store, .which = "node0", .lasts = 2s})));
  CHECK_NOTHROW(validate(script({.what = fault::cut_worker, .lasts = duration::none()})));
  refuse(script({.at = -1s}), "fault_plan.script[1].at = -1s");
  refuse(script({.at = duration::none()}), "fault_plan.script[1].at = none");
  refuse(script({.what = static_cast<fault>(99)}), "fault_plan.script[1].what = 99");
  refuse(script({.what = fault::pause_worker, .which = "w"}), "fault_plan.script[1].which = \"w\"");
  refuse(script({.which = "1234567890"}), "fault_plan.script[1].which = \"1234567890\"");
  refuse(script({.lasts = 0s}), "fault_plan.script[1].lasts = 0s");
  refuse(script({.factor = 0}), "fault_plan.script[1].factor = 0");

  simulation_options simulation{.nodes = {{.name = "ada"}, {}}};
  for (const char* known : {"ada", "node1", ""}) {
    simulation.faults = script({.what = fault::fill_disk, .which = known});
    CHECK_NOTHROW(validate(simulation));
  }
  for (const char* unknown : {"bob", "node0", "node2"}) {
    simulation.faults = script({.what = fault::slow_disk, .which = unknown});
    refuse(simulation, "fault_plan.script[1].which = \"" + std::string(unknown) + "\"");
  }
}

TEST_CASE("an empty bundle or list of bundles is refused", "[options][clause-16][clause-32]") {
  refuse(bundle{}, "bundle = {}");
  refuse(bundle{.resources = {{"camera", 0}}}, "bundle = {}");
  refuse(bundle{.cpus = -1}, "bundle.cpus = -1");
  refuse(bundle{.cpus = 1, .labels = {{"", "a"}}}, "bundle.labels");
  refuse(std::vector<bundle>{}, "bundles = {}");
  refuse(std::vector<bundle>{{.cpus = 1}, {}}, "bundle = {}");
  CHECK_NOTHROW(validate(std::vector<bundle>{{.cpus = 2}, {.cpus = 2, .gpus = 1}}));
}

TEST_CASE("an environment's text holds no zero byte", "[options][clause-16]") {
  const std::string zero("a\0b", 3);
  for (const environment& bad :
       {environment{.variables = {{zero, "x"}}}, environment{.variables = {{"A", zero}}},
        environment{.variables = {{"", "x"}}}, environment{.working_directory = zero},
        environment{.files = {zero}}, environment{.setup = zero}}) {
    CHECK_THROWS_AS(validate(bad), std::invalid_argument);
  }
  CHECK_THROWS_WITH(validate(environment{.setup = zero}),
                    "environment.setup = \"a\\x00b\": must not contain a zero byte");
}
