// A task may start tasks, and wait for them: meanwhile somebody else has its CPU, so that one CPU
// is enough for any depth. It may also return a future instead of waiting, and leave that to
// others.
//
//   $ ./28_nested
//   sorted: 0 1 2 3 4 ... 95 96 97 98 99
//   the largest, from a future in a future: 99

#include <algorithm>
#include <iostream>
#include <iterator>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

using numbers = std::vector<int>;

numbers sorted(numbers all) {
  if (all.size() <= 25) {
    std::sort(all.begin(), all.end());
    return all;
  }
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  const mobula::future<numbers> low = mobula::async<sorted>(numbers(all.begin(), middle));
  const mobula::future<numbers> high = mobula::async<sorted>(numbers(middle, all.end()));
  numbers merged;
  std::ranges::merge(mobula::get(low), mobula::get(high), std::back_inserter(merged));
  return merged;
}

int largest(const numbers& all) { return *std::max_element(all.begin(), all.end()); }

// It is done at once; what it has begun is not.
mobula::future<int> begin_search(const numbers& in) { return mobula::async<largest>(in); }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  numbers shuffled;
  for (int i = 0; i < 100; ++i) shuffled.push_back(i * 37 % 100);
  const numbers result = mobula::get(mobula::async<sorted>(shuffled));
  std::cout << "sorted:";
  for (const int each : result) std::cout << ' ' << each;
  std::cout << '\n';

  const mobula::future<mobula::future<int>> search = mobula::async<begin_search>(shuffled);
  std::cout << "the largest, from a future in a future: " << mobula::get(mobula::get(search))
            << '\n';
}
