// expect: a parameter of the function is a pointer, which can't be sent
// errors: 1

#include <mobula/mobula.hpp>

int first(const int* all) { return all[0]; }

int main() {
  int number = 1;
  static_cast<void>(mobula::async<first>(&number));
}
