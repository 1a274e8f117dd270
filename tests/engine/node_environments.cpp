// Goal: a worker serves one environment and one set of GPUs; what fails to be made is told to those
// who wait for it, and to nobody else; no GPU is two leases' at once. Method: scripts of events,
// and a random one for GPUs against a plain list of who has what.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/node_fixture.hpp"
#include "mobula/engine/node/gpus.hpp"

using namespace node_test;

namespace {

using lines = std::vector<std::string>;

payload environment(const std::string& text) {
  std::vector<std::byte> bytes;
  for (const char one : text) bytes.push_back(static_cast<std::byte>(one));
  return payload(std::move(bytes));
}
want_leases in(const std::string& text, std::uint64_t lease_class, std::uint32_t wanted,
               lease_purpose purpose = lease_purpose::tasks) {
  return {.lease_class = lease_class,
          .wanted = wanted,
          .purpose = purpose,
          .resources = purpose == lease_purpose::tasks ? cpus(1) : resource_vector(),
          .resources_to_place = {},
          .what = "task \"" + std::to_string(lease_class) + "\"",
          .fail_if_infeasible = false,
          .environment = environment(text)};
}
node_options of(double cpus, double gpus = 0) {
  node_options made;
  made.self = self;
  made.total = both(cpus, gpus);
  made.assigns_gpus = gpus != 0;
  return made;
}

}  // namespace

TEST_CASE("a worker serves those of its own environment alone", "[node][clause-40]") {
  script s(of(1));
  s.say(ada, in("A", 1, 1)).join_last(11);
  CHECK(s.said() == lines{"start A", "2: granted 1 L1 11"});
  s.give_back(ada, 1);
  s.say(ada, in("B", 2, 1));  // 11 idles, and is of no use
  CHECK(s.said() == lines{"start B"});
  s.join_last(12);
  CHECK(s.said() == lines{"2: granted 2 L2 12"});
  s.give_back(ada, 2);
  s.want(bob, 3, 1, cpus(1)).join(13);
  CHECK(s.said() == lines{"start", "3: granted 3 L3 13"});
  s.give_back(bob, 3);
  s.say(eve, in("A", 9, 1));  // of whoever it is
  CHECK(s.said() == lines{"4: granted 9 L4 11"});
}

TEST_CASE("an environment is a class's for good", "[node][clause-40]") {
  script s(of(1));
  s.say(ada, in("A", 1, 1));
  s.say(ada, in("B", 1, 1));
  CHECK(s.machine.stray() == 1);
}

TEST_CASE("until one worker has made an environment, no other is started, and one lease holds",
          "[node][clause-40]") {
  script s(of(4));
  s.say(ada, in("A", 1, 10));
  CHECK(s.said() == lines{"start A"});
  CHECK(s.machine.available() == cpus(3));  // for whom it doesn't concern
  s.want(bob, 2, 1, cpus(1)).join(11);
  CHECK(s.said() == lines{"start", "3: granted 2 L1 11"});
  s.appear(12, 1);
  CHECK(s.said().empty());
  s.say(party{12}, worker_ready{});
  CHECK(s.said() == lines{"2: granted 1 L2 12", "start A", "start A"});
}

TEST_CASE("an environment that can't be made fails those who wait for it, and nobody else",
          "[node][clause-40]") {
  script s(of(4));
  s.want(bob, 2, 1, cpus(1)).join(11);
  s.say(ada, in("A", 1, 10)).say(eve, in("A", 1, 1)).say(bob, in("B", 3, 1));
  s.said();
  s.appear(12, 1).appear(13, 2);
  s.machine.environment_failed(party{12}, "its setup ended with exit code 3", s.now);
  s.check();
  CHECK(s.said() == lines{"2: refused 1: task \"1\": its setup ended with exit code 3",
                          "4: refused 1: task \"1\": its setup ended with exit code 3"});
  CHECK(std::get<lease_refused>(s.host.sent.back().second).why.code ==
        mobula::error_code::environment);
  s.die(12, death_kind::exited);
  s.say(party{13}, worker_ready{});
  s.said();
  // Who asks again is served again, at once.
  s.say(ada, in("A", 1, 1));
  CHECK(s.said() == lines{"start A"});
  s.join_last(14);
  CHECK(s.said() == lines{"2: granted 1 L3 14"});
}

TEST_CASE("a worker that dies while it makes an environment is followed by another",
          "[node][clause-40]") {
  script s(of(1));
  s.say(ada, in("A", 1, 1)).appear(11, 1);
  s.said();
  s.die(11);
  CHECK(s.said().size() == 4);  // everybody is told
  s.at(s.machine.next_timer());
  CHECK(s.said() == lines{"start A"});
  s.join_last(12);
  CHECK(s.said() == lines{"2: granted 1 L1 12"});
}

TEST_CASE("actors that share are with those of their environment", "[node][clause-40]") {
  node_options options = of(1);
  options.shared_workers = 1;
  script s(options);
  s.say(self, in("A", 1, 1, lease_purpose::shared_process)).join_last(11);
  s.say(self, in("A", 2, 1, lease_purpose::shared_process));
  s.say(self, in("B", 3, 1, lease_purpose::shared_process)).join_last(12);
  CHECK(s.said() ==
        lines{"start A", "1: granted 1 L1 11", "1: granted 2 L2 11", "start B",
              "1: granted 3 L3 12"});
}

