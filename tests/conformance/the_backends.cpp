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
  conformance::deeds.kill = [](const std::string& which) { mobula::testing::kill_node(which); };
  conformance::deeds.join = [](const mobula::node_options& what) { mobula::testing::add_node(what); };
  conformance::deeds.cut = [](const std::string& which, mobula::duration lasts) {
    mobula::testing::cut_node(which, lasts);
  };
  conformance::deeds.drain = [](const std::string& which, mobula::duration lasts) {
    mobula::testing::drain_node(which, {.deadline = lasts});
  };
  conformance::deeds.cut_between = [](const std::vector<std::string>& from,
                                      const std::vector<std::string>& to, mobula::duration lasts) {
    mobula::testing::cut_between(from, to, lasts);
  };
  conformance::deeds.pause = [](const std::string& which, mobula::duration lasts) {
    mobula::testing::pause_node(which, lasts);
  };
  return true;
}();

}  // namespace
#endif
