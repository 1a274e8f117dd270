// expect: a pointer can't be sent: put what it points to
// errors: 1

#include <mobula/mobula.hpp>

int main() {
  int number = 1;
  static_cast<void>(mobula::put(&number));
}
