// The one source here that must compile: it shows that the others are refused for their own faults
// and not because something is missing.

#include <future>

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

// What is refused must not be in std::async's way.
int standard() {
  using namespace mobula;
  using namespace std;
  const launch how = launch::async;
  return async(launch::async, add, 1, 2).get() + async(how, [] { return 1; }).get();
}

int main() { return mobula::get(mobula::async<add>(1, 2)) + standard(); }
