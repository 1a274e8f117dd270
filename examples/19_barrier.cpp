// A barrier holds everybody until all have come, phase after phase. Here three actors each have a
// third of a rod, and heat flows: a step begins when all have done the one before. Between two
// steps runs the completion, once.
//
//   $ ./19_barrier
//   after 200 steps the rod has 33.3 33.3 33.3 degrees
//   the completion ran 200 times

#include <cstdio>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/barrier.hpp>
#include <mobula/mobula.hpp>

// The temperatures, as they are and as they will be after this step.
class rod {
 public:
  explicit rod(std::vector<double> parts) : now_(parts), next_(parts) {}
  double at(int part) const { return now_[static_cast<std::size_t>(part)]; }
  void set(int part, double value) { next_[static_cast<std::size_t>(part)] = value; }
  void step() {
    now_ = next_;
    ++steps_;
  }
  int steps() const { return steps_; }

 private:
  std::vector<double> now_;
  std::vector<double> next_;
  int steps_ = 0;
};

// The completion is an object that is sent to the barrier: its members are how it reaches anything.
struct next_step {
  mobula::actor<rod> of;
  void operator()() const { mobula::get(of.call<&rod::step>()); }
};

void warm(mobula::actor<rod> of, mobula::barrier<next_step> all, int part) {
  for (int i = 0; i < 200; ++i) {
    const auto left = of.call<&rod::at>((part + 2) % 3);
    const auto own = of.call<&rod::at>(part);
    const auto right = of.call<&rod::at>((part + 1) % 3);
    const double mean = (mobula::get(left) + mobula::get(own) * 2 + mobula::get(right)) / 4;
    mobula::get(of.call<&rod::set>(part, mean));
    all.arrive_and_wait();
  }
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  const auto one = mobula::spawn<rod>(std::vector<double>{100, 0, 0});
  const mobula::barrier all(3, next_step{one});
  std::vector<mobula::future<void>> parts;
  for (int part = 0; part < 3; ++part) {
    parts.push_back(mobula::async<warm>({.max_retries = 0}, one, all, part));
  }
  mobula::get(parts);
  std::printf("after 200 steps the rod has %.1f %.1f %.1f degrees\n",
              mobula::get(one.call<&rod::at>(0)), mobula::get(one.call<&rod::at>(1)),
              mobula::get(one.call<&rod::at>(2)));
  std::printf("the completion ran %d times\n", mobula::get(one.call<&rod::steps>()));
}
