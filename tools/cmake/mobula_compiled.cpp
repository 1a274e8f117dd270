// All that is compiled once with MOBULA_SEPARATE_COMPILATION: the library mobula::compiled.

#include <mobula/source.hpp>
