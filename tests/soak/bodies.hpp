#pragma once

/// The tasks and the actor that random programs are made of. Each tells the history what it does.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"

#include "soak/history.hpp"

namespace soak {

using namespace std::chrono_literals;

using number = std::int64_t;
using big = std::vector<number>;

/// A body's run: it begins here, and has ended when the body returns. One that throws, or is killed
/// while it waits, has not.
class running {
 public:
  explicit running(work_number work)
      : work_(work), exceptions_(std::uncaught_exceptions()) {
    history::of_run().begins(work, mobula::this_task::attempt());
  }
  running(const running&) = delete;
  running& operator=(const running&) = delete;
  ~running() {
    if (std::uncaught_exceptions() == exceptions_) history::of_run().ends(work_);
  }

 private:
  work_number work_;
  int exceptions_;
};
/// Some virtual time, which depends on the work alone.
inline void take_time(work_number work) {
  mobula::testing::compute_for(std::chrono::microseconds(work * 7919 % 3'000));
}

// --- Tasks: each result is a function of the arguments that the model knows ----------------------

inline number add(work_number work, number a, number b) {
  const running here(work);
  return a + b + 1;
}
inline number compute(work_number work, std::int64_t cpus, number a) {
  const running here(work);
  const history::computing busy(cpus);
  take_time(work);
  return a + 1;
}
inline number doze(work_number work, number a) {
  const running here(work);
  mobula::this_task::sleep_for(std::chrono::microseconds(work * 104'729 % 60'000));
  return a + 1;
}
/// What ran before `work` has ended.
inline number doze_after(work_number work, work_number before, number a) {
  history::of_run().has_ended_before(before, work);
  return doze(work, a);
}
/// It lends its CPUs while it waits, and has them again when it computes.
inline number add_inside(work_number work, std::int64_t cpus, mobula::future<number> a,
                         mobula::future<number> b) {
  const running here(work);
  const number sum = mobula::get(a) + mobula::get(b) + 1;
  const history::computing busy(cpus);
  take_time(work);
  return sum;
}
inline number fail(work_number work, number) {
  const running here(work);
  throw std::runtime_error("on purpose");
}
inline number late(work_number work, number a) {
  const running here(work);
  if (mobula::this_task::attempt() < 3) throw std::out_of_range("not yet");
  return a + 1;
}
/// 2^depth leaves, each worth `a`.
inline number tree(work_number work, int depth, number a) {
  const running here(work);
  if (depth == 0) {
    take_time(work);
    return a;
  }
  history& all = history::of_run();
  std::vector<mobula::future<number>> both;
  for (int i = 0; i < 2; ++i) {
    both.push_back(mobula::async<tree>({.max_retries = -1}, all.make_work(-1), depth - 1, a));
  }
  return mobula::get(both[0]) + mobula::get(both[1]);
}
/// A future of a worker's own, inside of a value.
inline mobula::future<number> nested(work_number work, number a) {
  const running here(work);
  return mobula::async<compute>({.cpus = 0, .max_retries = -1}, history::of_run().make_work(-1),
                                std::int64_t{0}, a);
}
inline number open_nested(work_number work, mobula::future<number> inner) {
  const running here(work);
  return mobula::get(inner) + 1;
}
/// Futures that go round: what came in goes out, in a value.
inline std::vector<mobula::future<number>> pass_on(work_number work,
                                                   std::vector<mobula::future<number>> all) {
  const running here(work);
  take_time(work);
  return all;
}
inline number sum_of(work_number work, std::vector<mobula::future<number>> all) {
  const running here(work);
  number sum = 1;
  for (const mobula::future<number>& one : all) sum += mobula::get(one);
  return sum;
}
/// A retry finds what its dead attempt fulfilled. `alone`: no other task fulfils it.
inline void fulfil(work_number work, bool alone, mobula::promise<number> of, number value) {
  const running here(work);
  take_time(work);
  try {
    of.set_value(value);
  } catch (const std::logic_error&) {
    if (alone && mobula::this_task::attempt() == 1) {
      history::of_run().wrong("a promise was fulfilled before its only task did it");
    }
  }
}
inline number fulfil_by_child(work_number work, mobula::promise<number> of, number value) {
  const running here(work);
  mobula::get(mobula::async<fulfil>({.max_retries = -1}, history::of_run().make_work(-1),
                                    false, of, value));
  return value;
}
inline big make_big(work_number work, std::size_t count, number a) {
  const running here(work);
  return big(count, a);
}
inline number sum_big(work_number work, const big& all) {
  const running here(work);
  take_time(work);
  for (const number one : all) {
    if (one != all.front()) history::of_run().wrong("a large value has changed");
  }
  return all.front() + static_cast<number>(all.size());
}

// --- The actor -----------------------------------------------------------------------------------

class teller {
 public:
  explicit teller(int actor) : life_(actor) {}

  number tell(work_number work, caller_number caller, std::int64_t sequence, number a) {
    const call mine(*this, work, caller, sequence);
    take_time(work);
    return a + 1;
  }
  number nap(work_number work, caller_number caller, std::int64_t sequence, number a) {
    const call mine(*this, work, caller, sequence);
    mobula::this_task::sleep_for(std::chrono::microseconds(work * 31 % 9'000));
    return a + 1;
  }
  number ask(work_number work, caller_number caller, std::int64_t sequence, number a) {
    const call mine(*this, work, caller, sequence);
    return mobula::get(
        mobula::async<add>({.max_retries = -1}, history::of_run().make_work(-1), a, number{0}));
  }
  /// Keeps a future beyond the call, and looks at those that it has kept and that are there.
  number keep(work_number work, caller_number caller, std::int64_t sequence,
              std::vector<mobula::future<number>> one, number expected) {
    const call mine(*this, work, caller, sequence);
    kept_.push_back({one.front(), expected});
    for (std::size_t i = 0; i < kept_.size();) {
      if (mobula::wait({kept_[i].what}, {.count = 1, .timeout = 0ms}).ready.empty()) {
        ++i;
        continue;
      }
      const kept looked_at = kept_[i];
      if (i + 3 < kept_.size()) kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(i));
      else ++i;
      look(looked_at);
    }
    return expected;
  }
  number leave(work_number work, caller_number caller, std::int64_t sequence, number) {
    const call mine(*this, work, caller, sequence);
    mobula::this_actor::exit();
  }

 private:
  struct call {
    call(teller& of, work_number work, caller_number caller, std::int64_t sequence)
        : in(of), run(work) {
      in.life_.begins(caller, sequence);
    }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() { in.life_.ends(); }
    teller& in;
    running run;
  };
  struct kept {
    mobula::future<number> what;
    number expected;
  };
  static void look(const kept& at) {
    try {
      if (mobula::get(at.what) != at.expected) {
        history::of_run().wrong("what an actor has kept is another value");
      }
    } catch (const mobula::error& why) {
      if (why.code() == mobula::error_code::object_lost) {
        history::of_run().lost("what an actor has kept");
      }
    }
  }

  std::vector<kept> kept_;
  history::life life_;
};

/// Three calls of one body, in order. `retries`: of the actor's calls.
inline number talk(work_number work, mobula::actor<teller> to, int retries, number a) {
  const running here(work);
  history& all = history::of_run();
  const caller_number me = all.make_caller();
  std::vector<mobula::future<number>> answers;
  for (int i = 1; i <= 3; ++i) {
    answers.push_back(to.call<&teller::tell>(all.make_work(retries), me, std::int64_t{i}, a));
  }
  number sum = 0;
  for (const mobula::future<number>& one : answers) sum += mobula::get(one);
  return sum;
}

/// Makes an actor and sends it on at once: its receiver may speak of it before its maker is heard.
inline number found(work_number work, number a) {
  const running here(work);
  history& all = history::of_run();
  const auto made = mobula::spawn<teller>({.max_restarts = -1, .max_task_retries = -1},
                                          all.make_actor(-1, true));
  std::vector<mobula::future<number>> both;
  for (int i = 0; i < 2; ++i) {
    both.push_back(
        mobula::async<talk>({.cpus = 0, .max_retries = -1}, all.make_work(-1), made, -1, a));
  }
  return (mobula::get(both[0]) + mobula::get(both[1])) / 2;
}
/// Gives an actor a future that the actor keeps, and a task that ends before it is looked at.
inline number entrust(work_number work, mobula::actor<teller> to, int retries,
                      std::vector<mobula::future<number>> what, number expected, number a) {
  const running here(work);
  history& all = history::of_run();
  mobula::get(to.call<&teller::keep>(all.make_work(retries), all.make_caller(), std::int64_t{1},
                                     what, expected));
  return a;
}

}  // namespace soak
