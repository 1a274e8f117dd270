#pragma once

/// Whom a process exchanges messages with.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mobula/net/exchange.hpp"
#include "mobula/net/inbound.hpp"
#include "mobula/net/outbound.hpp"

namespace mobula::net::detail {

struct peer {
  std::uint64_t party;
  slot* its_slot;
  std::optional<outbound> out{};
  std::optional<inbound> in{};
};

/// Found by their slots. One thread at a time. Addresses are stable until `erase`.
class peers {
 public:
  explicit peers(std::uint32_t processes_max)
      : processes_max_(processes_max), groups_(processes_max / group_size + 1) {}

  /// Null where it is not known.
  peer* find(std::uint64_t party) noexcept {
    if (last_ != nullptr && last_->party == party) return last_;
    peer* found = in_slot_of(party);
    if (found == nullptr || found->party != party) return nullptr;
    return last_ = found;
  }
  /// The one that has the party's slot, whoever it is. Null: `insert` may be called.
  peer* in_slot_of(std::uint64_t party) noexcept {
    const std::size_t number = party % processes_max_;
    const auto& group = groups_[number / group_size];
    return group == nullptr ? nullptr : (*group)[number % group_size].get();
  }
  peer& insert(std::uint64_t party, slot& its_slot) {
    const std::size_t number = party % processes_max_;
    auto& group = groups_[number / group_size];
    if (group == nullptr) group = std::make_unique<members>();
    auto& member = (*group)[number % group_size];
    member = std::make_unique<peer>(peer{party, &its_slot});
    return *member;
  }
  void erase(std::uint64_t party) noexcept {
    if (find(party) == nullptr) return;
    const std::size_t number = party % processes_max_;
    last_ = nullptr;
    (*groups_[number / group_size])[number % group_size].reset();
  }

 private:
  // Few of the slots are anybody's peers, so the table is made in pieces.
  static constexpr std::size_t group_size = 128;
  using members = std::array<std::unique_ptr<peer>, group_size>;

  std::uint32_t processes_max_;
  std::vector<std::unique_ptr<members>> groups_;
  peer* last_ = nullptr;
};

}  // namespace mobula::net::detail
