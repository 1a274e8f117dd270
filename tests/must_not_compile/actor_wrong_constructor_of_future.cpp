// expect: the actor's class can't be made of these arguments
// errors: 1

#include <string>

#include <mobula/mobula.hpp>

struct counter {
  explicit counter(int start) : value(start) {}
  int value;
};

int main() {
  const mobula::future<std::string> one = mobula::put(std::string{"one"});
  const mobula::actor<counter> hits = mobula::spawn<counter>(one);
  static_cast<void>(hits);
}
