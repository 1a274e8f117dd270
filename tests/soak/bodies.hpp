#pragma once

/// The tasks and the actor that random programs are made of. Each tells the history what it does.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"

#include "soak/history.hpp"

namespace soak {

using number = std::int64_t;
using big = std::vector<number>;

inline void begins(work_number work) {
  history::of_run().begins(work, mobula::this_task::attempt());
}
/// Some virtual time, which depends on the work alone.
inline void take_time(work_number work) {
  mobula::testing::compute_for(std::chrono::microseconds(work * 7919 % 3'000));
}

// --- Tasks: each result is a function of the arguments that the model knows ----------------------

inline number add(work_number work, number a, number b) {
  begins(work);
  return a + b + 1;
}
inline number compute(work_number work, std::int64_t cpus, number a) {
  begins(work);
  const history::computing here(cpus);
  take_time(work);
  return a + 1;
}
inline number doze(work_number work, number a) {
  begins(work);
  mobula::this_task::sleep_for(std::chrono::microseconds(work * 104'729 % 60'000));
  return a + 1;
}
inline number add_inside(work_number work, mobula::future<number> a, mobula::future<number> b) {
  begins(work);
  return mobula::get(a) + mobula::get(b) + 1;
}
inline number fail(work_number work, number) {
  begins(work);
  throw std::runtime_error("on purpose");
}
inline number late(work_number work, number a) {
  begins(work);
  if (mobula::this_task::attempt() < 3) throw std::out_of_range("not yet");
  return a + 1;
}
/// 2^depth leaves, each worth `a`.
inline number tree(work_number work, int depth, number a) {
  begins(work);
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
  begins(work);
  return mobula::async<compute>({.cpus = 0, .max_retries = -1}, history::of_run().make_work(-1),
                                std::int64_t{0}, a);
}
inline number open_nested(work_number work, mobula::future<number> inner) {
  begins(work);
  return mobula::get(inner) + 1;
}
/// Futures that go round: what came in goes out, in a value.
inline std::vector<mobula::future<number>> pass_on(work_number work,
                                                   std::vector<mobula::future<number>> all) {
  begins(work);
  take_time(work);
  return all;
}
inline number sum_of(work_number work, std::vector<mobula::future<number>> all) {
  begins(work);
  number sum = 1;
  for (const mobula::future<number>& one : all) sum += mobula::get(one);
  return sum;
}
/// A retry finds what its dead attempt fulfilled. `alone`: no other task fulfils it.
inline void fulfil(work_number work, bool alone, mobula::promise<number> of, number value) {
  begins(work);
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
  begins(work);
  mobula::get(mobula::async<fulfil>({.max_retries = -1}, history::of_run().make_work(-1),
                                    false, of, value));
  return value;
}
inline big make_big(work_number work, std::size_t count, number a) {
  begins(work);
  return big(count, a);
}
inline number sum_big(work_number work, const big& all) {
  begins(work);
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
  number leave(work_number work, caller_number caller, std::int64_t sequence, number) {
    const call mine(*this, work, caller, sequence);
    mobula::this_actor::exit();
  }

 private:
  struct call {
    call(teller& of, work_number work, caller_number caller, std::int64_t sequence) : in(of) {
      begins(work);
      in.life_.begins(caller, sequence);
    }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() { in.life_.ends(); }
    teller& in;
  };
  history::life life_;
};

/// Three calls of one body, in order. `retries`: of the actor's calls.
inline number talk(work_number work, mobula::actor<teller> to, int retries, number a) {
  begins(work);
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

}  // namespace soak
