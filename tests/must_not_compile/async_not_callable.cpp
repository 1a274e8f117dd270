// expect: what async is given first can't be called with these arguments
// errors: 1

#include <mobula/mobula.hpp>

int main() {
  const int number = 1;
  const auto sum = mobula::async([number](auto n) { return n + number; });
  static_cast<void>(sum);
}
