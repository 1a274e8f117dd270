#pragma once

/// The small values that a cluster's head keeps, by namespace and key.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/head/decisions.hpp"
#include "mobula/engine/head/host.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Rules: docs/ENGINE.md, "Values of the head". Anybody may ask; values are nobody's, and stay
/// until they are erased.
///
/// What a limit refuses is a decision (`decisions.hpp`): a head that reads its log with other
/// limits has the same values, and only what comes later is measured by these. So the sum may be
/// above its limit; then nothing is taken that adds to it.
///
/// Invariant: `bytes` is the sum of what the entries weigh.
/// Cost: O(log entries), and what is erased or listed, which is limited.
class head_values {
 public:
  /// What an entry costs beside its key and value.
  static constexpr std::size_t entry_bytes = 64;
  /// At once; who wants more asks again.
  static constexpr std::size_t listed_max = 1'000;
  static constexpr std::size_t erased_max = 1'000;

  head_values(const value_limits& limits, head_host& host, decisions& decide)
      : limits_(limits), host_(host), decide_(decide) {}

  void put(party from, put_value&& what) {
    value_put answer;
    answer.request = what.request;
    name at{std::move(what.name_space), std::move(what.key)};
    const auto known = values_.find(at);
    const std::size_t had = known == values_.end() ? 0 : weight(known->first, known->second);
    const std::size_t has = weight(at, what.value);
    std::string refusal = decide_.make([&] { return why_not(at, what.value, had, has); });
    if (known != values_.end() && !what.overwrite) {
      answer.how = put_result::kept;
    } else if (!refusal.empty()) {
      answer.how = put_result::refused;
      answer.why = std::make_shared<const error_fields>(
          error_fields{.code = error_code::error, .what = std::move(refusal)});
    } else {
      answer.how = known == values_.end() ? put_result::made : put_result::replaced;
      bytes_ = bytes_ - had + has;
      values_.insert_or_assign(std::move(at), std::move(what.value));
    }
    host_.send(from, message(std::move(answer)));
  }
  void get(party from, get_value&& what) const {
    value_told answer;
    answer.request = what.request;
    const auto known = values_.find({std::move(what.name_space), std::move(what.key)});
    answer.is_there = known != values_.end();
    if (answer.is_there && what.with_bytes) answer.value = known->second;
    host_.send(from, message(std::move(answer)));
  }
  void erase(party from, erase_values&& what) {
    values_erased answer;
    answer.request = what.request;
    const name first{std::move(what.name_space), std::move(what.key)};
    auto at = values_.lower_bound(first);
    const auto is_meant = [&] {
      if (at == values_.end()) return false;
      return what.is_prefix ? begins_with(at->first, first) : at->first == first;
    };
    for (; answer.count < erased_max && is_meant(); ++answer.count) {
      bytes_ -= weight(at->first, at->second);
      at = values_.erase(at);
    }
    answer.is_more = is_meant();
    host_.send(from, message(std::move(answer)));
  }
  void list(party from, list_keys&& what) const {
    keys_listed answer;
    answer.request = what.request;
    const name first{std::move(what.name_space), std::move(what.prefix)};
    auto at = values_.lower_bound({first.first, std::max(first.second, what.from)});
    for (; at != values_.end() && begins_with(at->first, first); ++at) {
      if (answer.keys.size() == listed_max) {
        answer.next = at->first.second;
        break;
      }
      answer.keys.push_back(at->first.second);
    }
    host_.send(from, message(std::move(answer)));
  }

  // --- What there is -----------------------------------------------------------------------------

  std::size_t count() const noexcept { return values_.size(); }
  /// What they weigh together.
  std::size_t bytes() const noexcept { return bytes_; }
  /// Calls `visit(name_space, key, payload)`, in order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [at, value] : values_) visit(at.first, at.second, value);
  }

  /// Asserts the invariant. O(entries).
  void verify() const { MOBULA_ASSERT(bytes_ == weight_of_all(), "each value is counted"); }
  /// What it knows: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(values_);
    if constexpr (Archive::is_reading) bytes_ = weight_of_all();
  }

 private:
  using name = std::pair<std::string, std::string>;

  static std::size_t key_bytes(const name& at) noexcept {
    return at.first.size() + at.second.size();
  }
  static std::size_t weight(const name& at, const payload& value) noexcept {
    return key_bytes(at) + value.size() + entry_bytes;
  }
  std::size_t weight_of_all() const noexcept {
    std::size_t sum = 0;
    for (const auto& [at, value] : values_) sum += weight(at, value);
    return sum;
  }
  static bool begins_with(const name& one, const name& first) noexcept {
    return one.first == first.first && std::string_view(one.second).starts_with(first.second);
  }
  /// Empty: nothing is against it.
  std::string why_not(const name& at, const payload& value, std::size_t had,
                      std::size_t has) const {
    const auto beyond = [](const std::string& what, std::size_t asked, const char* limit,
                           std::size_t most) {
      return what + " of " + std::to_string(asked) + " bytes, and value_limits::" + limit + " is " +
             std::to_string(most);
    };
    if (key_bytes(at) > limits_.key_bytes_max) {
      return beyond("a key, with its namespace,", key_bytes(at), "key_bytes_max",
                    limits_.key_bytes_max);
    }
    if (value.size() > limits_.value_bytes_max) {
      return beyond("a value", value.size(), "value_bytes_max", limits_.value_bytes_max);
    }
    const std::size_t after = bytes_ - had + has;
    if (after > bytes_ && after > limits_.sum_bytes_max) {
      return beyond("with it there would be values", after, "sum_bytes_max", limits_.sum_bytes_max);
    }
    return {};
  }

  const value_limits& limits_;
  head_host& host_;
  decisions& decide_;
  std::map<name, payload> values_;
  std::size_t bytes_ = 0;
};

}  // namespace mobula::engine
