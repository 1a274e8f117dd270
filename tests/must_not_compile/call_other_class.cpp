// expect: the function can't be called with these arguments|not a member of the actor
// errors: 3

#include <mobula/mobula.hpp>

struct counter {
  int add(int n) { return n; }
};
struct other {
  int add(int n) { return n; }
};

int main() { static_cast<void>(mobula::spawn<counter>().call<&other::add>(1)); }
