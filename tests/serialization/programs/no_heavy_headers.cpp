// Standard containers are sent without Mobula including their headers: each costs a program that
// doesn't use it.
//
//   $ ./no_heavy_headers
//   none of them, and the containers are sent all the same

#include "mobula/array.hpp"
#include "mobula/serialization/serializer.hpp"

// The guards of libstdc++'s headers. (This is no test case, because test executables have a
// precompiled header.)
#if defined(_GLIBCXX_MAP) || defined(_GLIBCXX_SET) || defined(_GLIBCXX_UNORDERED_MAP)
#error "Mobula's serialisation includes associative containers"
#endif
#if defined(_GLIBCXX_DEQUE) || defined(_GLIBCXX_LIST) || defined(_GLIBCXX_FORWARD_LIST)
#error "Mobula's serialisation includes sequences that it has no need of"
#endif
#if defined(_GLIBCXX_FILESYSTEM) || defined(_GLIBCXX_CHRONO) || defined(_GLIBCXX_IOSTREAM)
#error "Mobula's serialisation includes expensive headers"
#endif
#if defined(_GLIBCXX_COMPLEX) || defined(_GLIBCXX_BITSET) || defined(_GLIBCXX_FUNCTIONAL)
#error "Mobula's serialisation includes headers that it has no need of"
#endif

#include <chrono>
#include <complex>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <map>
#include <string>

using everything = std::tuple<std::map<std::string, std::deque<int>>, std::filesystem::path,
                              std::complex<double>, std::chrono::steady_clock::time_point>;

int main() {
  const everything value{
      {{"a", {1, 2}}}, "some/where", {1, 2}, std::chrono::steady_clock::time_point()};
  if (mobula::from_message<everything>(mobula::to_message(value)) != value) return 1;
  std::puts("none of them, and the containers are sent all the same");
}
