// Goal: arguments, results and objects mean the same on every backend: what C++ sets about
// parameters, futures inside values, and arrays. Method: one small function per rule, called
// through `async`, with the value it saw as its result.

#include <array>
#include <chrono>
#include <complex>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::put;

namespace {

struct point {
  int x = 0;
  double y = 0;
  std::string label;
  friend bool operator==(const point&, const point&) = default;
};

struct nest {
  std::vector<point> points;
  std::map<std::string, std::optional<point>> named;
  std::variant<int, std::string> either;
  friend bool operator==(const nest&, const nest&) = default;
};

template <class T>
T echo(T value) {
  return value;
}

template <class T>
void check_echo(const T& value) {
  CHECK(get(async<echo<T>>(value)) == value);
  CHECK(get(put(value)) == value);
  CHECK(get(async<echo<T>>(put(value))) == value);
}

}  // namespace

TEST_CASE("values of every standard kind arrive as they were sent", "[values][clause-1]") {
  test_runtime runtime;
  check_echo(42);
  check_echo(-1.5);
  check_echo(true);
  check_echo(std::string("text with \0 in it", 17));
  check_echo(std::vector<int>{1, 2, 3});
  check_echo(std::vector<bool>{true, false, true});
  check_echo(std::vector<std::string>{"a", "", "c"});
  check_echo(std::array<int, 3>{1, 2, 3});
  check_echo(std::pair<int, std::string>{1, "one"});
  check_echo(std::tuple<int, double, std::string>{1, 2.5, "three"});
  check_echo(std::optional<int>{});
  check_echo(std::optional<int>{7});
  check_echo(std::variant<int, std::string>{"text"});
  check_echo(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  check_echo(std::unordered_map<int, std::string>{{1, "x"}, {2, "y"}});
  check_echo(std::set<int>{3, 1, 2});
  check_echo(std::chrono::milliseconds(1500));
  check_echo(std::complex<double>(1, -2));
  check_echo(std::filesystem::path("/a/b"));
  check_echo(std::monostate{});
}

TEST_CASE("an aggregate needs no code of its author's", "[values][clause-1]") {
  test_runtime runtime;
  check_echo(point{1, 2.5, "here"});
  check_echo(nest{.points = {{1, 1, "a"}, {2, 2, "b"}},
                  .named = {{"none", std::nullopt}, {"some", point{3, 3, "c"}}},
                  .either = "text"});
}

TEST_CASE("a move-only value is moved in and out", "[values][clause-1]") {
  test_runtime runtime;
  const auto add_one = [](std::unique_ptr<int> one) {
    ++*one;
    return one;
  };
  future<std::unique_ptr<int>> two = async(add_one, std::make_unique<int>(1));
  std::unique_ptr<int> three = get(async(add_one, std::move(two)));
  CHECK(*three == 3);
  CHECK_FALSE(two.valid());
  CHECK(*get(put(std::make_unique<int>(4))) == 4);
}

TEST_CASE("a shared move-only value is a logic_error, and is not lost", "[values][clause-3]") {
  test_runtime runtime;
  future<std::unique_ptr<int>> one = put(std::make_unique<int>(1));
  future<std::unique_ptr<int>> other = one;
  CHECK_THROWS_AS(get(std::move(one)), std::logic_error);
  CHECK(one.valid());
  CHECK(*get(one) == 1);
  one = {};
  CHECK(*get(std::move(other)) == 1);
}

TEST_CASE("a shared move-only value as an argument by value is refused when the task runs",
          "[values][clause-3]") {
  NEEDS("knows-holders");
  test_runtime runtime;
  using pointer = std::unique_ptr<int>;
  const auto take = [](pointer one) { return *one; };
  const auto take_all = [](std::vector<pointer> all) { return *all.back(); };
  const auto read = [](const pointer& one) { return *one; };
  future<pointer> one = put(std::make_unique<int>(1));
  try {
    get(async(take, one));
    FAIL("it was moved out of a future that is kept");
  } catch (const mobula::task_error& error) {
    CHECK(error.type_name() == "std::logic_error");
    CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("is shared"));
  }
  CHECK_THROWS_AS(get(async(take_all, std::vector{one})), mobula::task_error);
  CHECK_THROWS_AS(get(async([](pointer first, pointer) { return *first; }, one, std::move(one))),
                  mobula::task_error);
  one = put(std::make_unique<int>(2));
  CHECK(get(async(read, one)) == 2);  // not moved, so any number may
  CHECK(get(async(take, std::move(one))) == 2);
}

