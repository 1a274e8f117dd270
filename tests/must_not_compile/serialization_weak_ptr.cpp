// expect: this type holds a weak_ptr and cannot be sent
// expect: cannot_be_sent<child
// errors: 1

#include <memory>

#include "mobula/serialization/serializer.hpp"

struct child {
  std::weak_ptr<int> parent;
};
using sent = child;

int main() { mobula::detail::check_sendable<sent>(); }
