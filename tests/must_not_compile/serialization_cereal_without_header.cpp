// expect: this type has serialising functions: include
// expect: <mobula/serialization/cereal.hpp> if they are for cereal
// expect: <mobula/serialization/boost.hpp> if for Boost
// expect: cannot_be_sent<.*account
// errors: 1

#include <map>
#include <string>

#include "mobula/serialization/serializer.hpp"

struct account {
  int balance = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(balance);
  }
};
using sent = std::map<std::string, account>;

int main() { mobula::detail::check_sendable<sent>(); }
