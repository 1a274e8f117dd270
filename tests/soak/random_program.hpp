#pragma once

/// A random program from a seed, and the model that knows what each of its futures may be.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"

#include "soak/bodies.hpp"
#include "soak/model.hpp"
#include "soak/history.hpp"

namespace soak {

using namespace std::chrono_literals;

/// No wait of a program that works takes so long, in virtual time.
inline constexpr std::chrono::seconds patience{600};

/// Nodes may be taken for dead that are not: `node_silence` is 6 s.
inline bool cuts_are_long(const mobula::fault_plan& faults) {
  return faults.node_cuts > 0 && faults.node_cut > std::chrono::seconds(5);
}

/// Grows a graph of futures, looks at some on the way, and at all in the end. What a future may
/// fail with is decided when it is looked at: what was done to an actor, or to what the future was
/// made of, counts too.
class random_program {
 public:
  random_program(std::uint64_t seed, const mobula::fault_plan& faults)
      : random_(seed),
        gentle_(seed / 4 % 3 == 0),
        crashes_(faults.worker_crashes > 0 || faults.node_crashes > 0 ||
                 faults.node_drains > 0 || cuts_are_long(faults)),
        disk_(faults.disk_full > 0 || faults.disk_errors > 0 || faults.store_full > 0) {
    if (faults.node_drains > 0) history::of_run().explain_free_lives();
    if (crashes_ || disk_) history::of_run().explain_losses();
    add({.value = 1, .result = mobula::put(number{1})});
  }

  void grow(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }
  /// Every future has the outcome that the model says.
  void check_all() {
    std::vector<std::size_t> order(items_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    for (const std::size_t one : order) check(one);
    for (const large& one : larges_) check(one);
  }
  void drop_all() {
    for (item& one : items_) one.result = {};
    larges_.clear();
    for (teller_entry& one : tellers_) one.handle = {};
    for (group_entry& one : groups_) one.group.remove();
  }

 private:
  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }
  bool one_in(std::size_t n) { return pick(n) == 0; }
  std::size_t some() {
    for (int i = 0; i < 20; ++i) {
      const std::size_t near = std::min<std::size_t>(items_.size(), one_in(3) ? 1000 : 12);
      const std::size_t one = items_.size() - 1 - pick(near);
      if (items_[one].result.valid()) return one;
    }
    add({.value = 3, .result = mobula::put(number{3})});
    return items_.size() - 1;
  }
  void add(item one) { items_.push_back(std::move(one)); }
  /// By turns a short one, which may be over before the work is, and one that never is.
  static mobula::duration timeout_of(item& made, mobula::duration is_short) {
    if (made.work % 2 == 0) return 10h;
    made.may |= code(mobula::error_code::timeout);
    return is_short;
  }

  codes may_of(std::size_t index) const {
    const item& one = items_[index];
    codes all = one.may;
    if (one.actor >= 0) all |= tellers_[static_cast<std::size_t>(one.actor)].may;
    if (one.group >= 0 && groups_[static_cast<std::size_t>(one.group)].is_removed) {
      all |= code(mobula::error_code::placement_group_removed);
    }
    if (one.nested && (crashes_ || forced_)) all |= lost;
    for (const std::size_t from : one.of) all |= may_of(from);
    if (one.promised_by >= 0 && may_of(static_cast<std::size_t>(one.promised_by)) != 0) {
      all |= code(mobula::error_code::broken_promise);
    }
    return all;
  }
  bool must_fail(std::size_t index) const {
    const item& one = items_[index];
    if (one.promised_by >= 0 && must_fail(static_cast<std::size_t>(one.promised_by))) return true;
    return one.must_fail || std::any_of(one.of.begin(), one.of.end(), [this](std::size_t from) {
             return must_fail(from);
           });
  }

  /// Retries of a task, and what it may fail with if workers die.
  int draw_retries(codes& may) {
    static constexpr int choices[] = {-1, -1, -1, 0, 1, 3};
    const int retries = choices[pick(6)];
    if (retries >= 0 && crashes_) may |= is_alone_ ? died : died | lost_with_node;
    return retries;
  }
  /// Those and the workers of their children may own what other tasks have made.
  void kills_workers() {
    forced_ = true;
    history::of_run().explain_losses();
  }
  double draw_cpus() {
    static constexpr double choices[] = {1, 1, 1, 0, 0.5, 2};
    return choices[pick(6)];
  }

