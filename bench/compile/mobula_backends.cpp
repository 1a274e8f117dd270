// Hello world: a task of Mobula, with <mobula/backends.hpp>.
#include <iostream>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  std::cout << mobula::get(mobula::async<add>(1, 2)) << '\n';
}
