// expect: this type holds a pointer and cannot be sent
// expect: cannot_be_sent<tree, tree, tree ?\*
// errors: 1

#include <vector>

#include "mobula/serialization/serializer.hpp"

struct tree {
  std::vector<tree> children;
  tree* parent;
};

int main() { mobula::detail::check_sendable<tree>(); }
