#pragma once

/// The engine's machines with nothing around them: what is sent is delivered by a call, and bodies
/// end as soon as they begin. For measuring what the machines themselves cost.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/directory/directory.hpp"
#include "mobula/engine/executor/executor.hpp"
#include "mobula/engine/node/node.hpp"
#include "mobula/engine/owner/owner.hpp"

namespace round_trip {

using namespace mobula::engine;

/// Messages in the order in which they were sent, in memory that is used again.
template <class Message>
class queue {
 public:
  void push(party from, Message&& one) {
    if (end_ == all_.size()) all_.emplace_back();
    all_[end_].first = from;
    all_[end_].second = std::move(one);
    ++end_;
  }
  /// Those that are pushed meanwhile, too.
  template <class Deliver>
  bool drain(Deliver deliver) {
    if (end_ == 0) return false;
    for (std::size_t i = 0; i < end_; ++i) {
      // A push while it is delivered may move the others.
      Message one = std::move(all_[i].second);
      deliver(all_[i].first, std::move(one));
    }
    end_ = 0;
    return true;
  }

 private:
  std::vector<std::pair<party, Message>> all_;
  std::size_t end_ = 0;
};

/// A driver, a worker, and a node that has the directory.
class world {
 public:
  static constexpr party driver{2}, worker{3}, self{1};
  static constexpr object_key tally{self, (std::uint64_t{2} << 40) | 1};

  world()
      : node_(options(), of_node_),
        directory_({.self = self, .node = self}, of_node_),
        owner_({.self = driver, .node = self, .directory = self, .leasing = {}}, of_driver_),
        executor_(of_worker_, {.node = self, .directory = self}) {
    node_.party_joined(driver, party_kind::driver, 0);
    // Two workers: one for tasks, and one that is the actor's own.
    register_actor made;
    made.actor = tally;
    made.purpose = lease_purpose::shared_process;
    owner_.spawn(std::move(made));
    owner_.construct(tally, {}, 0);
    settle();
  }

  owner& submitter() noexcept { return owner_; }
  /// Outcomes that the driver was told of.
  std::uint64_t settled() const noexcept { return settled_; }

  /// So many tasks, `window` at a time, each dropped when it is settled.
  void tasks(std::size_t count, std::size_t window) {
    in_windows(count, window, [&] {
      task_spec one;
      one.home.key = 1;
      one.home.resources = cpu();
      return owner_.submit(std::move(one), 0);
    });
  }
  /// Each has the one before as its argument.
  void chain(std::size_t count, std::size_t window) {
    in_windows(count, window, [&] {
      task_spec one;
      one.home.key = 1;
      one.home.resources = cpu();
      if (!open_.empty()) {
        one.what.values.emplace_back();
        one.what.values.back().object = open_.back();
      }
      return owner_.submit(std::move(one), 0);
    });
  }
  void calls(std::size_t count, std::size_t window) {
    in_windows(count, window, [&] {
      call_spec one;
      one.actor = tally;
      one.caller = 1;
      return owner_.call(std::move(one), 0);
    });
  }
  void objects(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      outcome nothing;
      nothing.kind = outcome_kind::value;
      owner_.refs().drop(owner_.put(std::move(nothing), 0));
    }
  }

