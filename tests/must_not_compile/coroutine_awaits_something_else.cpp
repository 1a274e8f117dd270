// expect: a coroutine can await a future, a vector of futures, another coroutine's task
// errors: 1

#include <coroutine>

#include <mobula/mobula.hpp>

mobula::task<int> stuck() {
  co_await std::suspend_always{};
  co_return 1;
}
