// expect: no match|invalid operands|cannot convert
// errors: 1

#include <mobula/mobula.hpp>

int main() {
  const mobula::future<int> one;
  return one + 1;
}
