// Brings the backends into the suite, once: each is some seconds of compiling.

#include "mobula/backends.hpp"
#ifdef MOBULA_WITH_SIMULATION
#include "mobula/testing/simulation.hpp"
#endif

#include "conformance/support.hpp"

#ifdef MOBULA_WITH_SIMULATION
namespace {

const bool time_passes = [] {
  conformance::pass_time = [] { mobula::testing::compute_for(std::chrono::microseconds(100)); };
  return true;
}();

}  // namespace
#endif
