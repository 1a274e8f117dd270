#pragma once

/// A simulated node: the engine's node, the objects in its store, and its spill disk; where it is
/// alone, the directory too.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/disk.hpp"
#include "mobula/backends/simulation/party_process.hpp"
#include "mobula/backends/simulation/worker_process.hpp"
#include "mobula/engine/directory/directory.hpp"
#include "mobula/engine/node/node.hpp"

namespace mobula::simulation {

class node_process;

/// What a node needs of whoever makes processes.
class process_maker {
 public:
  /// Soon: a worker, which joins the node.
  virtual void start_worker(node_process& node) = 0;
  /// Now, if it lives.
  virtual void end_worker(party worker, const engine::death& how) = 0;
  /// The node has been drained, and its process ends.
  virtual void leave(node_process& node) = 0;

 protected:
  ~process_maker() = default;
};

class node_process final : public party_process,
                           public object_memory,
                           private engine::node_host,
                           private engine::directory_host {
 public:
  node_process(shared_state& shared, const hosting::node_place& home,
               const engine::node_options& options, process_maker& maker)
      : party_process(shared.sim, home.node),
        shared_(shared),
        home_(home),
        maker_(maker),
        node_(options, *this),
        disk_(stream_of(shared, home, "disk")),
        store_random_(stream_of(shared, home, "store")),
        store_bytes_(options.store_bytes) {
    if (!home.is_alone()) talk_lasts_with(home.directory);
    if (home.is_alone()) {
      engine::directory_host& host = *this;
      directory_ = std::make_unique<engine::directory>(
          engine::directory_options{.self = self(), .node = self()}, host);
    }
  }

  const hosting::node_place& home() const noexcept { return home_; }
  const engine::node& machine() const noexcept { return node_; }
  /// Null: the head's.
  const engine::directory* actors() const noexcept { return directory_.get(); }
  simulation::disk& spill_disk() noexcept { return disk_; }

  void begin() {
    event([&] { node_.start(now()); });
  }
  void joined(party who, engine::party_kind kind) {
    own_.insert(who);
    event([&] { node_.party_joined(who, kind, now()); });
  }
  /// Its parent sees a process end.
  void saw_death(const engine::death& what) {
    event([&] { node_.party_gone(what, now()); });
  }
  /// What is sent to that node does not get there, or does again.
  void other_unheard(party other, bool is_heard_again) {
    event([&] { node_.other_unheard(other, is_heard_again); });
  }
  void memory_used(std::uint64_t total, std::span<const engine::worker_usage> usage) {
    event([&] { node_.memory_used(total, usage, now()); });
  }

  // object_memory

  void write(engine::object_key object, engine::payload bytes) override {
    if (memory_.contains(object)) memory_[object] = std::move(bytes);
  }
  engine::payload read(engine::object_key object) override {
    MOBULA_ASSERT(memory_.contains(object) || coming_.contains(object),
                  "what is pinned is in memory");
    return in_memory(object);
  }
  [[nodiscard]] std::size_t objects_in_memory() const noexcept {
    return memory_.size() + coming_.size();
  }
  [[nodiscard]] std::size_t objects_on_disk() const noexcept { return files_.size(); }

  // Faults.

  /// Somebody takes most of the store, until `free_store`.
  void fill_store() {
    plug_ = next_plug();
    event([&] {
      node_.receive(self(), engine::create_object{plug_, store_bytes_ / 8 * 7}, now());
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
    if (directory_) directory_->verify();
  }

 private:
  // party_process
  void receive(party from, engine::message&& one) override {
    const instant now = this->now();
    if (!home_.is_alone()) meet(from);
    if (std::holds_alternative<engine::may_leave>(one)) {
      if (from == home_.directory) later([this] { maker_.leave(*this); });
      return;
    }
    std::visit(
        [&]<class Message>(Message& what) {
          if constexpr (engine::is_for_directory<Message>) {
            if (directory_) return directory_->receive(from, std::move(what), now);
          }
          if constexpr (std::is_same_v<Message, engine::object_created>) {
            // Of a plug that only had to make others leave.
            if (what.object != plug_) pull_plug(what.object);
          } else if constexpr (engine::is_for_node<Message> || !engine::is_for_directory<Message>) {
            if constexpr (std::is_same_v<Message, engine::create_object>) {
              if (store_random_.chance(store_full_)) {
                node_.receive(self(), engine::create_object{next_plug(), store_bytes_ / 2}, now);
              }
            }
            node_.receive(from, engine::message(std::move(what)), now);
          }
        },
        one);
  }
  /// Of its own `saw_death` says so.
  void cut_off(party who) override {
    if (own_.contains(who) || home_.is_alone()) return;
    guests_.erase(who);
    engine::death gone;
    gone.who = who;
    gone.kind = engine::death_kind::lost;
    node_.party_gone(gone, now());
  }
  void show_again() override { node_.report_again(world_.now()); }
  /// The machine does not remember who of other nodes is dead.
  void unreachable(party who) override {
    later([this, who] { cut_off(who); });
  }
  /// A process of another node, which has to do with this one.
  void meet(party from) {
    if (from == self() || from == home_.directory || own_.contains(from)) return;
    if (guests_.insert(from).second) {
      node_.party_joined(from, engine::party_kind::guest, now());
    }
  }
  instant next_machine_timer() override { return node_.next_timer(); }
  void machine_timer() override { node_.timer(now()); }

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
    later([this] { maker_.start_worker(*this); });
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

  void release_memory(engine::object_key object) override {
    memory_.erase(object);
    coming_.erase(object);
  }
  void spill(engine::object_key object, std::uint64_t size) override {
    const disk_answer answer = disk_.write(size, world_.now());
    const bool done = answer.result == disk_result::done;
    if (done) files_[object] = {in_memory(object), size};
    world_.events().at(
        answer.when, {event_kind::disk, object.owner.value(), object.number, self()},
        [this, object, done] {
          event([&] {
            node_.spilled(object,
                          done ? engine::spill_result::ok : engine::spill_result::disk_full,
                          done ? "" : "no space is left on the spill disk", now());
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
                                          now());
                         });
                       });
  }
  void erase_spilled(engine::object_key object) override {
    const auto at = files_.find(object);
    if (at == files_.end()) return;
    disk_.erase(at->second.size);
    files_.erase(at);
  }

  void take_memory(engine::object_key object, std::uint64_t size) override {
    coming_[object].resize(size);
  }
  void write_part(const engine::object_part& what) override {
    const auto at = coming_.find(what.object);
    MOBULA_ASSERT(at != coming_.end(), "a part is of what is fetched");
    std::copy(what.bytes.bytes().begin(), what.bytes.bytes().end(),
              at->second.begin() + static_cast<std::ptrdiff_t>(what.offset));
  }
  void send_part(party to, const engine::fetch_part& what) override {
    const std::span<const std::byte> whole = in_memory(what.object).bytes();
    MOBULA_ASSERT(what.offset + what.size <= whole.size(), "a part is one of what is there");
    transmit(to, engine::message(
                     engine::object_part{what.object, what.transfer, what.offset,
                                         engine::payload(whole.subspan(what.offset, what.size))}));
  }
  /// What somebody reads is whole.
  const engine::payload& in_memory(engine::object_key object) {
    engine::payload& there = memory_[object];
    if (const auto came = coming_.find(object); came != coming_.end()) {
      there = engine::payload(std::move(came->second));
      coming_.erase(came);
    }
    return there;
  }

  /// What was never published is never freed: its writer is there. Until then it can't be spilled.
  void pull_plug(engine::object_key plug) {
    node_.receive(self(), engine::publish_object{plug}, now());
    node_.receive(self(), engine::free_object{plug}, now());
  }
  engine::object_key next_plug() noexcept { return {self(), (std::uint64_t{1} << 62) | ++plugs_}; }

  struct file {
    engine::payload bytes;
    std::uint64_t size = 0;
  };

  /// A node that is alone has the seed's own.
  static random_stream stream_of(const shared_state& shared, const hosting::node_place& home,
                                 std::string_view what) {
    const random_stream made = shared.sim.random().split(what);
    return home.is_alone() ? made : made.split(home.node.value());
  }

  shared_state& shared_;
  const hosting::node_place home_;
  process_maker& maker_;
  engine::node node_;
  std::unique_ptr<engine::directory> directory_;
  std::set<party> own_;     ///< its driver and workers, the dead ones too
  std::set<party> guests_;  ///< processes of other nodes
  simulation::disk disk_;
  random_stream store_random_;
  const std::uint64_t store_bytes_;
  double store_full_ = 0;
  engine::object_key plug_;
  std::uint64_t plugs_ = 0;
  std::unordered_map<engine::object_key, engine::payload> memory_;
  std::unordered_map<engine::object_key, std::vector<std::byte>> coming_;  ///< from other nodes
  std::unordered_map<engine::object_key, file> files_;
};

}  // namespace mobula::simulation
