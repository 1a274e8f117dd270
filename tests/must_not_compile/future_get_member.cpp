// expect: no member named .*get
// errors: 1

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() {
  mobula::future<int> sum = mobula::async<add>(1, 2);
  return sum.get();
}
