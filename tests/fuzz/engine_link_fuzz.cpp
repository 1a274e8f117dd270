// Goal: no frames make a link crash, grow without bound, or hand out a message that its peer did
// not send. Method: an input is a script for two ends of a link and a network between them: send,
// carry the k-th frame, lose it, repeat it, damage it, wait; and a forger, whose frames have a
// right check but are addressed by the script. Where the forger kept silent, what comes out at
// either end is the beginning of what was sent at the other, and once all frames are carried
// faithfully it is all.
//
// Scripts from a small generator began the corpus: with MOBULA_WRITE_SEEDS=folder they are written.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mobula/engine/link.hpp"

namespace {

using namespace mobula::engine;
using mobula::engine::link;  // POSIX has a function of that name.
using bytes = std::vector<std::byte>;

constexpr instant ms = 1'000'000;
constexpr std::uint64_t session = 3;

/// Reads zeros behind the script's end.
class script {
 public:
  explicit script(std::span<const std::uint8_t> from) : left_(from) {}
  bool empty() const { return left_.empty(); }
  std::uint8_t next() {
    if (left_.empty()) return 0;
    const std::uint8_t one = left_.front();
    left_ = left_.subspan(1);
    return one;
  }

 private:
  std::span<const std::uint8_t> left_;
};

class world final {
 public:
  explicit world(const link_options& options)
      : hosts_{{*this, 0}, {*this, 1}},
        ends_{{link_end::first, session, hosts_[0], 0, options},
              {link_end::second, session, hosts_[1], 0, options}} {}

  void run(script steps) {
    while (!steps.empty()) {
      const std::uint8_t what = steps.next();
      const std::size_t end = what & 1;
      std::vector<bytes>& way = ways_[end];
      switch ((what >> 1) % 8) {
        case 0: {
          sent_[end].push_back(bytes(steps.next(), static_cast<std::byte>(sent_[end].size())));
          if (ends_[end].dead()) sent_[end].pop_back();
          else ends_[end].send(sent_[end].back(), now_);
          break;
        }
        case 1:
        case 2:
          if (!way.empty()) carry(end, steps.next() % way.size(), ((what >> 1) % 8) == 1);
          break;
        case 3:
          if (!way.empty()) way.erase(way.begin() + steps.next() % static_cast<int>(way.size()));
          break;
        case 4:
          if (!way.empty()) {
            bytes& one = way[steps.next() % way.size()];
            one[steps.next() % one.size()] ^= std::byte{1} << (what >> 5);
          }
          break;
        case 5:
          wait(ms * steps.next());
          break;
        case 6:
          forge(end, steps);
          break;
        case 7: {  // No frame at all.
          bytes garbage(steps.next());
          for (std::byte& one : garbage) one = static_cast<std::byte>(steps.next());
          ends_[end].frame_arrived(garbage, now_);
          break;
        }
      }
      look();
    }
    settle();
  }

 private:
  struct host final : link_host {
    host(world& whole, std::size_t end) : whole_(&whole), end_(end) {}
    void send_frame(std::span<const std::byte> frame) override {
      // A queue without end is the network's fault, not the link's: it loses what is too much.
      if (whole_->ways_[end_].size() < 200) {
        whole_->ways_[end_].emplace_back(frame.begin(), frame.end());
      }
    }
    void link_dead(link_failure) override {
      if (whole_->died_[end_]) std::abort();
      whole_->died_[end_] = true;
    }

   private:
    world* whole_;
    std::size_t end_;
  };

  void carry(std::size_t from, std::size_t index, bool away) {
    std::vector<bytes>& way = ways_[from];
    const bytes frame = way[index];
    if (away) way.erase(way.begin() + static_cast<std::ptrdiff_t>(index));
    ends_[1 - from].frame_arrived(frame, now_);
  }

  void wait(instant time) {
    now_ += time;
    for (link& one : ends_) {
      if (one.next_timer() <= now_) one.timer(now_);
      if (one.next_timer() <= now_) std::abort();  // A timer that fires leaves none behind.
    }
  }

