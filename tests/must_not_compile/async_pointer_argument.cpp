// expect: this type holds a pointer and cannot be sent
// errors: 1

#include <mobula/mobula.hpp>

struct node {
  int value;
  node* next;
};
int length(node first) { return first.next == nullptr ? 1 : 2; }

int main() {
  const mobula::future<int> nodes = mobula::async<length>(node{1, nullptr});
  return mobula::get(nodes);
}
