// expect: deleted (function|constructor)
// errors: 1

#include <memory>

#include <mobula/mobula.hpp>

std::unique_ptr<int> make() { return std::make_unique<int>(1); }

int main() {
  const mobula::future<std::unique_ptr<int>> one = mobula::async<make>();
  const std::unique_ptr<int> mine = mobula::get(one);
  return *mine;
}