 private:
  static mobula::resource_vector cpu() {
    return mobula::resource_vector::of_cpus(mobula::resource_amount::from_steps(10'000));
  }
  static node_options options() {
    node_options made;
    made.self = self;
    made.total = cpu();
    return made;
  }

  struct node_side final : node_host, directory_host {
    explicit node_side(world& in) : all(in) {}
    void send(party, push_task&&) override { std::abort(); }
    void send(party, task_done&&) override { std::abort(); }
    void send(party to, message&& one) override { all.others(to).push(self, std::move(one)); }
    void warn(const std::string&) override {}
    void start_worker(const worker_kind&) override { ++all.wanted_; }
    void end_worker(party, death_kind, const std::string&) override { std::abort(); }
    void release_memory(object_key) override {}
    void spill(object_key, std::uint64_t) override {}
    void restore(object_key, std::uint64_t) override {}
    void erase_spilled(object_key) override {}
    void take_memory(object_key, std::uint64_t) override {}
    void write_part(const object_part&) override {}
    void send_part(party, const fetch_part&) override {}
    world& all;
  };
  struct driver_side final : owner_host {
    explicit driver_side(world& in) : all(in) {}
    void send(party to, push_task&& one) override {
      all.pushed_to_ = to;
      all.pushes_.push(driver, std::move(one));
    }
    void send(party, task_done&&) override { std::abort(); }
    void send(party to, message&& one) override { all.others(to).push(driver, std::move(one)); }
    void settled(object_key, const outcome& result) override {
      if (result.kind == outcome_kind::failed) std::abort();
      ++all.settled_;
    }
    void item_given(object_key, object_key) override {}
    void promise_answered(std::uint64_t, bool) override {}
    void actor_answered(const actor_registered&) override {}
    std::string subject(object_key, const invocation&) override { return {}; }
    world& all;
  };
  struct worker_side final : executor_host {
    explicit worker_side(world& in) : all(in) {}
    void send(party, push_task&&) override { std::abort(); }
    void send(party, task_done&& one) override {
      all.answers_.push(all.pushed_to_, std::move(one));
    }
    void send(party to, message&& one) override { all.others(to).push(worker, std::move(one)); }
    void run(body& one) override { all.bodies_.push_back(&one); }
    void request_stop(body&, bool) override {}
    void room_made(body&) override {}
    void resume(body&) override {}
    key_list uncovered(body&) override { return {}; }
    void pin(object_key, const outcome&) override { std::abort(); }
    void unpin(object_key) override {}
    void discard(actor_life&) override {}
    std::string function_name(const mobula::detail::function_id&) const override { return {}; }
    world& all;
  };

  queue<message>& others(party to) {
    return to == self ? to_node_ : to == driver ? to_driver_ : to_worker_;
  }

  template <class Submit>
  void in_windows(std::size_t count, std::size_t window, Submit submit) {
    for (std::size_t done = 0; done < count; done += window) {
      open_.clear();
      for (std::size_t i = 0; i < window; ++i) open_.push_back(submit());
      settle();
      for (const object_key& one : open_) owner_.refs().drop(one);
    }
  }

  /// Until nothing is on its way.
  void settle() {
    for (bool busy = true; busy;) {
      busy = pushes_.drain(
          [&](party from, push_task&& one) { executor_.receive(from, std::move(one), 0); });
      while (!bodies_.empty()) {
        busy = true;
        running_.swap(bodies_);
        for (body* const one : running_) {
          body_end how;
          how.result.kind = outcome_kind::value;
          executor_.body_ended(*one, std::move(how), 0);
        }
        running_.clear();
      }
      busy |= answers_.drain(
          [&](party from, task_done&& one) { owner_.receive(from, std::move(one), 0); });
      busy |= to_node_.drain([&](party from, message&& one) { at_node(from, std::move(one)); });
      busy |= to_driver_.drain(
          [&](party from, message&& one) { owner_.receive(from, std::move(one), 0); });
      busy |= to_worker_.drain(
          [&](party from, message&& one) { executor_.receive(from, std::move(one), 0); });
      for (; wanted_ != 0; --wanted_, busy = true) {
        // The first is the actor's, which shares it with nobody; all run in one executor here.
        const party made{worker.value() + started_++};
        node_.party_joined(made, party_kind::worker, 0);
        node_.receive(made, worker_ready{}, 0);
      }
    }
  }
  void at_node(party from, message&& one) {
    std::visit(
        [&]<class Message>(Message& what) {
          if constexpr (is_for_directory<Message>) {
            directory_.receive(from, std::move(what), 0);
          } else {
            node_.receive(from, message(std::move(what)), 0);
          }
        },
        one);
  }

  node_side of_node_{*this};
  driver_side of_driver_{*this};
  worker_side of_worker_{*this};
  queue<push_task> pushes_;
  queue<task_done> answers_;
  queue<message> to_node_, to_driver_, to_worker_;
  std::vector<body*> bodies_, running_;
  std::vector<object_key> open_;
  party pushed_to_;  ///< both workers have one executor here
  unsigned wanted_ = 0;
  unsigned started_ = 0;
  std::uint64_t settled_ = 0;
  node node_;
  directory directory_;
  owner owner_;
  executor executor_;
};

}  // namespace round_trip
