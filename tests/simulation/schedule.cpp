// Goal: events happen in the order of their times, once, unless they are cancelled, held or
// dropped; and the trace tells two runs apart exactly when they differ.
// Method: small schedules by hand, and a long random one against the plainest model there is, a
// sorted list.

#include "mobula/backends/simulation/schedule.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/action.hpp"
#include "mobula/backends/simulation/random.hpp"
#include "mobula/backends/simulation/trace.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula::simulation;

const party ada(1), bob(2);

step run_all(schedule& events) {
  for (;;) {
    const step last = events.run_next();
    if (last != step::ran) return last;
  }
}

// Adds an event that writes its letter.
event_id write(schedule& events, instant when, std::string& out, char letter, party owner = {}) {
  return events.at(when, {.kind = 1, .a = static_cast<std::uint64_t>(letter), .owner = owner},
                   [&out, letter] { out += letter; });
}

}  // namespace

TEST_CASE("an action is any callable, moved and never copied", "[action]") {
  int calls = 0;
  action small([&calls] { ++calls; });
  small();
  action moved(std::move(small));
  CHECK_FALSE(static_cast<bool>(small));  // NOLINT: moved-from on purpose
  moved();
  CHECK(calls == 2);

  const auto counted = std::make_shared<int>(0);
  {
    struct large {
      std::shared_ptr<int> count;
      std::unique_ptr<int> only_moved = std::make_unique<int>(3);
      char padding[100] = {};
      void operator()() { *count += *only_moved; }
    };
    action one(large{counted});
    action other;
    other = std::move(one);
    other();
    CHECK(*counted == 3);
    CHECK(counted.use_count() == 2);
    other = nullptr;
    CHECK(counted.use_count() == 1);
    other = action([copy = counted] { ++*copy; });
    CHECK(counted.use_count() == 2);
  }
  CHECK(counted.use_count() == 1);

  CHECK_FALSE(static_cast<bool>(action()));
  CHECK_FALSE(static_cast<bool>(action(nullptr)));
  CHECK_FALSE(static_cast<bool>(action(std::function<void()>())));
  CHECK_FALSE(static_cast<bool>(action(static_cast<void (*)()>(nullptr))));
  CHECK(static_cast<bool>(action([] {})));
}

TEST_CASE("events happen by their times, and those of one instant as they were added",
          "[schedule][clause-52]") {
  schedule events;
  std::string out;
  write(events, 30, out, 'd');
  write(events, 10, out, 'a');
  write(events, 20, out, 'b');
  write(events, 20, out, 'c');
  CHECK(events.next_time() == 10);
  CHECK(events.waiting() == 4);
  CHECK(events.run_next() == step::ran);
  CHECK(events.now() == 10);
  CHECK(run_all(events) == step::idle);
  CHECK(out == "abcd");
  CHECK(events.now() == 30);
  CHECK(events.next_time() == mobula::engine::never);
  CHECK(events.waiting() == 0);
}

TEST_CASE("an event may add others, and what is late happens now", "[schedule]") {
  schedule events;
  std::string out;
  events.at(10, {}, [&] {
    out += '1';
    write(events, 3, out, '2');                    // in the past
    events.after(0, {}, [&out] { out += '3'; });
    events.after(5, {}, [&] { out += std::to_string(events.now()); });
  });
  run_all(events);
  CHECK(out == "12315");
}

TEST_CASE("an event at never does not happen", "[schedule]") {
  schedule events;
  std::string out;
  const event_id hopeless = write(events, mobula::engine::never, out, 'x');
  write(events, 1, out, 'a');
  CHECK(events.after(mobula::engine::never, {}, [] {}) != hopeless);
  CHECK(run_all(events) == step::idle);
  CHECK(out == "a");
  CHECK(events.waiting() == 2);
  CHECK(events.cancel(hopeless));
}

TEST_CASE("a cancelled event does not happen, and its name is never another's", "[schedule]") {
  schedule events;
  std::string out;
  const event_id one = write(events, 10, out, 'a');
  const auto held = std::make_shared<int>(0);
  const event_id other = events.at(20, {}, [held] {});
  CHECK(events.waits(one));
  CHECK(events.cancel(one));
  CHECK_FALSE(events.waits(one));
  CHECK_FALSE(events.cancel(one));
  CHECK(held.use_count() == 2);
  CHECK(events.cancel(other));
  CHECK(held.use_count() == 1);  // At once, not at its time.
  const event_id reused = write(events, 5, out, 'b');
  CHECK_FALSE(events.cancel(one));
  CHECK_FALSE(events.cancel(other));
  CHECK_FALSE(events.cancel(event_id()));
  run_all(events);
  CHECK(out == "b");
  CHECK_FALSE(events.waits(reused));

  // One that cancels itself is too late; one that cancels its neighbour is not.
  event_id self, neighbour;
  self = events.at(100, {}, [&] {
    CHECK_FALSE(events.cancel(self));
    CHECK(events.cancel(neighbour));
  });
  neighbour = write(events, 100, out, 'x');
  run_all(events);
  CHECK(out == "b");
}

