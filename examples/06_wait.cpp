// `wait` says which of several futures are ready; `as_completed` gives each as soon as it is. Use
// them to handle results as they come, and to keep only so much work under way.
//
//   $ ./06_wait
//   ready: 1, pending: 1
//   the gate is open: ready
//   in the order of completion: 1 2 3
//   1000 tasks, at most 20 at a time: 499500

#include <chrono>
#include <iostream>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

using namespace std::chrono_literals;

int same(int x) { return x; }
int first(int x, int) { return x; }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  // A promise is a future's other end; here it makes tasks that are ready when we say so.
  const mobula::promise<int> gate;
  const mobula::future<int> slow = mobula::async<first>(2, gate.get_future());
  const mobula::future<int> quick = mobula::async<same>(1);

  const auto [ready, pending] = mobula::wait({slow, quick});  // until one is ready: .count = 1
  std::cout << "ready: " << mobula::get(ready[0]) << ", pending: " << pending.size() << '\n';

  gate.set_value(0);
  const auto all = mobula::wait({slow, quick}, {.count = 2, .timeout = 60s});
  std::cout << "the gate is open: " << (all.pending.empty() ? "ready" : "not yet") << '\n';

  const mobula::promise<int> second;
  const mobula::promise<int> third;
  std::cout << "in the order of completion:";
  const mobula::future<int> two = mobula::async<first>(2, second.get_future());
  const mobula::future<int> three = mobula::async<first>(3, third.get_future());
  for (const mobula::future<int>& each : mobula::as_completed({three, two, quick})) {
    const int value = mobula::get(each);
    std::cout << ' ' << value;
    if (value == 1) second.set_value(0);
    if (value == 2) third.set_value(0);
  }
  std::cout << '\n';

  // Back pressure: submit the next task when one of the twenty has ended.
  std::vector<mobula::future<int>> under_way;
  int sum = 0;
  for (int i = 0; i < 1000; ++i) {
    if (under_way.size() == 20) {
      auto [done, rest] = mobula::wait(under_way);
      sum += mobula::get(done[0]);
      under_way = std::move(rest);
    }
    under_way.push_back(mobula::async<same>(i));
  }
  for (const int each : mobula::get(under_way)) sum += each;
  std::cout << "1000 tasks, at most 20 at a time: " << sum << '\n';
}
