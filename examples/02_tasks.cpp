// Anything that needs nothing but its arguments can be a task: functions, overloads, templates,
// captureless lambdas, objects of empty classes. Arguments are copied or moved into the task.
//
//   $ ./02_tasks
//   a function: 42
//   an overload: 9
//   a template: 2.5
//   a lambda: 7
//   a function object: mobula!
//   its own copy: 3 in the task, 2 here
//   text: 5 characters
//   1000 tasks: 332833500

#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

int twice(int x) { return 2 * x; }

int square(int x) { return x * x; }
double square(double x) { return x * x; }

template <class T>
T half(T x) {
  return x / 2;
}

struct shout {
  std::string operator()(std::string text) const { return text + "!"; }
};

// A reference binds to the task's own copy, so nothing that the task does to it is seen outside.
std::size_t append(std::vector<int>& numbers) {
  numbers.push_back(3);
  return numbers.size();
}

// A view is a good parameter: the task keeps a string for it.
std::size_t length(std::string_view text) { return text.size(); }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  std::cout << "a function: " << mobula::get(mobula::async<twice>(21)) << '\n';
  std::cout << "an overload: " << mobula::get(mobula::async<mobula::overload<int(int)>(square)>(3))
            << '\n';
  std::cout << "a template: " << mobula::get(mobula::async<half<double>>(5)) << '\n';
  // A lambda with captures does not compile: pass what it needs as arguments.
  std::cout << "a lambda: " << mobula::get(mobula::async([](int a, int b) { return a - b; }, 9, 2))
            << '\n';
  std::cout << "a function object: " << mobula::get(mobula::async(shout{}, "mobula")) << '\n';

  const std::vector<int> numbers{1, 2};
  const std::size_t there = mobula::get(mobula::async<append>(numbers));
  std::cout << "its own copy: " << there << " in the task, " << numbers.size() << " here\n";

  std::cout << "text: " << mobula::get(mobula::async<length>("ahoy!")) << " characters\n";

  std::vector<mobula::future<int>> squares;
  for (int i = 0; i < 1000; ++i) {
    squares.push_back(mobula::async<mobula::overload<int(int)>(square)>(i));
  }
  int sum = 0;
  for (const int each : mobula::get(squares)) sum += each;  // in the order of the futures
  std::cout << "1000 tasks: " << sum << '\n';
}
