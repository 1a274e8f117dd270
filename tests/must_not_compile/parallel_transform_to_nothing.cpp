// expect: the function returns nothing: use parallel::for_each
// errors: 2

#include <vector>

#include <mobula/mobula.hpp>
#include <mobula/parallel.hpp>

int main() {
  const std::vector<int> numbers{1};
  static_cast<void>(mobula::parallel::transform(numbers, [](int) {}));
}
