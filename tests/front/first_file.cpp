// One of two files whose functions have equal names: see identity.cpp.

#include "front/same_names.hpp"

static std::string of_internal_linkage(int n) { return "first static " + std::to_string(n); }

namespace {

std::string in_anonymous(int n) { return "first anonymous " + std::to_string(n); }

struct same_class {
  std::string operator()(int n) const { return "first object " + std::to_string(n); }
};

template <class T>
std::string templated(T n) {
  return "first template " + std::to_string(n);
}

std::string overloaded(int n) { return "first int " + std::to_string(n); }
std::string overloaded(double) { return "first double"; }

front::told tell() {
  // Both files have these lambdas at the same places of functions of the same name.
  const auto lambda = [](int n) { return "first lambda " + std::to_string(n); };
  const auto generic = [](auto n) { return "first generic " + std::to_string(n); };
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

front::told front::told_by_first_file() { return tell(); }
