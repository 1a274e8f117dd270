// expect: this type is not an aggregate
// errors: 1

#include <string>

#include <mobula/mobula.hpp>

class account {
 public:
  account() = default;
  int balance() const { return balance_; }

 private:
  std::string owner_;
  int balance_ = 0;
};
int tax(const account& of) { return of.balance() / 5; }

int main() {
  const mobula::future<int> due = mobula::async<tax>(account{});
  return mobula::get(due);
}
