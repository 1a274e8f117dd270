// expect: this value can't be copied: get each future by itself, moved
// errors: 2

#include <memory>
#include <vector>

#include <mobula/mobula.hpp>

int main() {
  const std::vector<mobula::future<std::unique_ptr<int>>> all;
  static_cast<void>(mobula::get(all));
}
