// expect: an array of unknown length
// expect: cannot_be_sent<std::unique_ptr<int ?\[\]
// errors: 1

#include <memory>

#include "mobula/serialization/serializer.hpp"

using sent = std::unique_ptr<int[]>;

int main() { mobula::detail::check_sendable<sent>(); }
