// expect: a future<void> has no value to pass as an argument: use .after for order
// errors: 3

#include <mobula/mobula.hpp>

void nothing() {}
int same(int n) { return n; }

int main() { static_cast<void>(mobula::async<same>(mobula::async<nothing>())); }