// --- What C++ sets about parameters --------------------------------------------------------------

TEST_CASE("a reference parameter binds the task's own copy", "[values][clause-4]") {
  test_runtime runtime;
  const auto grow = [](std::vector<int>& list) {
    list.push_back(4);
    return list.size();
  };
  std::vector<int> mine{1, 2, 3};
  CHECK(get(async(grow, mine)) == 4);
  CHECK(mine.size() == 3);

  const future<std::vector<int>> shared = put(mine);
  CHECK(get(async(grow, shared)) == 4);
  CHECK(get(async(grow, shared)) == 4);
  CHECK(get(shared).size() == 3);
}

TEST_CASE("a literal is kept as a string, for views and for generic parameters",
          "[values][clause-4]") {
  test_runtime runtime;
  CHECK(get(async([](std::string_view text) { return text.size(); }, "four")) == 4);
  CHECK(get(async([](const std::string& text) { return text + "!"; }, "four")) == "four!");
  CHECK(get(async([](auto text) { return std::string(text) + "!"; }, "four")) == "four!");
  const std::string kept(100, 'x');
  CHECK(get(async([](std::string_view text) { return text.size(); }, kept)) == 100);
  CHECK(get(async([](std::string_view text) { return text.size(); }, std::string_view(kept))) ==
        100);
}

TEST_CASE("a span parameter sees what owns its elements", "[values][clause-3][clause-4]") {
  test_runtime runtime;
  const auto sum = [](std::span<const int> all) {
    return std::accumulate(all.begin(), all.end(), 0);
  };
  const std::vector<int> list{1, 2, 3};
  CHECK(get(async(sum, list)) == 6);
  CHECK(get(async(sum, std::span<const int>(list).first(2))) == 3);
  CHECK(get(async(sum, put(list))) == 6);
  CHECK(get(async(sum, mobula::make_array<int>(10, 2))) == 20);
  CHECK(get(async(sum, put(mobula::make_array<int>(10, 3)))) == 30);
  const auto sum_and_change = [](std::span<int> all) {
    for (int& one : all) ++one;
    return std::accumulate(all.begin(), all.end(), 0);
  };
  CHECK(get(async(sum_and_change, list)) == 9);
  CHECK(get(async(sum_and_change, put(list))) == 9);
  CHECK(get(async(sum_and_change, std::vector<future<int>>{put(1), put(2)})) == 5);
  CHECK(list[0] == 1);
}

TEST_CASE("an argument is converted to its parameter's type at the call", "[values][clause-4]") {
  test_runtime runtime;
  CHECK(get(async([](double x) { return x / 2; }, 3)) == 1.5);
  CHECK(get(async([](std::optional<int> x) { return x.value_or(0); }, 3)) == 3);
  CHECK(get(async([](double x) { return x / 2; }, put(3))) == 1.5);
  CHECK(get(async([](std::optional<int> x) { return x.value_or(0); }, put(3))) == 3);
}

// --- Futures as arguments and inside values ------------------------------------------------------

TEST_CASE("a future for a parameter of its value's type is resolved first", "[values][clause-3]") {
  test_runtime runtime;
  const auto add = [](int a, int b) { return a + b; };
  const future<int> three = async(add, 1, 2);
  CHECK(get(async(add, three, 7)) == 10);
  CHECK(get(async(add, three, three)) == 6);
  CHECK(get(async([](const std::string& a, const std::string& b) { return a + b; },
                  put(std::string("x")), put(std::string("y")))) == "xy");
  CHECK(get(async([](const auto& a, auto b) { return a + b; }, three, put(1.5))) == 4.5);
}

TEST_CASE("a future for a parameter that is a future is passed on unresolved",
          "[values][clause-3]") {
  test_runtime runtime;
  mobula::promise<int> late;
  const event began;
  const future<int> result = async(
      [](future<int> one, event mark) {
        mark.set();
        return get(one) + 1;
      },
      late.get_future(), began);
  began.wait();  // it runs although the value isn't there
  late.set_value(1);
  CHECK(get(result) == 2);
}

