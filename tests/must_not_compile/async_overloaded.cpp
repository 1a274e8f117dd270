// expect: no matching function for call to .async
// errors: 9

#include <mobula/mobula.hpp>

int twice(int n) { return 2 * n; }
double twice(double n) { return 2 * n; }

int main() {
  const mobula::future<int> two = mobula::async<twice>(1);
  return mobula::get(two);
}
