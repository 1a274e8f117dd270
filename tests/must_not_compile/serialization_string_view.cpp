// expect: this type holds a view .*and cannot be sent: send a std::string
// expect: cannot_be_sent<headline
// errors: 1

#include <string_view>

#include "mobula/serialization/serializer.hpp"

struct headline {
  std::string_view text;
};
using sent = headline;

int main() { mobula::detail::check_sendable<sent>(); }
