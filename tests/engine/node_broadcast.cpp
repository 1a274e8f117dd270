// Goal: one object reaches all nodes that read it, and no node gives it to more than a few,
// whatever the links' delays, whoever dies or drops its copy on the way; nobody waits for ever.
// Method: clusters of nodes with real bytes. Links deliver in order, each after delays of its own.
// Nodes check themselves after each event; a failure names its seed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/node/node.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula::engine;

constexpr party head{1}, owner{2};
constexpr std::uint64_t object_bytes = 1000;
constexpr unsigned served_max = 2;

std::vector<std::byte> content(std::uint64_t of) {
  std::vector<std::byte> bytes(object_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + of);
  return bytes;
}

class cluster;

class member final : public node_host {
 public:
  member(cluster& in, const node_options& options)
      : all(in), self(options.self), runs(options, *this) {}

  void send(party, push_task&&) override {}
  void send(party, task_done&&) override {}
  void send(party to, message&& one) override;
  void start_worker(const worker_kind&) override {}
  void end_worker(party, death_kind, const std::string&) override {}
  void release_memory(object_key object) override { memory.erase(object); }
  void spill(object_key object, std::uint64_t) override { spilling.push_back(object); }
  void restore(object_key object, std::uint64_t) override { restoring.push_back(object); }
  void erase_spilled(object_key object) override { files.erase(object); }
  void take_memory(object_key object, std::uint64_t size) override { memory[object].resize(size); }
  void write_part(const object_part& what) override {
    std::copy(what.bytes.bytes().begin(), what.bytes.bytes().end(),
              memory.at(what.object).begin() + static_cast<std::ptrdiff_t>(what.offset));
  }
  void send_part(party to, const fetch_part& what) override {
    ++parts_sent;
    const std::span<const std::byte> bytes(memory.at(what.object));
    send(to, message(object_part{what.object, what.transfer, what.offset,
                                 payload(bytes.subspan(what.offset, what.size))}));
  }
  void warn(const std::string&) override {}

  cluster& all;
  party self;
  node runs;
  bool alive = true;
  std::map<object_key, std::vector<std::byte>> memory, files;
  std::deque<object_key> spilling, restoring;
  std::set<party> known;
  std::size_t parts_sent = 0;
  std::map<object_key, int> asked, read;  ///< by its driver
};

/// Parties above 1000 are drivers, each of the node that is so many lower.
class cluster {
 public:
  cluster(std::uint64_t seed, std::size_t nodes, std::uint64_t store_bytes) : random_(seed) {
    for (std::size_t i = 0; i < nodes; ++i) {
      node_options made;
      made.self = party{10 + i};
      made.head = head;
      made.store_bytes = store_bytes;
      made.part_bytes = 300;
      made.fetch_window_bytes = 600;
      made.fetch_bytes_max = 900;
      made.copies_served_max = served_max;
      members_[made.self] = std::make_unique<member>(*this, made);
      members_[made.self]->runs.party_joined(driver_of(made.self), party_kind::driver, 0);
    }
  }

  std::string broken;
  std::size_t finished = 0, lost = 0, dropped = 0;

  static party driver_of(party node) { return party{node.value() + 1000}; }
  static object_key object(std::uint64_t number) { return {owner, number}; }
  void claim(bool holds, const std::string& what) {
    if (!holds && broken.empty()) broken = what;
  }
  std::uint64_t below(std::uint64_t count) { return random_() % count; }
  member& at(std::size_t index) { return *members_.at(party{10 + index}); }
  std::size_t size() const { return members_.size(); }

  void store(std::size_t index, std::uint64_t number) {
    member& one = at(index);
    tell(one, driver_of(one.self), create_object{object(number), object_bytes});
    home_[object(number)] = one.self;
    work();  // it may have to wait for memory
    one.memory.at(object(number)) = content(number);
    tell(one, driver_of(one.self), publish_object{object(number)});
  }
  void read(std::size_t index, std::uint64_t number) {
    member& one = at(index);
    ++one.asked[object(number)];
    tell(one, driver_of(one.self), pin_object{object(number), home_[object(number)], object_bytes});
  }
  void done(std::size_t index, std::uint64_t number) {
    member& one = at(index);
    if (one.read[object(number)] == 0) return;
    --one.read[object(number)];
    tell(one, driver_of(one.self), unpin_object{object(number)});
  }
  void free(std::uint64_t number) {
    for (const auto& [who, one] : members_) {
      if (one->alive) post(owner, who, message(free_object{object(number)}));
    }
  }
  void kill(std::size_t index) {
    member& dead = at(index);
    dead.alive = false;
    for (auto& [way, queue] : links_) {
      if (way.second == dead.self) queue.clear();
    }
    for (const auto& [who, one] : members_) {
      if (one->alive) cuts_.insert({dead.self, who});
    }
  }

