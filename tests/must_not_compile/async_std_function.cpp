// expect: a task can't have captures
// errors: 1

#include <functional>

#include <mobula/mobula.hpp>

int main() {
  const std::function<int()> one = [] { return 1; };
  static_cast<void>(mobula::async(one));
}
