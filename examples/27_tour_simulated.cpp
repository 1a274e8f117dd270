// The last stop of docs/TOUR.md: a bug that shows only where a worker dies at the wrong moment. A
// task that has reported its count to an actor, and dies before it is done, is run again and
// reports it again. A simulation finds a seed in which that happens; what adds up results survives
// them all.
//
//   $ ./27_tour_simulated
//   found: seed ...: std::runtime_error: there are 168 primes below 1000, not ...
//   by their results: 200 seeds, and always 168

#include <chrono>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <mobula/mobula.hpp>
#include <mobula/testing/simulation.hpp>

using namespace std::chrono_literals;

int count_primes(int first, int last) {
  int count = 0;
  for (int number = first; number < last; ++number) {
    bool is_prime = number > 1;
    for (int divisor = 2; divisor * divisor <= number && is_prime; ++divisor) {
      is_prime = number % divisor != 0;
    }
    count += is_prime ? 1 : 0;
  }
  return count;
}
int sum(std::span<const int> counts) {
  int all = 0;
  for (const int count : counts) all += count;
  return all;
}

class tally {
 public:
  void add(int count) { all_ += count; }
  int all() const { return all_; }

 private:
  int all_ = 0;
};
void count_and_report(const mobula::actor<tally>& to, int first, int last) {
  mobula::get(to.call<&tally::add>(count_primes(first, last)));
}

constexpr int step = 100;

int count_by_reports() {
  const mobula::actor<tally> to = mobula::spawn<tally>();
  std::vector<mobula::future<void>> reports;
  for (int first = 0; first < 1000; first += step) {
    reports.push_back(
        mobula::async<count_and_report>({.max_retries = -1}, to, first, first + step));
  }
  mobula::get(reports);
  return mobula::get(to.call<&tally::all>());
}

int count_by_results() {
  std::vector<mobula::future<int>> counts;
  for (int first = 0; first < 1000; first += step) {
    counts.push_back(mobula::async<count_primes>({.max_retries = -1}, first, first + step));
  }
  return mobula::get(mobula::async<sum>({.max_retries = -1}, counts));
}

template <auto Count>
void must_be_right() {
  const int found = Count();
  if (found != 168) {
    throw std::runtime_error("there are 168 primes below 1000, not " + std::to_string(found));
  }
}

int main() {
  // Messages take their time, and a worker that has tasks dies; the actor is in an earlier one.
  mobula::simulation_options options;
  options.nodes[0].cpus = 4;
  options.faults.message_delay = 2ms;
  options.faults.script = {{.at = 25ms, .what = mobula::fault::kill_worker, .which = "5"}};

  try {
    mobula::testing::for_each_seed({.count = 200}, options, must_be_right<count_by_reports>);
  } catch (const mobula::testing::seed_error& error) {
    std::cout << "found: " << error.what() << '\n';
  }
  mobula::testing::for_each_seed({.count = 200}, options, must_be_right<count_by_results>);
  std::cout << "by their results: 200 seeds, and always 168\n";
}
