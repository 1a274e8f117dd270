// expect: this type is not an aggregate
// expect: give it a mobula::serializer<T>, cereal's serialize or Boost's
// expect: cannot_be_sent<open, open, closed
// errors: 1

#include <string>

#include "mobula/serialization/serializer.hpp"

class closed {
 public:
  explicit closed(std::string text) : text_(std::move(text)) {}

 private:
  std::string text_;
};
struct open {
  int number;
  closed inside;
};
using sent = open;

int main() { mobula::detail::check_sendable<sent>(); }
