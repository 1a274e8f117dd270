#pragma once

/// The driver's or a worker's program in a process of its own: bodies on threads, objects in shared
/// memory.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <unistd.h>

#include "mobula/backend/frame.hpp"
#include "mobula/backends/hosting/actors.hpp"
#include "mobula/backends/hosting/bodies.hpp"
#include "mobula/backends/hosting/hearing.hpp"
#include "mobula/backends/hosting/loads.hpp"
#include "mobula/backends/hosting/objects.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/hosting/promises.hpp"
#include "mobula/backends/hosting/stored.hpp"
#include "mobula/backends/hosting/streams.hpp"
#include "mobula/backends/processes/body_names.hpp"
#include "mobula/backends/processes/carrier.hpp"
#include "mobula/backends/processes/object_memory.hpp"
#include "mobula/backends/processes/running_body.hpp"
#include "mobula/backends/processes/start_thread.hpp"
#include "mobula/backends/processes/worker_output.hpp"
#include "mobula/core/fault_point.hpp"
#include "mobula/net/progress.hpp"
#include "mobula/process/backtrace.hpp"

namespace mobula::processes {

/// Members are for whoever has entered, but those that say otherwise. A worker calls `work` on its
/// main thread, and comes back from it when the runtime ends.
class program final : public local_party, public hosting::program_process {
 public:
  program(carrier& in, party self, hosting::program_state& state, pid_t node_process)
      : local_party(in, self),
        program_process(static_cast<hosting::party_loop&>(*this), state, state.home),
        progress_(in.exchange(), self.value()),
        memory_(std::make_shared<object_memory>(node_process)) {
    memory_->context = &in;
    memory_->on_let_go = [](void* of) noexcept { static_cast<carrier*>(of)->look_soon(); };
  }
  ~program() override { memory_->close(); }

  using local_party::alive;
  using local_party::enter;
  using local_party::event;
  using local_party::later;
  using local_party::leave;
  using local_party::now;
  using local_party::self;
  using local_party::transmit;

  bool wait_for(completion& what, instant deadline = engine::never,
                waiting how = waiting::plain) override;
  /// For threads of the program that wait: from now on each throws. For whoever has entered.
  void end_waits() {
    ended_ = true;
    for (carrier::waiter* const one : outside_waits_) carrier::nudge(*one);
  }
  /// A worker's: the runtime ends. All bodies are asked to stop, and `work` returns when they have.
  void end() {
    ends_ = true;
    cancel_all(detail::failure_ptr::make(
        cancelled_error("the runtime ended before the task did")));
    if (work_.has_value()) carrier::nudge(*work_);
    for (const auto& one : running_) ask_to_stop(*one, false);
    for (const auto& one : ready_) ask_to_stop(*one, false);
    std::vector<running_body*> aside;  // which they may cease to do meanwhile
    for (const auto& [body, one] : waiting_) aside.push_back(body);
    for (running_body* const one : aside) ask_to_stop(*one, false);
  }
  [[nodiscard]] bool ends() const noexcept { return ends_; }
  [[nodiscard]] std::size_t body_count() const noexcept {
    return running_.size() + ready_.size() + waiting_.size();
  }
  /// The process is as good as dead: nothing that it does reaches anybody.
  void die() noexcept {
    alive_ = false;
    forget_todo();
  }
  /// A worker's threads: takes bodies and runs them, for the main thread until `end`. Not for
  /// whoever has entered.
  void work();
  /// Runs the destructors of all actors. For whoever has not entered, after `work`.
  void destroy_actors() {
    take_actor_objects([](const detail::function_entry& constructor, void* instance) {
      constructor.destroy_instance(instance);
    });
  }
  /// Called, entered, when a body begins and the node waits for that.
  std::function<void()> on_awaited_body;
  /// Memory of the store for a block of the program's, so that nothing is copied when it becomes an
  /// object. Null: there is none at once. Not for whoever has entered.
  std::shared_ptr<std::byte> draft(std::size_t size);
  /// Handles that nobody had any more are looked at.
  void drain() { hosting::program_process::drain_abandoned(program_); }

