// expect: holds a pointer to an abstract class
// expect: cannot_be_sent<std::unique_ptr<shape
// errors: 1

#include <memory>

#include "mobula/serialization/serializer.hpp"

struct shape {
  virtual ~shape() = default;
  virtual double area() const = 0;
};

int main() { mobula::detail::check_sendable<std::unique_ptr<shape>>(); }
