// expect: the number of arguments is not the function's
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int add(int n) { return n; }
};

int main() { static_cast<void>(mobula::spawn<counter>().call<&counter::add>()); }
