// expect: the member is a template argument: handle.post<&A::m>\(arguments...\)
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  void increment(int by) { value += by; }
  int value = 0;
};

int main() {
  const mobula::actor<counter> hits = mobula::spawn<counter>();
  hits.post(&counter::increment, 5);
}
