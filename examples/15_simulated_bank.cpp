// A bug that needs bad luck: two transfers read a balance, and both write it back. In a simulation
// a seed decides who is first, so a few hundred seeds find it in a second, and the seed finds it
// again whenever you want to look at it. The fixed bank survives all of them.
//
//   $ ./15_simulated_bank
//   found: seed ...: std::runtime_error: there were 300, and now there are ...
//   again: there were 300, and now there are ...
//   fixed: 500 seeds, and no money is lost
//
// It also says, on standard error, how to replay it: MOBULA_SIMULATION_SEED=... ./15_simulated_bank

#include <chrono>
#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <mobula/mobula.hpp>
#include <mobula/testing/simulation.hpp>

using namespace std::chrono_literals;

class account {
 public:
  explicit account(int balance) : balance_(balance) {}
  int balance() const { return balance_; }
  void set_balance(int balance) { balance_ = balance; }
  void add(int amount) { balance_ += amount; }

 private:
  int balance_;
};
using account_handle = mobula::actor<account>;

// Between the reading and the writing of a balance somebody else may write it.
void careless_transfer(const account_handle& from, const account_handle& to, int amount) {
  const int had = mobula::get(from.call<&account::balance>());
  mobula::get(from.call<&account::set_balance>(had - amount));
  const int has = mobula::get(to.call<&account::balance>());
  mobula::get(to.call<&account::set_balance>(has + amount));
}

// An actor's calls run one at a time: what is one call can't be divided.
void careful_transfer(const account_handle& from, const account_handle& to, int amount) {
  mobula::get(from.call<&account::add>(-amount));
  mobula::get(to.call<&account::add>(amount));
}

// A day at the bank: the whole program that is tested, as it would run on any backend.
template <auto Transfer>
void day() {
  std::vector<account_handle> accounts;
  for (int i = 0; i < 3; ++i) accounts.push_back(mobula::spawn<account>(100));
  std::vector<mobula::future<void>> transfers;
  for (std::size_t i = 0; i < 3; ++i) {
    transfers.push_back(mobula::async<Transfer>(accounts[i], accounts[(i + 1) % 3], 10));
  }
  mobula::get(transfers);
  int sum = 0;
  for (const account_handle& each : accounts) sum += mobula::get(each.call<&account::balance>());
  if (sum != 300) {
    throw std::runtime_error("there were 300, and now there are " + std::to_string(sum));
  }
}

int main() {
  // Four CPUs, and messages that are late by up to a millisecond: luck needs room.
  mobula::simulation_options options;
  options.nodes[0].cpus = 4;
  options.faults.message_delay = 1ms;

  try {
    mobula::testing::for_each_seed({.count = 500}, options, day<careless_transfer>);
  } catch (const mobula::testing::seed_error& error) {
    std::cout << "found: " << error.what() << '\n';
    options.seed = error.seed();
    try {
      mobula::testing::simulate(options, day<careless_transfer>);
    } catch (const std::runtime_error& same) {
      std::cout << "again: " << same.what() << '\n';
    }
  }

  mobula::testing::for_each_seed({.count = 500}, options, day<careful_transfer>);
  std::cout << "fixed: 500 seeds, and no money is lost\n";
}
