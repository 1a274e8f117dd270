// expect: a generator can't co_await: get\(...\) waits, and lends its CPUs
// errors: 1

#include <mobula/mobula.hpp>

mobula::generator<int> after(mobula::future<int> one) {
  co_await one;
  co_yield 1;
}

int main() { static_cast<void>(after({})); }
