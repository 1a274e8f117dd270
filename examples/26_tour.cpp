// The program that docs/TOUR.md builds up: primes are counted in tasks, their counts are added up
// in one that waits for the others, and an actor remembers what has been found. Nothing in it says
// where it runs.
//
//   $ ./26_tour
//   primes below 1000: 168
//   primes below 100000: 9592
//   told by 10 tasks, the largest is 99991
//   primes below 200000, with those below 1000 as an object: 17984
//   that went wrong: ...count_primes...std::invalid_argument: from 10 to 0 is no range
//   and so it is no use to add it up: std::invalid_argument

#include <algorithm>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

bool is_prime(int number) {
  if (number < 2) return false;
  for (int divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

int count_primes(int first, int last) {
  if (last < first) {
    throw std::invalid_argument("from " + std::to_string(first) + " to " + std::to_string(last) +
                                " is no range");
  }
  int count = 0;
  for (int number = first; number < last; ++number) count += is_prime(number) ? 1 : 0;
  return count;
}

int sum(std::span<const int> counts) {
  int all = 0;
  for (const int count : counts) all += count;
  return all;
}

// An ordinary class.
class record {
 public:
  void note(int prime) {
    largest_ = std::max(largest_, prime);
    ++notes_;
  }
  int largest() const { return largest_; }
  int notes() const { return notes_; }

 private:
  int largest_ = 0;
  int notes_ = 0;
};

// A handle to an actor goes wherever it is needed.
void find_largest(const mobula::actor<record>& book, int first, int last) {
  while (last > first && !is_prime(last)) --last;
  mobula::get(book.call<&record::note>(last));
}

std::vector<int> primes_below(int last) {
  std::vector<int> primes;
  for (int number = 2; number < last; ++number) {
    if (is_prime(number)) primes.push_back(number);
  }
  return primes;
}

// Divides by the primes that are known. It takes a value, and may be given a future of one.
int count_with(const std::vector<int>& known, int first, int last) {
  int count = 0;
  for (int number = first; number < last; ++number) {
    count += std::none_of(known.begin(), known.end(),
                          [number](int prime) { return prime < number && number % prime == 0; });
  }
  return count;
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  // A task.
  const mobula::future<int> some = mobula::async<count_primes>(0, 1000);
  std::cout << "primes below 1000: " << mobula::get(some) << '\n';

  // Many of them, and one that takes what they return.
  std::vector<mobula::future<int>> counts;
  for (int first = 0; first < 100'000; first += 10'000) {
    counts.push_back(mobula::async<count_primes>(first, first + 10'000));
  }
  const mobula::future<int> all = mobula::async<sum>(counts);
  std::cout << "primes below 100000: " << mobula::get(all) << '\n';

  // An actor.
  const mobula::actor<record> book = mobula::spawn<record>();
  std::vector<mobula::future<void>> told;
  for (int first = 0; first < 100'000; first += 10'000) {
    told.push_back(mobula::async<find_largest>(book, first, first + 9'999));
  }
  mobula::get(told);
  std::cout << "told by " << mobula::get(book.call<&record::notes>()) << " tasks, the largest is "
            << mobula::get(book.call<&record::largest>()) << '\n';

  // An object: made once, used by all.
  const mobula::future<std::vector<int>> known = mobula::async<primes_below>(1000);
  counts.clear();
  for (int first = 2; first < 200'000; first += 50'000) {
    counts.push_back(mobula::async<count_with>(known, first, std::min(first + 50'000, 200'000)));
  }
  std::cout << "primes below 200000, with those below 1000 as an object: "
            << mobula::get(mobula::async<sum>(counts)) << '\n';

  // An error.
  counts.push_back(mobula::async<count_primes>(10, 0));
  const mobula::future<int> hopeless = mobula::async<sum>(counts);
  try {
    mobula::get(counts.back());
  } catch (const mobula::task_error& error) {
    std::cout << "that went wrong: " << error.what() << '\n';
  }
  try {
    mobula::get(hopeless);
  } catch (const mobula::task_error& error) {
    std::cout << "and so it is no use to add it up: " << error.type_name() << '\n';
  }
}
