// expect: this value can't be copied: put\(std::move\(value\)\)
// errors: 1

#include <memory>

#include <mobula/mobula.hpp>

int main() {
  const auto number = std::make_unique<int>(1);
  static_cast<void>(mobula::put(number));
}
