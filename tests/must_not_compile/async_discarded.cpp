// expect: discard
// errors: 1
// flags: -Werror=unused-result

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() { mobula::async<add>(1, 2); }
