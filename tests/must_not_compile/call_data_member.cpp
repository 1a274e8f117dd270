// expect: a data member can't be called: give the actor a member function that returns it
// errors: 2

#include <mobula/mobula.hpp>

struct counter {
  int value = 0;
};

int main() {
  const mobula::actor<counter> hits = mobula::spawn<counter>();
  return mobula::get(hits.call<&counter::value>());
}
