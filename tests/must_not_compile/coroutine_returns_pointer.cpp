// expect: the function returns a reference or a pointer, which can't be sent: return the value
// errors: 1

#include <mobula/mobula.hpp>

mobula::task<const char*> name() { co_return "Ada"; }

int main() { mobula::get(mobula::async<name>()); }
