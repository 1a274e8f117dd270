// expect: a task can't give a reference, which can't be sent: return the value

#include <mobula/mobula.hpp>

struct counter {
  int value = 0;
  mobula::task<int&> increment() {
    ++value;
    co_return value;
  }
};
