// expect: the member is a template argument: handle.call<&A::m>\(arguments...\)
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int increment(int by) { return value += by; }
  int value = 0;
};

int main() {
  const mobula::actor<counter> hits = mobula::spawn<counter>();
  return mobula::get(hits.call(&counter::increment, 5));
}
