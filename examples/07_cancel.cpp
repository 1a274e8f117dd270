// `cancel` makes an unfinished task's future fail at once. A task that is queued never runs; one
// that runs is asked to stop, and stops where it looks or waits. A timeout cancels by itself.
//
//   $ ./07_cancel
//   queued: cancelled, it never ran
//   running: cancelled
//   its child: cancelled
//   what depends on it: cancelled
//   too slow: timed out
//   finished: 42

#include <chrono>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

using namespace std::chrono_literals;

int after(int) { return 0; }

// A long computation looks at the stop token now and then.
int search(const mobula::promise<void>& has_begun) {
  has_begun.set_value();
  const std::stop_token stop = mobula::this_task::stop_token();
  while (!stop.stop_requested()) std::this_thread::yield();
  return 0;  // nobody sees it: the future has failed already
}

// Waiting needs no look: `get`, `wait` and `sleep_for` throw in a task that is cancelled.
int wait_for_child(const mobula::promise<mobula::future<int>>& child,
                   const mobula::future<int>& never) {
  const mobula::future<int> mine = mobula::async<after>(never);
  child.set_value(mine);
  return mobula::get(mine);
}

template <class T>
std::string outcome(const mobula::future<T>& of) {
  try {
    return std::to_string(mobula::get(of));
  } catch (const mobula::cancelled_error&) {
    return "cancelled";
  } catch (const mobula::timeout_error&) {
    return "timed out";
  }
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  const mobula::promise<int> never;

  const mobula::future<int> queued = mobula::async<after>(never.get_future());
  mobula::cancel(queued);
  std::cout << "queued: " << outcome(queued) << ", it never ran\n";

  const mobula::promise<void> begun;
  const mobula::future<int> running = mobula::async<search>(begun);
  mobula::get(begun.get_future());
  mobula::cancel(running);
  std::cout << "running: " << outcome(running) << '\n';

  // Children go with their parent, unless `.recursive = false` says otherwise, and so does what
  // depends on it.
  const mobula::promise<mobula::future<int>> told;
  const mobula::future<int> parent =
      mobula::async<wait_for_child>(told, mobula::put(never.get_future()));
  const mobula::future<int> dependent = mobula::async<after>(parent);
  const mobula::future<int> child = mobula::get(told.get_future());
  mobula::cancel(parent);
  std::cout << "its child: " << outcome(child) << '\n';
  std::cout << "what depends on it: " << outcome(dependent) << '\n';

  const mobula::future<int> slow = mobula::async<after>({.timeout = 10ms}, never.get_future());
  std::cout << "too slow: " << outcome(slow) << '\n';

  const mobula::future<int> finished = mobula::put(42);
  mobula::cancel(finished);  // nothing to cancel
  std::cout << "finished: " << outcome(finished) << '\n';
}
