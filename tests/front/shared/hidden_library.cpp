// A shared library as it is built with -fvisibility=hidden: see identity.cpp. What it shares with
// the program must be visible all the same.

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <complex>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <typeindex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#pragma GCC visibility push(hidden)

#include "front/same_names.hpp"

static std::string of_internal_linkage(int n) { return "hidden static " + std::to_string(n); }

namespace {

std::string in_anonymous(int n) { return "hidden anonymous " + std::to_string(n); }

struct same_class {
  std::string operator()(int n) const { return "hidden object " + std::to_string(n); }
};

template <class T>
std::string templated(T n) {
  return "hidden template " + std::to_string(n);
}

std::string overloaded(int n) { return "hidden int " + std::to_string(n); }
std::string overloaded(double) { return "hidden double"; }

front::told tell() {
  // Both files have these lambdas at the same places of functions of the same name.
  const auto lambda = [](int n) { return "hidden lambda " + std::to_string(n); };
  const auto generic = [](auto n) { return "hidden generic " + std::to_string(n); };
  front::told all;
  all.entries = {&front::entry_of<of_internal_linkage, int>(),
                 &front::entry_of<in_anonymous, int>(),
                 &front::entry_of<templated<int>, int>(),
                 &front::entry_of<templated<long>, long>(),
                 &front::entry_of<mobula::overload<std::string(int)>(overloaded), int>(),
                 &front::entry_of<mobula::overload<std::string(double)>(overloaded), double>(),
                 &front::entry_of_object<same_class, int>({}),
                 &front::entry_of_object<decltype(lambda), int>(lambda),
                 &front::entry_of_object<decltype(generic), int>(generic),
                 &front::entry_of_object<decltype(generic), long>(generic)};
  all.results = mobula::get({mobula::async<of_internal_linkage>(1), mobula::async<in_anonymous>(1),
                             mobula::async<templated<int>>(1), mobula::async<templated<long>>(1L),
                             mobula::async<mobula::overload<std::string(int)>(overloaded)>(1),
                             mobula::async<mobula::overload<std::string(double)>(overloaded)>(1.5),
                             mobula::async(same_class{}, 1), mobula::async(lambda, 1),
                             mobula::async(generic, 1), mobula::async(generic, 1L)});
  return all;
}

}  // namespace

front::told told_by_hidden_library() { return tell(); }

bool hidden_library_sees_its_tasks() {
  const bool sees_itself = mobula::get(mobula::async({.name = "mine"}, [] {
    const mobula::future<int> child = mobula::async([] { return 1; });
    return mobula::this_task::name() == "mine" && mobula::get(child) == 1;
  }));
  try {
    mobula::get(mobula::async([] { throw std::out_of_range("far"); }));
  } catch (const mobula::task_error& error) {
    return sees_itself && error.type_name() == "std::out_of_range";
  }
  return false;
}

#pragma GCC visibility pop
