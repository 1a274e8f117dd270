// expect: a pointer can't be sent: put what it points to \(a literal as std::string\)
// errors: 1

#include <mobula/mobula.hpp>

int main() {
  const auto text = mobula::put("text");
  static_cast<void>(text);
}
