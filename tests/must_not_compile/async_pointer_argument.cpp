// expect: this type holds a pointer and cannot be sent
// errors: 3

#include <mobula/mobula.hpp>

template <class T>
int use(T) {
  return 1;
}
struct holder {
  int* where;
};

int main() { static_cast<void>(mobula::async<use<holder>>(holder{})); }
