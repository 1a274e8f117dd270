// A stream: a coroutine that gives one item after the other, and a reader who takes them while it
// still runs. Each item is a future of its own. With a buffer the generator stops that many items
// ahead of its reader; where the reader goes away it stops for good.
//
//   $ ./32_stream
//   the first line is there, and the file is still being read: to be
//   lines of 2 3 5 words
//   primes below 20: 2 3 5 7 11 13 17 19
//   1 2 4 8 ...that is enough
//   after 2 items: ...the disk is full

#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

mobula::generator<std::string> lines(std::string text) {
  std::istringstream file(text);
  for (std::string line; std::getline(file, line);) co_yield line;
}

int words(const std::string& line) {
  std::istringstream in(line);
  int count = 0;
  for (std::string word; in >> word;) ++count;
  return count;
}

// A generator may read another stream: a pipeline.
mobula::generator<int> numbers(int from) {
  for (int i = from;; ++i) co_yield i;
}
mobula::generator<int> primes(int below) {
  for (const mobula::future<int>& one : mobula::async<numbers>({.stream_buffer = 8}, 2)) {
    const int number = mobula::get(one);
    if (number >= below) co_return;  // the stream goes, and its generator stops
    bool is_prime = true;
    for (int i = 2; i * i <= number; ++i) is_prime = is_prime && number % i != 0;
    if (is_prime) co_yield number;
  }
}

// A member of an actor may be a generator too.
class doubler {
 public:
  mobula::generator<int> values() {
    for (;; value_ *= 2) co_yield value_;
  }

 private:
  int value_ = 1;
};

mobula::generator<int> unlucky() {
  co_yield 1;
  co_yield 2;
  throw std::runtime_error("the disk is full");
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  mobula::stream<std::string> text =
      mobula::async<lines>({.stream_buffer = 2}, "to be\nor not to\nbe that is the question");
  const mobula::future<std::string> first = *text.next();
  std::cout << "the first line is there, and the file is "
            << (text.finished().ready() ? "read" : "still being read") << ": " << mobula::get(first)
            << '\n';
  std::cout << "lines of " << mobula::get(mobula::async<words>(first));
  for (const mobula::future<std::string>& line : text) {
    std::cout << ' ' << mobula::get(mobula::async<words>(line));
  }
  std::cout << " words\n";

  std::cout << "primes below 20:";
  for (const mobula::future<int>& prime : mobula::async<primes>(20)) {
    std::cout << ' ' << mobula::get(prime);
  }
  std::cout << '\n';

  const mobula::actor<doubler> twice = mobula::spawn<doubler>();
  for (const auto& value : twice.call<&doubler::values>({.stream_buffer = 1})) {
    std::cout << mobula::get(value) << ' ';
    if (mobula::get(value) == 8) break;
  }
  std::cout << "...that is enough\n";

  int taken = 0;
  try {
    for (const mobula::future<int>& item : mobula::async<unlucky>()) {
      mobula::get(item);
      ++taken;
    }
  } catch (const mobula::task_error& error) {
    std::cout << "after " << taken << " items: " << error.what() << '\n';
  }
}