TEST_CASE("with a seed, events of one instant take turns by it", "[schedule][clause-52]") {
  const auto order = [](std::uint64_t seed) {
    schedule events({.ties_by_seed = seed});
    std::string out;
    for (char letter = 'a'; letter <= 'j'; ++letter) write(events, 10, out, letter);
    write(events, 5, out, '0');
    run_all(events);
    return out;
  };
  CHECK(order(1) == order(1));
  CHECK(order(1) != order(2));
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    std::string out = order(seed);
    CHECK(out[0] == '0');
    std::sort(out.begin(), out.end());
    CHECK(out == "0abcdefghij");
  }
}

TEST_CASE("a held party's events wait, and happen in their order when it goes on",
          "[schedule][clause-52]") {
  for (const bool by_seed : {false, true}) {
    schedule_options options;
    if (by_seed) options.ties_by_seed = 5;
    schedule events(options);
    std::string out;
    write(events, 30, out, 'c', ada);
    write(events, 10, out, 'a', ada);
    write(events, 20, out, 'B', bob);
    write(events, 90, out, 'e', ada);
    events.hold(ada);
    events.hold(ada);
    CHECK(events.held(ada));
    CHECK_FALSE(events.held(bob));
    write(events, 35, out, 'd', ada);  // A frame that comes while it stands still.
    const event_id cancelled = write(events, 25, out, 'x', ada);
    CHECK(events.waits(cancelled));
    CHECK(events.cancel(cancelled));
    events.at(50, {}, [&] {
      out += '!';
      events.release(ada);
      events.release(ada);
    });
    CHECK(events.waiting() == 6);
    CHECK(run_all(events) == step::idle);
    CHECK(out == "B!acde");
    CHECK(events.now() == 90);
    CHECK_FALSE(events.held(ada));
  }
}

TEST_CASE("a party that holds itself stops before its next event", "[schedule]") {
  schedule events;
  std::string out;
  events.at(1, {.owner = ada}, [&] { events.hold(ada); });
  write(events, 1, out, 'a', ada);
  CHECK(run_all(events) == step::idle);
  CHECK(events.waiting() == 1);
  events.release(ada);
  run_all(events);
  CHECK(out == "a");
}

TEST_CASE("a dropped party's events are gone, held or not", "[schedule]") {
  for (const bool hold_first : {false, true}) {
    schedule events;
    std::string out;
    const auto held = std::make_shared<int>(0);
    const event_id one = write(events, 10, out, 'x', ada);
    events.at(11, {.owner = ada}, [held] {});
    write(events, 12, out, 'b', bob);
    if (hold_first) events.hold(ada);
    events.drop(ada);
    events.drop(ada);
    CHECK(held.use_count() == 1);
    CHECK_FALSE(events.waits(one));
    CHECK_FALSE(events.held(ada));
    CHECK(events.waiting() == 1);
    run_all(events);
    CHECK(out == "b");
  }
  // From within its own event, and with destructors that come back.
  schedule events;
  std::string out;
  struct adds_another {
    schedule* events = nullptr;
    std::string* out = nullptr;
    adds_another(schedule* where, std::string* text) : events(where), out(text) {}
    adds_another(adds_another&& other) noexcept
        : events(std::exchange(other.events, nullptr)), out(other.out) {}
    ~adds_another() {
      if (events != nullptr) write(*events, 100, *out, 'z', bob);
    }
    void operator()() const {}
  };
  events.at(1, {.owner = ada}, [&] {
    events.drop(ada);
    out += 'a';
  });
  events.at(2, {.owner = ada}, adds_another(&events, &out));
  run_all(events);
  CHECK(out == "az");
}

TEST_CASE("a schedule stops at its limits", "[schedule][clause-52]") {
  schedule events({.time_limit = 100, .same_instant_max = 1000});
  std::string out;
  write(events, 100, out, 'a');
  write(events, 101, out, 'x');
  CHECK(run_all(events) == step::time_limit);
  CHECK(out == "a");
  CHECK(events.now() == 100);

  schedule circles({.same_instant_max = 1000});
  int turns = 0;
  std::function<void()> again = [&] {
    ++turns;
    circles.after(0, {}, again);
  };
  circles.at(7, {}, again);
  CHECK(run_all(circles) == step::in_circles);
  CHECK(turns == 1000);
}

