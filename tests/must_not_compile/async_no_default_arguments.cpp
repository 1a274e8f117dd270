// expect: the number of arguments is not the function's \(default arguments are not filled in\)
// errors: 1

#include <mobula/mobula.hpp>

int add(int a, int b = 2) { return a + b; }

int main() {
  const mobula::future<int> sum = mobula::async<add>(1);
  return mobula::get(sum);
}
