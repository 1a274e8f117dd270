// A semaphore lets so many go on at a time, whatever CPUs there are: here for connections to a
// server that takes two. Who waits needs no CPU, and who is cancelled gives his permit back.
//
//   $ ./18_semaphore
//   10 pages fetched, never more than 2 at a time
//   no permit within 10 ms: the server is busy
//   the one who kept it was cancelled, and the next went on

#include <algorithm>
#include <chrono>
#include <iostream>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>
#include <mobula/semaphore.hpp>

using namespace std::chrono_literals;

// Gives the permit back however the body ends.
class connection {
 public:
  explicit connection(const mobula::semaphore& of) : of_(of) { of_.acquire(); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() { of_.release(); }

 private:
  const mobula::semaphore& of_;
};

class server {
 public:
  void enter() { most_ = std::max(most_, ++inside_); }
  void leave() { --inside_; }
  int most() const { return most_; }

 private:
  int inside_ = 0;
  int most_ = 0;
};

void fetch(mobula::semaphore connections, mobula::actor<server> from) {
  const connection mine(connections);
  mobula::get(from.call<&server::enter>());
  mobula::get(from.call<&server::leave>());
}
void keep(mobula::semaphore connections, mobula::promise<void> has_it) {
  const connection mine(connections);
  has_it.set_value();
  mobula::this_task::sleep_for(1h);
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  const mobula::semaphore connections(2);
  const auto from = mobula::spawn<server>();
  std::vector<mobula::future<void>> pages;
  for (int i = 0; i < 10; ++i) pages.push_back(mobula::async<fetch>(connections, from));
  mobula::get(pages);
  std::cout << pages.size() << " pages fetched, never more than "
            << std::max(2, mobula::get(from.call<&server::most>())) << " at a time\n";

  connections.acquire();
  const mobula::promise<void> has_it;
  const auto keeper = mobula::async<keep>(connections, has_it);
  mobula::get(has_it.get_future());
  if (!connections.try_acquire_for(10ms)) {
    std::cout << "no permit within 10 ms: the server is busy\n";
  }
  mobula::cancel(keeper);
  connections.acquire();
  std::cout << "the one who kept it was cancelled, and the next went on\n";
}
