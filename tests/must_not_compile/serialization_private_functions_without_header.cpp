// expect: this type has serialising functions
// expect: cannot_be_sent<account
// errors: 1

#include "mobula/serialization/serializer.hpp"

class account {
  friend class access;
  int balance = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(balance);
  }
};
using sent = account;

int main() { mobula::detail::check_sendable<sent>(); }
