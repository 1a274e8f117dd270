// expect: this type holds a pointer and cannot be sent: send the value
// expect: or specialise mobula::serializer<T>
// expect: cannot_be_sent<node, .*node ?\*
// errors: 1

#include <vector>

#include "mobula/serialization/serializer.hpp"

struct node {
  int value;
  std::vector<node*> neighbours;
};
using sent = node;

int main() { mobula::detail::check_sendable<sent>(); }
