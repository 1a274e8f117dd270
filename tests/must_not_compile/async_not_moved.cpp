// expect: an argument can't be copied: pass it as std::move\(argument\)
// errors: 1

#include <memory>

#include <mobula/mobula.hpp>

int take(std::unique_ptr<int> number) { return *number; }

int main() {
  auto number = std::make_unique<int>(1);
  const mobula::future<int> taken = mobula::async<take>(number);
  return mobula::get(taken);
}
