// expect: a parameter of the function is a pointer, which can't be sent.*std::string for text
// errors: 1

#include <mobula/mobula.hpp>

int first(const char* text) { return text[0]; }

int main() {
  const mobula::future<int> letter = mobula::async<first>("text");
  return mobula::get(letter);
}
