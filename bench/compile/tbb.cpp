// Hello world: a task of oneTBB.
#include <iostream>

#include <oneapi/tbb/task_group.h>

int add(int a, int b) { return a + b; }

int main() {
  int sum = 0;
  oneapi::tbb::task_group group;
  group.run([&] { sum = add(1, 2); });
  group.wait();
  std::cout << sum << '\n';
}
