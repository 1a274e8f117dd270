// expect: a future is awaited in a coroutine that returns mobula::task, and which async, call or post runs
// errors: 1

#include <coroutine>

#include <mobula/mobula.hpp>

struct somebody_elses {
  struct promise_type {
    somebody_elses get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

somebody_elses wait(mobula::future<int> value) { co_await value; }
