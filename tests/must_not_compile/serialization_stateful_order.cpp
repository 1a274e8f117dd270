// expect: an order, a hash or a deleter with state of its own
// expect: cannot_be_sent<std::
// errors: 1

#include <set>

#include "mobula/serialization/serializer.hpp"

using sent = std::set<int, bool (*)(int, int)>;

int main() { mobula::detail::check_sendable<sent>(); }
