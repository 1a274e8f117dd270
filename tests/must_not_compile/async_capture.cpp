// expect: a task can't have captures.*pass it as an argument
// errors: 1

#include <mobula/mobula.hpp>

int main(int count, char**) {
  const mobula::future<int> doubled = mobula::async([&] { return 2 * count; });
  return mobula::get(doubled);
}
