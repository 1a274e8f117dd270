// expect: std::thread
// expect: this type is not an aggregate
// errors: 1

#include <thread>

#include <mobula/mobula.hpp>

struct runner {
  explicit runner(std::thread given) : mine(std::move(given)) {}
  std::thread mine;
};

int main() { static_cast<void>(mobula::spawn<runner>(std::thread{})); }
