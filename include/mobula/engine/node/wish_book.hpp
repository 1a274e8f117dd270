#pragma once

/// All wishes of a node by requester and class.

#include <cstddef>
#include <cstdint>
#include <functional>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/lease_queue.hpp"
#include "mobula/engine/node/records.hpp"
#include "mobula/engine/node/rooms.hpp"

namespace mobula::engine {

/// A wish is remembered while it wants or has something, and for a while after, so that a class
/// that comes and goes costs nothing. A forgotten one that still has leases lives, without a
/// requester, until the last of them ends.
class wish_book {
 public:
  /// So many that neither want nor have anything are remembered; at least 1.
  explicit wish_book(std::size_t idle_max) : idle_max_(idle_max) {}

  /// Null where it is not known.
  wish_record* find(party requester, std::uint64_t lease_class) const {
    const auto at = wishes_.find(wish_key{requester, lease_class});
    return at == wishes_.end() ? nullptr : at->second;
  }

  /// It wants nothing yet.
  wish_record& make(party from, party_record& requester, const want_leases& one, room_record& in) {
    wish_record& wish = pool_.take();
    wish.requester = from;
    wish.owner = &requester;
    wish.lease_class = one.lease_class;
    wish.wanted = wish.unserved = wish.leases = wish.holding = wish.reclaimed = 0;
    wish.purpose = one.purpose;
    wish.infeasible = wish.is_told = wish.to_half = wish.needs_word = false;
    wish.allowed = wish.asked = 0;
    wish.fail_if_infeasible = one.fail_if_infeasible;
    wish.rule = one.rule;
    wish.what = one.what;
    wish.environment = one.environment;
    wish.one_at_a_time = !one.environment.empty();
    wish.where = one.where;
    wish.in = &in;
    wish.reserves = nullptr;
    in.queue.adopt(wish, one.resources, one.resources_to_place);
    if (in.group != nullptr) in.group->wishes.push_back(wish);
    requester.wishes.push_back(wish);
    wishes_.emplace(wish_key{from, one.lease_class}, &wish);
    return wish;
  }

  /// To be called when what it wants or has may have become nothing. Of all, it is the last that
  /// this forgets.
  void settle(wish_record& wish) {
    if (wish.wanted != 0 || wish.leases != 0) {
      idle_.remove_if_linked(wish);
    } else if (wish.requester.empty()) {
      idle_.remove_if_linked(wish);
      wish.in->queue.disown(wish);
      pool_.give(wish);
    } else if (!idle_.linked(wish)) {
      idle_.push_back(wish);
      if (idle_.size() > idle_max_) forget(*idle_.front());
    }
  }

  /// It wants nothing any more.
  void forget(wish_record& wish) {
    wishes_.erase(wish_key{wish.requester, wish.lease_class});
    wish.owner->wishes.remove(wish);
    if (wish.in->group != nullptr) wish.in->group->wishes.remove(wish);
    wish.requester = party();
    settle(wish);
  }

  void verify() const {
    MOBULA_ASSERT(idle_.size() <= idle_max_, "few idle wishes are remembered");
    std::size_t idle = 0;
    for (const auto& [key, wish] : wishes_) {
      idle += wish->wanted == 0 && wish->leases == 0;
      MOBULA_ASSERT(wish->requester == key.requester, "a wish is its requester's");
      MOBULA_ASSERT(wish->waits() == lease_queue::in_ring(*wish), "who waits is in the ring");
      MOBULA_ASSERT(wish->unserved <= wish->wanted && wish->unserved <= wish->leases &&
                        wish->holding <= wish->leases && wish->reclaimed <= wish->leases,
                    "a wish's leases add up");
    }
    MOBULA_ASSERT(idle == idle_.size(), "idle wishes are listed");
  }

 private:
  struct wish_key {
    party requester;
    std::uint64_t lease_class = 0;
    friend bool operator==(const wish_key&, const wish_key&) = default;
  };
  struct wish_hash {
    std::size_t operator()(const wish_key& key) const noexcept {
      return std::hash<party>{}(
          party{key.requester.value() * 0x9e3779b97f4a7c15u + key.lease_class});
    }
  };

  std::size_t idle_max_;
  boost::unordered_flat_map<wish_key, wish_record*, wish_hash> wishes_;
  chain<wish_record, &wish_record::idle> idle_;
  slots<wish_record> pool_;
};

}  // namespace mobula::engine
