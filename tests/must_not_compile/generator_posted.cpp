// expect: nobody reads the stream of a posted call
// errors: 1

#include <mobula/mobula.hpp>

struct source {
  mobula::generator<int> items() { co_yield 1; }
};

int main() {
  const mobula::actor<source> one;
  one.post<&source::items>();
}