 private:
  // local_party
  void hear(party from, engine::message&& one) override {
    event([&] { heard(from, std::move(one)); });
  }
  void hear(party from, engine::push_task&& one) override {
    event([&] { executor_.receive(from, std::move(one), now()); });
  }
  void hear(party from, engine::task_done&& one) override {
    event([&] { owner_.receive(from, std::move(one), now()); });
  }
  void cut(party who) override {
    event([&] { program_process::cut_off(who); });
  }
  instant next_timer() override {
    const instant first = alarms_.empty() ? engine::never : alarms_.begin()->first;
    return std::min(first, owner_.next_timer());
  }
  void timer() override {
    event([&] { owner_.timer(now()); });
    while (!alarms_.empty() && alarms_.begin()->first <= now()) woken(*alarms_.begin()->second);
  }
  void turn_ends() override;
  void event_over() override {
    if (is_leaving()) leave_if_unneeded(in_.all_arrived());
  }

  // program_process
  void function_begins(const detail::function_entry* of, detail::frame& in) override {
    const hosting::glance held(*this);
    running_body& mine = *running_body::current();
    mine.frame = &in;
    if (of != nullptr && mine.stop.load(std::memory_order_relaxed)) in.request_stop();
  }
  void function_ended(detail::frame& in) override {
    running_body& mine = *running_body::current();
    bool stop_children = false;
    for (;;) {
      {
        const hosting::glance held(*this);
        mine.frame = nullptr;
        stop_children = mine.stop_children;
        if (mine.stoppers == 0) break;
      }
      std::this_thread::yield();
    }
    if (stop_children) cancel_children(in);
  }
  bool asked_to_stop() const override { return running_body::current()->stop; }
  bool can_wait() const override { return true; }
  void write_stored(engine::object_key, const engine::object_place& place,
                    const hosting::packed& what) override {
    what.write(memory_->map.writable({place.segment, place.offset},
                                     static_cast<int>(place.descriptor), what.size()));
  }
  bool publish_draft(engine::object_key object, hosting::packed& what) override;
  hosting::packed_bytes read_stored(engine::object_key object, const engine::object_place& place,
                                    std::uint64_t size) override;

  // executor_host
  void run(engine::body& one) override {
    ready_.push_back(std::make_unique<running_body>(in_, one));
    if (ends_) ready_.back()->stop.store(true, std::memory_order_relaxed);
  }
  void request_stop(engine::body& one, bool recursive) override;
  void resume(engine::body& one) override;

  void ask_to_stop(running_body& one, bool recursive);
  void take_bodies(bool may_end);
  void run_next();
  void put_aside(running_body& one);
  void woken(running_body& one);
  static void wait_is_over(detail::waiter& link) noexcept;
  void hire();
  void fail_ready(std::size_t count, const std::string& why);
  bool wait_outside(completion& what, instant deadline);

  /// Before a block that becomes an object: for the rest of the value.
  static constexpr std::size_t draft_head_bytes = 512;

