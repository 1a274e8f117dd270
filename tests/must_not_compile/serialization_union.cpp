// expect: this type is not an aggregate
// expect: cannot_be_sent<number
// errors: 1

#include "mobula/serialization/serializer.hpp"

union number {
  double real;
  const char* text;
};

int main() { mobula::detail::check_sendable<number>(); }
