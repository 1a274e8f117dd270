// expect: std::thread
// expect: this type is not an aggregate
// errors: 1

#include <mutex>
#include <thread>

#include <mobula/mobula.hpp>

int use(std::thread) { return 1; }

int main() { static_cast<void>(mobula::async<use>(std::thread{})); }
