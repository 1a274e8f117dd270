// Goal: what an owner does for an event does not grow with all that it has.
// Method: the same events for an owner of a few leases, actors and nodes, and of ten times as many;
// what is compared is how many it looks at for each event, never time.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/owner_support.hpp"
#include "support/catch.hpp"

namespace {

using namespace owner_test;

constexpr std::uint64_t first_worker = 100;

/// An owner whose events are many: it is not verified after each.
struct crowd : desk {
  crowd() : desk({.pipeline_max = 4, .linger = 1'000'000'000, .wanted_max = 100'000}) {}

  template <class Message>
  void hear(party from, Message one) {
    work.receive(from, std::move(one), now);
  }
  /// The tasks are there, and a lease for each of the first so many.
  void fill(std::size_t leases, std::size_t tasks) {
    for (std::size_t i = 0; i < tasks; ++i) host.made.push_back(work.submit(spec(), now));
    for (std::size_t i = 0; i < leases; ++i) {
      hear(node, lease_granted{1, lease_id{i + 1}, party{first_worker + i}});
    }
  }
  /// By the workers that run something, in the order in which it was pushed.
  void answer(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const push_task& one = host.pushed.at(answered_++);
      hear(party{first_worker + one.lease.value() - 1},
           task_done{.task = one.task, .result = value()});
    }
  }
  void die(party worker) {
    work.party_gone(worker, now);
    hear(node, party_died{{.who = worker, .kind = death_kind::crashed}});
  }

 private:
  std::size_t answered_ = 0;
};

std::uint64_t visits_to_run(std::size_t leases) {
  crowd at;
  at.fill(leases, 6 * leases);
  const std::uint64_t before = at.work.visited();
  at.answer(6 * leases);
  at.work.verify();
  return (at.work.visited() - before) / leases;
}
std::uint64_t visits_to_lose_workers(std::size_t leases) {
  crowd at;
  at.fill(leases, leases);
  const std::uint64_t before = at.work.visited();
  for (std::size_t i = 0; i < leases; ++i) at.die(party{first_worker + i});
  at.work.verify();
  return (at.work.visited() - before) / leases;
}
/// Each actor is at a worker of its own, and has one call there.
std::uint64_t visits_to_lose_actors(std::size_t actors) {
  crowd at;
  for (std::size_t i = 0; i < actors; ++i) {
    call_spec one = at.call_of();
    one.actor = {directory, 1 + i};
    at.work.refs().arrived(directory, one.actor);
    at.host.made.push_back(at.work.call(std::move(one), at.now));
    at.hear(directory,
            actor_changed{
                {directory, 1 + i}, actor_state::alive, 1, party{first_worker + i}, nullptr, node});
  }
  REQUIRE(at.host.pushed.size() == actors);
  at.work.verify();
  const std::uint64_t before = at.work.visited();
  for (std::size_t i = 0; i < actors; ++i) at.die(party{first_worker + i});
  at.work.verify();
  return (at.work.visited() - before) / actors;
}

/// They have lent something, and stored nothing.
std::uint64_t visits_to_lose_nodes(std::size_t objects) {
  crowd at;
  at.fill(0, objects);
  const std::uint64_t before = at.work.visited();
  for (std::uint64_t i = 0; i < 10; ++i) {
    const party other{1'000 + i};
    at.hear(node, lease_elsewhere{1, other, 1});
    at.hear(other, lease_granted{1, lease_id{1}, party{first_worker + i}});
    at.work.party_gone(other, at.now);
    at.hear(directory, party_died{{.who = other, .kind = death_kind::lost}});
  }
  at.work.verify();
  return at.work.visited() - before;
}

}  // namespace

TEST_CASE("owner: a task costs as much with a hundred leases of its class as with ten",
          "[engine][owner][scale]") {
  const std::uint64_t few = visits_to_run(10);
  CHECK(few >= 3);
  CHECK(visits_to_run(100) <= few + 1);
}

TEST_CASE("owner: a worker's death costs as much with a hundred leases as with ten",
          "[engine][owner][scale]") {
  const std::uint64_t few = visits_to_lose_workers(10);
  CHECK(few >= 1);
  CHECK(visits_to_lose_workers(100) <= few + 1);
}

TEST_CASE("owner: a worker's death costs as much with a hundred actors as with ten",
          "[engine][owner][scale]") {
  const std::uint64_t few = visits_to_lose_actors(10);
  CHECK(few >= 1);
  CHECK(visits_to_lose_actors(100) <= few + 1);
}

TEST_CASE("owner: a node's death costs as much with a thousand objects elsewhere as with a hundred",
          "[engine][owner][scale]") {
  const std::uint64_t few = visits_to_lose_nodes(100);
  CHECK(few >= 10);
  CHECK(visits_to_lose_nodes(1'000) <= few + 10);
}
