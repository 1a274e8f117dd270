// expect: the function returns a reference or a pointer, which can't be sent
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int& value() { return number; }
  int number = 0;
};

int main() { static_cast<void>(mobula::spawn<counter>().call<&counter::value>()); }
