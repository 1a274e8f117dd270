// expect: the number of arguments is not the function's
// errors: 1

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() { static_cast<void>(mobula::async<add>(1)); }
