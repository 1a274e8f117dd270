// One task on a pool of threads.
//
//   $ ./hello
//   1 + 2 = 3

#include <iostream>

#include <mobula/backends/threads.hpp>
#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  std::cout << "1 + 2 = " << mobula::get(mobula::async<add>(1, 2)) << '\n';
}
