// expect: this type holds a view .*mobula::array instead
// expect: cannot_be_sent<window
// errors: 1

#include <span>

#include "mobula/serialization/serializer.hpp"

struct window {
  std::span<const int> numbers;
};
using sent = window;

int main() { mobula::detail::check_sendable<sent>(); }
