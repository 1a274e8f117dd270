// expect: a parameter of the function is a pointer, which can't be sent.*std::string for text
// errors: 3

#include <mobula/mobula.hpp>

int first(const char* text) { return text[0]; }

int main() { static_cast<void>(mobula::async<first>("text")); }