TEST_CASE("a long random schedule is that of a sorted list", "[schedule]") {
  const std::uint64_t seed = 4711;
  INFO("seed " << seed);
  random_stream random(seed);
  struct expected {
    instant when;
    std::uint64_t number;
    party owner;
    event_id id;
  };
  std::vector<expected> model;
  std::vector<std::uint64_t> ran, wanted;
  schedule events;
  std::uint64_t added = 0;
  for (int round = 0; round < 30'000; ++round) {
    const std::uint64_t what = random.below(100);
    if (what < 55) {
      const instant when = events.now() + random.between(0, 50);
      const party owner(random.below(4));
      const std::uint64_t number = added++;
      const event_id id = events.at(when, {.a = number, .owner = owner},
                                    [&ran, number] { ran.push_back(number); });
      model.push_back({when, number, owner, id});
    } else if (what < 70 && !model.empty()) {
      const auto index = static_cast<std::ptrdiff_t>(random.below(model.size()));
      CHECK(events.cancel(model[static_cast<std::size_t>(index)].id));
      model.erase(model.begin() + index);
    } else if (what < 71) {
      const party owner(1 + random.below(3));
      events.drop(owner);
      model.erase(std::remove_if(model.begin(), model.end(),
                                 [&](const expected& one) { return one.owner == owner; }),
                  model.end());
    } else if (!model.empty()) {
      const auto next = std::min_element(
          model.begin(), model.end(), [](const expected& one, const expected& other) {
            return std::pair(one.when, one.number) < std::pair(other.when, other.number);
          });
      wanted.push_back(next->number);
      model.erase(next);
      CHECK(events.run_next() == step::ran);
    }
    if (events.waiting() != model.size()) FAIL("round " << round);
  }
  CHECK(ran == wanted);
  CHECK(ran.size() > 5000);
}

TEST_CASE("a trace's hash is that of its records in their order", "[trace][clause-52]") {
  const auto hash_of = [](const std::vector<trace_record>& records) {
    trace history;
    for (const trace_record& each : records) history.note(each);
    CHECK(history.count() == records.size());
    return history.hash();
  };
  const trace_record one{.when = 1, .kind = 2, .a = 3, .b = 4};
  const trace_record other{.when = 1, .kind = 2, .a = 4, .b = 3};
  CHECK(hash_of({one, other}) == hash_of({one, other}));
  std::vector<std::uint64_t> hashes{
      hash_of({}),           hash_of({one}),        hash_of({other}),
      hash_of({one, other}), hash_of({other, one}), hash_of({one, one}),
      hash_of({trace_record()}), hash_of({trace_record(), trace_record()}),
      hash_of({{.when = 2, .kind = 1, .a = 3, .b = 4}}),
      hash_of({{.when = 1, .kind = 2, .a = 3, .b = 5}})};
  std::sort(hashes.begin(), hashes.end());
  CHECK(std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end());
  CHECK(hash_of({one, other}) == 3438336526792710826u);  // On every machine.
}

TEST_CASE("two runs of one seed have one trace, and a change shows where it begins",
          "[trace][clause-52]") {
  const auto run = [](std::uint64_t seed, bool changed) {
    schedule events;
    random_stream random(seed);
    std::vector<trace_record> records;
    events.history().set_sink([&](const trace_record& each) { records.push_back(each); });
    std::function<void(std::uint64_t)> add = [&](std::uint64_t number) {
      if (number == 500) return;
      const instant delay = random.exponential(1000) + (changed && number == 300 ? 1 : 0);
      events.after(delay, {.kind = 1, .a = number}, [&add, number] { add(number + 1); });
    };
    add(0);
    run_all(events);
    return std::pair(events.history().hash(), records);
  };
  const auto [hash, records] = run(1, false);
  const auto [same_hash, same_records] = run(1, false);
  CHECK(hash == same_hash);
  CHECK(first_difference(records, same_records) == 500);
  const auto [changed_hash, changed_records] = run(1, true);
  CHECK(hash != changed_hash);
  CHECK(first_difference(records, changed_records) == 300);
  CHECK(hash != run(2, false).first);
  CHECK(first_difference(records, {}) == 0);
}

TEST_CASE("a trace's records can be read", "[trace]") {
  CHECK(to_string({.when = 1'250'000, .kind = 7, .a = 3, .b = 17}, "frame") ==
        "0.001250000 frame 3 17");
  CHECK(to_string({.when = 3'600'000'000'007, .a = 1}, "timer") == "3600.000000007 timer 1 0");
}
