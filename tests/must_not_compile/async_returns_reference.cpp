// expect: the function returns a reference or a pointer, which can't be sent
// errors: 1

#include <mobula/mobula.hpp>

int number = 1;
int& same() { return number; }

int main() {
  const mobula::future<int> one = mobula::async<same>();
  return mobula::get(one);
}
