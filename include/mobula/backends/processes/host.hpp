#pragma once

/// The backend in a process of a runtime on processes: what the driver's and the workers' have in
/// common.

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backends/processes/birth.hpp"
#include "mobula/backends/processes/block_drafts.hpp"
#include "mobula/backends/processes/carrier.hpp"
#include "mobula/backends/processes/program.hpp"

namespace mobula::processes {

/// Control messages between processes: a byte that says which, then its fields.
enum class control : std::uint8_t {
  end = 1,            ///< to a worker: the runtime ends, and with it what runs and lives there
  ask_available = 2,  ///< to the node: a request's number
  available = 3,      ///< from it: the number, resources
  forgot = 4,         ///< to the node: a dead party's number
  body_begins = 5     ///< to the node, which has asked for it: a worker is idle no more
};

class process_host : public detail::backend {
 public:
  std::string_view name() const noexcept override { return "processes"; }

  detail::record_ptr put(detail::record_ptr ready) override {
    refuse_after_end();
    return program_->put(std::move(ready));
  }
  bool await(detail::record& one, clock::time_point deadline) override {
    return wait_for_record(one, deadline, hosting::program_process::waiting::lends);
  }
  void give_way(detail::record* until, clock::time_point deadline) override {
    if (until != nullptr) {
      wait_for_record(*until, deadline, hosting::program_process::waiting::gives_way);
    } else {
      pass_until(deadline, hosting::program_process::waiting::gives_way);
    }
  }
  bool wait_for_record(detail::record& one, clock::time_point deadline,
                       hosting::program_process::waiting how) {
    const user here(users_);
    refuse_after_end();  // first: the end settles what was pending
    if (one.settled()) return true;
    const instant until = deadline == clock::time_point::max()
                              ? engine::never
                              : deadline.time_since_epoch().count();
    struct record_waiter {
      detail::waiter link;  // first: a fired waiter is found back by its address
      program* home;
      completion done;
      std::atomic<bool> told{false};
      static void fired(detail::waiter& link) noexcept {
        auto& self = reinterpret_cast<record_waiter&>(link);
        const hosting::inside held(*self.home);
        hosting::program_process::finish(self.done);
        self.told.store(true, std::memory_order_release);
      }
    } waiter;
    waiter.link.fire = &record_waiter::fired;
    waiter.home = program_.get();
    if (!one.add_waiter(waiter.link)) return true;
    struct unlink {
      detail::record& from;
      record_waiter& what;
      ~unlink() {
        if (from.remove_waiter(what.link)) return;
        // It fires, perhaps just now on another thread.
        while (!what.told.load(std::memory_order_acquire)) std::this_thread::yield();
      }
    } const at_the_end{one, waiter};
    {
      const hosting::inside held(*program_);
      if (!is_ended_) {
        program_->wait_for(waiter.done, until, how);
      }
    }
    refuse_after_end();
    return one.settled();
  }
  void fetch(detail::record& one, detail::record_ptr here) override {
    refuse_after_end();
    program_->fetch(one, std::move(here));
  }
  void polled(detail::record&) noexcept override {
    const hosting::inside held(*program_);  // looks at what has come, if nobody else does
  }

  void submit(detail::task& one) override {
    refuse_after_end();
    program_->submit(one);
  }
  void unblocked(detail::task& one) noexcept override {
    if (one.function->kind == detail::function_kind::constructor) {
      program_->construct(one);
      return;
    }
    program_->arguments_are_free(one);
  }
  void cancel(detail::record& one, cancel_options how, detail::failure_ptr why) override {
    if (!one.settled()) program_->cancel(one, how, why);
  }

  void open_promise(detail::record& one) override {
    refuse_after_end();
    program_->open_promise(one);
  }
  bool yield(detail::task&, std::uint64_t index, detail::record_ptr item) override {
    return program_->yield(index, item);
  }
  void taken(detail::task& generator) noexcept override { program_->taken(generator); }
  bool fulfil(detail::record& target, detail::record_ptr made, detail::failure_ptr why) override {
    refuse_after_end();
    return program_->fulfil(target, made, why);
  }
  void abandon_promise(detail::record& target) noexcept override {
    program_->abandon_promise(target);
  }