  void post(party from, party to, message&& one) {
    if (to == head) return;
    if (to == owner) {
      if (std::holds_alternative<object_dropped>(one)) ++dropped;
      claim(!std::holds_alternative<object_lost>(one), "an object is lost");
      return;
    }
    if (to.value() > 1000) return answer(*members_.at(from), one);
    if (!members_.at(to)->alive) {
      cuts_.insert({to, from});
      return;
    }
    links_[{from, to}].push_back(std::move(one));
  }
  /// One thing that happens. False: there is none.
  bool step() {
    std::vector<std::pair<party, party>> ready;
    for (const auto& [way, queue] : links_) {
      if (!queue.empty()) ready.push_back(way);
    }
    if (!ready.empty() && (cuts_.empty() || below(10) != 0)) {
      const auto way = ready[below(ready.size())];
      message one = std::move(links_[way].front());
      links_[way].pop_front();
      member& to = *members_.at(way.second);
      if (to.known.insert(way.first).second) {
        to.runs.party_joined(way.first, party_kind::guest, now_);
      }
      to.runs.receive(way.first, std::move(one), now_);
      check(to);
      return true;
    }
    for (auto cut = cuts_.begin(); cut != cuts_.end(); ++cut) {
      const auto [dead, other] = *cut;
      if (!links_[{dead, other}].empty()) continue;
      cuts_.erase(cut);
      member& one = *members_.at(other);
      if (!one.alive) return true;
      one.known.erase(dead);
      one.runs.party_gone({.who = dead, .kind = death_kind::lost}, now_);
      check(one);
      return true;
    }
    for (const auto& [who, one] : members_) {
      if (one->alive && disk(*one)) return true;
    }
    return false;
  }
  void work() {
    while (broken.empty() && step()) {
    }
  }
  void time_passes(instant until) {
    now_ = until;
    for (const auto& [who, one] : members_) {
      if (!one->alive || one->runs.next_timer() > now_) continue;
      one->runs.timer(now_);
      check(*one);
    }
  }

 private:
  template <class Message>
  void tell(member& one, party from, Message what) {
    one.runs.receive(from, message(std::move(what)), now_);
    check(one);
  }
  bool disk(member& one) {
    if (!one.spilling.empty()) {
      const object_key object = one.spilling.front();
      one.spilling.pop_front();
      one.files[object] = one.memory.at(object);
      one.runs.spilled(object, spill_result::ok, "", now_);
      check(one);
      return true;
    }
    if (one.restoring.empty()) return false;
    const object_key object = one.restoring.front();
    one.restoring.pop_front();
    one.memory[object] = one.files.at(object);
    one.runs.restored(object, restore_result::ok, "", now_);
    check(one);
    return true;
  }
  void answer(member& one, const message& what) {
    if (const auto* const made = std::get_if<object_created>(&what)) {
      claim(made->status == store_status::ok, "there is memory");
      one.memory[made->object].resize(object_bytes);
    }
    const auto* const pinned = std::get_if<object_pinned>(&what);
    if (pinned == nullptr) return;
    --one.asked[pinned->object];
    if (pinned->status == store_status::ok) {
      ++finished;
      ++one.read[pinned->object];
      claim(one.memory.at(pinned->object) == content(pinned->object.number), "bytes are the same");
    } else {
      ++lost;
    }
  }
  void check(const member& one) {
    one.runs.verify();
    claim(one.runs.stray() == 0, "all makes sense");
    for (const auto& [object, home] : home_) {
      std::map<party, unsigned> served;
      for (const auto& [who, other] : members_) {
        const stored_object* const here =
            other->alive ? other->runs.objects().look(object) : nullptr;
        if (here == nullptr || here->coming == nullptr || !here->coming->is_granted) continue;
        claim(++served[here->coming->source] <= served_max, "a node serves a few at a time");
      }
    }
  }

