#pragma once

/// The node beside the driver: the engine's node and directory, the workers' processes, and the
/// store's memory and files.

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "mobula/backends/hosting/program_state.hpp"
#include "mobula/backends/processes/carrier.hpp"
#include "mobula/backends/processes/last_words.hpp"
#include "mobula/backends/processes/start_thread.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/engine/death_text.hpp"
#include "mobula/engine/directory/directory.hpp"
#include "mobula/engine/node/node.hpp"
#include "mobula/net/progress.hpp"
#include "mobula/process/refusal.hpp"
#include "mobula/process/zygote.hpp"
#include "mobula/store/arenas.hpp"
#include "mobula/store/segment_map.hpp"
#include "mobula/store/spill_files.hpp"

namespace mobula::processes {

/// One thread that reads and writes files, so that nobody else waits for a disk.
class disk_thread {
 public:
  disk_thread() = default;
  disk_thread(const disk_thread&) = delete;
  disk_thread& operator=(const disk_thread&) = delete;
  ~disk_thread() { stop(); }

  void start() {
    thread_ = start_thread("for spilled objects", [this] { run(); });
  }
  /// What waits is not done any more.
  void stop() {
    {
      const std::lock_guard held{mutex_};
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  void add(action what) {
    {
      const std::lock_guard held{mutex_};
      todo_.push_back(std::move(what));
    }
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock held{mutex_};
    for (;;) {
      changed_.wait(held, [&] { return stopping_ || !todo_.empty(); });
      if (stopping_) return;
      action next = std::move(todo_.front());
      todo_.pop_front();
      held.unlock();
      next();
      next = nullptr;
      held.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<action> todo_;
  bool stopping_ = false;
  std::thread thread_;
};

/// Members are for whoever has entered, but those that say otherwise.
class node final : public local_party, private engine::node_host, private engine::directory_host {
 public:
  node(carrier& in, hosting::program_state& program, const engine::node_options& options,
       std::unique_ptr<process::zygote>& workers)
      : local_party(in, options.self),
        program_(program),
        workers_(workers),
        node_(options, *this),
        directory_({.self = options.self, .node = options.self}, *this),
        arenas_({.bytes_max = options.store_bytes}),
        map_(::getpid()),
        files_(program.options.spill_directory) {
    disk_.start();
  }

  /// Makes what a worker is told.
  std::function<std::vector<std::byte>(party worker, const engine::worker_kind& kind)> birth;
  /// Why a worker that has ended could not make its environment; empty where it does not say so.
  std::function<std::string(party worker)> why_unfit;
  /// The zygote has died: another one is to be there afterwards.
  std::function<void()> on_zygote_death;
  /// Takes over the standard streams of a worker that has started; false: they are lost.
  std::function<bool(const process::worker_report& started)> on_streams;

  const engine::node& machine() const noexcept { return node_; }
  const engine::directory& actors() const noexcept { return directory_; }

  void begin() {
    event([&] { node_.start(now()); });
  }
  void joined(party who, engine::party_kind kind, std::uint64_t of_kind = 0) {
    event([&] { node_.party_joined(who, kind, now(), of_kind); });
  }
  /// A worker speaks for the first time, perhaps before its start was reported.
  void meet(party worker) {
    const auto at = starting_.find(worker);
    if (at == starting_.end()) return;
    const std::uint64_t kind = at->second.number;
    starting_.erase(at);
    joined(worker, engine::party_kind::worker, kind);
  }
  /// Those that are making their environment do nothing else that could be asked of them.
  void end_preparing() {
    for (const party worker : preparing_) workers_->end_worker(worker.value());
  }
  /// In no event.
  void heard_of(const process::worker_report& what);
  /// There is a zygote again, or there is none: `why`.
  void start_unborn(const std::string& why) {
    for (const engine::worker_kind& one : std::exchange(unborn_, {})) {
      why.empty() ? start_process(one) : tell_failed_start(one, why);
    }
  }
  /// That process touches nothing any more that it shared with the dead.
  void forgotten(party dead, party by);
  void memory_used(engine::memory_use what, std::span<const engine::worker_usage> usage) {
    event([&] { node_.memory_used(what, usage, now()); });
  }
  void warn_once(const std::string& text) { program_.warn(text, text); }
  /// What objects take in shared memory.
  [[nodiscard]] std::uint64_t object_bytes() const noexcept { return arenas_.live_bytes(); }
  [[nodiscard]] const std::unordered_map<party, pid_t>& pids() const noexcept { return pids_; }
  /// No file is touched any more. Not for whoever has entered.
  void stop_disk() { disk_.stop(); }

 private:
  // local_party
  using local_party::hear;
  void hear(party from, engine::message&& one) override {
    event([&] { receive(from, std::move(one)); });
  }
  void cut(party) override {}  // `heard_of` says so
  instant next_timer() override { return std::min(node_.next_timer(), trim_at_); }
  void timer() override {
    event([&] {
      if (node_.next_timer() <= now()) node_.timer(now());
    });
    if (trim_at_ > now()) return;
    trim_at_ = engine::never;
    arenas_.trim(0);
  }
  void receive(party from, engine::message&& one) {
    const instant at = now();
    std::visit(
        [&]<class Message>(Message& what) {
          if constexpr (std::is_same_v<Message, engine::worker_ready>) preparing_.erase(from);
          if constexpr (std::is_same_v<Message, engine::create_object>) {
            asked_[{what.object, from}] = what.size;
          }
          if constexpr (std::is_same_v<Message, engine::publish_object>) {
            if (!what.draft.empty()) name_draft(what);
          }
          if constexpr (engine::is_for_directory<Message>) {
            directory_.receive(from, std::move(what), at);
          } else {
            node_.receive(from, engine::message(std::move(what)), at);
          }
        },
        one);
  }

  // node_host, directory_host
  void send(party to, engine::push_task&& one) override { transmit(to, std::move(one)); }
  void send(party to, engine::task_done&& one) override { transmit(to, std::move(one)); }
  void send(party to, engine::message&& one) override;
  void warn(const std::string& text) override { program_.warn(text, text); }
  void start_worker(const engine::worker_kind& kind) override {
    later([this, kind] { start_process(kind); });
  }
  void end_worker(party worker, engine::death_kind kind, const std::string& why) override {
    later([this, worker, kind, why] { end_process(worker, kind, why); });
  }
  /// The memory of a draft is that of its object now, if the machine will say so too.
  void name_draft(const engine::publish_object& what) {
    if (node_.objects().look(what.object) != nullptr) return;
    if (auto memory = memory_.extract(what.draft); !memory.empty()) {
      memory.key() = what.object;
      memory_.insert(std::move(memory));
    }
  }
  void release_memory(engine::object_key object) override;
  void spill(engine::object_key object, std::uint64_t size) override;
  void restore(engine::object_key object, std::uint64_t size) override;
  void erase_spilled(engine::object_key object) override;
  // There is one node, whose machine knows of no head: it asks nobody for copies, and has no guest
  // that could ask it.
  void take_memory(engine::object_key, std::uint64_t) override {
    MOBULA_ASSERT(false, "a node that is alone fetches nothing");
  }
  void write_part(const engine::object_part&) override {
    MOBULA_ASSERT(false, "a node that is alone fetches nothing");
  }
  void send_part(party, const engine::fetch_part&) override {
    MOBULA_ASSERT(false, "nobody fetches from a node that is alone");
  }

  void tell_lost_streams(const process::worker_report& started);
  void start_process(const engine::worker_kind& kind);
  engine::worker_kind end_start(party worker);
  void end_process(party worker, engine::death_kind kind, const std::string& why);
  void tell_failed_start(const engine::worker_kind& kind, const std::string& why);
  engine::death death_of(party worker, const process::worker_report& what);
  engine::object_place place_of(store::place where) const {
    return {where.segment, static_cast<std::uint32_t>(arenas_.descriptor(where.segment)),
            where.offset};
  }

  struct memory_block {
    store::place where{};
    std::uint64_t size = 0;
  };

  hosting::program_state& program_;
  std::unique_ptr<process::zygote>& workers_;  ///< the driver's
  engine::node node_;
  engine::directory directory_;
  store::arenas arenas_;
  store::segment_map map_;
  store::spill_files files_;  ///< of the disk's thread, when that has begun
  disk_thread disk_;
  std::unordered_map<engine::object_key, memory_block> memory_;
  std::map<std::pair<engine::object_key, party>, std::uint64_t> asked_;  ///< sizes, by writers
  std::unordered_map<engine::object_key, store::spill_files::location> on_disk_;
  std::unordered_map<party, engine::worker_kind> starting_;  ///< processes that have not joined
  std::unordered_set<party> preparing_;  ///< with an environment, and not ready
  std::vector<engine::worker_kind> unborn_;  ///< that a dead zygote has not made
  std::unordered_map<party, pid_t> pids_;
  std::unordered_map<party, engine::death> ended_;  ///< by us, and why
  /// The dead, and who may still touch what it shared with them.
  std::unordered_map<party, std::unordered_set<party>> unforgotten_;
  instant trim_at_ = engine::never;
  std::uint64_t parties_made_ = 2;  ///< the node and the driver
};

// --- Processes -----------------------------------------------------------------------------------

inline void node::start_process(const engine::worker_kind& kind) {
  if (program_.ending) return;
  party worker;
  do {
    worker = party{++parties_made_};
  } while (!in_.exchange().slot_free(worker.value()));
  in_.exchange().announce(worker.value());
  starting_.emplace(worker, kind);
  if (!kind.environment.empty()) preparing_.insert(worker);
  try {
    workers_->start_worker(worker.value(), birth(worker, kind));
  } catch (const std::exception& thrown) {
    tell_failed_start(end_start(worker), thrown.what());
  }
}
/// It never joined, and nobody has heard of it.
inline engine::worker_kind node::end_start(party worker) {
  engine::worker_kind kind = std::move(starting_.extract(worker).mapped());
  preparing_.erase(worker);
  pids_.erase(worker);
  in_.exchange().retire(worker.value());
  in_.exchange().reclaim(worker.value());
  return kind;
}
inline void node::tell_failed_start(const engine::worker_kind& kind, const std::string& why) {
  event([&] { node_.worker_failed_to_start(why, now(), kind.number); });
}
inline void node::end_process(party worker, engine::death_kind kind, const std::string& why) {
  engine::death& how = ended_[worker];
  how.kind = kind;
  how.signal = SIGKILL;
  how.text = why;
  workers_->end_worker(worker.value());
}

inline engine::death node::death_of(party worker, const process::worker_report& what) {
  engine::death made;
  const net::progress_view last(in_.exchange(), worker.value());
  if (const auto by_us = ended_.find(worker); by_us != ended_.end()) {
    made = std::move(by_us->second);
    ended_.erase(by_us);
  } else {
    made.kind = what.signal != 0 ? engine::death_kind::crashed : engine::death_kind::exited;
    made.signal = what.signal;
    made.exit_code = what.status;
    made.text = readable_words(last.last_words());
  }
  made.who = worker;
  made.begun = last.begun();
  made.lease = engine::lease_id{last.lease()};
  last.for_each_call([&](std::uint64_t owner, std::uint64_t number) {
    made.running.push_back({party{owner}, number});
  });
  return made;
}

inline void node::heard_of(const process::worker_report& what) {
  using kind = process::worker_report::kind;
  const party worker{what.number};
  switch (what.what) {
    case kind::started:
      pids_[worker] = what.pid;
      meet(worker);
      if (what.error != 0 || !on_streams(what)) tell_lost_streams(what);
      return;
    case kind::zygote_died:
      return on_zygote_death();
    case kind::failed:
    case kind::exited:
      break;
  }
  // What it has said may show that it had joined, even where its zygote died before it told of it.
  in_.exchange().retire(worker.value());
  in_.bury(worker);
  process::worker_report end = what;
  if (what.what == kind::failed) end.signal = SIGKILL;  // with its zygote, if it was there
  if (starting_.contains(worker)) {
    if (what.what == kind::exited) {
      const std::string how = engine::to_string(death_of(worker, what));
      return tell_failed_start(end_start(worker), "its process " + how);
    }
    const engine::worker_kind wanted = end_start(worker);
    if (what.error == ESRCH) return unborn_.push_back(wanted);  // `on_zygote_death` comes
    return tell_failed_start(wanted, std::string("its process could not be started: ") +
                                         std::strerror(what.error) +
                                         process::way_out_of_refusal(what.error));
  }
  const engine::death death = death_of(worker, end);
  pids_.erase(worker);
  for (auto at = asked_.begin(); at != asked_.end();) {
    at = at->first.second == worker ? asked_.erase(at) : std::next(at);
  }
  std::unordered_set<party>& left = unforgotten_[worker];
  for (const auto& [other, pid] : pids_) left.insert(other);
  std::string unfit;
  if (preparing_.erase(worker) != 0) unfit = why_unfit(worker);
  event([&] {
    if (!unfit.empty()) node_.environment_failed(worker, unfit, now());
    node_.party_gone(death, now());
  });
  arenas_.writer_gone(worker.value());
  for (const auto& [other, pid] : pids_) in_.exchange().rouse(other.value());
  // Who died before had perhaps not forgotten those that died before it.
  std::vector<party> dead;
  for (auto& [gone, others] : unforgotten_) {
    others.erase(worker);
    if (others.empty()) dead.push_back(gone);
  }
  for (const party gone : dead) forgotten(gone, gone);
}
/// Once: from then on it is so for others as well.
inline void node::tell_lost_streams(const process::worker_report& started) {
  program_.warn("what worker " + std::to_string(started.pid) +
                    " writes to its standard streams is lost, and perhaps that of others: " +
                    (started.error != 0 ? std::strerror(started.error)
                                        : "half of the descriptors that this process may have are "
                                          "pipes of workers") +
                    " (ulimit -n)",
                "streams");
}
inline void node::forgotten(party dead, party by) {
  const auto at = unforgotten_.find(dead);
  if (at == unforgotten_.end()) return;
  at->second.erase(by);
  if (!at->second.empty()) return;
  unforgotten_.erase(at);
  in_.exchange().reclaim(dead.value());
}

// --- The store -----------------------------------------------------------------------------------

/// The machine counts bytes; where they are is said here.
inline void node::send(party to, engine::message&& one) {
  if (auto* const created = std::get_if<engine::object_created>(&one)) {
    const auto asked = asked_.find({created->object, to});
    const std::uint64_t size = asked == asked_.end() ? 0 : asked->second;
    if (asked != asked_.end()) asked_.erase(asked);
    if (created->status == engine::store_status::ok) {
      try {
        const store::place where = arenas_.allocate(to.value(), size);
        memory_[created->object] = {where, size};
        created->place = place_of(where);
        trim_at_ = engine::never;
      } catch (const std::exception& thrown) {
        created->status = engine::store_status::full;
        created->why = {.code = error_code::store_full,
                        .what = std::string("the object store has no memory: ") + thrown.what()};
        // What was never there is freed and published, so that the machine forgets it, and does
        // not spill it meanwhile.
        later([this, to, object = created->object] {
          node_.receive(object.owner, engine::free_object{object}, now());
          node_.receive(to, engine::publish_object{object}, now());
        });
      }
    }
  } else if (auto* const pinned = std::get_if<engine::object_pinned>(&one)) {
    if (const auto at = memory_.find(pinned->object); at != memory_.end()) {
      pinned->place = place_of(at->second.where);
    }
  }
  transmit(to, std::move(one));
}
inline void node::release_memory(engine::object_key object) {
  const auto at = memory_.find(object);
  if (at == memory_.end()) return;
  arenas_.free(at->second.where);
  memory_.erase(at);
  trim_at_ = now() + 1'000'000'000;
}
inline void node::spill(engine::object_key object, std::uint64_t size) {
  const store::place where = memory_.at(object).where;
  const int descriptor = arenas_.descriptor(where.segment);
  disk_.add([this, object, size, where, descriptor] {
    engine::spill_result how = engine::spill_result::ok;
    std::string why;
    store::spill_files::location made;
    try {
      made = files_.write({map_.readable(where, descriptor, size), size});
    } catch (const out_of_disk_error& full) {
      how = engine::spill_result::disk_full;
      why = full.what();
    } catch (const std::exception& thrown) {
      how = engine::spill_result::failed;
      why = thrown.what();
    }
    const hosting::inside held(*this);
    if (how == engine::spill_result::ok) on_disk_[object] = made;
    event([&] { node_.spilled(object, how, why, now()); });
  });
}
inline void node::restore(engine::object_key object, std::uint64_t size) {
  const store::spill_files::location from = on_disk_.at(object);
  store::place where;
  std::string why;
  try {
    where = arenas_.allocate(self().value(), size);
  } catch (const std::exception& thrown) {
    why = thrown.what();
  }
  const int descriptor = where.segment != 0 ? arenas_.descriptor(where.segment) : -1;
  disk_.add([this, object, size, where, descriptor, from, why]() mutable {
    if (why.empty()) {
      try {
        files_.read(from, {map_.writable(where, descriptor, size), size});
      } catch (const std::exception& thrown) {
        why = thrown.what();
      }
    }
    const hosting::inside held(*this);
    if (why.empty()) {
      memory_[object] = {where, size};
    } else if (where.segment != 0) {
      arenas_.free(where);
    }
    event([&] {
      node_.restored(object,
                     why.empty() ? engine::restore_result::ok : engine::restore_result::lost, why,
                     now());
    });
  });
}
inline void node::erase_spilled(engine::object_key object) {
  const auto at = on_disk_.find(object);
  if (at == on_disk_.end()) return;
  disk_.add([this, from = at->second] { files_.erase(from); });
  on_disk_.erase(at);
}

}  // namespace mobula::processes
