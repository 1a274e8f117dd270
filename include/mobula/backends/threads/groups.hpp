#pragma once

/// The placement groups of a process: who holds a part of a bundle, and who waits for one.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/backends/threads/pool.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/group_facts.hpp"
#include "mobula/core/missing.hpp"
#include "mobula/core/validate.hpp"

namespace mobula::detail {

/// What groups need of the backend around them.
class group_client {
 public:
  /// A task, or a constructor, of a group that is removed: it waits in no line any more, or it runs
  /// and is to be stopped; an actor that lives dies. With a pin, which it takes over.
  virtual void group_removed(task& one, const failure_ptr& why) noexcept = 0;
  virtual void warn_of_group(const std::string& text) noexcept = 0;

 protected:
  ~group_client() = default;
};

class group_cell;
class group_house;

/// One bundle: what it has, as a ledger of its own.
class bundle_room final : public ledger {
 public:
  bundle_room(group_cell& whose, const resource_vector& all) : ledger(all), of(whose) {}

  group_cell& of;
  /// Tasks that run, or are about to, and constructors of actors that live; each with a pin.
  std::set<task*> members;
  bool is_given_back = false;
};

/// A group. All but the constants is under the house's lock.
class group_cell : public reservation {
 public:
  group_cell(group_ptr what, std::string space)
      : facts(std::move(what)), name_space(std::move(space)) {
    for (const resource_vector& one : facts->bundles) {
      wanted += one;
      rooms.push_back(std::make_unique<bundle_room>(*this, one));
    }
  }

  const group_ptr facts;
  const std::string name_space;
  group_house* house = nullptr;

  /// Tasks of one function that ask for the same, of one bundle or of any; at least one.
  struct line {
    const function_entry* whose = nullptr;
    std::optional<std::size_t> bundle;
    std::uint32_t passes = 0;  ///< grants that have overtaken its first
    std::deque<task*> tasks{};
  };

  group_state state = group_state::pending;
  bool is_ending = false;  ///< what is in it is just being ended
  bool is_queued = false;  ///< the node's ledger knows it, and will call, or is just calling
  std::vector<std::unique_ptr<bundle_room>> rooms;
  std::deque<line> lines;           ///< whose turn is next goes first
  std::vector<record_ptr> waiters;  ///< of `ready`

  [[nodiscard]] bool is_over() const noexcept {
    return state == group_state::removed && !is_queued && !is_ending &&
           std::all_of(rooms.begin(), rooms.end(),
                       [](const auto& room) { return room->members.empty(); });
  }
};

/// Invariants:
///  - A group has all its bundles' resources, from its creation until the last that ran in a bundle
///  has ended after its removal; what runs in a bundle has its resources from there.
///  - A task of a group stands in one of its lines, or is a member of one of its rooms.
///  - A group is forgotten when it is removed and has no member.
/// Thread safety: all members. No lock is held while the client or the pool is called, but for a
/// coroutine that comes back to its bundle: it is put into the pool's queue.
class group_house {
 public:
  /// Source: the engine's nodes wait so long with it too.
  static constexpr std::chrono::seconds wait_warning{1};
  /// Between two looks of the watch while something waits.
  static constexpr std::chrono::milliseconds pause_max{100};

  group_house(group_client& client, pool& runs, ledger& node, const node_info& where,
              infeasible_policy infeasible)
      : client_(client), pool_(runs), node_(node), where_(where), infeasible_(infeasible) {}
  group_house(const group_house&) = delete;
  group_house& operator=(const group_house&) = delete;

  group_ptr reserve(const group_request& request, const std::string& job_space, group_id id,
                    std::uint32_t epoch) {
    auto facts = std::make_shared<group_facts>();
    facts->id = id;
    facts->epoch = epoch;
    facts->name = request.options.name;
    for (const bundle& one : request.bundles) facts->bundles.push_back(resources_of(one));
    const std::string space =
        request.options.name_space.empty() ? job_space : request.options.name_space;
    auto made = std::make_unique<group_cell>(facts, space);
    group_cell& cell = *made;
    cell.granted = [](reservation& one) noexcept {
      group_cell& self = static_cast<group_cell&>(one);
      self.house->created(self);
    };
    cell.house = this;
    const std::string lacks = never_there(request, cell.wanted);
    if (!lacks.empty() && infeasible_ == infeasible_policy::fail) {
      throw infeasible_error(facts->label() + " " + lacks);
    }
    {
      const std::lock_guard lock{mutex_};
      if (!facts->name.empty() && !names_.try_emplace({space, facts->name}, id).second) {
        throw name_taken_error("reserve: the name '" + facts->name + "' in namespace '" + space +
                               "' belongs to another placement group");
      }
      cell.is_queued = lacks.empty();
      cells_.emplace(id, std::move(made));
    }
    if (lacks.empty()) {
      node_.enqueue(cell);
      pool_.dispatch();
      pool_.keep_watch();
    } else {
      client_.warn_of_group(facts->label() + " " + lacks + "; it waits for a node that has it");
    }
    return facts;
  }

