#pragma once

/// The rows of `actors.cpp`, done by CAF 0.17.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <caf/all.hpp>

#include "pairs.hpp"

namespace bench {

class caf_actors {
 public:
  explicit caf_actors(unsigned threads) : system_(configure(threads)) {
    tally_ = system_.spawn(counter);
    driver_ = system_.spawn(driver);
    for (int i = 0; i < 4; ++i) many_.push_back(system_.spawn(counter));
    for (int i = 0; i < 4; ++i) drivers_.push_back(system_.spawn(driver));
  }
  caf_actors(const caf_actors&) = delete;
  caf_actors& operator=(const caf_actors&) = delete;
  ~caf_actors() {
    std::vector<caf::actor> all{tally_, driver_};
    all.insert(all.end(), many_.begin(), many_.end());
    all.insert(all.end(), drivers_.begin(), drivers_.end());
    for (const caf::actor& one : all) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
  }

  void one_way(std::size_t count) {
    caf::scoped_actor self{system_};
    const std::uint64_t before = ask(self, tally_, 0);
    for (std::size_t i = 0; i < count; ++i) {
      caf::anon_send(tally_, caf::add_atom::value, std::uint64_t{1});
    }
    check(ask(self, tally_, 0) == before + count, "CAF one way");
  }
  void window(std::size_t size) {
    caf::scoped_actor self{system_};
    start(self, driver_, {tally_}, size);
  }
  void many(std::size_t callers, std::size_t each) {
    caf::scoped_actor self{system_};
    for (std::size_t i = 0; i < callers; ++i) {
      self->send(drivers_[i], caf::connect_atom::value, static_cast<caf::actor>(self), many_, each);
    }
    for (std::size_t i = 0; i < callers; ++i) {
      self->receive([&](std::uint64_t answers) { check(answers == each, "CAF n:n"); });
    }
  }
  void alone(std::size_t count) {
    caf::scoped_actor self{system_};
    std::uint64_t last = ask(self, tally_, 0);
    for (std::size_t i = 0; i < count; ++i) check(ask(self, tally_, 1) == ++last, "CAF alone");
  }
  void ping_pong(std::size_t flights) {
    caf::scoped_actor self{system_};
    const caf::actor ada = system_.spawn(player);
    const caf::actor bob = system_.spawn(player);
    self->send(ada, bob, static_cast<caf::actor>(self), std::uint64_t{flights - 1});
    self->receive([&](std::uint64_t seen) { check(seen == flights / 2, "CAF ping-pong"); });
    caf::anon_send_exit(ada, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(bob, caf::exit_reason::user_shutdown);
  }
  void births(std::size_t count) {
    const std::size_t before = gone.load();
    for (std::size_t i = 0; i < count; ++i) {
      caf::anon_send_exit(system_.spawn(mayfly), caf::exit_reason::user_shutdown);
    }
    while (gone.load(std::memory_order_acquire) != before + count) std::this_thread::yield();
  }

 private:
  struct tally_state {
    std::uint64_t value = 0;
  };
  static caf::behavior counter(caf::stateful_actor<tally_state>* self) {
    return {[self](caf::add_atom, std::uint64_t by) { self->state.value += by; },
            [self](std::uint64_t by) -> std::uint64_t { return self->state.value += by; }};
  }

  struct driver_state {
    std::size_t answers = 0;
  };
  static caf::behavior driver(caf::stateful_actor<driver_state>* self) {
    return {[self](caf::connect_atom, const caf::actor& asker, const std::vector<caf::actor>& to,
                   std::size_t count) {
      self->state.answers = 0;
      for (std::size_t i = 0; i < count; ++i) {
        self->request(to[i % to.size()], caf::infinite, std::uint64_t{1})
            .then([self, asker, count](std::uint64_t) {
              if (++self->state.answers == count) self->send(asker, std::uint64_t{count});
            });
      }
    }};
  }

  struct player_state {
    std::uint64_t seen = 0;
  };
  static caf::behavior player(caf::stateful_actor<player_state>* self) {
    return {[self](const caf::actor& other, const caf::actor& asker, std::uint64_t left) {
      ++self->state.seen;
      if (left == 0) {
        self->send(asker, self->state.seen);
      } else {
        self->send(other, static_cast<caf::actor>(self), asker, left - 1);
      }
    }};
  }

  static inline std::atomic<std::size_t> gone{0};
  struct mayfly_state {
    std::uint64_t value = 0;
    mayfly_state() = default;
    mayfly_state(const mayfly_state&) = delete;
    mayfly_state& operator=(const mayfly_state&) = delete;
    ~mayfly_state() { gone.fetch_add(1, std::memory_order_release); }
  };
  static caf::behavior mayfly(caf::stateful_actor<mayfly_state>* self) {
    return {[self](std::uint64_t by) -> std::uint64_t { return self->state.value += by; }};
  }

  static std::uint64_t ask(caf::scoped_actor& self, const caf::actor& of, std::uint64_t by) {
    std::uint64_t answer = 0;
    self->request(of, caf::infinite, by)
        .receive([&](std::uint64_t value) { answer = value; },
                 [](const caf::error&) { check(false, "CAF: an error came back"); });
    return answer;
  }
  static void start(caf::scoped_actor& self, const caf::actor& driver,
                    const std::vector<caf::actor>& to, std::size_t count) {
    self->send(driver, caf::connect_atom::value, static_cast<caf::actor>(self), to, count);
    self->receive([&](std::uint64_t answers) { check(answers == count, "CAF window"); });
  }

  static caf::actor_system_config& configure(unsigned threads) {
    static caf::actor_system_config config;
    config.set("scheduler.max-threads", std::size_t{threads});
    return config;
  }

  caf::actor_system system_;
  caf::actor tally_;
  caf::actor driver_;
  std::vector<caf::actor> many_;
  std::vector<caf::actor> drivers_;
};

}  // namespace bench
