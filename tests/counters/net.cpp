// Goal: between processes that are awake, messages cost no allocation and no system call. Method:
// both ends in one thread, warm, in all the ways a message can go; then the counts stand still.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "mobula/net/endpoint.hpp"
#include "mobula/net/progress.hpp"

#include "counters/allocations.hpp"
#include "counters/system_calls.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"

namespace {

using mobula::net::endpoint;
using mobula::net::exchange;

// More writers than are polled directly; small and fragmented messages, full rings, in place.
class traffic {
 public:
  traffic() {
    for (std::uint64_t party = 0; party < parties; ++party) {
      shared_.announce(party);
      ends_.emplace_back(std::make_unique<endpoint>(shared_, party));
    }
  }

  void round() {
    for (auto& end : ends_) {
      end->send(0, 1, std::span(bytes_).first(64));
      end->send(0, 2, std::span(bytes_));
      end->send(1, 3, 64, [](std::byte* where) { *where = std::byte{1}; });
      for (int i = 0; i < 100; ++i) end->send(1, 4, std::span(bytes_).first(100));
      end->flush();
    }
    bool waits = true;
    while (waits) {
      waits = false;
      for (auto& end : ends_) {
        got_ += end->receive([](std::uint64_t, std::uint32_t, std::span<const std::byte>) {});
        end->flush();
        waits = waits || end->has_output() || end->has_news();
      }
    }
    std::array<std::uint32_t, 8> calls{};
    for (std::uint64_t i = 0; i < calls.size(); ++i) calls[i] = progress_.begin_call(i, i);
    for (const std::uint32_t call : calls) progress_.end_call(call);
  }
  std::size_t got() const { return got_; }

 private:
  static constexpr std::uint64_t parties = 12;

  exchange shared_ = exchange::create({.processes_max = 16, .ring_bytes = 4096, .rings_max = 64});
  std::vector<std::unique_ptr<endpoint>> ends_;
  mobula::net::progress progress_{shared_, 0};
  std::array<std::byte, 3000> bytes_{};
  std::size_t got_ = 0;
};

}  // namespace

TEST_CASE("messages between processes allocate nothing in a steady state", "[net]") {
  traffic all;
  for (int i = 0; i < 20; ++i) all.round();
  const std::size_t before = support::allocations_now().count;
  for (int i = 0; i < 200; ++i) all.round();
  CHECK(support::allocations_now().count == before);
  CHECK(all.got() == 220 * 12 * 103);
}

TEST_CASE("messages between processes that are awake make no system call", "[net]") {
  if (!support::system_call_watch::available()) SKIP_CASE("this kernel can't watch system calls");
  traffic all;
  for (int i = 0; i < 20; ++i) all.round();
  support::system_call_watch watch;
  for (int i = 0; i < 200; ++i) all.round();
  CHECK(watch.first() == -1);
}