  detail::actor_ptr spawn(detail::task& constructor,
                          const detail::actor_request& request) override {
    refuse_after_end();
    return program_->spawn(constructor, request);
  }
  detail::actor_ptr find(const std::string& name, const std::string& name_space,
                         const std::type_info& type) override {
    refuse_after_end();
    return program_->find(name, name_space.empty() ? state_->name_space : name_space, type);
  }
  void kill(detail::actor_state& one, kill_options how) override {
    refuse_after_end();
    program_->kill(static_cast<hosting::actor_handle&>(one), how.restart);
  }
  void stop(detail::actor_state& one, detail::record_ptr done) override {
    refuse_after_end();
    program_->stop(static_cast<hosting::actor_handle&>(one), *done);
  }

  detail::group_ptr reserve(const detail::group_request& request) override {
    refuse_after_end();
    return program_->reserve(request);
  }
  detail::group_ptr find_group(const std::string& name, const std::string& space) override {
    refuse_after_end();
    return program_->find_group(name, space.empty() ? state_->name_space : space);
  }
  void group_ready(const detail::group_ptr& group, detail::record_ptr done) override {
    refuse_after_end();
    program_->group_ready(group, *done);
  }
  detail::group_status status_of(const detail::group_ptr& group) override {
    refuse_after_end();
    return program_->status_of(group);
  }
  void remove_group(const detail::group_ptr& group) override {
    refuse_after_end();
    program_->remove_group(group);
  }

  clock::time_point now() const noexcept override {
    return clock::time_point(clock::duration(local_party::monotonic_now()));
  }
  void sleep_until(clock::time_point then) override {
    pass_until(then, hosting::program_process::waiting::plain);
  }
  void pass_until(clock::time_point then, hosting::program_process::waiting how) {
    const user here(users_);
    completion none;
    {
      const hosting::inside held(*program_);
      const instant until = then == clock::time_point::max() ? engine::never
                                                             : then.time_since_epoch().count();
      program_->wait_for(none, until, how);
    }
    refuse_after_end();
  }

  std::vector<node_info> nodes() const override { return {this_node()}; }
  resource_set available_resources() const override { return this_node().available; }
  job_id job() const noexcept override { return job_id{state_->epoch}; }
  const std::string& name_space() const noexcept override { return state_->name_space; }

 protected:
  process_host() = default;

  /// When everything is there that it is about.
  void make_current() {
    hosting::the_abandoned.open(state_->epoch, [to = carrier_.get()] { to->look_soon(); });
    detail::record_abandoned.store(
        +[](detail::record& one) noexcept { hosting::the_abandoned.note(one); },
        std::memory_order_release);
  }
  static void make_past() {
    detail::record_abandoned.store(nullptr, std::memory_order_release);
    hosting::the_abandoned.close();
  }
  void refuse_after_end() const {
    if (is_ended_.load(std::memory_order_acquire)) {
      throw std::logic_error("the runtime ended while a thread waited for a future of it");
    }
  }

  /// A thread that waits in here, and so must be gone before the host is.
  class user {
   public:
    explicit user(std::atomic<int>& count) noexcept : count_(count) {
      count_.fetch_add(1, std::memory_order_relaxed);
    }
    user(const user&) = delete;
    user& operator=(const user&) = delete;
    ~user() { count_.fetch_sub(1, std::memory_order_release); }

   private:
    std::atomic<int>& count_;
  };
  void await_users() const noexcept {
    block_drafts::of_process().close();
    while (users_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  }

  static std::vector<std::byte> control_message(control what, std::uint64_t number,
                                                const resource_set* resources = nullptr) {
    output to;
    to.number(what);
    to.number(number);
    if (resources != nullptr) worker_birth::save(to, *resources);
    return to.take().bytes;
  }

  std::unique_ptr<hosting::program_state> state_;
  std::unique_ptr<carrier> carrier_;
  std::unique_ptr<program> program_;
  std::atomic<bool> is_ended_{false};
  std::atomic<int> users_{0};
};

}  // namespace mobula::processes