  std::mt19937_64 random_;
  instant now_ = 0;
  std::map<party, std::unique_ptr<member>> members_;
  std::map<std::pair<party, party>, std::deque<message>> links_;
  std::set<std::pair<party, party>> cuts_;  ///< who is dead for whom, and does not know yet
  std::map<object_key, party> home_;
};

void member::send(party to, message&& one) { all.post(self, to, std::move(one)); }

constexpr std::size_t parts = 4;

}  // namespace

TEST_CASE("64 nodes read one object, and nobody gives it to more than a few",
          "[node][store][transfer][clause-36]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    cluster all(seed, 64, 10'000);
    all.store(0, 1);
    for (std::size_t i = 1; i < 64; ++i) {
      all.read(i, 1);
      if (seed % 2 == 0) all.work();  // One after the other is no different.
    }
    all.work();
    INFO("seed " << seed << ": " << all.broken);
    REQUIRE(all.broken.empty());
    REQUIRE(all.finished == 63);
    for (std::size_t i = 0; i < 64; ++i) REQUIRE(all.at(i).parts_sent <= served_max * parts);
    all.free(1);
    for (std::size_t i = 0; i < 64; ++i) all.done(i, 1);
    all.work();
    for (std::size_t i = 0; i < 64; ++i) {
      REQUIRE(all.at(i).runs.objects().count() == 0);
      REQUIRE(all.at(i).memory.empty());
    }
  }
}

TEST_CASE("nodes die while an object spreads, and all others have it",
          "[node][store][transfer][clause-44]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    cluster all(seed, 24, 10'000);
    all.store(0, 1);
    for (std::size_t i = 1; i < 24; ++i) all.read(i, 1);
    std::size_t dead = 0;
    for (int i = 0; i < 8; ++i) {
      for (std::uint64_t steps = all.below(60); steps != 0; --steps) all.step();
      const std::size_t index = 1 + all.below(23);
      if (!all.at(index).alive) continue;
      all.kill(index);
      ++dead;
    }
    all.work();
    INFO("seed " << seed << ": " << all.broken);
    REQUIRE(all.broken.empty());
    REQUIRE(all.lost == 0);
    for (std::size_t i = 1; i < 24; ++i) {
      if (all.at(i).alive) REQUIRE(all.at(i).read.begin()->second == 1);
    }
    REQUIRE(dead != 0);
  }
}

TEST_CASE("nodes drop copies and fetch them again, and nobody waits for ever",
          "[node][store][transfer][clause-37]") {
  std::size_t dropped = 0, finished = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    cluster all(seed, 6, 2'500);  // Two objects at a time.
    for (std::uint64_t number = 1; number <= 4; ++number) all.store(number % 2, number);
    for (int i = 0; i < 400 && all.broken.empty(); ++i) {
      const std::size_t index = all.below(6);
      const std::uint64_t number = 1 + all.below(4);
      switch (all.below(4)) {
        case 0:
          // Of two that each waits for the other one would be refused.
          if (all.at(index).asked.empty()) all.read(index, number);
          std::erase_if(all.at(index).asked, [](const auto& one) { return one.second == 0; });
          break;
        case 1:
          all.done(index, number);
          break;
        default:
          all.step();
      }
    }
    const auto rest = [&] {
      for (int i = 0; i < 20; ++i) {
        all.work();
        for (std::size_t index = 0; index < 6; ++index) {
          for (std::uint64_t number = 1; number <= 4; ++number) all.done(index, number);
        }
      }
    };
    rest();
    INFO("seed " << seed << ": " << all.broken);
    REQUIRE(all.broken.empty());
    for (std::size_t i = 0; i < 6; ++i) {
      for (const auto& [object, count] : all.at(i).asked) REQUIRE(count == 0);
      REQUIRE(all.at(i).runs.objects().transfers().count() == 0);
    }
    for (std::uint64_t number = 1; number <= 4; ++number) all.free(number);
    rest();
    for (std::size_t i = 0; i < 6; ++i) REQUIRE(all.at(i).runs.objects().count() == 0);
    dropped += all.dropped;
    finished += all.finished;
  }
  CHECK(dropped > 300);
  CHECK(finished > 3000);
}
