// Adds one and two on a thread pool, with Mobula from the outside.

#include <iostream>

#include <mobula/backends/threads.hpp>
#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  std::cout << "1 + 2 = " << mobula::get(mobula::async<add>(1, 2)) << '\n';
}
