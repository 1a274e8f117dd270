// expect: this type has serialising functions: include <mobula/serialization/cereal.hpp>
// expect: <mobula/serialization/boost.hpp> if for Boost
// expect: cannot_be_sent<bank::account
// errors: 1

#include "mobula/serialization/serializer.hpp"

namespace bank {
struct account {
  int balance = 0;
};
}  // namespace bank
namespace boost::serialization {
template <class Archive>
void serialize(Archive& archive, bank::account& value, const unsigned int) {
  archive& value.balance;
}
}  // namespace boost::serialization
using sent = bank::account;

int main() { mobula::detail::check_sendable<sent>(); }
