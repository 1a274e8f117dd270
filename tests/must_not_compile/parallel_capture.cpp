// expect: a task can't have captures.*put what the function needs into the elements
// errors: 1

#include <vector>

#include <mobula/mobula.hpp>
#include <mobula/parallel.hpp>

int main() {
  const std::vector<int> numbers{1};
  int factor = 2;
  static_cast<void>(
      mobula::parallel::transform(numbers, [factor](int each) { return each * factor; }));
}