TEST_CASE("a vector of futures is gathered for a list of values", "[values][clause-3]") {
  test_runtime runtime;
  std::vector<future<int>> parts;
  for (int i = 0; i < 100; ++i) parts.push_back(async([](int n) { return n; }, i));
  CHECK(get(async([](std::vector<int> all) { return std::accumulate(all.begin(), all.end(), 0); },
                  parts)) == 4950);
  CHECK(get(async([](std::span<const int> all) { return all.size(); }, parts)) == 100);
  CHECK(get(async([](const std::vector<int>& all) { return all.back(); }, parts)) == 99);
  CHECK(get(async([](std::vector<int>& all) { return ++all.back(); }, parts)) == 100);
  CHECK(get(async([](const std::vector<future<int>>& all) { return get(all[5]); }, parts)) == 5);
  CHECK(get(async([](std::vector<int> all) { return all.size(); }, std::vector<future<int>>{})) ==
        0);
}

TEST_CASE("the values of a moved list of futures are moved into the task", "[values][clause-3]") {
  test_runtime runtime;
  std::vector<future<std::unique_ptr<int>>> parts;
  for (int i = 0; i < 10; ++i) {
    parts.push_back(async([](int n) { return std::make_unique<int>(n); }, i));
  }
  // By value, so that each is taken over: not even the caller may hold a handle then.
  CHECK(get(async([](std::vector<std::unique_ptr<int>> all) { return *all.back(); },
                  std::move(parts))) == 9);
}

TEST_CASE("a future inside a container, a struct or a result works where it arrives",
          "[values][clause-3]") {
  struct order {
    int factor;
    future<int> value;
    std::map<std::string, future<int>> more;
  };
  test_runtime runtime;
  const auto number = [](int n) { return n; };
  future<order> made = async(
      [](order given) {
        given.more["inner"] = async([](int n) { return n * 10; }, given.value);
        return given;
      },
      order{3, async(number, 4), {{"outer", put(5)}}});
  const order back = get(std::move(made));
  CHECK(get(back.value) * back.factor == 12);
  CHECK(get(back.more.at("outer")) == 5);
  CHECK(get(back.more.at("inner")) == 40);
}

TEST_CASE("a future in a value keeps its object alive", "[values][clause-3][clause-36]") {
  test_runtime runtime;
  future<std::vector<future<std::string>>> list;
  {
    std::vector<future<std::string>> inner{put(std::string(1000, 'a')),
                                           async([] { return std::string("b"); })};
    list = put(inner);
  }
  const auto all = get(list);
  CHECK(get(all[0]).size() == 1000);
  CHECK(get(all[1]) == "b");
}

TEST_CASE("a future of a future is not flattened", "[values][clause-3]") {
  test_runtime runtime;
  const future<future<int>> outer = put(put(7));
  CHECK(get(get(outer)) == 7);
  const future<future<int>> from_task = async([] { return async([] { return 8; }); });
  CHECK(get(get(from_task)) == 8);
  CHECK(get(async([](future<int> one) { return get(one); }, from_task)) == 8);
}

// --- Objects -------------------------------------------------------------------------------------

TEST_CASE("a get of a future that is kept gives a reference that stays good",
          "[values][clause-59]") {
  test_runtime runtime;
  const future<std::string> kept = async([] { return std::string(1000, 'k'); });
  const std::string& value = get(kept);
  for (int i = 0; i < scaled(1000); ++i) static_cast<void>(get(async([](int n) { return n; }, i)));
  mobula::cancel(kept);
  CHECK(value == std::string(1000, 'k'));
  CHECK(&value == &get(kept));
}

TEST_CASE("a small and a large value travel alike", "[values][clause-35]") {
  test_runtime runtime;
  for (const std::size_t bytes : {0u, 1u, 4095u, 4096u, 65535u, 65536u, 65537u, 5'000'000u}) {
    CAPTURE(bytes);
    std::vector<unsigned char> data(bytes);
    for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<unsigned char>(i * 31);
    CHECK(get(async([](std::vector<unsigned char> all) { return all; }, data)) == data);
    CHECK(get(async([](const std::vector<unsigned char>& all) { return all.size(); }, put(data))) ==
          bytes);
    CHECK(get(async([](std::string all) { return all; }, std::string(bytes, 'x'))).size() == bytes);
  }
}

