// expect: the function is not a member of the actor's class
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int add(int n) { return n; }
};
struct other {
  int add(int n) { return n; }
};

int main() {
  const mobula::actor<counter> hits = mobula::spawn<counter>();
  return mobula::get(hits.call<&other::add>(1));
}
