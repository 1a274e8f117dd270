// Calls of an actor's coroutines take turns: where one waits, others go on, and never do two run at
// once, so the actor needs no lock. Here twenty orders wait for what only a later call brings.
//
//   $ ./25_async_actor
//   the shop is open: 20 customers wait for bread
//   the baker brings 20
//   each got a loaf: 20, 0 are left
//   the last customer: ...the shop has closed

#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

class shop {
 public:
  // Waits without holding up anybody; between two co_awaits nothing of the shop's changes.
  mobula::task<int> order() {
    if (loaves_ == 0) {
      const mobula::promise<void> called;
      waiting_.push_back(called);
      co_await called.get_future();
    }
    co_return --loaves_;
  }
  int customers() const { return static_cast<int>(waiting_.size()); }
  void deliver(int loaves) {
    loaves_ += loaves;
    for (const auto& customer : std::exchange(waiting_, {})) customer.set_value();
  }
  int left() const { return loaves_; }
  void close() {
    for (const auto& customer : std::exchange(waiting_, {})) {
      customer.set_exception(
          std::make_exception_ptr(std::runtime_error("the shop has closed")));
    }
  }

 private:
  int loaves_ = 0;
  std::vector<mobula::promise<void>> waiting_;
};

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  const mobula::actor<shop> bakery = mobula::spawn<shop>();

  std::vector<mobula::future<int>> orders;
  for (int i = 0; i < 20; ++i) orders.push_back(bakery.call<&shop::order>());
  std::cout << "the shop is open: " << mobula::get(bakery.call<&shop::customers>())
            << " customers wait for bread\n";

  std::cout << "the baker brings 20\n";
  bakery.post<&shop::deliver>(20);
  std::cout << "each got a loaf: " << mobula::get(orders).size();
  std::cout << ", " << mobula::get(bakery.call<&shop::left>()) << " are left\n";

  const mobula::future<int> late = bakery.call<&shop::order>();
  bakery.post<&shop::close>();
  try {
    mobula::get(late);
  } catch (const mobula::error& error) {
    std::cout << "the last customer: " << error.what() << '\n';
  }
}
