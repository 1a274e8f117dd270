// The one source here that must compile: it shows that the others are refused for their own faults
// and not because something is missing.

#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

int main() { return mobula::get(mobula::async<add>(1, 2)); }
