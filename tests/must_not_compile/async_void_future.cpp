// expect: a future<void> has no value to pass as an argument: use .after for order
// errors: 1

#include <mobula/mobula.hpp>

void prepare() {}
int measure(int n) { return n; }

int main() {
  const mobula::future<void> prepared = mobula::async<prepare>();
  const mobula::future<int> result = mobula::async<measure>(prepared);
  return mobula::get(result);
}