  group_ptr find(const std::string& name, const std::string& space) const {
    const std::lock_guard lock{mutex_};
    const auto at = names_.find({space, name});
    return at == names_.end() ? nullptr : cells_.at(at->second)->facts;
  }

  group_status status_of(const group_facts& of) const {
    group_status now;
    for (const resource_vector& one : of.bundles) now.bundles.push_back({one.to_set(), {}});
    const std::lock_guard lock{mutex_};
    const group_cell* const cell = known(of.id);
    if (cell == nullptr) return now;
    now.state = cell->state;
    if (cell->state == group_state::created) {
      for (bundle_info& one : now.bundles) one.node = where_.id;
    }
    return now;
  }

  /// See `backend::group_ready`.
  void when_ready(const group_facts& of, const record_ptr& done) {
    group_state state = group_state::removed;
    {
      const std::lock_guard lock{mutex_};
      if (group_cell* const cell = known(of.id)) {
        state = cell->state;
        if (state == group_state::pending) cell->waiters.push_back(done);
      }
    }
    if (state != group_state::pending) settle(*done, state == group_state::created, of);
  }

  /// See `backend::remove_group`.
  void remove(const group_facts& of) {
    std::vector<task*> over;
    std::vector<record_ptr> waiters;
    group_cell* cell = nullptr;
    bool had_them = false;
    {
      const std::lock_guard lock{mutex_};
      cell = known(of.id);
      if (cell == nullptr || cell->state == group_state::removed) return;
      if (cell->is_queued && node_.withdraw(*cell)) cell->is_queued = false;
      had_them = cell->state == group_state::created;
      cell->state = group_state::removed;
      cell->is_ending = true;
      if (!of.name.empty()) names_.erase({cell->name_space, of.name});
      for (group_cell::line& line : cell->lines) {
        over.insert(over.end(), line.tasks.begin(), line.tasks.end());
      }
      cell->lines.clear();
      waiters.swap(cell->waiters);
      for (const auto& room : cell->rooms) {
        for (task* const one : room->members) {
          one->pin();
          over.push_back(one);
        }
      }
    }
    const failure_ptr why = removed(of);
    for (const record_ptr& one : waiters) settle(*one, false, of);
    for (task* const one : over) client_.group_removed(*one, why);
    {
      // Now that all is decided: with these resources a task outside may run for which a member
      // waits.
      const std::lock_guard lock{mutex_};
      if (had_them) {
        for (const auto& room : cell->rooms) give_back_if_empty(*room);
      }
      cell->is_ending = false;
      forget_if_over(*cell);
    }
    pool_.after_give();
  }

  static failure_ptr removed(const group_facts& of) {
    return failure_ptr::make(placement_group_removed_error(of.label() + " was removed"));
  }

  // --- Who runs in a bundle ---

  /// A task, or a constructor, of a group gets in line; its queue's pin goes along. False: the
  /// group is removed.
  [[nodiscard]] bool enqueue(task& one) {
    const placement& where = one.wishes->where;
    std::vector<task*> ended;
    std::vector<task*> granted;
    {
      const std::lock_guard lock{mutex_};
      group_cell* const cell = known(where.group());
      if (cell == nullptr || cell->state == group_state::removed) return false;
      const auto mine =
          std::find_if(cell->lines.begin(), cell->lines.end(), [&](const group_cell::line& at) {
            return at.whose == one.function && at.bundle == where.bundle_index() &&
                   at.tasks.front()->wishes->resources == one.wishes->resources;
          });
      if (mine != cell->lines.end()) {
        mine->tasks.push_back(&one);
      } else {
        cell->lines.push_back({one.function, where.bundle_index(), 0, {&one}});
        granted = grant(*cell, ended);
      }
    }
    finish(granted, ended);
    return true;
  }

