// expect: a pointer to a function: pass it as an argument, or write async<function>
// errors: 3

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() { static_cast<void>(mobula::async(add, 1, 2)); }
