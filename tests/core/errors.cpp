// Goal: an error is what the specification says it is: its class, its ancestors, what it holds;
// and it survives being copied, thrown by many getters, and taken apart and rebuilt on the other
// side of a process boundary.
// Method: every class of the hierarchy goes through the same template; the ancestors are checked
// at compile time.

#include "mobula/core/errors.hpp"

#include <exception>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mobula/core/current_exception.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/core/exception_filter.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula;

template <class Derived, class Base>
constexpr bool derives = std::is_base_of_v<Base, Derived>&& std::is_convertible_v<Derived*, Base*>;

static_assert(derives<error, std::runtime_error>);
static_assert(derives<actor_died_error, actor_error> &&
              derives<actor_unavailable_error, actor_error>);
static_assert(derives<owner_died_error, object_lost_error> &&
              derives<reconstruction_error, object_lost_error>);
static_assert(!derives<task_error, std::nested_exception>);
static_assert(derives<detail::task_error_with_cause, std::nested_exception>);

using direct_children =
    std::tuple<task_error, cancelled_error, timeout_error, worker_died_error, out_of_memory_error,
               actor_error, name_taken_error, pending_calls_error, object_lost_error,
               store_full_error, out_of_disk_error, node_died_error, placement_group_removed_error,
               unschedulable_error, infeasible_error, environment_error, serialization_error,
               unknown_function_error, broken_promise_error, connection_error, authentication_error,
               protocol_error>;
using grandchildren =
    std::tuple<actor_died_error, actor_unavailable_error, owner_died_error, reconstruction_error>;
using all_errors =
    decltype(std::tuple_cat(std::declval<std::tuple<error>>(), std::declval<direct_children>(),
                            std::declval<grandchildren>()));

// None of the direct children is caught as another of them.
template <class... Errors>
constexpr bool strangers(const std::tuple<Errors...>*) {
  const auto is_child_of_one = [](auto* self) {
    using self_type = std::remove_pointer_t<decltype(self)>;
    return (int(derives<self_type, Errors>) + ...) == 1 && derives<self_type, error>;
  };
  return (is_child_of_one(static_cast<Errors*>(nullptr)) && ...);
}
static_assert(strangers(static_cast<direct_children*>(nullptr)));

template <class Function>
std::exception_ptr thrown_by(Function function) {
  try {
    function();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// The class that a handler sees, not one that would also match.
template <class Error>
bool is_exactly(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const error& e) {
    return typeid(e) == typeid(Error);
  } catch (...) {
    return false;
  }
}

error_fields fields_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const error& e) {
    return describe(e);
  }
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("every error is thrown, copied and rebuilt as what it is", "[errors]",
                        all_errors) {
  const TestType original("task \"add\" failed");
  CHECK(std::string(original.what()) == "task \"add\" failed");

  const error& base = original;
  CHECK(is_exactly<TestType>(thrown_by([&] { base.raise(); })));
  CHECK(is_exactly<TestType>(base.to_exception_ptr()));

  const error_fields fields = describe(base);
  CHECK(is_exactly<TestType>(rebuild(fields)));
  CHECK(fields_of(rebuild(fields)) == fields);
}

TEMPLATE_LIST_TEST_CASE("an error is copied without throwing", "[errors]", all_errors) {
  STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<TestType>);
}

namespace {

template <class... Errors>
std::vector<int> codes_of(const std::tuple<Errors...>*) {
  return {static_cast<int>(Errors("x").code())...};
}

}  // namespace

TEST_CASE("each class has a number of its own, which never changes", "[errors]") {
  // Peers of another version read these numbers: a new class gets a new one.
  CHECK(codes_of(static_cast<all_errors*>(nullptr)) ==
        std::vector<int>{0,  1,  2,  3,  4,  5,  6,  9,  10, 11, 14, 15, 16, 17,
                         18, 19, 20, 21, 22, 23, 24, 25, 26, 7,  8,  12, 13});
}

TEST_CASE("what an error holds survives the way to another process", "[errors][clause-12]") {
  const error_fields task{.code = error_code::task,
                          .what = "task \"add\" failed on node ada: int: 42",
                          .type_name = "int",
                          .task = "add",
                          .node = "ada",
                          .process = 4711};
  CHECK(fields_of(rebuild(task)) == task);

  const error_fields worker{
      .code = error_code::worker_died, .what = "worker died", .signal = 11, .exit_code = 3};
  CHECK(fields_of(rebuild(worker)) == worker);
}

