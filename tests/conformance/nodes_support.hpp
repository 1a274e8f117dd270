#pragma once

/// What the cases of several nodes share: bodies that say where they are, an actor that does, and
/// placements by a node's name.

#include <chrono>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

namespace conformance {

inline std::string where() { return mobula::this_node::name(); }
/// Stays until it may go, so that others must find room elsewhere.
inline std::string stay(tally began, event go) {
  began.add();
  go.wait();
  return where();
}
inline std::string nap(int milliseconds) {
  mobula::this_task::sleep_for(std::chrono::milliseconds(milliseconds));
  return where();
}

/// How often each name comes.
inline std::map<std::string, int> counted(std::vector<mobula::future<std::string>> all) {
  std::map<std::string, int> out;
  for (const std::string& one : mobula::get(std::move(all))) ++out[one];
  return out;
}

inline constexpr int plenty = 200'000;  // ints, too many to be carried in a message
inline std::vector<int> counted_up(int from) {
  std::vector<int> made(plenty);
  std::iota(made.begin(), made.end(), from);
  return made;
}

inline auto bound_to(const std::string& name) { return mobula::on_node(node_of_name(name).id); }
inline auto rather_at(const std::string& name) {
  return mobula::on_node(node_of_name(name).id, {.soft = true});
}

class resident {
 public:
  std::string where() const { return conformance::where(); }
  bool is_new_life() const { return mobula::this_actor::restarted(); }
  int add(int by) { return sum_ += by; }
  std::string stay(tally began, event go) const { return conformance::stay(began, go); }

 private:
  int sum_ = 0;
};

}  // namespace conformance
