// expect: this type holds a reference and cannot be sent
// expect: cannot_be_sent<borrower
// errors: 1

#include "mobula/serialization/serializer.hpp"

struct borrower {
  int& lender;
};
using sent = borrower;

int main() { mobula::detail::check_sendable<sent>(); }
