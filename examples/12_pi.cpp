// π by throwing darts: many independent tasks, each with its own seed, and an actor that sums up
// while they run.
//
//   $ ./12_pi
//   16 tasks threw 1600000 darts, 1257160 hit: pi is about 3.14
//   $ ./12_pi 4 1000
//   4 tasks threw 4000 darts, 3158 hit: pi is about 3.16

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

class score {
 public:
  void add(std::int64_t darts, std::int64_t hits) {
    darts_ += darts;
    hits_ += hits;
  }
  std::int64_t darts() const { return darts_; }
  std::int64_t hits() const { return hits_; }

 private:
  std::int64_t darts_ = 0;
  std::int64_t hits_ = 0;
};

// Everything that is random comes from the argument, so the same seeds give the same darts on every
// backend.
void throw_darts(std::uint32_t seed, std::int64_t darts, const mobula::actor<score>& to) {
  std::mt19937 random(seed);
  const auto coordinate = [&random] { return static_cast<double>(random()) / 4294967296.0; };
  std::int64_t hits = 0;
  for (std::int64_t i = 0; i < darts; ++i) {
    const double x = coordinate();
    const double y = coordinate();
    hits += x * x + y * y < 1 ? 1 : 0;
  }
  mobula::get(to.call<&score::add>(darts, hits));
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};  // its flags are gone from argv afterwards
  const int tasks = argc > 1 ? std::atoi(argv[1]) : 16;
  const std::int64_t darts = argc > 2 ? std::atoll(argv[2]) : 100'000;

  const auto total = mobula::spawn<score>();
  std::vector<mobula::future<void>> throwers;
  for (int i = 0; i < tasks; ++i) {
    throwers.push_back(mobula::async<throw_darts>(static_cast<std::uint32_t>(i), darts, total));
  }
  mobula::get(throwers);

  const auto thrown = mobula::get(total.call<&score::darts>());
  const auto hits = mobula::get(total.call<&score::hits>());
  const double pi = 4.0 * static_cast<double>(hits) / static_cast<double>(thrown);
  std::cout << tasks << " tasks threw " << thrown << " darts, " << hits << " hit: pi is about "
            << std::round(pi * 100) / 100 << '\n';
}
