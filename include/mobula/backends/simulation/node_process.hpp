#pragma once

/// A simulated node: the engine's node and directory, the objects in its store, and its spill disk.

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "mobula/backends/simulation/disk.hpp"
#include "mobula/backends/simulation/party_process.hpp"
#include "mobula/backends/simulation/worker_process.hpp"
#include "mobula/engine/directory/directory.hpp"
#include "mobula/engine/node/node.hpp"

namespace mobula::simulation {

/// What a node needs of whoever makes processes.
class process_maker {
 public:
  /// Soon: a worker, which joins the node.
  virtual void start_worker() = 0;
  /// Now, if it lives.
  virtual void end_worker(party worker, const engine::death& how) = 0;

 protected:
  ~process_maker() = default;
};

class node_process final : public party_process,
                           public object_memory,
                           private engine::node_host,
                           private engine::directory_host {
 public:
  node_process(shared_state& shared, party self, const engine::node_options& options,
               process_maker& maker)
      : party_process(shared.sim, self),
        shared_(shared),
        maker_(maker),
        node_(options, *this),
        directory_({.self = self, .node = self}, *this),
        disk_(shared.sim.random().split("disk")),
        store_random_(shared.sim.random().split("store")),
        store_bytes_(options.store_bytes) {}

  const engine::node& machine() const noexcept { return node_; }
  const engine::directory& actors() const noexcept { return directory_; }
  simulation::disk& spill_disk() noexcept { return disk_; }

  void begin() {
    event([&] { node_.start(world_.now()); });
  }
  void joined(party who, engine::party_kind kind) {
    event([&] { node_.party_joined(who, kind, world_.now()); });
  }
  /// Its parent sees a process end.
  void saw_death(const engine::death& what) {
    event([&] { node_.party_gone(what, world_.now()); });
  }
  void memory_used(std::uint64_t total, std::span<const engine::worker_usage> usage) {
    event([&] { node_.memory_used(total, usage, world_.now()); });
  }

  // object_memory

  void write(engine::object_key object, engine::payload bytes) override {
    if (memory_.contains(object)) memory_[object] = std::move(bytes);
  }
  engine::payload read(engine::object_key object) override {
    const auto at = memory_.find(object);
    MOBULA_ASSERT(at != memory_.end(), "what is pinned is in memory");
    return at->second;
  }
  [[nodiscard]] std::size_t objects_in_memory() const noexcept { return memory_.size(); }
  [[nodiscard]] std::size_t objects_on_disk() const noexcept { return files_.size(); }

  // Faults.

  /// Somebody takes most of the store, until `free_store`.
  void fill_store() {
    plug_ = next_plug();
    event([&] {
      node_.receive(self(), engine::create_object{plug_, store_bytes_ / 8 * 7}, world_.now());
    });
  }
  void free_store() {
    if (plug_.empty()) return;
    const engine::object_key gone = std::exchange(plug_, {});
    event([&] { pull_plug(gone); });
  }
  /// Probability that an object finds half of the store taken.
  void set_store_full(double probability) noexcept { store_full_ = probability; }

  void verify() const {
    node_.verify();
    directory_.verify();
  }

 private:
  // party_process
  void receive(party from, engine::message&& one) override {
    const instant now = world_.now();
    std::visit(
        [&]<class Message>(Message& what) {
          if constexpr (std::is_same_v<Message, engine::object_created>) {
            // Of a plug that only had to make others leave.
            if (what.object != plug_) pull_plug(what.object);
          } else if constexpr (!engine::is_for_directory<Message>) {
            if constexpr (std::is_same_v<Message, engine::create_object>) {
              if (store_random_.chance(store_full_)) {
                node_.receive(self(), engine::create_object{next_plug(), store_bytes_ / 2}, now);
              }
            }
            node_.receive(from, engine::message(std::move(what)), now);
          } else {
            directory_.receive(from, std::move(what), now);
          }
        },
        one);
  }
  void cut_off(party) override {}  // `saw_death` says so
  instant next_machine_timer() override { return node_.next_timer(); }
  void machine_timer() override { node_.timer(world_.now()); }

  // node_host, directory_host
  void send(party to, engine::push_task&& one) override { transmit(to, std::move(one)); }
  void send(party to, engine::task_done&& one) override { transmit(to, std::move(one)); }
  void send(party to, engine::message&& one) override {
    if (const auto* const created = std::get_if<engine::object_created>(&one)) {
      if (created->status == engine::store_status::ok) memory_[created->object] = {};
    }
    transmit(to, std::move(one));
  }
  void warn(const std::string& text) override { shared_.warn(text, text); }
  void start_worker(const engine::worker_kind&) override {  // no environments, no indices of GPUs
    later([this] { maker_.start_worker(); });
  }
  void end_worker(party worker, engine::death_kind kind, const std::string& why) override {
    later([this, worker, kind, why] {
      engine::death how;
      how.who = worker;
      how.kind = kind;
      how.signal = 9;
      how.text = why;
      maker_.end_worker(worker, how);
    });
  }

  void release_memory(engine::object_key object) override { memory_.erase(object); }
  void spill(engine::object_key object, std::uint64_t size) override {
    const disk_answer answer = disk_.write(size, world_.now());
    const bool done = answer.result == disk_result::done;
    if (done) files_[object] = {memory_[object], size};
    world_.events().at(
        answer.when, {event_kind::disk, object.owner.value(), object.number, self()},
        [this, object, done] {
          event([&] {
            node_.spilled(object,
                          done ? engine::spill_result::ok : engine::spill_result::disk_full,
                          done ? "" : "no space is left on the spill disk", world_.now());
          });
        });
  }
  void restore(engine::object_key object, std::uint64_t size) override {
    const disk_answer answer = disk_.read(size, world_.now());
    const bool done = answer.result == disk_result::done;
    if (done) memory_[object] = files_[object].bytes;
    world_.events().at(answer.when,
                       {event_kind::disk, object.owner.value(), object.number, self()},
                       [this, object, done] {
                         event([&] {
                           node_.restored(object,
                                          done ? engine::restore_result::ok
                                               : engine::restore_result::lost,
                                          done ? "" : "the spill disk could not be read",
                                          world_.now());
                         });
                       });
  }
  void erase_spilled(engine::object_key object) override {
    const auto at = files_.find(object);
    if (at == files_.end()) return;
    disk_.erase(at->second.size);
    files_.erase(at);
  }

  /// What was never published is never freed: its writer is there. Until then it can't be spilled.
  void pull_plug(engine::object_key plug) {
    node_.receive(self(), engine::publish_object{plug}, world_.now());
    node_.receive(self(), engine::free_object{plug}, world_.now());
  }
  engine::object_key next_plug() noexcept { return {self(), (std::uint64_t{1} << 62) | ++plugs_}; }

  struct file {
    engine::payload bytes;
    std::uint64_t size = 0;
  };

  shared_state& shared_;
  process_maker& maker_;
  engine::node node_;
  engine::directory directory_;
  simulation::disk disk_;
  random_stream store_random_;
  const std::uint64_t store_bytes_;
  double store_full_ = 0;
  engine::object_key plug_;
  std::uint64_t plugs_ = 0;
  std::unordered_map<engine::object_key, engine::payload> memory_;
  std::unordered_map<engine::object_key, file> files_;
};

}  // namespace mobula::simulation
