// expect: the function returns a reference or a pointer, which can't be sent
// errors: 3

#include <mobula/mobula.hpp>

int number = 1;
int& same() { return number; }

int main() { static_cast<void>(mobula::async<same>()); }
