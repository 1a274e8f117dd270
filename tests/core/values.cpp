// Goal: the small value types hold what they are given, exactly or at the nearest that there is.
// Method: their limits, and the slips that users make, by table; random pairs for the distance
// of words.

#include <limits>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "mobula/core/clock.hpp"
#include "mobula/core/demangle.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/fwd.hpp"
#include "mobula/core/ids.hpp"
#include "mobula/core/near_miss.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using mobula::duration;

template <class Rep, class Period = std::ratio<1>>
using time_in = std::chrono::duration<Rep, Period>;

static_assert(duration(5s).count_ns() == 5'000'000'000);
static_assert(duration() == duration::zero() && duration::none() > 1000h);
static_assert(std::is_convertible_v<std::chrono::minutes, duration>);
static_assert(std::is_convertible_v<time_in<float, std::milli>, duration>);
static_assert(!std::is_convertible_v<int, duration>);  // A number without a unit is no time.

}  // namespace

TEST_CASE("a duration is made from any chrono duration", "[duration]") {
  CHECK(duration(1.5s).count_ns() == 1'500'000'000);
  CHECK(duration(time_in<double>(0.3)).count_ns() == 300'000'000);
  CHECK(duration(time_in<float>(0.25F)).count_ns() == 250'000'000);
  CHECK(duration(time_in<long double, std::milli>(-0.5L)).count_ns() == -500'000);
  CHECK(duration(time_in<unsigned char, std::ratio<60>>(200)).count_ns() == 12'000'000'000'000);
  CHECK(duration(time_in<int, std::pico>(2'999)).count_ns() == 2);
  CHECK(duration(time_in<int, std::ratio<1, 3>>(1)).count_ns() == 333'333'333);
  CHECK(std::chrono::nanoseconds(duration(3ms)) == 3ms);
}

TEST_CASE("a duration that does not fit becomes the nearest that does", "[duration]") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(duration(std::chrono::hours::max()).is_none());
  CHECK(duration(std::chrono::nanoseconds::max()).is_none());
  CHECK(duration(time_in<double>(infinity)).is_none());
  CHECK(duration(time_in<double>(1e300)).is_none());
  CHECK(duration(time_in<std::uint64_t>(std::numeric_limits<std::uint64_t>::max())).is_none());
  CHECK(duration(time_in<std::int64_t, std::exa>(std::numeric_limits<std::int64_t>::max()))
            .is_none());
  CHECK(duration(std::chrono::hours::min()) == duration::min());
  CHECK(duration(time_in<double>(-infinity)) == duration::min());
  CHECK(duration(time_in<std::int64_t, std::exa>(std::numeric_limits<std::int64_t>::min())) ==
        duration::min());

  // The last second that fits, from both sides.
  CHECK(duration(9'223'372'036s).count_ns() == 9'223'372'036'000'000'000);
  CHECK(duration(9'223'372'037s).is_none());
  CHECK(duration(std::chrono::nanoseconds::min()).count_ns() ==
        std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("a duration is never made from a NaN", "[duration][clause-16]") {
  CHECK_THROWS_AS(duration(time_in<double>(std::numeric_limits<double>::quiet_NaN())),
                  std::invalid_argument);
  CHECK_THROWS_AS(duration(time_in<float>(std::numeric_limits<float>::quiet_NaN())),
                  std::invalid_argument);
}

TEST_CASE("durations compare with chrono's", "[duration]") {
  CHECK(duration(1000ms) == 1s);
  CHECK(1s == duration(1000ms));
  CHECK(duration(999ms) < 1s);
  CHECK(duration::none() > duration(std::chrono::hours(24 * 365 * 100)));
  CHECK_FALSE(duration(1h).is_none());
}

TEST_CASE("a duration is written in its largest whole unit", "[duration]") {
  CHECK(to_string(duration()) == "0s");
  CHECK(to_string(duration(5s)) == "5s");
  CHECK(to_string(duration(90s)) == "90s");
  CHECK(to_string(duration(120s)) == "2min");
  CHECK(to_string(duration(-250ms)) == "-250ms");
  CHECK(to_string(duration(1ns)) == "1ns");
  CHECK(to_string(duration::none()) == "none");
}

TEST_CASE("the clock is a chrono clock and runs on real time by default", "[clock]") {
  static_assert(std::chrono::is_clock_v<mobula::clock>);
  static_assert(mobula::clock::is_steady);
  const auto before = std::chrono::steady_clock::now().time_since_epoch();
  const auto now = mobula::clock::now().time_since_epoch();
  const auto after = std::chrono::steady_clock::now().time_since_epoch();
  CHECK(before <= now);
  CHECK(now <= after);
}

TEST_CASE("a backend can make the time", "[clock]") {
  mobula::detail::current_clock_source.store([]() noexcept -> std::int64_t { return 42; });
  const auto virtual_now = mobula::clock::now();
  mobula::detail::current_clock_source.store(nullptr);
  CHECK(virtual_now.time_since_epoch() == 42ns);
  CHECK(mobula::clock::now() != virtual_now);
}

TEST_CASE("a deadline never overflows", "[clock]") {
  using mobula::detail::deadline_after;
  using time_point = mobula::clock::time_point;
  const time_point now(100ns);
  CHECK(deadline_after(now, 5ns) == time_point(105ns));
  CHECK(deadline_after(now, duration::none()) == time_point::max());
  CHECK(deadline_after(now, std::chrono::nanoseconds::max() - 1ns) == time_point::max());
  CHECK(deadline_after(now, -5s) == now);
  CHECK(deadline_after(time_point(-100ns), std::chrono::nanoseconds::max() - 1ns) <=
        time_point::max());
}

TEST_CASE("ids of different things are different types", "[ids]") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<mobula::task_id, mobula::actor_id>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<mobula::node_id, mobula::group_id>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::uint64_t, mobula::task_id>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<mobula::object_id>);
  STATIC_REQUIRE(sizeof(mobula::worker_id) == 8);
}

TEST_CASE("an id is empty until it is given", "[ids]") {
  CHECK(mobula::job_id().empty());
  CHECK_FALSE(mobula::job_id());
  CHECK(mobula::job_id(7));
  CHECK(mobula::job_id(7) == mobula::job_id(7));
  CHECK(mobula::job_id(7) < mobula::job_id(8));
  CHECK(to_string(mobula::node_id(0xbeef)) == "000000000000beef");
  CHECK(to_string(mobula::node_id(~std::uint64_t{0})) == "ffffffffffffffff");
}

TEST_CASE("consecutive ids fall into different buckets", "[ids]") {
  std::unordered_set<mobula::task_id> ids;
  std::set<std::size_t> low_bits;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    ids.insert(mobula::task_id(i << 32));  // Counters often sit in the high half.
    low_bits.insert(std::hash<mobula::task_id>()(mobula::task_id(i << 32)) % 1024);
  }
  CHECK(ids.size() == 1000);
  CHECK(low_bits.size() >
        500);  // 1000 in 1024 at random: 638 expected; without mixing it would be 1.
}

TEST_CASE("a type's name is the one its author wrote", "[demangle]") {
  using mobula::detail::type_name;
  CHECK(type_name<int>() == "int");
  CHECK(type_name<std::string>() == "std::string");
  CHECK(type_name<mobula::clock>() == "mobula::clock");
  CHECK(mobula::detail::demangle("not a mangled name") == "not a mangled name");
}

TEST_CASE("the distance of words counts slips of the finger", "[near_miss]") {
  using mobula::detail::edit_distance;
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("backend", "backend") == 0);
  CHECK(edit_distance("bakend", "backend") == 1);    // left out
  CHECK(edit_distance("backkend", "backend") == 1);  // doubled
  CHECK(edit_distance("backemd", "backend") == 1);   // beside it
  CHECK(edit_distance("bakcend", "backend") == 1);   // swapped
  CHECK(edit_distance("cpus", "gpus") == 1);
}

TEST_CASE("the distance of random words is a distance", "[near_miss]") {
  const auto seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto word = [&random] {
    std::string out;
    for (std::size_t length = random() % 8; length > 0; --length) out += "abc"[random() % 3];
    return out;
  };
  using mobula::detail::edit_distance;
  for (int round = 0; round < 1000; ++round) {
    const std::string a = word(), b = word();
    INFO(a << ", " << b);
    const std::size_t distance = edit_distance(a, b);
    CHECK(distance == edit_distance(b, a));
    CHECK((distance == 0) == (a == b));
    CHECK(distance <= std::max(a.size(), b.size()));
    CHECK(distance >= std::max(a.size(), b.size()) - std::min(a.size(), b.size()));
    CHECK(edit_distance(a + "c", b + "c") <= distance);
  }
}

TEST_CASE("only a near word is suggested", "[near_miss]") {
  const std::vector<std::string> known{"backend", "address", "cpus", "gpus"};
  using mobula::detail::did_you_mean;
  using mobula::detail::near_miss;
  CHECK(near_miss("bakend", known) == "backend");
  CHECK(near_miss("adress", known) == "address");
  CHECK(near_miss("cpu", known) == "cpus");
  CHECK(near_miss("bpus", known) == "cpus");  // The first of equals.
  CHECK(near_miss("xyzzy", known).empty());
  CHECK(near_miss("", known).empty());
  CHECK(near_miss(std::string(1'000'000, 'a'), known).empty());
  CHECK(near_miss("backend", std::vector<std::string>()).empty());
  CHECK(did_you_mean("bakend", known, "--mobula-") == " (did you mean --mobula-backend?)");
  CHECK(did_you_mean("xyzzy", known).empty());
}
