// expect: calling a coroutine runs nothing
// errors: 1

#include <mobula/mobula.hpp>

mobula::task<int> one() { co_return 1; }

int main() { mobula::get(one()); }
