// Goal: a function is itself, whatever it is called (SPEC 4, DESIGN decision 1): equal names in two
// files, in shared libraries and in test bodies are different functions, and every one is found by
// its id. Method: two files and two libraries with the same text but for their results;
// descriptors, ids and results are compared.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends.hpp"

#include "front/same_names.hpp"
#include "support/catch.hpp"

using Catch::Matchers::ContainsSubstring;
using front::told;
using mobula::detail::function_entry;
using mobula::detail::function_id;
using mobula::detail::functions;
using mobula::detail::readable_name;

namespace {

std::vector<told> all_told() {
  return {front::told_by_first_file(), front::told_by_second_file(), told_by_library(),
          told_by_hidden_library()};
}

std::pair<std::uint64_t, std::uint32_t> key(function_id id) { return {id.module, id.index}; }

}  // namespace

TEST_CASE("functions of equal names in two files and two libraries are different functions",
          "[identity][clause-4]") {
  mobula::runtime runtime;
  std::set<const function_entry*> entries;
  const std::vector<told> all = all_told();
  for (const told& one : all) entries.insert(one.entries.begin(), one.entries.end());
  CHECK(entries.size() == 4 * all[0].entries.size());
  const char* const files[] = {"first", "second", "library", "hidden"};
  const char* const kinds[] = {" static 1",  " anonymous 1", " template 1", " template 1",
                               " int 1",     " double",      " object 1",   " lambda 1",
                               " generic 1", " generic 1"};
  for (std::size_t file = 0; file < all.size(); ++file) {
    REQUIRE(all[file].results.size() == std::size(kinds));
    for (std::size_t i = 0; i < std::size(kinds); ++i) {
      CHECK(all[file].results[i] == std::string(files[file]) + kinds[i]);
    }
  }
}

TEST_CASE("every function has an id of its own, and is found by it", "[identity][clause-4]") {
  mobula::runtime runtime;
  std::set<std::pair<std::uint64_t, std::uint32_t>> ids;
  std::size_t count = 0;
  for (const told& one : all_told()) {
    for (const function_entry* entry : one.entries) {
      const function_id id = functions().id_of(*entry);
      ids.insert(key(id));
      ++count;
      CHECK(&functions().find(id) == entry);
    }
  }
  CHECK(ids.size() == count);
  CHECK(functions().size() >= count);
}

TEST_CASE("a library's functions are its module's", "[identity][clause-4]") {
  mobula::runtime runtime;
  const std::vector<told> all = all_told();
  const auto module_of = [&](std::size_t file) {
    return functions().id_of(*all[file].entries[0]).module;
  };
  CHECK(module_of(0) == module_of(1));
  CHECK(module_of(0) != module_of(2));
  CHECK(module_of(2) != module_of(3));
}

TEST_CASE("an id that no module has is unknown_function_error", "[identity][clause-45]") {
  CHECK_THROWS_AS(functions().find({1, 2}), mobula::unknown_function_error);
  mobula::runtime runtime;
  function_id id = functions().id_of(*front::told_by_first_file().entries[0]);
  id.index = 1'000'000;
  CHECK_THROWS_AS(functions().find(id), mobula::unknown_function_error);
  function_entry stranger;
  stranger.signature = "Function = stranger;";
  CHECK_THROWS_AS(functions().id_of(stranger), mobula::unknown_function_error);
}

TEST_CASE("a library that hides its symbols shares the runtime, its bodies and its errors",
          "[identity][clause-4]") {
  mobula::runtime runtime;
  CHECK(hidden_library_sees_its_tasks());
}

// --- Members and what is inherited ---------------------------------------------------------------

namespace {

struct base {
  virtual ~base() = default;
  virtual std::string named() { return "base"; }
  std::string inherited(int n) const { return "inherited " + std::to_string(n); }
};
struct derived : base {
  explicit derived(int start = 0) : value(start) {}
  std::string named() override { return "derived"; }
  int plain(int n) { return value += n; }
  int constant() const { return value; }
  int silent(int n) noexcept { return value - n; }
  int overloaded(int n) { return n; }
  std::string overloaded(const std::string& text) { return text; }
  template <class T>
  T templated(T n) {
    return n + n;
  }
  static int of_class(int n) { return n * 10; }
  int value;
};
struct sibling : base {
  std::string named() override { return "sibling"; }
};

}  // namespace

