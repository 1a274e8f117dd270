// The loops of <algorithm>, in tasks. A range is cut into chunks, each goes to one task, and the
// result is as if it had been one loop.
//
//   $ ./21_parallel
//   the first squares: 0 1 4 9 16
//   the sum of a million of them: 333332833333500000
//   longest first: devil ray, mantaray, ray,
//   upper case: DEVIL RAY, MANTARAY, RAY,
//   ...parallel::transform...there is no root of -1

#include <cctype>
#include <cmath>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>
#include <mobula/parallel.hpp>

namespace parallel = mobula::parallel;

long square(long value) { return value * value; }
double root(double value) {
  if (value < 0)
    throw std::domain_error("there is no root of " + std::to_string(std::lround(value)));
  return std::sqrt(value);
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  std::vector<long> numbers(1'000'000);
  std::iota(numbers.begin(), numbers.end(), 0L);
  const std::vector<long> squares = parallel::transform<square>(numbers);
  std::cout << "the first squares:";
  for (int i = 0; i < 5; ++i) std::cout << ' ' << squares[static_cast<std::size_t>(i)];
  std::cout << "\nthe sum of a million of them: " << parallel::reduce(squares, 0L) << '\n';

  std::vector<std::string> fish{"ray", "mantaray", "devil ray"};
  parallel::sort(fish,
                 [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::cout << "longest first:";
  for (const std::string& each : fish) std::cout << ' ' << each << ',';

  // A parameter T& changes elements: the task's, which are written back.
  parallel::for_each({.chunk = 1}, fish, [](std::string& name) {
    for (char& each : name)
      each = static_cast<char>(std::toupper(static_cast<unsigned char>(each)));
  });
  std::cout << "\nupper case:";
  for (const std::string& each : fish) std::cout << ' ' << each << ',';
  std::cout << '\n';

  try {
    static_cast<void>(parallel::transform<root>(std::vector<double>{4, 1, -1}));
  } catch (const mobula::task_error& error) {
    std::cout << error.what() << '\n';
  }
}
