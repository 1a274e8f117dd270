#pragma once

/// What happened in a run, told by its bodies and its driver, and judged without the engine.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace soak {

/// A task or call of the program, by a number that the program gives it.
using work_number = std::int64_t;
/// Who calls: the driver, or one attempt of a body.
using caller_number = std::int64_t;

/// Judges, as it is told:
///  - an attempt begins at most once, and there are no more than were asked for;
///  - what was seen to have a result never begins again;
///  - what is to run after something else begins when that has ended;
///  - in each life of an actor that runs one call at a time, it does, and the calls of one caller
///    begin in the order in which they were made (calls that overlap begin in that order too, but
///    on threads of their own, which come to say so in any);
///  - an actor has no more lives than it was given;
///  - bodies that compute hold no more CPUs than there are.
///
/// Thread safety: none is needed, for in a simulation one thread runs at a time.
class history {
 public:
  static history& of_run() {
    static history one;
    return one;
  }

  void wrong(const std::string& what) {
    if (wrongs_.size() < 20) wrongs_.push_back(what);
  }
  const std::vector<std::string>& wrongs() const { return wrongs_; }

  // --- Work --------------------------------------------------------------------------------------

  /// `retries`: further attempts; -1 without end.
  work_number make_work(int retries) {
    works_.push_back({retries, {}, false, false});
    return static_cast<work_number>(works_.size()) - 1;
  }
  caller_number make_caller() { return ++callers_; }
  void begins(work_number number, int attempt) {
    work& one = works_[static_cast<std::size_t>(number)];
    if (!one.attempts.insert(attempt).second) {
      wrong(text(number, attempt) + " began twice");
    }
    if (one.retries >= 0 && attempt > one.retries + 1) {
      wrong(text(number, attempt) + " began, and it had " + std::to_string(one.retries) +
            " retries");
    }
    if (one.seen) wrong(text(number, attempt) + " began after its result was seen");
  }
  void seen(work_number number) {
    if (number >= 0) works_[static_cast<std::size_t>(number)].seen = true;
  }
  /// A body of it has returned.
  void ends(work_number number) { works_[static_cast<std::size_t>(number)].ended = true; }
  /// `after` begins. `before` is none where it is negative.
  void has_ended_before(work_number before, work_number after) {
    if (before < 0 || works_[static_cast<std::size_t>(before)].ended) return;
    wrong("work " + std::to_string(after) + " began before work " + std::to_string(before) +
          " had ended");
  }

  /// Deaths and disks explain that an object is lost to somebody who holds it.
  void explain_losses() { losses_explained_ = true; }
  /// An actor that a drained node leaves lives once more for nothing, if a restart is left.
  void explain_free_lives() { free_lives_ = true; }
  void lost(const std::string& what) {
    if (!losses_explained_) wrong(what + " is lost, and nobody died");
  }

  // --- CPUs --------------------------------------------------------------------------------------

  /// In ten-thousandths. A dead caller's body goes on without asking, so who expects deaths sets no
  /// limit.
  void limit_cpus(std::int64_t most) { cpus_most_ = most; }
  class computing {
   public:
    explicit computing(std::int64_t cpus) : cpus_(cpus) {
      history& all = of_run();
      all.cpus_ += cpus_;
      if (all.cpus_most_ >= 0 && all.cpus_ > all.cpus_most_) {
        all.wrong("bodies compute on " + std::to_string(all.cpus_) + "/10000 CPUs of " +
                  std::to_string(all.cpus_most_));
      }
    }
    computing(const computing&) = delete;
    computing& operator=(const computing&) = delete;
    ~computing() { of_run().cpus_ -= cpus_; }

   private:
    std::int64_t cpus_;
  };

  // --- Actors ------------------------------------------------------------------------------------

  int make_actor(int restarts, bool one_at_a_time) {
    actors_.push_back({restarts, 0, one_at_a_time});
    return static_cast<int>(actors_.size()) - 1;
  }
  /// A member of the actor's class, so that it lives and dies with a life.
  class life {
   public:
    explicit life(int actor) : actor_(actor) {
      history& all = of_run();
      actor_record& mine = all.actors_[static_cast<std::size_t>(actor_)];
      ++all.lives_;
      const bool may_live = all.free_lives_ && mine.restarts != 0;
      if (++mine.lives > mine.restarts + 1 && mine.restarts >= 0 && !may_live) {
        all.wrong("actor " + std::to_string(actor_) + " began life " + std::to_string(mine.lives) +
                  ", and it had " + std::to_string(mine.restarts) + " restarts");
      }
    }
    life(const life&) = delete;
    life& operator=(const life&) = delete;
    ~life() {
      --of_run().lives_;
      if (inside_ != 0) of_run().wrong("an actor was destroyed under a running call");
    }
    void begins(caller_number caller, std::int64_t sequence) {
      history& all = of_run();
      const auto [at, first] = last_.emplace(caller, sequence);
      const bool one_at_a_time = all.actors_[static_cast<std::size_t>(actor_)].one_at_a_time;
      if (one_at_a_time && !first && at->second >= sequence) {
        all.wrong("actor " + std::to_string(actor_) + " began call " + std::to_string(sequence) +
                  " of caller " + std::to_string(caller) + " after call " +
                  std::to_string(at->second));
      }
      at->second = std::max(at->second, sequence);
      ++inside_;
      if (inside_ > 1 && one_at_a_time) {
        all.wrong("actor " + std::to_string(actor_) + " runs two calls at a time");
      }
    }
    void ends() { --inside_; }

   private:
    int actor_;
    int inside_ = 0;
    std::map<caller_number, std::int64_t> last_;
  };
  /// Objects of actors that are there.
  int lives() const { return lives_; }

 private:
  struct work {
    int retries;
    std::set<int> attempts;
    bool seen;
    bool ended;
  };
  struct actor_record {
    int restarts;
    int lives;
    bool one_at_a_time;
  };
  static std::string text(work_number number, int attempt) {
    return "attempt " + std::to_string(attempt) + " of work " + std::to_string(number);
  }

  std::vector<work> works_;
  std::vector<actor_record> actors_;
  std::vector<std::string> wrongs_;
  caller_number callers_ = 0;
  int lives_ = 0;
  bool losses_explained_ = false;
  bool free_lives_ = false;
  std::int64_t cpus_ = 0;
  std::int64_t cpus_most_ = -1;
};

}  // namespace soak