  void step() {
    history& all = history::of_run();
    const std::size_t a = some();
    const std::size_t b = some();
    const mobula::future<number> of_a = items_[a].result, of_b = items_[b].result;
    const number x = items_[a].value, y = items_[b].value;
    item made;
    made.of = {a};
    const int retries = draw_retries(made.may);
    made.work = all.make_work(retries);
    const double cpus = draw_cpus();
    const auto tenths = static_cast<std::int64_t>(cpus * 10'000);
    made.choice = pick(has_groups_ ? 38 : 34);
    switch (made.choice) {
      case 0:
      case 1:
        made.of.push_back(b);
        made.value = x + y + 1;
        made.result =
            mobula::async<soak::add>({.cpus = cpus, .max_retries = retries}, made.work, of_a, of_b);
        return add(std::move(made));
      case 2:
      case 3:
        made.value = x + 1;
        made.result = mobula::async<compute>({.cpus = cpus, .max_retries = retries}, made.work,
                                             tenths, of_a);
        return add(std::move(made));
      case 4:
        made.of.push_back(b);
        made.value = x + y + 1;
        made.result = mobula::async<add_inside>({.cpus = cpus, .max_retries = retries}, made.work,
                                                tenths, of_a, of_b);
        return add(std::move(made));
      case 5:
        made.must_fail = true;
        made.may |= code(mobula::error_code::task);
        made.result = mobula::async<fail>({.max_retries = retries}, made.work, of_a);
        if (!one_in(3)) return;  // not too many, and dropped while it runs
        return add(std::move(made));
      case 6:
        made.work = all.make_work(-1);
        made.value = x + 1;
        made.may = 0;
        made.result = mobula::async<late>(
            {.max_retries = -1, .retry_on = mobula::exceptions<std::out_of_range>()}, made.work,
            of_a);
        return add(std::move(made));
      case 7: {
        const int depth = static_cast<int>(pick(4));
        made.value = x * (number{1} << depth);
        made.result =
            mobula::async<tree>({.cpus = cpus, .max_retries = retries}, made.work, depth, of_a);
        return add(std::move(made));
      }
      case 8: {
        made.nested = true;
        made.value = x + 2;
        const work_number outer = made.work;
        made.work = all.make_work(retries);
        made.result = mobula::async<open_nested>(
            {.max_retries = retries}, made.work,
            mobula::async<nested>({.max_retries = retries}, outer, of_a));
        return add(std::move(made));
      }
      case 9: {
        made.of = {a, b};
        made.value = x + y + 1;
        const auto round = mobula::async<pass_on>({.max_retries = retries}, made.work,
                                                  std::vector{of_a, of_b});
        made.work = all.make_work(retries);
        made.result = mobula::async<sum_of>({.max_retries = retries}, made.work, round);
        return add(std::move(made));
      }
      case 10:
      case 11: {
        const mobula::promise<number> promised;
        made.value = x;
        made.result = promised.get_future();
        made.of = {};
        made.promised_by = static_cast<int>(a);
        if (retries >= 0 && crashes_) made.may = code(mobula::error_code::broken_promise);
        if (one_in(2)) {
          static_cast<void>(
              mobula::async<fulfil>({.max_retries = retries}, made.work, true, promised, of_a));
        } else {
          static_cast<void>(
              mobula::async<fulfil_by_child>({.max_retries = retries}, made.work, promised, of_a));
        }
        made.work = -1;
        return add(std::move(made));
      }
      case 12:
        for (std::size_t i = pick(3); i != 0; --i) make_large(a, draw_cpus(), retries, made.may);
        return make_large(a, cpus, retries, made.may);
      case 13:
      case 14: {
        if (larges_.empty()) return;
        const large& from = larges_[pick(larges_.size())];
        made.of = {from.of};
        made.may |= from.may | (disk_ ? no_room : codes{0});
        made.value = from.value + static_cast<number>(from.count);
        made.result = mobula::async<sum_big>({.max_retries = retries}, made.work, from.result);
        return add(std::move(made));
      }
      case 15: {
        if (gentle_ || !one_in(2) || items_[a].promised_by >= 0) return;
        items_[a].may |= code(mobula::error_code::cancelled);
        const bool force = one_in(3);
        if (force) kills_workers();
        mobula::cancel(of_a, {.force = force, .recursive = !one_in(3)});
        return;
      }
      case 16:
        if (gentle_) return;
        made.value = x + 1;
        made.result = mobula::async<doze>(
            {.cpus = 0.5, .max_retries = retries, .timeout = timeout_of(made, 20ms)}, made.work,
            of_a);
        return add(std::move(made));
      case 17:
        made.of.push_back(b);
        made.value = x + 1;
        made.result = mobula::async<doze_after>(
            {.cpus = 0, .max_retries = retries, .after = {of_b}, .timeout = patience}, made.work,
            items_[b].work, of_a);
        return add(std::move(made));
      case 18:
        return check(a);
      case 19: {
        const auto seen = mobula::wait({of_a}, {.count = 1, .timeout = pick(3) * 2ms});
        if (!seen.ready.empty()) check(a);
        return;
      }
      case 20:
      case 21:
        items_[a].result = {};
        return;
      case 22:
        return spawn_teller();
      case 23:
        return hurt_teller();
      case 24:
        mobula::sleep_for(std::chrono::microseconds(pick(20'000)));
        return;
      case 25: {
        if (tellers_.empty()) return;
        const std::size_t to = pick(tellers_.size());
        const teller_entry& one = tellers_[to];
        if (!one.handle.valid()) return;
        made.actor = static_cast<int>(to);
        made.may |= one.over ? code(mobula::error_code::actor_died) : codes{0};
        // The task may be quicker than the word of the actor's end, which goes by the head.
        made.must_fail = one.over && is_alone_;
        made.value = 3 * (x + 1);
        made.result = mobula::async<talk>({.cpus = 0.5, .max_retries = retries}, made.work,
                                          one.handle, one.retries, of_a);
        return add(std::move(made));
      }
      case 26:
      case 27: {
        if (tellers_.empty()) return;
        const teller_entry& one = tellers_[pick(tellers_.size())];
        if (!one.handle.valid()) return;
        // Nobody but the teller has it when the task is over.
        static_cast<void>(mobula::async<entrust>(
            {.cpus = 0, .max_retries = retries}, made.work, one.handle, one.retries,
            std::vector{mobula::async<soak::add>({.max_retries = -1}, all.make_work(-1), of_a,
                                                 number{1})},
            x + 2, of_a));
        return;
      }
      case 28:
      case 29:
        made.value = 3 * (x + 1);
        made.result = mobula::async<found>({.cpus = cpus, .max_retries = retries}, made.work, of_a);
        return add(std::move(made));
      case 34:
        return reserve_group();
      case 35:
      case 36:
      case 37: {
        if (groups_.empty()) return;
        const group_entry& one = groups_.back();
        made.group = static_cast<int>(groups_.size()) - 1;
        made.value = x + 1;
        made.result = mobula::async<compute>(
            {.cpus = 0.25, .where = one.group.bundle(pick(one.bundles)), .max_retries = retries},
            made.work, 2'500, of_a);
        return add(std::move(made));
      }
      default:
        return call_teller(a);
    }
  }
  /// One at a time, and small: there must be room for a task of two CPUs beside it.
  void reserve_group() {
    if (!groups_.empty() && !groups_.back().is_removed) {
      groups_.back().is_removed = true;
      kills_workers();
      return groups_.back().group.remove();
    }
    std::vector<mobula::bundle> bundles(1 + pick(3));
    for (mobula::bundle& one : bundles) one.cpus = one_in(2) ? 0.25 : 0.5;
    using mobula::strategy;
    static constexpr strategy strategies[] = {strategy::pack, strategy::spread,
                                              strategy::strict_pack, strategy::strict_spread};
    const bool may_need_nodes = mobula::nodes().size() >= bundles.size();
    const strategy how = strategies[pick(may_need_nodes ? 4 : 3)];
    groups_.push_back({mobula::reserve(bundles, how), bundles.size()});
  }
  /// Most are stored, and the store holds a few: the others go to the disk.
  void make_large(std::size_t a, double cpus, int retries, codes may) {
    const std::size_t count = one_in(4) ? 500 + pick(7'000) : 9'000 + pick(16'000);
    const number value = items_[a].value;
    large made{{}, value, count, a, may | (disk_ ? no_room : codes{0})};
    if (one_in(3)) {
      made.of = 0;  // it is made of nothing, and the first future does not fail
      try {
        made.result = mobula::put(big(count, value));
      } catch (const mobula::error& why) {
        return judge("a large value of the driver's", true, made.may, why);
      }
    } else {
      // Who wrote it may die before its node hears of that, on a link that loses messages.
      if (retries >= 0 && crashes_) made.may |= lost_with_node;
      made.result =
          mobula::async<make_big>({.cpus = cpus, .max_retries = retries},
                                  history::of_run().make_work(retries), count, items_[a].result);
    }
    larges_.push_back(std::move(made));
    if (larges_.size() > 6) larges_.erase(larges_.begin());
  }
  void spawn_teller() {
    history& all = history::of_run();
    static constexpr int lives[] = {-1, -1, 0, 1, 2};
    mobula::actor_options options;
    options.max_restarts = lives[pick(5)];
    options.max_task_retries = one_in(2) ? -1 : static_cast<int>(pick(2));
    options.max_concurrency = one_in(3) ? 3 : 1;
    if (one_in(4)) options.isolation = mobula::isolation::process;
    if (one_in(4)) options.isolation = mobula::isolation::shared;
    if (one_in(2)) options.name = "teller " + std::to_string(pick(3));
    bool surely = false, perhaps = false;
    for (const teller_entry& one : tellers_) {
      if (options.name.empty() || one.name != options.name || one.over) continue;
      // What is used by a call or a body lives on when the driver's handle is gone.
      perhaps = true;
      surely = surely || (!one.doubtful && one.handle.valid() &&
                          (!crashes_ || one.restarts < 0));
    }
    teller_entry made{{},
                      all.make_actor(options.max_restarts, options.max_concurrency == 1),
                      options.name,
                      options.max_restarts,
                      options.max_task_retries};
    if (crashes_ && options.max_restarts >= 0) {
      made.may |= code(mobula::error_code::actor_died);
    }
    if (crashes_ && options.max_task_retries >= 0) {
      made.may |= code(mobula::error_code::actor_unavailable);
    }
    try {
      made.handle = mobula::spawn<teller>(options, made.id);
      if (surely) all.wrong("two living actors have the name " + options.name);
    } catch (const mobula::name_taken_error&) {
      if (!perhaps) all.wrong("the name " + options.name + " is taken, and nobody has it");
      return;
    }
    if (!options.name.empty() && !crashes_) {
      const auto found = mobula::find<teller>(options.name);
      if (!found || !(found->id() == made.handle.id())) {
        all.wrong("the actor " + options.name + " is not found by its name");
      }
    }
    tellers_.push_back(std::move(made));
  }
  void hurt_teller() {
    if (tellers_.empty()) return;
    teller_entry& one = tellers_[pick(tellers_.size())];
    if (!one.handle.valid()) return;
    const std::size_t choice = pick(8);
    if (!gentle_ && choice < 4) kills_workers();
    switch (gentle_ ? 7 : choice) {
      case 0:
        one.over = true;
        one.may |= code(mobula::error_code::actor_died);
        return mobula::kill(one.handle);
      case 1:
      case 2:
        if (one.restarts >= 0) {
          one.may |= code(mobula::error_code::actor_died);
          one.doubtful = true;
        }
        if (one.retries >= 0) one.may |= code(mobula::error_code::actor_unavailable);
        return mobula::kill(one.handle, {.restart = true});
      case 3: {
        one.may |= code(mobula::error_code::actor_died);
        one.doubtful = true;
        const mobula::future<void> end = one.handle.stop();
        if (one_in(2)) {
          try {
            mobula::get(end, patience);
          } catch (const mobula::timeout_error&) {
            history::of_run().wrong("a stop never ended");
          } catch (const mobula::actor_error&) {
          }
        }
        return;
      }
      default:
        one.handle = {};
        return;
    }
  }
  void call_teller(std::size_t a) {
    if (tellers_.empty()) return spawn_teller();
    const std::size_t index = pick(tellers_.size());
    teller_entry& to = tellers_[index];
    if (!to.handle.valid()) return;
    item made;
    made.of = {a};
    made.actor = static_cast<int>(index);
    made.must_fail = to.over;
    made.value = items_[a].value + 1;
    made.work = history::of_run().make_work(to.retries);
    const mobula::future<number> x = items_[a].result;
    constexpr caller_number driver = 0;
    const std::int64_t sequence = ++to.sequence;
    const std::size_t choice = pick(8);
    switch (gentle_ && (choice == 2 || choice == 3) ? 7 : choice) {
      case 0:
        made.result = to.handle.call<&teller::ask>(made.work, driver, sequence, x);
        break;
      case 1:
        made.result = to.handle.call<&teller::nap>(made.work, driver, sequence, x);
        break;
      case 2:
        made.result = to.handle.call<&teller::nap>({.timeout = timeout_of(made, 4ms)}, made.work,
                                                   driver, sequence, x);
        break;
      case 3:
        if (!one_in(4)) return;
        kills_workers();
        made.must_fail = true;
        to.may |= code(mobula::error_code::actor_died);
        to.may |= code(mobula::error_code::actor_unavailable);
        to.doubtful = true;
        made.result = to.handle.call<&teller::leave>(made.work, driver, sequence, x);
        break;
      default:
        made.result = to.handle.call<&teller::tell>(made.work, driver, sequence, x);
        break;
    }
    add(std::move(made));
  }

  std::string text(std::size_t index) const {
    const item& one = items_[index];
    std::string of;
    for (const std::size_t from : one.of) of += " " + std::to_string(from);
    if (one.promised_by >= 0) of += " promised by " + std::to_string(one.promised_by);
    return "future " + std::to_string(index) + " (choice " + std::to_string(one.choice) + " of" +
           of + ", work " + std::to_string(one.work) +
           (one.actor >= 0 ? ", actor " + std::to_string(one.actor) : std::string{}) + ")";
  }
  void check(std::size_t index) {
    const item& one = items_[index];
    if (!one.result.valid()) return;
    history& all = history::of_run();
    try {
      const number value = mobula::get(one.result, patience);
      all.seen(one.work);
      if (must_fail(index)) all.wrong(text(index) + " has a value, and should have failed");
      if (value != one.value) {
        all.wrong(text(index) + " is " + std::to_string(value) + ", and should be " +
                  std::to_string(one.value));
      }
    } catch (const mobula::error& why) {
      judge(text(index), one.result.ready(), may_of(index), why);
      // Others are decided while a body may still be on its way to a worker.
      if (why.code() == mobula::error_code::task) all.seen(one.work);
    }
  }
  void check(const large& one) {
    history& all = history::of_run();
    try {
      const big value = mobula::get(one.result, patience);
      if (value != big(one.count, one.value)) all.wrong("a large value is another one");
    } catch (const mobula::error& why) {
      judge("a large value", one.result.ready(), one.may | may_of(one.of), why);
    }
  }
  void judge(const std::string& what, bool ready, codes may, const mobula::error& why) {
    if (!ready) return history::of_run().wrong(what + " never ended");
    if ((code(why.code()) & may) != 0) return;
    history::of_run().wrong(what + " failed, which no fault explains: " + why.what());
  }

  std::mt19937_64 random_;
  /// Nothing is cancelled, late, killed or stopped: what that would excuse is found in these.
  const bool gentle_;
  const bool crashes_;
  const bool disk_;
  const bool is_alone_ = mobula::nodes().size() == 1;  ///< the only node
  /// There is room for them.
  const bool has_groups_ = [] {
    const std::vector<mobula::node_info> all = mobula::nodes();
    return std::any_of(all.begin(), all.end(), [](const mobula::node_info& one) {
      return one.total.cpus >= 4;
    });
  }();
  bool forced_ = false;
  std::vector<item> items_;
  std::vector<large> larges_;
  std::vector<teller_entry> tellers_;
  std::vector<group_entry> groups_;
};

}  // namespace soak
