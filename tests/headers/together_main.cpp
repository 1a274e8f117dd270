// Goal: two files of one program may both include every header.
// Method: link two such files; the linker finds what is defined twice. What one throws the other
// catches, so the types are one.

#include <exception>

#include "everything.hpp"

void throw_from_the_other_file();

int main() {
  try {
    throw_from_the_other_file();
  } catch (const mobula::timeout_error&) {
    return 0;
  } catch (const std::exception&) {
  }
  return 1;
}
