// expect: the function object can't be made anew where the task runs: a lambda has to begin with \[\]
// errors: 1

#include <mobula/mobula.hpp>

int main() {
  const int factor = 2;
  const mobula::future<int> product = mobula::async([&](int n) { return n * factor; }, 21);
  return mobula::get(product);
}
