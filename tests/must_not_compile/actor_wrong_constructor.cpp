// expect: the actor's class can't be made of these arguments
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  explicit counter(int start) : value(start) {}
  int increment(int by) { return value += by; }
  int value;
};

int main() {
  const mobula::actor<counter> hits = mobula::spawn<counter>();
  return mobula::get(hits.call<&counter::increment>(5));
}
