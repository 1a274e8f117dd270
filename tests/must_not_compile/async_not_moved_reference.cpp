// expect: an argument can't be copied: pass it as std::move\(argument\)
// errors: 1

#include <memory>

#include <mobula/mobula.hpp>

int look(const std::unique_ptr<int>& number) { return *number; }

int main() {
  const auto number = std::make_unique<int>(1);
  const mobula::future<int> seen = mobula::async<look>(number);
  return mobula::get(seen);
}
