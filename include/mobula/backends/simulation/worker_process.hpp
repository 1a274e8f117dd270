#pragma once

/// A simulated driver or worker: a party of the world, and the program in it on fibers.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/simulation/body_fiber.hpp"
#include "mobula/backends/simulation/party_process.hpp"
#include "mobula/backends/simulation/shared_state.hpp"

namespace mobula::simulation {

using hosting::actor_handle;

/// Where stored objects are. The node's process is one; a worker writes and reads there, as into
/// shared memory, between the node's word that it may and the node's word that it is gone.
class object_memory {
 public:
  virtual void write(engine::object_key object, engine::payload bytes) = 0;
  virtual engine::payload read(engine::object_key object) = 0;

 protected:
  ~object_memory() = default;
};

/// Invariant: nothing that a killed process's bodies do while they are unwound leaves it.
///
/// The members are defined in worker_bodies.hpp.
class worker_process final : public party_process, public hosting::program_process {
 public:
  worker_process(shared_state& shared, party self, const hosting::node_place& home,
                 object_memory& memory)
      : party_process(shared.sim, self),
        program_process(static_cast<hosting::party_loop&>(*this), shared, home),
        shared_(shared),
        memory_(memory) {
    if (!home.is_alone()) talk_lasts_with(home.directory);
  }

  using party_process::alive;
  using party_process::event;
  using party_process::now;
  using party_process::later;
  using party_process::self;
  using party_process::transmit;

  shared_state& shared() noexcept { return shared_; }

  bool wait_for(completion& what, instant deadline = engine::never,
                waiting how = waiting::plain) override;
  /// It goes on, if it waits.
  void wake(body_fiber& one);
  void wait_ended(body_fiber& one);
  /// A fiber of this process that is no body: a program, a callback.
  void start_fiber(action what) { start_fiber(nullptr, std::move(what)); }
  /// As SIGKILL would: bodies are unwound, actors' objects destroyed, and nothing of it is seen.
  void kill_process();
  void stop_bodies();
  /// Of those that have begun.
  [[nodiscard]] std::size_t fiber_count() const noexcept { return fibers_.size(); }
  template <class Visit>
  void for_each_fiber(Visit visit) const {
    for (const auto& one : fibers_) visit(*one);
  }
  /// `death::running`.
  [[nodiscard]] engine::key_list running_calls() {
    engine::key_list out;
    append_unheard(out);
    executor_.for_each_life([&](const engine::actor_life& life) {
      for (const engine::body* one = life.running; one != nullptr; one = one->after) {
        if (one->kind == engine::body_kind::call && !one->answered) out.push_back(one->push.task);
      }
    });
    return out;
  }

 private:
  body_fiber& start_fiber(engine::body* body, action what);
  void run_fiber(body_fiber& one);
  void ask_to_stop(body_fiber& one, bool recursive);
  body_fiber* fiber_of(const engine::body& one) noexcept;
  [[nodiscard]] bool is_running(std::uint64_t number) const noexcept;
  static void unwind(body_fiber& one);

  // party_process
  void receive(party from, engine::message&& one) override { heard(from, std::move(one)); }
  void cut_off(party who) override { program_process::cut_off(who); }
  instant next_machine_timer() override { return owner_.next_timer(); }
  void machine_timer() override { owner_.timer(now()); }
  void after_event() override {
    if (is_leaving()) leave_if_unneeded(all_arrived());
  }

  // program_process
  void function_begins(const detail::function_entry* of, detail::frame& in) override {
    body_fiber& fiber = *body_fiber::current();
    fiber.body_frame = &in;
    if (of == nullptr) return;  // a destructor is not asked to stop
    fiber.function.store(of, std::memory_order_release);
    if (fiber.stop) in.request_stop();
  }
  void function_ended(detail::frame& in) override {
    body_fiber& fiber = *body_fiber::current();
    fiber.body_frame = nullptr;
    if (fiber.stop_children) cancel_children(in);
  }
  bool asked_to_stop() const override { return body_fiber::current()->stop; }
  bool can_wait() const override {
    return body_fiber::current() != nullptr || !world_.on_own_thread();
  }
  void write_stored(engine::object_key object, const engine::object_place&,
                    const hosting::packed& what) override {
    std::vector<std::byte> bytes(what.size());
    what.write(bytes.data());
    memory_.write(object, engine::payload(std::move(bytes)));
  }
  hosting::packed_bytes read_stored(engine::object_key object, const engine::object_place&,
                                    std::uint64_t) override {
    auto kept = std::make_shared<const engine::payload>(memory_.read(object));
    return {kept->bytes(), kept};
  }

  // executor_host
  void run(engine::body& one) override;
  void request_stop(engine::body& one, bool recursive) override;
  void resume(engine::body& one) override;

  shared_state& shared_;
  object_memory& memory_;
  std::vector<std::unique_ptr<body_fiber>> fibers_;
};

}  // namespace mobula::simulation
