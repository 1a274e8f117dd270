// Goal: the parallel algorithms give what the standard's give, for any size and chunk, and leave
// the range alone where something throws. Method: beside `<algorithm>` and `<numeric>`, over sizes
// and chunks around each other's edges; functions that fail; elements of all kinds.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/parallel.hpp"

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
namespace parallel = mobula::parallel;

namespace {

int square(int value) { return value * value; }
void double_it(int& value) { value *= 2; }
std::string bracket(const std::string& a, const std::string& b) { return "(" + a + b + ")"; }
std::string join(std::string a, const std::string& b) { return a + b; }

struct card {
  std::string suit;
  int place = 0;
  friend bool operator==(const card&, const card&) = default;
};
bool by_suit(const card& a, const card& b) { return a.suit < b.suit; }

/// It can be sent and copied, and knows no default.
struct odd_type {
  explicit odd_type(int of) : value(of) {}
  int value;
};

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}
constexpr std::size_t chunks[] = {0, 1, 2, 3, 7, 8, 9, 100};

}  // namespace

template <>
struct mobula::serializer<odd_type> {
  static void save(const odd_type& value, output& to) { to.number(value.value); }
  static odd_type load(input& from) { return odd_type(from.number<int>()); }
};

TEST_CASE("transform gives what std::transform gives", "[parallel]") {
  test_runtime runtime;
  for (const int count : {0, 1, 2, 7, 8, 9, 30}) {
    const std::vector<int> from = numbers(count);
    std::vector<int> expected;
    std::transform(from.begin(), from.end(), std::back_inserter(expected), square);
    CHECK(parallel::transform<square>(from) == expected);
    for (const std::size_t chunk : chunks) {
      CHECK(parallel::transform<square>({.chunk = chunk}, from) == expected);
    }
  }
  const std::vector<int> many = numbers(sized(100'000));
  const std::vector<std::string> texts =
      parallel::transform(many, [](int value) { return std::to_string(value); });
  REQUIRE(texts.size() == many.size());
  CHECK(texts.back() == std::to_string(many.back()));
  const auto sizes = parallel::transform(texts, [](const std::string& of) { return of.size(); });
  CHECK(sizes.back() == texts.back().size());
}

TEST_CASE("ranges and elements of all kinds are taken", "[parallel]") {
  test_runtime runtime;
  const auto twice = [](const auto& value) { return value + value; };
  int plain[] = {1, 2, 3};
  CHECK(parallel::transform(plain, twice) == std::vector{2, 4, 6});
  CHECK(parallel::transform(std::span<const int>(plain), twice) == std::vector{2, 4, 6});
  CHECK(parallel::transform(std::deque<std::string>{"a", "b"}, twice) ==
        std::vector<std::string>{"aa", "bb"});
  CHECK(parallel::transform({.chunk = 2}, mobula::make_array<float>(5, 1.5f), twice) ==
        std::vector<float>(5, 3.0f));
  CHECK(parallel::transform(std::vector<bool>{true, false}, [](bool bit) { return !bit; }) ==
        std::vector<bool>{false, true});
  const auto moved =
      parallel::transform({.chunk = 1}, plain, [](int of) { return std::make_unique<int>(of); });
  CHECK(*moved[2] == 3);
  const std::vector<odd_type> strange(3, odd_type(4));
  const auto stranger = parallel::transform(
      {.chunk = 1}, strange, [](const odd_type& of) { return odd_type(of.value + 1); });
  CHECK(stranger[2].value == 5);
  const auto nested =
      parallel::transform(plain, [](int of) { return std::vector<int>(of > 0 ? 2u : 1u, of); });
  CHECK(nested[1] == std::vector{2, 2});
}

TEST_CASE("for_each sees each element once", "[parallel]") {
  test_runtime runtime;
  const int count = sized(1000);
  const tally sum;
  std::vector<std::pair<int, tally>> items;
  for (const int each : numbers(count)) items.emplace_back(each, sum);
  parallel::for_each(items, [](const std::pair<int, tally>& of) { of.second.add(of.first); });
  CHECK(sum.value() == count * (count - 1) / 2);
  parallel::for_each(std::vector<int>{}, [](int) { throw 1; });
}

TEST_CASE("for_each writes back what a function with a parameter T& has changed", "[parallel]") {
  test_runtime runtime;
  for (const std::size_t chunk : chunks) {
    std::vector<int> all = numbers(30);
    parallel::for_each<double_it>({.chunk = chunk}, all);
    for (int i = 0; i < 30; ++i) CHECK(all[static_cast<std::size_t>(i)] == 2 * i);
  }
  std::deque<std::string> texts{"a", "b", "c"};
  parallel::for_each({.chunk = 2}, texts, [](std::string& text) { text += "!"; });
  CHECK(texts == std::deque<std::string>{"a!", "b!", "c!"});
  std::vector<int> same = numbers(10);
  parallel::for_each(same, [](int value) { return ++value; });
  CHECK(same == numbers(10));
}

TEST_CASE("reduce gives what std::accumulate gives with an associative function", "[parallel]") {
  test_runtime runtime;
  std::vector<std::string> letters;
  std::string expected = "<";
  for (int count = 0; count <= 30; ++count) {
    for (const std::size_t chunk : chunks) {
      CHECK(parallel::reduce<join>({.chunk = chunk}, letters, std::string("<")) == expected);
    }
    letters.push_back(std::string(1, static_cast<char>('a' + count)));
    expected += letters.back();
  }
  const std::vector<int> many = numbers(sized(100'000));
  const long sum = std::accumulate(many.begin(), many.end(), 5L);
  CHECK(parallel::reduce(many, 5L) == sum);
  CHECK(parallel::reduce(many, 5L, [](long a, long b) { return a + b; }) == sum);
  CHECK(parallel::reduce({.chunk = 11}, many, 5L, std::plus<long>{}) == sum);
  CHECK(parallel::reduce(many, 0, [](int a, int b) { return std::max(a, b); }) == many.back());
}

TEST_CASE("reduce takes elements together in the order that it promises", "[parallel]") {
  test_runtime runtime;
  const std::vector<std::string> letters{"a", "b", "c", "d", "e", "f", "g"};
  const auto with = [&](std::size_t chunk) {
    return parallel::reduce<bracket>({.chunk = chunk}, letters, std::string("i"));
  };
  CHECK(with(7) == "(i((((((ab)c)d)e)f)g))");
  CHECK(with(2) == "(((i(ab))(cd))((ef)g))");
  CHECK(with(3) == "(((i((ab)c))((de)f))g)");
  for (int i = 0; i < 5; ++i) CHECK(with(2) == with(2));
}

TEST_CASE("sort gives what std::stable_sort gives", "[parallel]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  test_runtime runtime;
  for (const int count : {0, 1, 2, 7, 8, 9, 30, 1000}) {
    std::vector<card> cards;
    for (int i = 0; i < count; ++i) cards.push_back({std::to_string(random() % 5), i});
    std::vector<card> expected = cards;
    std::stable_sort(expected.begin(), expected.end(), by_suit);
    for (const std::size_t chunk : chunks) {
      if (count / 100 > static_cast<int>(chunk) && chunk != 0) continue;
      std::vector<card> sorted = cards;
      parallel::sort<by_suit>({.chunk = chunk}, sorted);
      CHECK(sorted == expected);
    }
  }
  std::vector<int> many = numbers(sized(100'000));
  std::shuffle(many.begin(), many.end(), random);
  parallel::sort(many);
  CHECK(many == numbers(sized(100'000)));
  std::deque<double> falling{1, 3, 2};
  parallel::sort({.chunk = 1}, falling, std::greater<>{});
  CHECK(falling == std::deque<double>{3, 2, 1});
  int plain[] = {3, 1, 2};
  parallel::sort(plain);
  CHECK((plain[0] == 1 && plain[1] == 2 && plain[2] == 3));
  std::vector<int> part{9, 3, 1, 2, 0};
  parallel::sort(std::span<int>(part).subspan(1, 3));
  CHECK(part == std::vector{9, 1, 2, 3, 0});
}

TEST_CASE("what a function throws is a task_error, and the range is as it was", "[parallel]") {
  test_runtime runtime;
  std::vector<int> all = numbers(100);
  const auto fail_at_50 = [](int& value) {
    if (value == 50) throw std::out_of_range("fifty");
    value = -1;
  };
  CHECK_THROWS_WITH(parallel::for_each(all, fail_at_50),
                    ContainsSubstring("parallel::for_each") && ContainsSubstring("fifty"));
  CHECK_THROWS_AS(parallel::for_each({.chunk = 100}, all, fail_at_50), mobula::task_error);
  CHECK_THROWS_WITH(parallel::sort(all,
                                   [](int a, int b) {
                                     if (a == 50 || b == 50) throw std::out_of_range("fifty");
                                     return a > b;
                                   }),
                    ContainsSubstring("parallel::sort") && ContainsSubstring("fifty"));
  CHECK(all == numbers(100));
  CHECK_THROWS_WITH(parallel::transform(all,
                                        [](int value) {
                                          if (value == 50) throw std::out_of_range("fifty");
                                          return value;
                                        }),
                    ContainsSubstring("parallel::transform") && ContainsSubstring("out_of_range"));
  CHECK_THROWS_WITH(parallel::reduce({.chunk = 1}, all, 0,
                                     [](int a, int b) {
                                       if (b == 99) throw std::out_of_range("the last");
                                       return a + b;
                                     }),
                    ContainsSubstring("parallel::reduce") && ContainsSubstring("the last"));
}

TEST_CASE("the tasks' options are theirs", "[parallel][clause-16]") {
  test_runtime runtime;
  const std::vector<int> all = numbers(10);
  CHECK_THROWS_WITH(parallel::for_each({.task = {.cpus = -1}}, all, [](int) {}),
                    ContainsSubstring("task_options.cpus = -1"));
  CHECK_THROWS_WITH(parallel::for_each({.task = {.name = "mine"}}, all,
                                       [](int) { throw std::domain_error("no"); }),
                    ContainsSubstring("mine"));
  const auto attempts = parallel::transform(
      {.chunk = 5, .task = {.max_retries = 2, .retry_on = mobula::any_exception}}, all, [](int) {
        if (mobula::this_task::attempt() < 3) throw std::runtime_error("again");
        return mobula::this_task::attempt();
      });
  CHECK(attempts == std::vector<int>(10, 3));
}

TEST_CASE("a task may use the algorithms, on one CPU too", "[parallel][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const mobula::future<long> sum = mobula::async([] {
    const auto squares = parallel::transform<square>({.chunk = 3}, numbers(10));
    return parallel::reduce(squares, 0L);
  });
  CHECK(mobula::get(sum) == 285);
}

TEST_CASE("no more tasks are made than there are chunks", "[parallel]") {
  test_runtime runtime{{.cpus = 3}};
  const auto count_ids = [](const std::vector<std::uint64_t>& ids) {
    std::vector<std::uint64_t> different(ids);
    different.erase(std::unique(different.begin(), different.end()), different.end());
    return different.size();
  };
  const auto id = [](int) { return mobula::this_task::id().value(); };
  CHECK(count_ids(parallel::transform(numbers(1000), id)) == 12);  // four for each CPU
  CHECK(count_ids(parallel::transform(numbers(5), id)) == 5);
  CHECK(count_ids(parallel::transform({.chunk = 300}, numbers(1000), id)) == 4);
}