TEST_CASE("members of every kind are called as they are", "[identity][clause-4]") {
  mobula::runtime runtime;
  const auto one = mobula::spawn<derived>(1);
  CHECK(mobula::get(one.call<&derived::plain>(2)) == 3);
  CHECK(mobula::get(one.call<&derived::constant>()) == 3);
  CHECK(mobula::get(one.call<&derived::silent>(1)) == 2);
  CHECK(mobula::get(one.call<&base::named>()) == "derived");
  CHECK(mobula::get(one.call<&derived::named>()) == "derived");
  CHECK(mobula::get(one.call<&base::inherited>(4)) == "inherited 4");
  CHECK(mobula::get(one.call<&derived::inherited>(5)) == "inherited 5");
  CHECK(mobula::get(one.call<&derived::templated<int>>(6)) == 12);
  CHECK(mobula::get(mobula::call<mobula::overload<int(int)>(&derived::overloaded)>(one, 7)) == 7);
  CHECK(
      mobula::get(one.call<mobula::overload<std::string(const std::string&)>(&derived::overloaded)>(
          "x")) == "x");
  CHECK(mobula::get(mobula::async<&derived::of_class>(8)) == 80);
  const auto other = mobula::spawn<sibling>();
  CHECK(mobula::get(other.call<&base::named>()) == "sibling");
}

// --- Names ---------------------------------------------------------------------------------------

namespace front::deep {

int plain(int n) { return n; }
int quiet(int n) noexcept { return n; }
template <class T, int N>
T with_arguments(T n) {
  return n + N;
}
struct object {
  int operator()(int n) const { return n; }
};

}  // namespace front::deep

TEST_CASE("a function is called by its name in errors and logs, with either compiler",
          "[identity][clause-51]") {
  using namespace front::deep;
  CHECK(readable_name(front::entry_of<plain, int>()) == "front::deep::plain");
  CHECK(readable_name(front::entry_of<quiet, int>()) == "front::deep::quiet");
  // clang leaves the template's arguments out.
  CHECK_THAT(readable_name(front::entry_of<with_arguments<int, 3>, int>()),
             ContainsSubstring("front::deep::with_arguments"));
  CHECK(readable_name(front::entry_of_object<object, int>({})) == "front::deep::object");
  CHECK_THAT(readable_name(front::entry_of_object<decltype([](int n) { return n; }), int>({})),
             ContainsSubstring("lambda"));
  const auto member = [](auto policy) { return readable_name(decltype(policy)::entry); };
  using call =
      mobula::detail::record_for_call<mobula::detail::call_member<derived, &derived::plain>,
                                      int>::entry;
  CHECK_THAT(member(call{}), ContainsSubstring("derived::plain"));
  using constructor =
      mobula::detail::record_for_call<mobula::detail::call_constructor<derived>, int>::entry;
  CHECK_THAT(readable_name(constructor::entry), ContainsSubstring("derived"));
  for (const told& one : {front::told{}}) CHECK(one.entries.empty());
}

TEST_CASE("names have no brackets that are left open and nothing of Mobula's in them",
          "[identity][clause-51]") {
  mobula::runtime runtime;
  for (const told& one : all_told()) {
    for (const function_entry* entry : one.entries) {
      const std::string name = readable_name(*entry);
      CAPTURE(name);
      CHECK_FALSE(name.empty());
      CHECK(name.find("call_function") == name.npos);
      CHECK(name.find(" = ") == name.npos);
      CHECK(std::count(name.begin(), name.end(), '(') == std::count(name.begin(), name.end(), ')'));
      CHECK(std::count(name.begin(), name.end(), '<') == std::count(name.begin(), name.end(), '>'));
      CHECK(std::count(name.begin(), name.end(), '{') == std::count(name.begin(), name.end(), '}'));
    }
  }
}
