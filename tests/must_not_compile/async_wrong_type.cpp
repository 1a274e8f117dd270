// expect: an argument has a type that the function's parameter can't be made of
// errors: 3

#include <string>

#include <mobula/mobula.hpp>

int length(std::string text) { return static_cast<int>(text.size()); }
struct number {};

int main() { static_cast<void>(mobula::async<length>(number{})); }
