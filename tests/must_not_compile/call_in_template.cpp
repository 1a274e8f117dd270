// expect: invalid operands|missing 'template' keyword
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int increment(int by) { return value += by; }
  int value = 0;
};

template <class A>
int next(const mobula::actor<A>& hits) {
  return mobula::get(hits.call<&A::increment>(1));
}

int main() { return next(mobula::spawn<counter>()); }
