// expect: this type is an aggregate with a base class
// expect: cannot_be_sent<circle
// errors: 1

#include <string>

#include "mobula/serialization/serializer.hpp"

struct shape {
  std::string name;
};
struct circle : shape {
  double radius;
};
using sent = circle;

int main() { mobula::detail::check_sendable<sent>(); }
