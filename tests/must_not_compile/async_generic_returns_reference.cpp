// expect: the function returns a reference or a pointer, which can't be sent
// errors: 1

#include <mobula/mobula.hpp>

int number = 1;

int main() {
  static_cast<void>(mobula::async([](auto) -> int& { return number; }, 1));
}
