// expect: the function can't be called with these arguments|constructor
// errors: 3

#include <string>

#include <mobula/mobula.hpp>

struct counter {
  explicit counter(int start) : value(start) {}
  int value;
};

int main() { static_cast<void>(mobula::spawn<counter>(std::string{"one"})); }
