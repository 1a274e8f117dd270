// expect: an argument has a type that the function's parameter can't be made of
// errors: 1

#include <string>

#include <mobula/mobula.hpp>

int length(std::string text) { return static_cast<int>(text.size()); }
struct number {
  int n;
};

int main() { static_cast<void>(mobula::async<length>(mobula::put(number{1}))); }
