// expect: no matching function for call to .async
// errors: 9

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() {
  const mobula::future<int> sum = mobula::async<add>({.cpu = 2}, 1, 2);
  return mobula::get(sum);
}
