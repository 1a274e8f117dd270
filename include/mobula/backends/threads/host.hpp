#pragma once

/// The backend of one process: tasks and actors on a pool of threads, values shared or sent through
/// bytes.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/dependencies.hpp"
#include "mobula/backends/threads/actors.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/backends/threads/coroutines.hpp"
#include "mobula/backends/threads/groups.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/backends/threads/machine.hpp"
#include "mobula/backends/threads/pool.hpp"
#include "mobula/backends/threads/promises.hpp"
#include "mobula/backends/threads/task_runs.hpp"
#include "mobula/backends/threads/unplaced.hpp"
#include "mobula/backends/threads/watch.hpp"
#include "mobula/core/missing.hpp"

namespace mobula::detail {

/// `threads` and `loopback`: they differ in `body_runner::through_bytes` alone.
class threads_host final : public backend,
                           private pool_client,
                           private actor_client,
                           private group_client {
 public:
  threads_host(std::string_view name, bool through_bytes, const runtime_options& options,
               std::uint32_t epoch)
      : name_(name),
        epoch_(epoch),
        options_(options),
        node_(this_machine(options)),
        name_space_(options.name_space.empty()
                        ? "job-" + std::to_string(::getpid()) + "-" + std::to_string(epoch)
                        : options.name_space),
        ledger_(resource_vector(node_.total)),
        pool_(*this, ledger_, epoch),
        bodies_(through_bytes, node_.name),
        watch_(pool_, [this](record& one) { timed_out(one); }),
        coroutines_(watch_),
        tasks_(*this, pool_, ledger_, bodies_, coroutines_, node_.name),
        actors_(*this, pool_, ledger_, bodies_, coroutines_),
        groups_(*this, pool_, ledger_, node_, options.infeasible) {
    if (options.executor == "tbb") {
      if (tbb_executor_factory == nullptr) {
        throw std::invalid_argument(
            "runtime_options.executor is 'tbb', which is not in this program: include "
            "<mobula/backends/executors/tbb.hpp> next to main");
      }
      pool_.set_executor(tbb_executor_factory->make(node_.total.cpus));
    }
  }

  std::string_view name() const noexcept override { return name_; }

  // Objects.

  record_ptr put(record_ptr ready) override {
    if (!bodies_.through_bytes()) return ready;
    try {
      return detail::through_bytes(*ready);
    } catch (const serialization_error& thrown) {
      throw serialization_error(std::string{"put: the value can't be sent: "} + thrown.what());
    }
  }
  bool await(record& one, clock::time_point deadline) override {
    return pool_.await(one, deadline);
  }
  void polled(record&) noexcept override { pool_.nudge(); }

  void open_promise(record& one) override { promises_.open(one); }
  bool fulfil(record& target, record_ptr made, failure_ptr why) override {
    // Sent before the promise is claimed, so that a value that can't be sent leaves it as it was.
    if (made && bodies_.through_bytes()) made = detail::through_bytes(*made);
    return promises_.fulfil(target, made, std::move(why));
  }
  void abandon_promise(record& target) noexcept override { promises_.abandon(target); }

  // Tasks.

  void submit(task& one) override {
    worker_slot& me = pool_.my_slot();
    one.number = me.next_number();
    if (one.wishes && one.wishes->deadline != clock::time_point::max()) {
      watch_.add_timer(one.wishes->deadline, one);
    }
    if (one.actor != nullptr) {
      actors_.submit(one);
      return;
    }
    bodies_.send_arguments(one);
    if (one.dependency_count == 0) {
      one.blockers.store(0, std::memory_order_relaxed);
      start(one);
    } else {
      release_blocker(one);
    }
  }
  void unblocked(task& one) noexcept override {
    if (one.actor == nullptr) {
      if (one.function->kind == function_kind::constructor) {
        one.unpin();  // of a `spawn` that found the actor living
      } else {
        start(one);
      }
    } else if (one.function->kind == function_kind::constructor) {
      actors_.schedule_constructor(one);
    } else {
      actors_.unblocked(one);
    }
  }
  void cancel(record& one, cancel_options how, failure_ptr why) override {
    if (one.kind != task_record) {
      one.settle_failure(std::move(why));
      return;
    }
    end_task(static_cast<task&>(one), std::move(why), how.recursive);
  }

  bool yield(task& running, std::uint64_t index, record_ptr item) override {
    stream_state& to = *running.wishes->stream;
    if (index < to.pushed()) return true;
    if (bodies_.through_bytes()) item = detail::through_bytes(*item);
    record_ptr arrival;
    if (!to.push(std::move(item), arrival)) return false;
    stream_state::wake(std::move(arrival));
    while (const record_ptr room = to.full(epoch_)) {
      pool_.await(*room, clock::time_point::max());
    }
    return true;
  }

  // Actors.

  actor_ptr spawn(task& constructor, const actor_request& request) override {
    constructor.number = pool_.my_slot().next_number();
    return actors_.spawn(constructor, request, name_space_,
                         actor_id{pool_.my_slot().next_number()});
  }
  actor_ptr find(const std::string& name, const std::string& space,
                 const std::type_info& type) override {
    return actors_.find(name, space.empty() ? name_space_ : space, type);
  }
  void kill(actor_state& one, kill_options how) override {
    actors_.kill(static_cast<actor_cell&>(one), how.restart);
  }
  void stop(actor_state& one, record_ptr done) override {
    actors_.stop(static_cast<actor_cell&>(one), done);
  }

  // Placement groups.

  group_ptr reserve(const group_request& request) override {
    return groups_.reserve(request, name_space_, group_id{pool_.my_slot().next_number()}, epoch_);
  }
  group_ptr find_group(const std::string& name, const std::string& space) override {
    return groups_.find(name, space.empty() ? name_space_ : space);
  }
  void group_ready(const group_ptr& group, record_ptr done) override {
    groups_.when_ready(*group, done);
  }
  group_status status_of(const group_ptr& group) override { return groups_.status_of(*group); }
  void remove_group(const group_ptr& group) override { groups_.remove(*group); }

  // Around.

  clock::time_point now() const noexcept override { return clock::now(); }
  void sleep_until(clock::time_point then) override { pool_.sleep_until(then); }
  std::vector<node_info> nodes() const override { return {this_node()}; }
  node_info this_node() const override {
    node_info now = node_;
    now.available = available_resources();
    return now;
  }
  resource_set available_resources() const override {
    return ledger_.available(pool_.idle_cpu());  // what threads keep between two tasks is nobody's
  }
  job_id job() const noexcept override { return job_id{epoch_}; }
  const std::string& name_space() const noexcept override { return name_space_; }

  void shutdown() noexcept override {
    pool_.begin_end();
    const auto grace_end = deadline_after(clock::now(), options_.shutdown_grace);
    bool warned = false;
    for (;;) {
      frame::request_stop_of_all();  // again and again: a body may look for its token only now
      end_everything();
      interrupt_coroutines();
      const bool none_waits = coroutines_.size() == 0;  // before: who goes on is busy
      const std::uint32_t busy = pool_.busy([](const function_entry&, const std::string&) {});
      if (none_waits && busy == 0 && actors_.none_left()) break;
      if (!warned && clock::now() >= grace_end) {
        warned = true;
        warn_of_deaf_bodies();
      }
      pool_.begin_end();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    watch_.stop();  // first, for it starts threads
    pool_.stop();
    end_everything();
    promises_.release_ended();
    report_post_failures();
  }

 private:
  // pool_client

  void run_task(worker_slot& me, task& one, std::uint64_t pins) noexcept override {
    if (one.function->kind == function_kind::constructor) {
      actors_.run_constructor(me, one);
      return;
    }
    tasks_.run(me, one, pins);
  }
  void resume_task(worker_slot& me, coroutine_body& one) noexcept override {
    tasks_.resume(me, one);
  }
  void run_calls(worker_slot& me, call_group& group) noexcept override {
    actors_.run_entry(me, group);
  }
  bool help_call(worker_slot& me, task& of) noexcept override { return actors_.help(me, of); }
  void give_back(task& one) noexcept override { give_back(one, one.wishes->resources, true); }
  void plain_tasks_wait() noexcept override { groups_.warn_of_waiting(); }
  void after_lending(ledger& room) noexcept override { groups_.after_lending(room); }

  // actor_client

  void end_call(task& one, failure_ptr why) noexcept override {
    end_task(one, std::move(why), false);
  }
  void interrupt(task& one) noexcept override {
    if (!one.hold_producer()) return;
    if (void* const body = one.frame.load(std::memory_order_seq_cst)) {
      stop_body(*static_cast<frame*>(body));
    }
    one.release_producer();
  }
  void log_post_failure(const task& one, const error& why) noexcept override {
    const std::lock_guard lock{log_mutex_};
    ++post_failures_;
    const auto now = clock::now();
    if (now < next_log_) return;
    next_log_ = now + std::chrono::seconds(1);
    std::fprintf(stderr, "mobula: %zu posted call%s failed; the last: %s: %s\n", post_failures_,
                 post_failures_ == 1 ? "" : "s", body_runner::subject(one).c_str(), why.what());
    post_failures_ = 0;
  }
  void give_back(task& one, const resource_vector& what, bool leaves) noexcept override {
    if (!one.wishes || one.wishes->room == nullptr) {
      ledger_.give(what);
    } else if (leaves) {
      groups_.leave(one, what);
    } else {
      groups_.give_back(one, what);
    }
  }
  bool refuse_placement(task& one) override {
    if (one.is_plain() && has_whole_cpu_) return false;
    if (one.wishes && one.wishes->where.what() == placement::kind::bundle) {
      if (!groups_.enqueue(one)) {
        end_task(one, group_house::removed(*one.wishes->where.facts()), false);
        one.unpin();
      }
      return true;
    }
    failure_ptr why;
    if (unplaced_.fits(one, why)) return false;
    if (why) {
      end_task(one, std::move(why), false);
      one.unpin();
    }
    return true;
  }

  // group_client

  void group_removed(task& one, const failure_ptr& why) noexcept override {
    if (one.function->kind == function_kind::constructor) {
      actors_.end(static_cast<actor_cell&>(*one.actor), why->cause().what());
    } else {
      end_task(one, why, true);
    }
    one.unpin();
  }
  void warn_of_group(const std::string& text) noexcept override {
    std::fprintf(stderr, "mobula: %s\n", text.c_str());
  }

  // Tasks.

  /// All that it waited for is there. Takes over the queue's pin.
  void start(task& one) noexcept {
    if (one.is_claimed()) {
      one.unpin();
    } else if (pool_.ending()) {
      end_task(one, task_runs::runtime_ended(), false);
      one.unpin();
    } else if (refuse_placement(one)) {
      // It is settled, or kept.
    } else if (one.is_plain()) {
      pool_.push(one);
    } else {
      pool_.push_special(one);
    }
  }

  /// See `backend::cancel`.
  void end_task(task& one, failure_ptr why, bool recursive) noexcept {
    for (;;) {
      if (one.settled()) return;
      if (one.claim()) {
        retire_claimed(one, std::move(why));
        return;
      }
      if (!one.hold_producer()) return;
      if (void* const body = one.frame.load(std::memory_order_seq_cst)) {
        one.settle_failure(std::move(why));
        frame& running = *static_cast<frame*>(body);
        // Said before the body is stopped, so that one which ends at once knows what to do with
        // children that it submitted after these.
        if (recursive) running.stops_children = true;
        stop_body(running);
        std::vector<task*> children;
        if (recursive) children = children_of(running);
        one.release_producer();
        end_all(children);
        return;
      }
      const bool fails_soon = one.fails_soon.load(std::memory_order_acquire);
      // Its arguments' failure has claimed it, on this thread perhaps, further down the stack.
      if (fails_soon) one.settle_failure(why);
      one.release_producer();
      if (fails_soon) return;
      relax();  // whoever has claimed it is about to begin, or to settle it
    }
  }
  static void stop_body(frame& running) {
    running.request_stop();
    if (running.coroutine != nullptr) {
      coroutine_list::wake(*static_cast<coroutine_body*>(running.coroutine));
    }
    if (void* const bed = running.sleeper.load(std::memory_order_seq_cst)) {
      static_cast<parker*>(bed)->unpark();
    }
  }
  static std::vector<task*> children_of(frame& of) {
    std::vector<task*> children;
    of.for_each_child([&](record& child) {
      if (child.settled()) return;
      child.pin();
      children.push_back(static_cast<task*>(&child));
    });
    return children;
  }
  void end_all(const std::vector<task*>& children) noexcept {
    for (task* const one : children) {
      end_task(*one, failure_ptr::make(cancelled_error("the task that submitted it was cancelled")),
               true);
      one->unpin();
    }
  }
  /// Those that a stopped body submitted after it was asked to stop.
  void end_children(frame& of) noexcept override {
    if (of.stops_children) end_all(children_of(of));
  }

  void timed_out(record& one) {
    if (one.kind != task_record) {  // what a coroutine waits for
      one.settle_value();
      return;
    }
    task& late = static_cast<task&>(one);
    end_task(late,
             failure_ptr::make(
                 timeout_error(body_runner::subject(late) + " did not end within its timeout")),
             true);
  }

  // The end.

  /// At the end: those that wait throw.
  void interrupt_coroutines() noexcept {
    for (task* const one : coroutines_.all()) {
      interrupt(*one);
      one->unpin();
    }
  }

  void end_everything() noexcept {
    actors_.end_all();
    for (task* const one : groups_.drain(task_runs::runtime_ended())) {
      end_task(*one, task_runs::runtime_ended(), false);
      one->unpin();
    }
    pool_.drain(
        [this](task& one) {
          if (one.wishes && one.wishes->room != nullptr) give_back(one);
          if (!one.settled()) end_task(one, task_runs::runtime_ended(), false);
          one.unpin();
        },
        [this](call_group& group) { actors_.run_entry(pool_.my_slot(), group); });
    for (task* const one : unplaced_.take_all()) {
      end_task(*one, task_runs::runtime_ended(), false);
      one->unpin();
    }
    promises_.end_all(task_runs::runtime_ended());
  }
  void warn_of_deaf_bodies() noexcept {
    const auto warn = [](const std::string& subject) {
      std::fprintf(stderr,
                   "mobula: the runtime ends and %s still runs: it does not look at its stop "
                   "token; waiting for it\n",
                   subject.c_str());
    };
    pool_.busy([&](const function_entry& what, const std::string& name) {
      // Actors know their calls themselves.
      if (what.kind == function_kind::task) warn("task \"" + name + "\"");
      if (what.kind == function_kind::constructor) warn("actor \"" + name + "\"");
    });
    for (task* const call : actors_.running_calls()) {
      warn(body_runner::subject(*call));
      call->unpin();
    }
  }
  void report_post_failures() noexcept {
    const std::lock_guard lock{log_mutex_};
    if (post_failures_ == 0) return;
    std::fprintf(stderr, "mobula: %zu more posted call%s failed\n", post_failures_,
                 post_failures_ == 1 ? "" : "s");
    post_failures_ = 0;
  }

  const std::string_view name_;
  const std::uint32_t epoch_;
  const runtime_options options_;
  const node_info node_;
  const std::string name_space_;
  ledger ledger_;
  const bool has_whole_cpu_ = ledger_.total().cpus() >= resource_amount(1);  ///< for a plain task
  mutable pool pool_;
  const body_runner bodies_;
  watch watch_;
  coroutine_list coroutines_;
  task_runs tasks_;
  actor_house actors_;
  group_house groups_;

  promise_list promises_;
  unplaced_tasks unplaced_{node_, ledger_.total(), options_.infeasible};
  std::mutex log_mutex_;
  std::size_t post_failures_ = 0;
  clock::time_point next_log_{};
};

}  // namespace mobula::detail
