// expect: async takes the function first, and as a template argument: async<function>\(arguments...\)
// errors: 1

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() {
  const auto sum = mobula::async(add(1, 2));
  static_cast<void>(sum);
}
