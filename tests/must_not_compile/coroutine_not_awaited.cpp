// expect: a coroutine runs when it is awaited, or by async, call or post
// errors: 1
// flags: -Werror=unused-result

#include <mobula/mobula.hpp>

mobula::task<int> one() { co_return 1; }
mobula::task<int> two() {
  one();
  co_return 2;
}
