// expect: this type holds a pointer and cannot be sent
// expect: cannot_be_sent<int ?\*
// errors: 1

#include "mobula/serialization/serializer.hpp"

// Whoever forgets the check gets the same sentence from save itself.
mobula::message sent(int* pointer) { return mobula::to_message(pointer); }
