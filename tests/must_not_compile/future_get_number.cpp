// expect: a timeout is a duration, not a number: get\(future, 5s\)
// errors: 1

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() {
  const mobula::future<int> sum = mobula::async<add>(1, 2);
  return mobula::get(sum, 5);
}
