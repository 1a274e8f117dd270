#pragma once

/// The simulated head of several nodes: the engine's head and directory, and the disk that they
/// live on after their process's death.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/party_process.hpp"
#include "mobula/backends/simulation/shared_state.hpp"
#include "mobula/engine/lasting/lasting_head.hpp"

namespace mobula::simulation {

/// What a head needs of whoever runs the nodes.
class node_undertaker {
 public:
  /// See `lasting_host`.
  virtual void take_for_dead(party node) = 0;

 protected:
  ~node_undertaker() = default;
};

/// It dies and comes back under the same name. While it is dead nothing reaches it, and what it
/// knew at its death can be looked at.
class head_process final : public party_process, private engine::lasting_host {
 public:
  head_process(shared_state& shared, party self, node_undertaker& nodes)
      : party_process(shared.sim, self),
        shared_(shared),
        nodes_(nodes),
        random_(shared.sim.random().split("head's disk")) {
    begin_life();
  }

  const engine::head& machine() const noexcept { return machine_->head(); }
  const engine::directory& actors() const noexcept { return machine_->directory(); }
  [[nodiscard]] bool is_up() const noexcept { return is_up_; }
  void verify() const { machine_->verify(); }

  /// As by SIGKILL. Of what it was writing a part is there.
  void kill() {
    if (!std::exchange(is_up_, false)) return;
    const std::size_t whole = random_.below(unwritten_.size() + 1);
    write(written_ + whole);
    if (!unwritten_.empty()) {
      const std::vector<std::byte>& half = unwritten_.front();
      const auto part = static_cast<std::ptrdiff_t>(random_.below(half.size()));
      log_.insert(log_.end(), half.begin(), half.begin() + part);
    }
    unwritten_.clear();
    renew_all_links();
  }
  /// With what its disk has. Its links are made by `link_made`, one after the other.
  void restart() {
    if (is_up_) return;
    world_.lives_again(self());
    begin_life();
    event([&] {
      // It finds that it can't reach them.
      for (const party who : cut_parties()) machine_->party_cut(who, now());
    });
  }
  /// It has to do with that party, and had before its death.
  bool knows(party who) const { return machine_->knows(who); }
  void link_made(party with) {
    renew_link(with);
    event([&] { machine_->link_made(with); });
  }

  void frame_arrived(party from, std::span<const std::byte> frame) override {
    if (is_up_) party_process::frame_arrived(from, frame);
  }

 private:
  void begin_life() {
    engine::lasting_host& host = *this;
    machine_ = std::make_unique<engine::lasting_head>(
        engine::lasting_options{.head = {.self = self()},
                                .directory = {.self = self(), .node = self(), .in_head = true},
                                .log_bytes_max = std::size_t{64} << 10},
        host);
    const std::string error = machine_->load(snapshot_, log_);
    MOBULA_ASSERT(error.empty(), "a head reads what it wrote");
    is_up_ = true;
  }
  /// Records up to that one can't be lost any more.
  void write(std::uint64_t number) {
    for (; written_ < number; ++written_) {
      log_.insert(log_.end(), unwritten_.front().begin(), unwritten_.front().end());
      unwritten_.pop_front();
    }
  }

  // party_process

  void take_message(party from, std::span<const std::byte> bytes) override {
    if (world_.watcher) world_.saw(from, self(), engine::decode(bytes));
    event([&] { machine_->receive(from, bytes, now()); });
  }
  void receive(party, engine::message&&) override {
    MOBULA_ASSERT(false, "what a head hears comes over links");
  }
  void cut_off(party who) override {
    if (is_up_) machine_->party_cut(who, now());
  }
  instant next_machine_timer() override { return is_up_ ? machine_->next_timer() : engine::never; }
  void machine_timer() override { machine_->timer(now()); }

  // lasting_host

  void append(std::span<const std::byte> record) override {
    unwritten_.emplace_back(record.begin(), record.end());
    const std::uint64_t number = written_ + unwritten_.size();
    world_.events().after(random_.between(10'000, 100'000),
                          {event_kind::disk, self().value(), number, self()},
                          [this, number, life = world_.life_of(self())] {
                            if (!is_up_ || life != world_.life_of(self())) return;
                            write(number);
                            event([&] { machine_->written(number); });
                          });
  }
  void snapshot(std::span<const std::byte> bytes, std::span<const std::byte> log_begins) override {
    snapshot_.assign(bytes.begin(), bytes.end());
    log_.assign(log_begins.begin(), log_begins.end());
    unwritten_.clear();
    written_ = machine_->last();
  }
  void send(party to, std::span<const std::byte> message) override { send_bytes(to, message); }
  void warn(const std::string& text) override { shared_.warn(text, text); }
  void take_for_dead(party node) override {
    later([this, node] { nodes_.take_for_dead(node); });
  }

  shared_state& shared_;
  node_undertaker& nodes_;
  random_stream random_;
  std::vector<std::byte> snapshot_;
  std::vector<std::byte> log_;
  std::deque<std::vector<std::byte>> unwritten_;  ///< records that would be lost
  std::uint64_t written_ = 0;                     ///< number of the last record that would not
  std::unique_ptr<engine::lasting_head> machine_;
  bool is_up_ = false;
};

}  // namespace mobula::simulation
