// The other half of together_main.cpp.

#include "everything.hpp"

void throw_from_the_other_file();

void throw_from_the_other_file() { throw mobula::timeout_error("thrown in the other file"); }