  net::progress progress_;
  body_names names_;
  std::shared_ptr<object_memory> memory_;
  std::deque<std::unique_ptr<running_body>> ready_;
  std::vector<std::unique_ptr<running_body>> running_;
  /// Coroutines that wait, and have no thread.
  std::unordered_map<running_body*, std::unique_ptr<running_body>> waiting_;
  std::multimap<instant, running_body*> alarms_;  ///< of those that wait for a time
  std::size_t threads_ = 1;  ///< that take bodies: a worker's main thread, and those it has hired
  std::vector<carrier::waiter*> idle_;  ///< threads that wait for a body
  std::vector<std::uint32_t> answered_;  ///< calls, until their answers are in the rings
  std::vector<carrier::waiter*> outside_waits_;
  std::uint64_t drafts_ = 0;
  std::size_t bodies_told_ = 0;
  std::size_t once_only_ = 0;  ///< tasks that have begun and would not run again
  std::optional<carrier::waiter> work_;  ///< of a worker's main thread
  bool ended_ = false;  ///< no thread waits any more
  bool ends_ = false;   ///< no body begins that is not asked to stop
};

// --- Waits ---------------------------------------------------------------------------------------

inline bool program::wait_for(completion& what, instant deadline, waiting how) {
  running_body* const mine = running_body::current();
  if (mine == nullptr) return wait_outside(what, deadline);
  const auto out_of_time = [&] { return deadline != engine::never && now() >= deadline; };
  const auto must_throw = [&] {
    return how != waiting::deaf && mine->stop.load(std::memory_order_relaxed);
  };
  const auto refuse = [] { throw cancelled_error("the task was cancelled while it waited"); };
  if (must_throw()) refuse();
  if (what.done) return true;
  if (out_of_time()) return false;
  what.waiter = &mine->sleeper;
  const bool gives_way = how == waiting::gives_way;
  if (how == waiting::lends || gives_way) {
    mine->lent = true;
    event([&] { executor_.body_blocked(mine->body, now(), gives_way); });
  }
  bool is_over = false;  // once it is, it stays so: a deadline is seen once
  in_.wait(mine->sleeper, deadline, [&] {
    is_over = is_over || what.done || out_of_time() || must_throw();
    // A body that has lent its CPUs goes on when it has them again: `resume` says so.
    if (is_over && mine->lent && !std::exchange(mine->going_on, true)) {
      deadline = engine::never;
      event([&] { executor_.body_unblocked(mine->body, now()); });
    }
    return is_over && !mine->lent;
  });
  what.waiter = nullptr;
  if (must_throw()) refuse();
  return what.done;
}

inline bool program::wait_outside(completion& what, instant deadline) {
  const auto out_of_time = [&] { return deadline != engine::never && now() >= deadline; };
  if (what.done) return true;
  if (out_of_time()) return false;
  carrier::waiter mine(in_);
  what.waiter = &mine;
  outside_waits_.push_back(&mine);
  in_.wait(mine, deadline, [&] { return what.done || ended_ || out_of_time(); });
  std::erase(outside_waits_, &mine);
  what.waiter = nullptr;
  return what.done;
}

inline void program::resume(engine::body& one) {
  auto* const mine = static_cast<running_body*>(one.user);
  if (mine == nullptr) return;
  mine->lent = false;
  mine->going_on = false;
  if (!std::exchange(mine->waits, false)) return carrier::nudge(mine->sleeper);
  const auto at = waiting_.find(mine);
  ready_.push_back(std::move(at->second));  // who takes bodies is told at the end of the turn
  waiting_.erase(at);
}
inline void program::request_stop(engine::body& one, bool recursive) {
  if (auto* const mine = static_cast<running_body*>(one.user)) ask_to_stop(*mine, recursive);
}
inline void program::ask_to_stop(running_body& one, bool recursive) {
  one.stop.store(true, std::memory_order_relaxed);
  one.stop_children = one.stop_children || recursive;
  if (one.frame != nullptr) {
    // Callbacks of its stop token are the program's code.
    ++one.stoppers;
    run_outside([this, &one, recursive, frame = one.frame] {
      frame->request_stop();
      if (recursive) cancel_children(*frame);
      const hosting::inside held(*this);
      --one.stoppers;
    });
  }
  one.waits ? woken(one) : carrier::nudge(one.sleeper);
}

// --- Coroutines ----------------------------------------------------------------------------------

/// Its coroutine waits, and the thread goes on with others. The body may be anywhere afterwards.
inline void program::put_aside(running_body& one) {
  const auto at = std::find_if(running_.begin(), running_.end(),
                               [&](const auto& each) { return each.get() == &one; });
  waiting_.emplace(&one, std::move(*at));
  running_.erase(at);
  one.waits = one.lent = true;
  event([&] { executor_.body_blocked(one.body, now(), true); });
  const detail::coroutine_wait& until = one.coroutine->segments->waits_for();
  if (until.deadline != clock::time_point::max()) {
    one.alarm = until.deadline.time_since_epoch().count();
    alarms_.emplace(one.alarm, &one);
  }
  if (until.target != nullptr) {
    one.settles.home = this;
    one.settles.body = &one;
    one.settles.link.fire = &wait_is_over;
    one.settles.told.store(false, std::memory_order_relaxed);
    one.settles.target = until.target;
    if (!until.target->add_waiter(one.settles.link)) {
      one.settles.target = nullptr;
      return woken(one);
    }
  }
  if (one.stop.load(std::memory_order_relaxed) || now() >= one.alarm) woken(one);
}
/// What a coroutine waits for is there, or it is to stop: it goes on when it may.
inline void program::woken(running_body& one) {
  if (!one.waits || std::exchange(one.going_on, true)) return;
  if (const instant alarm = std::exchange(one.alarm, engine::never); alarm != engine::never) {
    const auto [first, last] = alarms_.equal_range(alarm);
    alarms_.erase(std::find_if(first, last, [&](const auto& at) { return at.second == &one; }));
  }
  event([&] { executor_.body_unblocked(one.body, now()); });
}
/// On any thread, which may have entered or not.
inline void program::wait_is_over(detail::waiter& link) noexcept {
  auto& self = reinterpret_cast<coroutine_waiter&>(link);
  program& home = *self.home;
  const hosting::inside held(home);
  // Who goes on looks whether this is over before it lets go of the body, and outside.
  home.woken(*self.body);
  self.told.store(true, std::memory_order_release);
}

// --- Bodies --------------------------------------------------------------------------------------

/// For whoever has entered; it has left meanwhile.
inline void program::run_next() {
  running_.push_back(std::move(ready_.front()));
  ready_.pop_front();
  running_body& mine = *running_.back();
  engine::body& body = mine.body;
  if (!ready_.empty()) hire();
  running_body::current() = &mine;
  const bool begins = mine.coroutine == nullptr;
  if (!begins) {
    // It was told when it began.
  } else if (body.kind == engine::body_kind::task) {
    progress_.set_lease(body.push.lease.value());
    progress_.set_begun(body.push.index);
    if (body.push.retries == 0) ++once_only_;
    progress_.set_retryable(once_only_ == 0);
  } else if (body.kind == engine::body_kind::call) {
    mine.call = progress_.begin_call(body.push.task.owner.value(), body.push.task.number);
  }
  names_.begin(body, program_, progress_);
  if (begins) begin_body(body);
  in_.body_begins();
  in_.leave(executor_.owed() > 1);
  engine::body_end end;
  if (!begins) mine.settles.unlink();
  const bool has_ended = begins ? run_function(body, end, &mine.coroutine)
                                : run_coroutine(body, *mine.coroutine, end);
  flush_output();
  enter();
  in_.hear();  // what would begin next may have been cancelled
  running_body::current() = nullptr;
  if (!has_ended) return put_aside(mine);
  if (body.kind == engine::body_kind::task && body.push.retries == 0) --once_only_;
  if (mine.call != net::progress::none) answered_.push_back(mine.call);
  std::erase_if(running_, [&](const auto& one) { return one.get() == &mine; });
  end_body(body, std::move(end));
}
/// Other threads are to take what is ready.
inline void program::hire() {
  const std::size_t wanted = ready_.size();
  const std::size_t idle = std::min(wanted, idle_.size());
  for (std::size_t i = 0; i < idle; ++i) carrier::nudge(*idle_[idle_.size() - 1 - i]);
  // Whoever runs nothing looks at what is ready before it sleeps, if it is not idle already.
  while (threads_ - running_.size() < wanted) {
    try {
      start_thread("for a call beside others", [this] {
        const process::crash_stack stack;
        take_bodies(false);
      }).detach();  // for as long as the process lives
      ++threads_;
    } catch (const std::system_error& refused) {
      return fail_ready(wanted - (threads_ - running_.size()), refused.what());
    }
  }
}
/// Those that came last of what is ready fail: whoever waits for them in this process would wait
/// for ever, if they waited for a thread.
inline void program::fail_ready(std::size_t count, const std::string& why) {
  for (auto at = ready_.end(); at != ready_.begin() && count != 0;) {
    --at;
    --count;
    // What holds something has to give it back, and what has begun to end; it waits.
    if ((*at)->body.kind == engine::body_kind::destructor || (*at)->coroutine) continue;
    run_outside([this, one = std::shared_ptr<running_body>(std::move(*at)), why]() mutable {
      const hosting::inside held(*this);
      engine::body& body = one->body;
      engine::body_end end;
      end.result = engine::failed_outcome({.code = error_code::unschedulable, .what = why});
      begin_body(body);
      one = nullptr;
      end_body(body, std::move(end));
    });
    at = ready_.erase(at);
  }
}
inline void program::work() {
  work_.emplace(in_);
  take_bodies(true);
}
inline void program::take_bodies(bool may_end) {
  std::optional<carrier::waiter> own;
  carrier::waiter& mine = may_end ? *work_ : own.emplace(in_);
  const auto is_over = [&] { return may_end && ends_ && body_count() == 0; };
  const hosting::inside held(*this);
  while (!is_over()) {
    if (!ready_.empty()) {
      run_next();
      if (ends_) carrier::nudge(*work_);
      continue;
    }
    idle_.push_back(&mine);
    in_.wait(mine, engine::never, [&] { return !ready_.empty() || is_over(); });
    std::erase(idle_, &mine);
  }
}
/// What was answered is in the rings now, or will be.
inline void program::turn_ends() {
  drain();
  if (memory_->any_let_go()) {
    const object_memory::let_go gone = memory_->take_let_go();
    for (const engine::object_key& key : gone.pins) drop_pin(key);
    for (const engine::object_key& key : gone.drafts) {
      event([&] {
        transmit(home_.node, engine::message(engine::publish_object{key}));
        transmit(home_.node, engine::message(engine::free_object{key}));
      });
    }
  }
  if (!answered_.empty() && in_.all_arrived()) {
    for (const std::uint32_t call : answered_) progress_.end_call(call);
    answered_.clear();
  }
  if (body_count() != bodies_told_) {
    const bool was_idle = bodies_told_ == 0;
    bodies_told_ = body_count();
    progress_.set_bodies(static_cast<std::uint32_t>(bodies_told_));
    if (was_idle && progress_.take_body_awaited() && on_awaited_body) on_awaited_body();
  }
  if (!ready_.empty()) hire();
}

// --- Memory --------------------------------------------------------------------------------------

inline std::shared_ptr<std::byte> program::draft(std::size_t size) {
  if (in_.is_inside()) return nullptr;
  const std::size_t whole = draft_head_bytes + size;
  engine::object_created memory;
  {
    const hosting::inside held(*this);
    if (!alive() || ended_ || ends_) return nullptr;
    memory = ask_for_memory({{self(), engine::draft_bit | ++drafts_}, whole, true});
  }
  if (memory.status != engine::store_status::ok) return nullptr;
  detail::fault(detail::fault_point::object_promised);
  std::byte* const first = memory_->map.writable({memory.place.segment, memory.place.offset},
                                                 static_cast<int>(memory.place.descriptor), whole);
  return memory_->draft(memory.object, first + draft_head_bytes, size);
}
inline bool program::publish_draft(engine::object_key object, hosting::packed& what) {
  const buffer* const block = what.only_buffer();
  if (block == nullptr || what.head_size() > draft_head_bytes) return false;
  const auto draft = memory_->adopt(block->data, block->size, object);
  if (!draft) return false;
  what.begin_buffers_at(draft_head_bytes);
  what.write_head(const_cast<std::byte*>(block->data) - draft_head_bytes);
  detail::fault(detail::fault_point::object_written);
  event([&] {
    transmit(home_.node, engine::message(engine::publish_object{object, *draft}));
  });
  // For whoever has the block: it stays where it is as long as it is read there.
  use_pin(object, {}, [](const auto&) {});
  return true;
}

inline hosting::packed_bytes program::read_stored(engine::object_key object,
                                                  const engine::object_place& place,
                                                  std::uint64_t size) {
  const std::byte* const first = memory_->map.readable({place.segment, place.offset},
                                                       static_cast<int>(place.descriptor), size);
  keep_pin(object);
  return {{first, static_cast<std::size_t>(size)}, memory_->reader_of(first, object)};
}

}  // namespace mobula::processes