  void forge(std::size_t to, script& steps) {
    forged_ = true;
    frame_header header;
    const std::uint8_t flags = steps.next();
    header.type = static_cast<frame_type>(flags & 3);
    header.from = static_cast<link_end>(1 - to);
    header.last = (flags & 4) != 0;
    header.session = session + ((flags & 8) != 0 ? 1u : 0u);
    header.sequence = steps.next();
    header.ack = steps.next();
    if ((flags & 16) != 0) header.sequence = ~header.sequence;
    if ((flags & 32) != 0) header.ack = ~header.ack;
    bytes frame(frame_header_bytes + steps.next() % 32);
    for (std::size_t i = frame_header_bytes; i < frame.size(); ++i) {
      frame[i] = static_cast<std::byte>(steps.next());
    }
    write_header(frame, header);
    ends_[to].frame_arrived(frame, now_);
  }

  void look() {
    for (std::size_t end = 0; end < 2; ++end) {
      ends_[end].take([&](std::span<const std::byte> one) {
        const std::vector<bytes>& sent = sent_[1 - end];
        const std::size_t at = taken_[end]++;
        if (forged_) return;
        if (at >= sent.size() || !std::equal(one.begin(), one.end(), sent[at].begin(),
                                             sent[at].end())) {
          std::abort();
        }
      });
      if (ends_[end].dead() && ends_[end].next_timer() != never) std::abort();
    }
  }

  /// From now on the network is good; both ends come to rest, with all delivered.
  void settle() {
    for (int rounds = 0; rounds < 3000; ++rounds) {
      for (std::size_t end = 0; end < 2; ++end) {
        while (!ways_[end].empty()) carry(end, 0, true);
      }
      look();
      if (!ways_[0].empty() || !ways_[1].empty()) continue;
      const instant next = std::min(ends_[0].next_timer(), ends_[1].next_timer());
      if (next == never) break;
      wait(std::max<instant>(0, next - now_));
    }
    if (forged_ || died_[0] || died_[1]) return;
    for (std::size_t end = 0; end < 2; ++end) {
      if (taken_[end] != sent_[1 - end].size() || !ends_[end].idle()) std::abort();
    }
  }

  host hosts_[2];
  link ends_[2];
  std::vector<bytes> ways_[2];  // By who sent them.
  std::vector<bytes> sent_[2];
  std::size_t taken_[2] = {};
  bool died_[2] = {};
  bool forged_ = false;
  instant now_ = 0;
};

bool write_seeds() {
  const char* const folder = std::getenv("MOBULA_WRITE_SEEDS");
  if (folder == nullptr) return true;
  for (unsigned seed = 1; seed <= 16; ++seed) {
    std::mt19937 random(seed);
    std::ofstream file(std::string(folder) + "/script_" + std::to_string(seed), std::ios::binary);
    for (unsigned i = 0; i < 40 + 20 * seed; ++i) {
      // Every other seed has no forger.
      unsigned what = random() % 16;
      if (seed % 2 == 0 && what / 2 == 6) what -= 10;
      file.put(static_cast<char>(what));
      if (what / 2 == 0) file.put(static_cast<char>(random() % 64));
      if (what / 2 >= 1 && what / 2 <= 5) file.put(static_cast<char>(random() % 8));
      if (what / 2 == 4) file.put(static_cast<char>(random()));
      if (what / 2 == 6) {
        for (int k = 0; k < 3; ++k) file.put(static_cast<char>(random() % 8));
        file.put(2).put(static_cast<char>(random() % 8)).put(0);
      }
      if (what / 2 == 7) file.put(1).put(static_cast<char>(random()));
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool seeds_are_written = write_seeds();
  (void)seeds_are_written;
  script steps(std::span(data, std::min<std::size_t>(size, 2000)));
  const std::uint8_t kind = steps.next();
  link_options options;
  options.frame_bytes_max = 1 + (kind & 15) * 8;
  options.window_frames = 1 + ((kind >> 4) & 3) * 5;
  if ((kind & 64) != 0) options.inbox_bytes_max = 200;
  if ((kind & 128) != 0) options.unacknowledged_messages_max = 3;
  world(options).run(steps);
  return 0;
}
