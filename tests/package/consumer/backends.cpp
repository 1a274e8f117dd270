// Adds one and two on whatever backend it is asked for, with all that this build of Mobula has.

#include <exception>
#include <iostream>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main(int argc, char** argv) {
  try {
    mobula::runtime runtime{argc, argv};
    std::cout << "1 + 2 = " << mobula::get(mobula::async<add>(1, 2)) << '\n';
  } catch (const std::exception& error) {
    std::cout << error.what() << '\n';
    return 1;
  }
}
