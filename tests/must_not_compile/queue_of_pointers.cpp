// expect: this type holds a pointer and cannot be sent
// errors: 2

#include <mobula/mobula.hpp>
#include <mobula/queue.hpp>

int main() {
  const mobula::queue<int*> pointers;
  int one = 1;
  pointers.push(&one);
}
