// expect: no member named .*increment
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int increment(int by) { return value += by; }
  int value = 0;
};

int main() {
  mobula::actor<counter> hits = mobula::spawn<counter>();
  hits.increment(5);
}
