// A queue hands items from those who push to those who pop, in whichever processes they are. With a
// capacity, fast producers wait for slow consumers. When it is closed, consumers take what is left
// and stop.
//
//   $ ./17_queue
//   at most 4 lie in the queue, 100 went through it
//   3 workers summed them up: 5050
//   a closed queue: push: the queue is closed

#include <iostream>
#include <optional>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>
#include <mobula/queue.hpp>

// The queue is an argument like any other: a handle.
int work(mobula::queue<int> jobs) {
  int sum = 0;
  while (const std::optional<int> next = jobs.next()) sum += *next;
  return sum;
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  const mobula::queue<int> jobs(4);
  std::vector<mobula::future<int>> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(mobula::async<work>(jobs));
  for (int i = 1; i <= 100; ++i) jobs.push(i);
  jobs.close();
  std::cout << "at most " << jobs.capacity() << " lie in the queue, 100 went through it\n";

  int sum = 0;
  for (const int each : mobula::get(workers)) sum += each;
  std::cout << workers.size() << " workers summed them up: " << sum << '\n';
  try {
    jobs.push(101);
  } catch (const mobula::queue_closed_error& error) {
    std::cout << "a closed queue: " << error.what() << '\n';
  }
}
