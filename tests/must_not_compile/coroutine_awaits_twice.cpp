// expect: a task is awaited once: co_await std::move\(task\)
// errors: 1

#include <mobula/mobula.hpp>

mobula::task<int> one() { co_return 1; }
mobula::task<int> two() {
  mobula::task<int> first = one();
  const int value = co_await first;
  co_return value + 1;
}
