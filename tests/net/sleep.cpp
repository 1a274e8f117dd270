// Goal: who sleeps is woken by what comes, and nobody else is. Method: two processes hand a message
// to and fro, each asleep until it comes; a lost wake-up stops them for ever.

#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

#include <time.h>
#include <unistd.h>

#include "mobula/net/endpoint.hpp"
#include "net/support.hpp"
#include "support/catch.hpp"

using mobula::net::sleeper;
using mobula::net::urgency;
using net_test::child;
using net_test::endpoint;
using net_test::exchange;
using net_test::ignore;
using net_test::numbered;
using net_test::sleep_until_news;
using span = std::span<const std::byte>;

namespace {

std::int64_t monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// Until the thread of this process sleeps in the kernel.
void wait_until_asleep(std::atomic<pid_t>& thread) {
  while (true) {
    if (thread.load() != 0) {
      std::ifstream file("/proc/self/task/" + std::to_string(thread.load()) + "/stat");
      std::string line;
      std::getline(file, line);
      const std::size_t name_end = line.rfind(')');
      if (name_end != std::string::npos && line.substr(name_end + 2, 1) == "S") return;
    }
    ::sched_yield();
  }
}

struct a_sleeper {
  std::atomic<pid_t> id{0};
  std::atomic<bool> awake{false};
  std::thread thread;

  a_sleeper(endpoint& of, sleeper who)
      : thread([this, &of, who] {
          of.expect_wake(who);
          id = ::gettid();
          of.sleep(who);
          awake = true;
        }) {}
};

}  // namespace

TEST_CASE("two processes that wake each other never both sleep", "[sleep]") {
  constexpr std::uint64_t rounds = 100'000;
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  shared.announce(2);
  const auto play = [&](std::uint64_t self, std::uint64_t other) {
    endpoint me(shared, self);
    std::uint64_t next = 0;
    if (self == 1) {
      me.send(other, 0, numbered(0, 8));
      me.flush();
    }
    while (next < rounds) {
      const std::size_t got = me.receive([&](std::uint64_t, std::uint32_t, span content) {
        if (net_test::number_of(content) != next) return;
        ++next;
        me.send(other, 0, numbered(self == 1 ? next : next - 1, 8));
      });
      me.flush();
      // Now and then it looks again before it sleeps, so that the two are not in step.
      if (got == 0 && next % 7 != 0) sleep_until_news(me);
      if (got == 0 && next % 7 == 0) ::sched_yield();
    }
    return 0;
  };
  child other([&] { return play(2, 1); });
  play(1, 2);
  CHECK(other.wait() == 0);
}

// The writer outruns the reader, so each sleeps for the other: one for messages, one for room.
TEST_CASE("a writer without room sleeps until there is some", "[sleep]") {
  constexpr std::uint64_t messages = 100'000;
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  shared.announce(2);
  child writer([&] {
    endpoint me(shared, 2);
    for (std::uint64_t i = 0; i < messages; ++i) {
      me.send(1, 0, numbered(i, 8 + i % 500));
      me.flush();
      while (me.has_output()) {
        sleep_until_news(me);
        me.receive(ignore);
        me.flush();
      }
    }
    return 0;
  });
  endpoint me(shared, 1);
  std::uint64_t next = 0;
  bool right = true;
  while (next < messages) {
    const std::size_t got = me.receive(
        [&](std::uint64_t, std::uint32_t, span content) {
          right = right && net_test::is_numbered(content, next, 8 + next % 500);
          ++next;
        },
        1 + next % 40);
    if (got == 0) sleep_until_news(me);
  }
  CHECK(right);
  CHECK(writer.wait() == 0);
}

TEST_CASE("a message wakes the kind of thread that is expected, and rouse wakes all", "[sleep]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  shared.announce(2);
  endpoint me(shared, 1);
  endpoint other(shared, 2);
  for (int round = 0; round < 20; ++round) {
    a_sleeper helper(me, sleeper::helper);
    wait_until_asleep(helper.id);
    a_sleeper leader(me, sleeper::leader);
    wait_until_asleep(leader.id);
    other.send(1, 0, numbered(1, 8));
    other.flush();
    leader.thread.join();
    other.send(1, 0, numbered(2, 8));
    other.flush();  // nobody is expected to sleep now
    wait_until_asleep(helper.id);
    REQUIRE_FALSE(helper.awake);
    shared.rouse(1);
    helper.thread.join();
    REQUIRE(me.receive(ignore) == 2);
  }
}

