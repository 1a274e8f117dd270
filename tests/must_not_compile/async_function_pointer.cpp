// expect: a pointer to a function: pass it as an argument, or write async<function>
// errors: 1

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() {
  const mobula::future<int> sum = mobula::async(add, 1, 2);
  return mobula::get(sum);
}