  /// It runs no more, or never did: what it had is the bundle's again.
  void leave(task& one, const resource_vector& had) { change(one, had, true); }
  /// An actor lives, and keeps less than it needed to be placed.
  void give_back(task& constructor, const resource_vector& surplus) {
    change(constructor, surplus, false);
  }
  /// A body that waits has lent its CPUs to the bundle.
  void after_lending(ledger& room) {
    std::vector<task*> ended;
    std::vector<task*> granted;
    {
      const std::lock_guard lock{mutex_};
      granted = grant(static_cast<bundle_room&>(room).of, ended);
    }
    finish(granted, ended);
  }

  /// Tasks outside wait for CPUs that groups may hold, perhaps for the end of a group that waits
  /// for them: said once, when that has gone on for a while. Called again and again while it does.
  void warn_of_waiting() {
    const auto now = clock::now();
    {
      const std::lock_guard lock{mutex_};
      const bool some = std::any_of(cells_.begin(), cells_.end(), [](const auto& one) {
        return one.second->state == group_state::created;
      });
      if (!some || has_warned_) return;
      if (now - last_short_ > pause_max) short_since_ = now;
      last_short_ = now;
      if (now - short_since_ < wait_warning) return;
      has_warned_ = true;
    }
    client_.warn_of_group(
        "tasks wait outside of the placement groups, which hold what they need: they go on when "
        "one is removed; .capture_children keeps children in their parent's group");
  }

  /// At the end: everybody who stands in line, with its queue's pin.
  std::vector<task*> drain(const failure_ptr& why) {
    std::vector<task*> all;
    std::vector<record_ptr> waiters;
    {
      const std::lock_guard lock{mutex_};
      for (auto& [id, cell] : cells_) {
        for (group_cell::line& line : cell->lines) {
          all.insert(all.end(), line.tasks.begin(), line.tasks.end());
        }
        cell->lines.clear();
        waiters.insert(waiters.end(), cell->waiters.begin(), cell->waiters.end());
        cell->waiters.clear();
      }
    }
    for (const record_ptr& one : waiters) {
      one->settle_failure(why);
      one->end_producing();
    }
    return all;
  }

 private:
  /// Why the node can never hold it; empty where it could.
  std::string never_there(const group_request& request, const resource_vector& sum) const {
    if (request.how == strategy::strict_spread && request.bundles.size() > 1) {
      return "needs " + text_of(request.bundles.size()) +
             " nodes for strategy::strict_spread, there is 1";
    }
    for (const bundle& one : request.bundles) {
      for (const auto& [name, value] : one.labels) {
        const auto at = where_.labels.find(name);
        if (at == where_.labels.end() || at->second != value) {
          return "needs label " + name + "=" + value + ", which no node has";
        }
      }
    }
    return missing(sum, node_.total());
  }

  group_cell* known(group_id id) const {
    const auto at = cells_.find(id);
    return at == cells_.end() ? nullptr : at->second.get();
  }

  static void settle(record& done, bool is_created, const group_facts& of) {
    if (is_created) {
      done.settle_value();
    } else {
      done.settle_failure(removed(of));
    }
    done.end_producing();
  }

  /// The node's ledger has given the group all that it wants.
  void created(group_cell& cell) noexcept {
    std::vector<record_ptr> waiters;
    std::vector<task*> ended;
    std::vector<task*> granted;
    const group_ptr facts = cell.facts;
    bool over = false;
    {
      const std::lock_guard lock{mutex_};
      cell.is_queued = false;
      over = cell.state == group_state::removed;
      if (over) {
        for (const auto& room : cell.rooms) give_back_if_empty(*room);
        forget_if_over(cell);
      } else {
        cell.state = group_state::created;
        waiters.swap(cell.waiters);
        granted = grant(cell, ended);
      }
    }
    for (const record_ptr& one : waiters) settle(*one, true, *facts);
    finish(granted, ended);
    if (over) pool_.after_give();
  }

