// A future given for a parameter is a dependency: the task runs when its value is there, and nobody
// waits meanwhile. So a program can describe a whole graph of work first and ask for one value in
// the end.
//
//   $ ./03_futures_as_arguments
//   5! + 10 = 130
//   the sum of a list: 285
//   a tree of 1000 leaves: 499500
//   after both: done

#include <deque>
#include <iostream>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }
int times(int a, int b) { return a * b; }
int sum(std::span<const int> numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0); }
void log_in() {}
void load_settings() {}
std::string start() { return "done"; }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  // A chain. `product` is a future<int>, and `times` still takes plain ints.
  mobula::future<int> product = mobula::put(1);
  for (int i = 2; i <= 5; ++i) product = mobula::async<times>(product, i);
  std::cout << "5! + 10 = " << mobula::get(mobula::async<add>(product, 10)) << '\n';

  // A list of futures for a list of values.
  std::vector<mobula::future<int>> squares;
  for (int i = 1; i <= 9; ++i) squares.push_back(mobula::async<times>(i, i));
  std::cout << "the sum of a list: " << mobula::get(mobula::async<sum>(squares)) << '\n';

  // A tree: take two, put back their sum, until one is left. Whatever is ready runs in parallel.
  std::deque<mobula::future<int>> parts;
  for (int i = 0; i < 1000; ++i) parts.push_back(mobula::async<add>(i, 0));
  while (parts.size() > 1) {
    parts.push_back(mobula::async<add>(std::move(parts[0]), std::move(parts[1])));
    parts.erase(parts.begin(), parts.begin() + 2);
  }
  std::cout << "a tree of 1000 leaves: " << mobula::get(parts.front()) << '\n';

  // Order without a value: a future<void> is no argument, but `.after` waits for any future.
  const mobula::future<void> session = mobula::async<log_in>();
  const mobula::future<void> settings = mobula::async<load_settings>();
  const mobula::future<std::string> started = mobula::async<start>({.after = {session, settings}});
  std::cout << "after both: " << mobula::get(started) << '\n';
}
