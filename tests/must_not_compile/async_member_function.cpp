// expect: a member function is not a task: spawn an actor and call<&A::m>\(...\) it
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int increment(int by) { return value += by; }
  int value = 0;
};

int main() {
  counter hits;
  const mobula::future<int> five = mobula::async(&counter::increment, &hits, 5);
  return mobula::get(five);
}
