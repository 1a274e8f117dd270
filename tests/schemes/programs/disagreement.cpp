// Two files of one program that send an argument in two ways are refused when a runtime starts: the other file, which
// includes cereal's header, is tests/schemes/shared/with_cereal.cpp.
//
//   $ ./disagreement
//   runtime: two files of this program send the arguments of 'use' in different ways: ...

#include <iostream>
#include <mobula/backends/threads.hpp>
#include <mobula/mobula.hpp>
#include <stdexcept>

#include "../shared/point.hpp"

namespace mobula {
template <>
struct serializer<point> {
  static void save(const point& value, output& to) { to.number(value.x); }
  static point load(input& from) { return {from.number<int>(), 0}; }
};
}  // namespace mobula

int main() {
  try {
    const mobula::runtime runtime;
    std::cout << mobula::get(mobula::async<use>(point{1, 2})) << other() << '\n';
  } catch (const std::logic_error& refused) {
    std::cout << refused.what() << '\n';
  }
}
