// expect: cannot convert|no viable conversion
// errors: 1

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() {
  const int sum = mobula::async<add>(1, 2);
  return sum;
}
