// `put` makes a value an object: it is kept once, never changes, and any number of tasks can use
// it. The future is the reference; the object lives as long as one does. `array<T>` is for large
// blocks of numbers, shared instead of copied.
//
//   $ ./04_objects
//   length of the text: 11, its vowels: 3
//   mean: 0.5, largest: 0.999999
//   from a list of references: 6

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

std::size_t length(const std::string& text) { return text.size(); }
std::ptrdiff_t vowels(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return std::string("aeiou").find(c) != std::string::npos; });
}

// A span of an array is the array's own memory: nothing is copied on the way to the task.
double mean(std::span<const double> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(numbers.size());
}
double largest(std::span<const double> numbers) {
  return *std::max_element(numbers.begin(), numbers.end());
}

// A future inside a value is a reference and stays one: the task decides whether and when it needs
// the value.
struct chapter {
  std::string title;
  mobula::future<int> pages;
};
int count_pages(const std::vector<chapter>& book) {
  int pages = 0;
  for (const chapter& each : book) pages += mobula::get(each.pages);
  return pages;
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  const mobula::future<std::string> text = mobula::put(std::string("hello world"));
  const mobula::future<std::size_t> characters = mobula::async<length>(text);
  std::cout << "length of the text: " << mobula::get(characters)
            << ", its vowels: " << mobula::get(mobula::async<vowels>(text)) << '\n';

  // Written in place: where it is going to stay.
  const auto numbers = mobula::put(mobula::make_array<double>(1'000'000, [](std::span<double> all) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<double>(i) / 1e6;
  }));
  std::cout << "mean: " << std::round(mobula::get(mobula::async<mean>(numbers)) * 100) / 100
            << ", largest: " << mobula::get(mobula::async<largest>(numbers)) << '\n';

  const std::vector<chapter> book{
      {"calls", mobula::put(1)}, {"values", mobula::put(2)}, {"ends", mobula::put(3)}};
  std::cout << "from a list of references: " << mobula::get(mobula::async<count_pages>(book))
            << '\n';
}
