// expect: a parameter of the function is a pointer, which can't be sent
// errors: 1

#include <mobula/mobula.hpp>

struct counter {
  int add(int* n) { return *n; }
};

int main() {
  int number = 1;
  static_cast<void>(mobula::spawn<counter>().call<&counter::add>(&number));
}