TEST_CASE("idle workers of environments make room for others before their time",
          "[node][clause-40]") {
  node_options options = of(1);
  options.idle_environments_max = 2;
  script s(options);
  for (std::uint64_t i = 0; i < 3; ++i) {
    s.now += ms;
    s.say(ada, in(std::string(1, static_cast<char>('A' + i)), i + 1, 1)).join_last(11 + i);
    s.give_back(ada, static_cast<int>(i) + 1);
  }
  const lines said = s.said();
  CHECK(said[said.size() - 3] == "11: leave? 1");
  s.say(ada, in("D", 9, 1));
  CHECK(s.said() == lines{"12: leave? 2", "start D"});
  s.leave(11, 1);
  CHECK(s.said() == lines{"end 11: it was idle"});
}

TEST_CASE("a lease with GPUs has a worker that was born for them, and nobody has it afterwards",
          "[node][gpus]") {
  script s(of(4, 2));
  s.want(ada, 1, 2, both(1, 1)).join_last(11);
  CHECK(s.said() == lines{"start gpu 0", "start gpu 1", "2: granted 1 L1 11"});
  s.appear(12, 1).say(party{12}, worker_ready{});
  CHECK(s.said() == lines{"2: granted 1 L2 12"});
  s.want(bob, 2, 1, both(1, 1));
  s.said();
  s.give_back(ada, 1);
  CHECK(s.said() == lines{"11: leave? 1", "start gpu 1"});
  s.leave(11, 1);
  CHECK(s.said() == lines{"end 11: its GPUs are given back"});
}

TEST_CASE("parts of GPUs are of one each, and whole ones stay whole", "[node][gpus]") {
  script s(of(8, 2));
  s.want(ada, 1, 1, both(1, 0.5)).join_last(11);
  s.want(ada, 2, 1, both(1, 0.25)).join_last(12);
  s.want(ada, 3, 1, both(1, 1)).join_last(13);
  s.want(ada, 4, 1, both(1, 0.25)).join_last(14);
  const lines said = s.said();
  CHECK(said[0] == "start gpu 0");
  CHECK(said[2] == "start gpu 0");
  CHECK(said[4] == "start gpu 1");
  CHECK(said[6] == "start gpu 0");
}

TEST_CASE("GPUs of which each is used in part are asked back for who needs a whole one",
          "[node][gpus][clause-18]") {
  script s(of(8, 2));
  s.want(ada, 1, 4, both(1, 0.5));
  for (std::uint64_t i = 0; i < 2; ++i) s.appear(11 + i, 1).say(party{11 + i}, worker_ready{});
  for (std::uint64_t i = 0; i < 2; ++i) s.appear(13 + i, 2).say(party{13 + i}, worker_ready{});
  CHECK(s.machine.lease_count() == 4);
  s.said();
  s.want(bob, 2, 1, both(1, 1));
  CHECK(s.said() == lines{"2: reclaim L1", "2: reclaim L2"});
  s.give_back(ada, 1);
  s.said();
  s.give_back(ada, 3);  // of the other one: the sum is enough by now
  s.said();
  CHECK(s.machine.waiting_count() == 1);
  s.give_back(ada, 2);
  CHECK(s.machine.waiting_count() == 0);
}

TEST_CASE("no GPU is given away twice, whatever comes and goes", "[node][gpus][clause-18]") {
  std::random_device entropy;
  const std::uint32_t seed = entropy();
  CAPTURE(seed);
  std::mt19937 chance(seed);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t total = 1 + static_cast<std::int64_t>(chance() % 45'000);
    gpu_slots all(true, resource_amount::from_steps(total));
    std::vector<std::vector<gpu_share>> held;
    std::vector<std::int64_t> used(static_cast<std::size_t>((total + 9'999) / 10'000));
    for (int step = 0; step < 300; ++step) {
      if (!held.empty() && chance() % 2 == 0) {
        std::swap(held[chance() % held.size()], held.back());
        for (const gpu_share& one : held.back()) used[one.index] -= one.steps;
        all.give_back(held.back());
        held.pop_back();
        continue;
      }
      const std::int64_t need =
          chance() % 2 == 0 ? 1 + chance() % 9'999 : (1 + chance() % 3) * 10'000;
      if (!all.fits(resource_amount::from_steps(need))) continue;
      std::int64_t sum = 0;
      std::int64_t parts = 0;
      all.take(resource_amount::from_steps(need), held.emplace_back());
      for (const gpu_share& one : held.back()) {
        used[one.index] += one.steps;
        REQUIRE(used[one.index] <= std::min<std::int64_t>(10'000, total - 10'000 * one.index));
        sum += one.steps;
        parts += one.steps != 10'000;
      }
      REQUIRE(sum == need);
      REQUIRE(parts == (need % 10'000 != 0));
      all.verify();
    }
    while (!held.empty()) {
      all.give_back(held.back());
      held.pop_back();
    }
    REQUIRE(all.fits(resource_amount::from_steps(total)));
  }
}
