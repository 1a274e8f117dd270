// expect: the function changes elements, and the range's can't be changed
// errors: 1

#include <vector>

#include <mobula/mobula.hpp>
#include <mobula/parallel.hpp>

int main() {
  const std::vector<int> numbers{1};
  mobula::parallel::for_each(numbers, [](int& each) { each = 2; });
}
