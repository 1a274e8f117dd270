// Goal: whatever value of whatever type is sent, the same value arrives, and its message is always
// the same. Method: random values of every type of archive_types.hpp. A failure prints the seed;
// MOBULA_TEST_SEED repeats it.

#include <memory>
#include <tuple>
#include <typeinfo>

#include "serialization/archive_types.hpp"
#include "serialization/random_value.hpp"
#include "support/catch.hpp"

namespace {

template <class T>
bool equal(const T& a, const T& b) {
  return a == b;
}
template <class T>
bool equal(const std::unique_ptr<T>& a, const std::unique_ptr<T>& b) {
  return (a == nullptr) == (b == nullptr) && (a == nullptr || *a == *b);
}

template <class T>
void check_round_trips(support::random_engine& engine) {
  INFO("type " << typeid(T).name());
  for (int round = 0; round != 50; ++round) {
    const T value = support::random_of<T>(engine);
    const mobula::message sent = mobula::to_message(value);
    const T arrived = mobula::from_message<T>(sent);
    if (!equal(arrived, value)) FAIL("another value arrived in round " << round);

    // (The order of an unordered container is no part of its value.)
    const mobula::message again = mobula::to_message(arrived);
    if (again.bytes.size() != sent.bytes.size() || again.buffers.size() != sent.buffers.size()) {
      FAIL("the message of an equal value has another size in round " << round);
    }
  }
  SUCCEED();
}

template <class... T>
void check_all(std::tuple<T...>*, support::random_engine& engine) {
  (check_round_trips<T>(engine), ...);
}

}  // namespace

TEST_CASE("random values arrive as they were sent", "[serialization][property][clause-1]") {
  const std::uint64_t seed = support::test_seed();
  INFO("MOBULA_TEST_SEED=" << seed);
  support::random_engine engine(seed);
  check_all(static_cast<archive_types::all*>(nullptr), engine);
}

TEST_CASE("one message of many values arrives value by value", "[serialization][property]") {
  const std::uint64_t seed = support::test_seed();
  INFO("MOBULA_TEST_SEED=" << seed);
  support::random_engine engine(seed);
  using values = std::tuple<archive_types::record, std::vector<int>, archive_types::tree,
                            std::string, std::vector<archive_types::plain>>;
  const auto sent = support::random_of<values>(engine);
  mobula::output out;
  std::apply([&](const auto&... value) { (mobula::serialization::save(out, value), ...); }, sent);
  const mobula::message between = out.take();
  mobula::input in(between);
  const auto check_next = [&](const auto& value) {
    CHECK(mobula::serialization::load<std::decay_t<decltype(value)>>(in) == value);
  };
  std::apply([&](const auto&... value) { (check_next(value), ...); }, sent);
  CHECK_NOTHROW(in.expect_end());
}
