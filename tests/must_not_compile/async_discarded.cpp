// expect: nodiscard.*mobula: nobody would see the task fail: keep its future
// errors: 1
// flags: -Werror=unused-result

#include <mobula/mobula.hpp>

void report() {}

int main() { mobula::async<report>(); }
