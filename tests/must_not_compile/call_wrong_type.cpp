// expect: an argument has a type that the function's parameter can't be made of
// errors: 1

#include <string>

#include <mobula/mobula.hpp>

struct counter {
  int add(int n) { return n; }
};

int main() { static_cast<void>(mobula::spawn<counter>().call<&counter::add>(std::string{"one"})); }
