// expect: std::thread
// expect: this type is not an aggregate
// errors: 1

#include <thread>

#include <mobula/mobula.hpp>

int main() { static_cast<void>(mobula::put(std::thread{})); }
