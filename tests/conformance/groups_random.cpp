// Goal: whatever is done to groups from many sides at once, no bundle is ever used beyond what it
// has, nobody waits for ever, and in the end all is given back (SPEC 18, 30, 31). Method: random
// programs, by seed, of threads that reserve, use and remove; bodies count what they use.

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::placement_group;
using mobula::reserve;

namespace {

/// What bodies in one bundle use, in thousandths of a CPU.
struct meter {
  tally now;
  tally most;
};
/// A body that is asked to stop leaves as any other; one whose process is killed does not, so
/// nobody reads the meter of a bundle from which bodies were thrown out.
void use(meter bundle, int thousandths) {
  bundle.most.raise_to(bundle.now.add(thousandths));
  linger(3);
  bundle.now.add(-thousandths);
}
/// Lends what it has while its child uses that, in the same bundle.
int share(placement_group in, std::size_t bundle, meter of, int thousandths) {
  get(async<use>({.cpus = thousandths / 1000.0, .where = in.bundle(bundle)}, of, thousandths));
  return thousandths;
}

class stage {
 public:
  stage(std::uint64_t seed, std::vector<meter> meters)
      : random_(seed), meters_(std::move(meters)) {}

  /// One group from its reservation to its end. `abrupt`: its work may be in full swing then.
  void perform(bool abrupt) {
    static constexpr std::array<int, 4> sizes{250, 500, 1000, 1500};
    std::vector<mobula::bundle> bundles(1 + pick(3));
    // Those of the abrupt ones are for nobody to read.
    const std::vector<meter> meters(meters_.begin() + (abrupt ? 3 : 0), meters_.end());
    std::vector<int> has;
    for (mobula::bundle& one : bundles) {
      has.push_back(sizes[pick(4)]);
      one.cpus = has.back() / 1000.0;
    }
    const placement_group group = reserve(bundles);
    std::vector<future<void>> work;
    std::vector<future<int>> shared;
    for (std::size_t left = 5 + pick(20); left > 0; --left) {
      const std::size_t bundle = pick(bundles.size());
      const int part = has[bundle] / static_cast<int>(1 + pick(4));
      const mobula::task_options options{.cpus = part / 1000.0, .where = group.bundle(bundle)};
      if (pick(4) == 0) {
        shared.push_back(async<share>(options, group, bundle, meters[bundle], part));
      } else {
        work.push_back(async<use>(options, meters[bundle], part));
      }
    }
    if (!abrupt) {
      get(work);
      get(shared);
    }
    group.remove();
    for (const future<void>& one : work) end(one);
    for (const future<int>& one : shared) end(one);
    if (abrupt) return;
    for (std::size_t i = 0; i < has.size(); ++i) {
      if (meters[i].most.value() > has[i]) throw std::runtime_error("a bundle was used beyond it");
      if (meters[i].now.value() != 0) throw std::runtime_error("a body has not left");
      meters[i].most.set(0);
    }
  }

 private:
  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }
  template <class T>
  static void end(const future<T>& one) {
    try {
      get(one);
    } catch (const mobula::placement_group_removed_error&) {
    } catch (const mobula::task_error&) {  // its child's end, thrown on
    }
  }

  std::mt19937_64 random_;
  const std::vector<meter> meters_;
};

void perform(std::uint64_t seed, std::vector<meter> meters, int groups, bool abrupt) {
  stage one(seed, std::move(meters));
  for (int i = 0; i < groups; ++i) one.perform(abrupt && i % 2 == 0);
}

}  // namespace

TEST_CASE("random groups from many sides are whole, and all comes back",
          "[groups][random][clause-30][clause-18]") {
  const bool abrupt = GENERATE(false, true);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    INFO("seed " << seed);
    test_runtime runtime{{.cpus = 4.5}};
    std::vector<future<void>> all;
    for (std::uint64_t actor = 0; actor < 4; ++actor) {
      all.push_back(async<perform>({.cpus = 0.1}, 10 * seed + actor, std::vector<meter>(6),
                                   sized(15), abrupt));
    }
    std::vector<future<int>> outside;
    for (int i = 0; i < sized(100); ++i) outside.push_back(async([](int n) { return n; }, i));
    get(all);
    get(outside);
    wait_until([] { return mobula::available_resources() == mobula::total_resources(); },
               "all resources to be free");
  }
}
