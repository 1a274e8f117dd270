// `split` turns one future of several values into several futures, so that each can go its own way.
// A `promise` is a future that is fulfilled by hand, from anywhere: it can be sent to tasks and
// actors like any value.
//
//   $ ./10_split_and_promise
//   17 / 5 = 3, remainder 2
//   the parts of a vector: 2 4 8
//   the waiter got: ready at last
//   nobody fulfilled it: ...promise...

#include <iostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

std::tuple<int, int> divide(int a, int b) { return {a / b, a % b}; }
std::vector<int> powers(int base, int count) {
  std::vector<int> all{base};
  while (static_cast<int>(all.size()) < count) all.push_back(all.back() * base);
  return all;
}

// Answers when it has something to say, not when it is asked.
class mailbox {
 public:
  void ask(mobula::promise<std::string> reply) { waiting_.push_back(std::move(reply)); }
  void deliver(const std::string& letter) {
    for (const mobula::promise<std::string>& each : std::exchange(waiting_, {}))
      each.set_value(letter);
  }

 private:
  std::vector<mobula::promise<std::string>> waiting_;
};

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  const auto [quotient, remainder] = mobula::split(mobula::async<divide>(17, 5));
  std::cout << "17 / 5 = " << mobula::get(quotient) << ", remainder " << mobula::get(remainder)
            << '\n';

  std::cout << "the parts of a vector:";
  for (const mobula::future<int>& each : mobula::split(mobula::async<powers>(2, 3), 3)) {
    std::cout << ' ' << mobula::get(each);
  }
  std::cout << '\n';

  const auto box = mobula::spawn<mailbox>();
  mobula::future<std::string> letter;
  {
    const mobula::promise<std::string> reply;
    letter = reply.get_future();
    box.post<&mailbox::ask>(reply);
  }
  box.post<&mailbox::deliver>("ready at last");
  std::cout << "the waiter got: " << mobula::get(letter) << '\n';

  const mobula::future<int> orphan =
      mobula::promise<int>().get_future();  // the only promise is gone
  try {
    mobula::get(orphan);
  } catch (const mobula::broken_promise_error& error) {
    std::cout << "nobody fulfilled it: " << error.what() << '\n';
  }
}
