// expect: a std::function cannot be sent, for what is in it is not known
// errors: 1

#include <functional>

#include <mobula/mobula.hpp>

int twice(std::function<int(int)> f) { return 2 * f(1); }

int main() {
  const mobula::future<int> two = mobula::async<twice>([](int n) { return n; });
  return mobula::get(two);
}
