// expect: an argument has a type that the function's parameter can't be made of
// errors: 1

#include <string>

#include <mobula/mobula.hpp>

int length(std::string text) { return static_cast<int>(text.size()); }

int main() {
  const mobula::future<int> letters = mobula::async<length>(12);
  return mobula::get(letters);
}
