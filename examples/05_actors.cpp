// An actor is an object that lives in the runtime. Its calls run one after another, those of one
// caller in the order in which they were made, so it needs no lock. A handle can be copied, kept
// and sent to tasks.
//
//   $ ./05_actors
//   balance: 70
//   refused: actor "account", call "account::withdraw" failed on node ...: not enough money
//   balance: 70
//   after 100 deposits by tasks: 170
//   the bank is closed: actor "account" died: ...

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

class account {
 public:
  explicit account(int balance) : balance_(balance) {}
  void deposit(int amount) { balance_ += amount; }
  void withdraw(int amount) {
    if (amount > balance_) throw std::runtime_error("not enough money");
    balance_ -= amount;
  }
  int balance() const { return balance_; }

 private:
  int balance_;
};

void deposit_one(const mobula::actor<account>& to) { mobula::get(to.call<&account::deposit>(1)); }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  const mobula::actor<account> mine = mobula::spawn<account>(100);

  mine.post<&account::withdraw>(30);  // nobody wants to know how it went
  std::cout << "balance: " << mobula::get(mine.call<&account::balance>()) << '\n';

  // An exception ends the call, not the actor.
  const mobula::future<void> greedy = mine.call<&account::withdraw>(500);
  try {
    mobula::get(greedy);
  } catch (const mobula::task_error& error) {
    std::cout << "refused: " << error.what() << '\n';
  }
  std::cout << "balance: " << mobula::get(mine.call<&account::balance>()) << '\n';

  std::vector<mobula::future<void>> deposits;
  for (int i = 0; i < 100; ++i) deposits.push_back(mobula::async<deposit_one>(mine));
  mobula::get(deposits);
  std::cout << "after 100 deposits by tasks: " << mobula::get(mine.call<&account::balance>())
            << '\n';

  // It ends with its last handle, or by `stop`, which runs what is queued, or by `kill`, which does
  // not.
  mobula::get(mine.stop());
  try {
    mobula::get(mine.call<&account::balance>());
  } catch (const mobula::actor_died_error& error) {
    std::cout << "the bank is closed: " << error.what() << '\n';
  }
}