TEST_CASE("who dozes is woken by what can't wait, and finds the rest afterwards", "[sleep]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  shared.announce(2);
  endpoint me(shared, 1);
  endpoint other(shared, 2);
  const auto say = [&](urgency one, urgency others) {
    other.send(1, 0, numbered(1, 8), one);
    other.flush(others);
  };
  const std::int64_t soon = 2'000'000;  // ns

  me.expect_wake_dozing(sleeper::leader);
  CHECK(me.expects_wake(sleeper::leader));
  CHECK_FALSE(me.expects_wake(sleeper::helper));
  say(urgency::can_wait, urgency::can_wait);
  CHECK(me.has_news());
  CHECK(me.expects_wake(sleeper::leader));  // it was not woken
  const std::int64_t deadline = monotonic_now() + soon;
  me.sleep(sleeper::leader, deadline);
  CHECK(monotonic_now() >= deadline);

  // One that can't wait among the others, what can where the sender has time, and no dozing.
  say(urgency::now, urgency::can_wait);
  CHECK_FALSE(me.expects_wake(sleeper::leader));
  me.sleep(sleeper::leader);  // returns, or the test is stopped
  me.expect_wake_dozing(sleeper::leader);
  say(urgency::can_wait, urgency::can_wait);
  say(urgency::can_wait, urgency::now);
  CHECK_FALSE(me.expects_wake(sleeper::leader));
  me.sleep(sleeper::leader);
  me.expect_wake(sleeper::helper);
  say(urgency::can_wait, urgency::can_wait);
  CHECK_FALSE(me.expects_wake(sleeper::helper));
  me.sleep(sleeper::helper);
  CHECK(me.receive(ignore) == 5);
}

TEST_CASE("a message that waits for room does not forget that it can't wait", "[sleep]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  shared.announce(2);
  endpoint me(shared, 1);
  endpoint other(shared, 2);
  std::size_t sent = 0;
  while (!other.has_output()) other.send(1, 0, numbered(sent++, 200), urgency::can_wait);
  other.send(1, 0, numbered(sent++, 200), urgency::now);
  other.flush(urgency::can_wait);
  const std::size_t first = me.receive(ignore);
  REQUIRE(first < sent);
  me.expect_wake_dozing(sleeper::leader);
  other.flush(urgency::can_wait);
  CHECK_FALSE(me.expects_wake(sleeper::leader));
  CHECK(first + me.receive(ignore) == sent);
}

TEST_CASE("a sleeper whose place another takes goes on", "[sleep]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  endpoint me(shared, 1);
  me.expect_wake(sleeper::helper);
  me.sleep(sleeper::leader);  // returns, or the test is stopped
  me.awake();
  me.sleep(sleeper::helper);
}

TEST_CASE("a wake-up is news until the next receive", "[sleep]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  endpoint me(shared, 1);
  me.wake();
  CHECK(me.has_news());
  CHECK(me.receive(ignore) == 0);
  CHECK_FALSE(me.has_news());
  me.expect_wake(sleeper::leader);
  shared.wake(1);
  me.sleep(sleeper::leader);  // returns, or the test is stopped
  CHECK(me.has_news());
  shared.wake(2);  // which nobody is
}

TEST_CASE("a sleep ends at its deadline", "[sleep]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  endpoint me(shared, 1);
  me.expect_wake(sleeper::leader);
  me.sleep(sleeper::leader, -5);
  const std::int64_t deadline = monotonic_now() + 2'000'000;
  me.sleep(sleeper::leader, deadline);
  CHECK(monotonic_now() >= deadline);
}

TEST_CASE("a wake-up from another process ends a sleep", "[sleep]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  child other([&] {
    endpoint me(shared, 1);
    me.receive(ignore);
    sleep_until_news(me);
    return me.has_news() ? 0 : 1;
  });
  // It may not have begun to sleep: then it finds the news. One wake-up may be gone before that.
  while (other.runs()) {
    shared.wake(1);
    ::sched_yield();
  }
  CHECK(other.wait() == 0);
}
