#pragma once

/// Why actors that lived in a worker are dead, for calls that come too late.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/executor/key_table.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// Remembers the last so many.
class ended_lives {
 public:
  using error_ptr = std::shared_ptr<const error_fields>;

  explicit ended_lives(std::size_t most) : most_(most) {}

  void add(object_key actor, std::uint32_t life, error_ptr why) {
    if (ends_.size() < most_) {
      oldest_ = 0;
      ends_.push_back(std::make_unique<end>(end{actor, life, std::move(why), nullptr}));
      by_actor_.insert(*ends_.back());
      return;
    }
    end& reused = *ends_[oldest_];
    by_actor_.erase(reused);
    reused = {actor, life, std::move(why), nullptr};
    by_actor_.insert(reused);
    oldest_ = (oldest_ + 1) % most_;
  }

  /// Null: it is not known here that this life has ended.
  const error_ptr* find(object_key actor, std::uint32_t life) const {
    const end* const found =
        by_actor_.find_if(actor, [life](const end& one) { return one.life == life; });
    return found == nullptr ? nullptr : &found->why;
  }

 private:
  struct end {
    object_key actor;
    std::uint32_t life = 0;
    error_ptr why;
    end* table_next = nullptr;
    object_key table_key() const noexcept { return actor; }
  };

  std::size_t most_;
  std::size_t oldest_ = 0;  // once all are in use
  std::vector<std::unique_ptr<end>> ends_;
  key_table<end> by_actor_;
};

}  // namespace mobula::engine