TEST_CASE("without bytes between, readers share one value", "[values][clause-3]") {
  NEEDS("shares-values");
  test_runtime runtime;
  const future<std::vector<int>> big = put(std::vector<int>(1000, 1));
  const auto where = [](const std::vector<int>& all) {
    return reinterpret_cast<std::uintptr_t>(all.data());
  };
  CHECK(get(async(where, big)) == reinterpret_cast<std::uintptr_t>(get(big).data()));
}

TEST_CASE("with bytes between, a reader has a value of its own", "[values][clause-3]") {
  NEEDS("serialises");
  test_runtime runtime;
  std::vector<int> mine(1000, 1);
  const future<std::vector<int>> big = put(mine);
  CHECK(get(big).data() != mine.data());
  const auto sharing = [](std::shared_ptr<int> one) { return one.use_count(); };
  CHECK(get(async(sharing, std::make_shared<int>(1))) == 1);
}

TEST_CASE("arrays are made in place, shared and read-only", "[values][clause-2]") {
  test_runtime runtime;
  const auto ramp = mobula::make_array<int>(
      100'000, [](std::span<int> all) { std::iota(all.begin(), all.end(), 0); });
  const auto sum = [](mobula::array<int> all) {
    return std::accumulate(all.begin(), all.end(), 0LL);
  };
  CHECK(get(async(sum, ramp)) == 4'999'950'000LL);
  CHECK(get(async(sum, put(ramp))) == 4'999'950'000LL);
  const auto from_task = async([] { return mobula::make_array<double>(5000, 0.5); });
  CHECK(get(from_task).size() == 5000);
  CHECK(get(from_task)[4999] == 0.5);
  CHECK(get(put(mobula::array<int>(std::vector<int>{1, 2, 3})))[2] == 3);
  CHECK(get(put(mobula::array<int>{})).size() == 0);
  const future<mobula::array<int>> object = put(ramp);
  CHECK(get(object).data() == get(object).data());
}

TEST_CASE("what must not leave the process is carried within it", "[values][clause-1]") {
  NEEDS("shares-values");
  test_runtime runtime;
  int shared = 1;
  const auto use = [](mobula::in_process<int*> where) { return ++**where; };
  CHECK(get(async(use, mobula::in_process{&shared})) == 2);
  CHECK(get(async(use, put(mobula::in_process{&shared}))) == 3);
  CHECK(shared == 3);
  mobula::in_process<std::function<int(int)>> callback{[&shared](int n) { return shared += n; }};
  CHECK(get(async([](mobula::in_process<std::function<int(int)>> call) { return (*call)(4); },
                  callback)) == 7);
  CHECK(get(async([](mobula::in_process<std::string> text) { return text->size(); },
                  mobula::in_process{std::string("four")})) == 4);
  auto moved = async([] { return mobula::in_process{std::make_unique<int>(8)}; });
  CHECK(**get(std::move(moved)) == 8);
}

TEST_CASE("what must not leave the process is refused at the call that would send it",
          "[values][clause-1]") {
  NEEDS("serialises");
  using Catch::Matchers::ContainsSubstring;
  test_runtime runtime;
  int mine = 1;
  const auto use = [](mobula::in_process<int*> where) { return **where; };
  CHECK_THROWS_AS(async(use, mobula::in_process{&mine}), mobula::serialization_error);
  CHECK_THROWS_WITH(async(use, mobula::in_process{&mine}), ContainsSubstring("in_process<int*>"));
  CHECK_THROWS_AS(put(mobula::in_process{&mine}), mobula::serialization_error);
  CHECK_THROWS_AS(async([](std::vector<mobula::in_process<int*>> all) { return all.size(); },
                        std::vector{mobula::in_process{&mine}}),
                  mobula::serialization_error);
  CHECK_THROWS_AS(get(async([] { return mobula::in_process<int*>{nullptr}; })),
                  mobula::serialization_error);
  CHECK_THROWS_WITH(put(mobula::in_process{&mine}), ContainsSubstring("put: "));
  mobula::promise<mobula::in_process<int*>> kept;
  CHECK_THROWS_AS(kept.set_value(mobula::in_process{&mine}), mobula::serialization_error);
  CHECK(get(async([](int n) { return n; }, 1)) == 1);
}

namespace {
struct unsendable {
  bool on_load = false;
};
struct holder {
  explicit holder(unsendable) {}
  holder() = default;
  unsendable make() { return {}; }
  int take(unsendable) { return 1; }
};
}  // namespace

template <>
struct mobula::serializer<unsendable> {
  static void save(const unsendable& value, output&) {
    if (!value.on_load) throw serialization_error("it stays here");
  }
  static unsendable load(input&) { throw serialization_error("it came to nothing"); }
};

TEST_CASE("a value that can't be sent or read is an error that names the task or the call",
          "[values][clause-1][clause-51]") {
  NEEDS("serialises");
  using Catch::Matchers::StartsWith;
  using mobula::serialization_error;
  test_runtime runtime;
  const auto made = [](bool on_load) { return unsendable{on_load}; };
  const auto take = [](unsendable) { return 1; };
  const std::string where = " failed on node " + mobula::this_node::name() + " (process ";
  const auto check = [](const auto& call, const std::string& begin, const std::string& end) {
    CAPTURE(begin, end);
    CHECK_THROWS_AS(call(), serialization_error);
    CHECK_THROWS_WITH(call(), StartsWith(begin) && Catch::Matchers::EndsWith(end));
  };
  check([&] { get(async({.name = "maker"}, made, false)); }, "task \"maker\"" + where,
        ": its result can't be sent: it stays here");
  check([&] { static_cast<void>(async({.name = "taker"}, take, unsendable{})); },
        "task \"taker\"", ": its arguments can't be sent: it stays here");
  check([&] { get(async({.name = "taker"}, take, unsendable{true})); }, "task \"taker\"" + where,
        ": its arguments can't be read: it came to nothing");

  const auto one = mobula::spawn<holder>({.name = "keeper"});
  check([&] { get(one.call<&holder::make>()); }, "actor \"keeper\", call \"",
        ": its result can't be sent: it stays here");
  check([&] { one.call<&holder::take>(unsendable{}); }, "actor \"keeper\", call \"",
        ": its arguments can't be sent: it stays here");

  // What comes out of a get in the body is another's, and keeps its name.
  const future<unsendable> lost = async({.name = "maker"}, made, false);
  check([&] { get(async([](future<unsendable> of) { get(of); }, std::vector{lost}[0])); },
        "task \"maker\"" + where, "it stays here");
}

TEST_CASE("a result that can't be read, and an actor's arguments, are named too",
          "[values][clause-1][clause-51]") {
  NEEDS("serialises");
  NEEDS("checks-at-once");
  using Catch::Matchers::EndsWith;
  using Catch::Matchers::StartsWith;
  test_runtime runtime;
  const auto read = [] { get(async({.name = "maker"}, [] { return unsendable{true}; })); };
  CHECK_THROWS_AS(read(), mobula::serialization_error);
  CHECK_THROWS_WITH(read(), StartsWith("task \"maker\" failed on node ") &&
                                EndsWith(": its result can't be read: it came to nothing"));
  const auto make = [] { static_cast<void>(mobula::spawn<holder>(unsendable{})); };
  CHECK_THROWS_AS(make(), mobula::serialization_error);
  CHECK_THROWS_WITH(make(), StartsWith("actor \"") &&
                                EndsWith("holder\": its arguments can't be sent: it stays here"));
}

namespace {
struct explosive {
  bool armed = false;
};
}  // namespace

template <>
struct mobula::serializer<explosive> {
  static void save(const explosive& value, output& to) {
    if (value.armed) throw std::runtime_error("it went off");
    serialization::save(to, value.armed);
  }
  static explosive load(input& from) {
    static_cast<void>(serialization::load<bool>(from));
    return {};
  }
};

TEST_CASE("a serialiser that throws is an error of that call alone", "[values][clause-1]") {
  NEEDS("serialises");
  using Catch::Matchers::ContainsSubstring;
  test_runtime runtime;
  const auto use = [](explosive) { return 1; };
  CHECK_THROWS_WITH(async(use, explosive{true}), ContainsSubstring("it went off"));
  CHECK_THROWS_WITH(put(explosive{true}), ContainsSubstring("it went off"));
  CHECK_THROWS_WITH(get(async([] { return explosive{true}; })), ContainsSubstring("it went off"));
  mobula::promise<int> late;
  CHECK_THROWS_WITH(async([](explosive, int) {}, explosive{true}, late.get_future()),
                    ContainsSubstring("it went off"));
  late.set_value(1);
  CHECK(get(async(use, explosive{})) == 1);
}
