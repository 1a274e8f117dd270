// A task runs a function somewhere, an actor keeps state somewhere, and a future stands for a value
// that comes later. This is the program of the README.
//
//   $ ./01_hello
//   10
//   105
//   $ ./01_hello --mobula-backend=loopback
//   10
//   105

#include <iostream>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

struct counter {
  int increment(int by) { return value += by; }
  int value = 0;
};

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};  // --mobula-backend=... chooses where everything below runs

  mobula::future<int> three = mobula::async<add>(1, 2);    // a task: no macro, no registration
  mobula::future<int> ten = mobula::async<add>(three, 7);  // waits for its argument, not for you
  std::cout << mobula::get(ten) << '\n';

  mobula::actor<counter> hits = mobula::spawn<counter>(100);
  std::cout << mobula::get(hits.call<&counter::increment>(5)) << '\n';
}
