// expect: a task can't have captures.*pass it as an argument
// errors: 1

#include <mobula/mobula.hpp>

int main() {
  int number = 1;
  static_cast<void>(mobula::async([number] { return number; }));
}