  void change(task& one, const resource_vector& gives, bool leaves) {
    std::vector<task*> ended;
    std::vector<task*> granted;
    bool over = false;
    {
      const std::lock_guard lock{mutex_};
      bundle_room& room = static_cast<bundle_room&>(*static_cast<ledger*>(one.wishes->room));
      group_cell& cell = room.of;
      room.give(gives);
      if (leaves) {
        one.wishes->room = nullptr;
        room.members.erase(&one);
      }
      granted = grant(cell, ended);
      over = cell.state == group_state::removed;
      if (over) {
        give_back_if_empty(room);
        forget_if_over(cell);
      }
    }
    if (leaves) one.unpin();
    finish(granted, ended);
    if (over) pool_.after_give();
  }

  /// Of a group that is removed and had its resources.
  void give_back_if_empty(bundle_room& room) {
    if (!room.members.empty() || std::exchange(room.is_given_back, true)) return;
    node_.end_keeping(room.total());
    node_.give(room.total());
  }
  void forget_if_over(group_cell& cell) {
    if (cell.is_over()) cells_.erase(cell.facts->id);
  }

  /// Each line has one turn a round, as in the node's ledger. A line that has been overtaken too
  /// often keeps others out of the bundles that it waits for.
  std::vector<task*> grant(group_cell& cell, std::vector<task*>& ended) {
    std::vector<task*> granted;
    // Who comes back is first, and does so in a removed group too.
    for (const auto& room : cell.rooms) static_cast<void>(room->grant());
    if (cell.state != group_state::created) return granted;
    for (bool progress = true; progress;) {
      progress = false;
      std::deque<group_cell::line> refused;
      for (std::size_t left = cell.lines.size(); left > 0; --left) {
        group_cell::line mine = std::move(cell.lines.front());
        cell.lines.pop_front();
        task& first = *mine.tasks.front();
        if (first.is_claimed()) {  // while it waited: it needs nothing any more
          ended.push_back(&first);
        } else if (bundle_room* const room = find_room(cell, mine, first, refused)) {
          first.pin();
          first.wishes->room = static_cast<ledger*>(room);
          room->members.insert(&first);
          granted.push_back(&first);
          mine.passes = 0;
        } else {
          refused.push_back(std::move(mine));
          continue;
        }
        mine.tasks.pop_front();
        progress = true;
        if (!mine.tasks.empty()) cell.lines.push_back(std::move(mine));
      }
      cell.lines.insert(cell.lines.begin(), std::make_move_iterator(refused.begin()),
                        std::make_move_iterator(refused.end()));
    }
    return granted;
  }
  /// Where it fits, and its resources are taken; null: nowhere now. `older`: lines that were
  /// refused.
  static bundle_room* find_room(group_cell& cell, const group_cell::line& mine, const task& first,
                                std::deque<group_cell::line>& older) {
    const resource_vector& wanted = first.wishes->resources;
    const auto waits_for = [](const group_cell::line& line, std::size_t index) {
      return !line.bundle || *line.bundle == index;
    };
    for (std::size_t index = 0; index < cell.rooms.size(); ++index) {
      bundle_room& room = *cell.rooms[index];
      if (!waits_for(mine, index)) continue;
      if (!wanted.cpus().is_zero() && room.contended()) continue;
      const bool barred =
          std::any_of(older.begin(), older.end(), [&](const group_cell::line& line) {
            return line.passes >= ledger::passes_max && waits_for(line, index) &&
                   room.fits_beside_kept(line.tasks.front()->wishes->resources);
          });
      if (barred || !room.try_take(wanted)) continue;
      for (group_cell::line& line : older) {
        if (waits_for(line, index)) ++line.passes;
      }
      return &room;
    }
    return nullptr;
  }

  void finish(const std::vector<task*>& granted, const std::vector<task*>& ended) {
    for (task* const one : ended) one->unpin();
    if (!granted.empty()) pool_.push_granted(granted);
  }

  group_client& client_;
  pool& pool_;
  ledger& node_;
  const node_info& where_;
  const infeasible_policy infeasible_;
  mutable std::mutex mutex_;
  bool has_warned_ = false;
  clock::time_point short_since_{};  ///< tasks wait for what groups hold, as far as is known
  clock::time_point last_short_{};
  std::map<group_id, std::unique_ptr<group_cell>> cells_;
  std::map<std::pair<std::string, std::string>, group_id> names_;  ///< by namespace and name
};

}  // namespace mobula::detail
