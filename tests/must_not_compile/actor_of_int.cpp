// expect: an actor is an object of a class that can be made
// errors: 1

#include <mobula/mobula.hpp>

int main() { static_cast<void>(mobula::spawn<int>(1)); }
