// expect: an actor is an object of a class that can be made
// errors: 1

#include <mobula/mobula.hpp>

struct shape {
  virtual ~shape() = default;
  virtual int area() const = 0;
};

int main() { static_cast<void>(mobula::spawn<shape>()); }
