// expect: the function returns a reference or a pointer, which can't be sent
// errors: 1

#include <mobula/mobula.hpp>

int* fresh() { return new int{1}; }

int main() { static_cast<void>(mobula::async<fresh>()); }