TEST_CASE("an error of a newer version keeps its message", "[errors]") {
  const auto rebuilt = rebuild({.code = static_cast<error_code>(60'000), .what = "new trouble"});
  CHECK(is_exactly<error>(rebuilt));
  CHECK(fields_of(rebuilt).what == "new trouble");
}

TEST_CASE("a task's error nests the original while it is in the process", "[errors][clause-12]") {
  std::exception_ptr stored;
  try {
    throw std::out_of_range("no such row");
  } catch (...) {
    stored = detail::task_error_of_current_exception("task \"row\"", "row", "ada", 7);
  }

  bool found_original = false;
  try {
    std::rethrow_exception(stored);
  } catch (const task_error& e) {
    CHECK(e.type_name() == "std::out_of_range");
    CHECK(e.task() == "row");
    CHECK(e.node() == "ada");
    CHECK(e.process() == 7);
    CHECK(std::string(e.what()) ==
          "task \"row\" failed on node ada (process 7): std::out_of_range: no such row");
    try {
      std::rethrow_if_nested(e);
    } catch (const std::out_of_range& original) {
      found_original = std::string(original.what()) == "no such row";
    }
    // A getter's own copy nests it too.
    CHECK_THROWS_AS(std::rethrow_if_nested([&]() -> const task_error& {
                      static std::exception_ptr kept = e.to_exception_ptr();
                      try {
                        std::rethrow_exception(kept);
                      } catch (const task_error& copy) {
                        return copy;  // Lives as long as `kept`.
                      }
                    }()),
                    std::out_of_range);
  }
  CHECK(found_original);
}

TEST_CASE("a task's error without its original rethrows nothing and ends nothing", "[errors]") {
  const auto rebuilt = rebuild({.code = error_code::task, .what = "from afar"});
  try {
    std::rethrow_exception(rebuilt);
  } catch (const task_error& e) {
    CHECK_NOTHROW(std::rethrow_if_nested(e));
  }
}

TEST_CASE("two getters get two objects", "[errors]") {
  const timeout_error stored("late");
  const void* first = nullptr;
  const auto one = stored.to_exception_ptr();
  const auto two = stored.to_exception_ptr();
  try {
    std::rethrow_exception(one);
  } catch (const timeout_error& e) {
    first = &e;
  }
  try {
    std::rethrow_exception(two);
  } catch (const timeout_error& e) {
    CHECK(first != &e);
  }
}

namespace {

struct opaque {};
class quiet : public std::exception {
 public:
  const char* what() const noexcept override { return ""; }
};

template <class T>
detail::exception_description description_of(T thrown) {
  return detail::describe_exception(std::make_exception_ptr(thrown));
}

}  // namespace

TEST_CASE("whatever is thrown has a type and words", "[errors][clause-12][clause-51]") {
  const auto check = [](const detail::exception_description& is, const std::string& type,
                        const std::string& what) {
    CHECK(is.type_name == type);
    CHECK(is.what == what);
  };
  check(description_of(42), "int", "42");
  check(description_of(-1L), "long", "-1");
  check(description_of(0.5), "double", "0.5");
  check(description_of(true), "bool", "true");
  check(description_of('x'), "char", "\"x\"");
  check(description_of(static_cast<const char*>("words")), "char const*", "words");
  check(description_of(static_cast<const char*>(nullptr)), "char const*", "no message");
  check(description_of(std::string("words")), "std::string", "words");
  check(description_of(std::runtime_error("words")), "std::runtime_error", "words");
  check(description_of(quiet()), "(anonymous namespace)::quiet", "no message");
  check(description_of(opaque()), "(anonymous namespace)::opaque",
        "a thrown (anonymous namespace)::opaque, not a std::exception");
}

TEST_CASE("a nested exception is named by its author's type", "[errors]") {
  const auto thrown = thrown_by([] {
    try {
      throw 1;
    } catch (...) {
      std::throw_with_nested(std::domain_error("outer"));
    }
  });
  CHECK(detail::describe_exception(thrown).type_name == "std::domain_error");
  CHECK(detail::describe_exception(thrown).what == "outer");
}

TEST_CASE("describing an exception leaves it current", "[errors]") {
  try {
    throw opaque();
  } catch (...) {
    const auto before = std::current_exception();
    CHECK(!detail::describe_current_exception().what.empty());
    CHECK(std::current_exception() == before);
  }
}

TEST_CASE("a filter matches what catch would", "[exception_filter][clause-13]") {
  const auto out_of_range = std::make_exception_ptr(std::out_of_range("x"));
  const auto number = std::make_exception_ptr(42);

  CHECK(exceptions<std::out_of_range>().matches(out_of_range));
  CHECK(exceptions<std::logic_error>().matches(out_of_range));  // A base.
  CHECK(exceptions<std::exception>().matches(out_of_range));
  CHECK_FALSE(exceptions<std::runtime_error>().matches(out_of_range));
  CHECK(exceptions<std::runtime_error, std::logic_error>().matches(out_of_range));

  CHECK(exceptions<int>().matches(number));
  CHECK_FALSE(exceptions<long>().matches(number));  // Catch converts no numbers.
  CHECK_FALSE(exceptions<std::exception>().matches(number));

  CHECK(any_exception.matches(out_of_range));
  CHECK(any_exception.matches(number));
}

TEST_CASE("the default filter matches nothing", "[exception_filter][clause-13]") {
  CHECK(exception_filter().empty());
  CHECK_FALSE(exception_filter().matches(std::make_exception_ptr(42)));
  CHECK_FALSE(any_exception.empty());
  CHECK_FALSE(any_exception.matches(nullptr));
}
