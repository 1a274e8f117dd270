#pragma once

/// The processes that a simulation has ever had, as they are looked for.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/backends/simulation/node_process.hpp"
#include "mobula/backends/simulation/worker_process.hpp"

namespace mobula::simulation {

/// Who asks for one process looks at no other. The dead are there too.
class roster {
 public:
  void add(node_process& one, party machine) {
    nodes_[one.self()] = &one;
    on_machine_[machine] = &one;
    named_[one.home().about.name].push_back(&one);
  }
  void add(worker_process& one) {
    workers_[one.self()] = &one;
    workers_on_[one.home().node].push_back(&one);
  }

  void set_driver(worker_process& one) { driver_ = &one; }

  /// Where that process is, or itself. Null: it is on none.
  node_process* home_of(party who) const {
    if (node_process* const one = node(who)) return one;
    if (driver_ != nullptr && who == driver_->self()) return node(driver_->home().node);
    const worker_process* const one = worker(who);
    return one == nullptr ? nullptr : node(one->home().node);
  }
  /// Calls `visit` for a node, its driver and its workers, the dead ones too.
  template <class Visit>
  void for_each_party_on(const node_process& home, Visit visit) const {
    visit(home);
    if (driver_ != nullptr && driver_->home().node == home.self()) visit(*driver_);
    for_each_worker_on(home.self(), visit);
  }

  /// Null.
  node_process* node(party who) const { return find(nodes_, who); }
  worker_process* worker(party who) const { return find(workers_, who); }
  /// The last that there was; null.
  node_process* node_on(party machine) const { return find(on_machine_, machine); }
  /// Null.
  node_process* living_node(std::string_view name) const {
    const auto at = named_.find(name);
    if (at == named_.end()) return nullptr;
    for (node_process* const one : at->second) {
      if (one->alive()) return one;
    }
    return nullptr;
  }
  /// Calls `visit(worker_process&)` for that node's, in the order of their birth.
  template <class Visit>
  void for_each_worker_on(party node, Visit visit) const {
    const auto at = workers_on_.find(node);
    if (at == workers_on_.end()) return;
    for (std::size_t i = 0; i < at->second.size(); ++i) visit(*at->second[i]);
  }

 private:
  template <class Process>
  static Process* find(const std::map<party, Process*>& in, party who) {
    const auto at = in.find(who);
    return at == in.end() ? nullptr : at->second;
  }

  worker_process* driver_ = nullptr;
  std::map<party, node_process*> nodes_;
  std::map<party, node_process*> on_machine_;
  std::map<std::string, std::vector<node_process*>, std::less<>> named_;
  std::map<party, worker_process*> workers_;
  std::map<party, std::vector<worker_process*>> workers_on_;
};

}  // namespace mobula::simulation
