#pragma once

/// The kinds of workers that a node has, or that somebody waits for.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/records.hpp"

namespace mobula::engine {

/// The plain kind, without an environment or GPUs, is always there. Any other is known while it has
/// users.
class worker_kinds {
 public:
  using kind_chain = chain<kind_record, &kind_record::all>;

  worker_kinds() : plain_(make({}, {})) {}

  kind_record& plain() const noexcept { return plain_; }
  /// Null where it is not known.
  kind_record* find(std::uint64_t number) const {
    if (number == 0) return &plain_;
    const auto at = by_number_.find(number);
    return at == by_number_.end() ? nullptr : at->second;
  }
  kind_record& of(const payload& environment, const std::vector<gpu_share>& gpus) {
    if (environment.empty() && gpus.empty()) return plain_;
    worker_kind what{.number = 0, .environment = environment};
    for (const gpu_share& one : gpus) what.gpus.push_back(one.index);
    const std::string text = text_of(what);
    const auto known = by_text_.find(text);
    if (known != by_text_.end()) return *known->second;
    what.number = ++made_;
    kind_record& made = make(std::move(what), text);
    by_number_.emplace(made.what.number, &made);
    by_text_.emplace(made.text, &made);
    return made;
  }
  /// One user less.
  void release(kind_record& one) {
    MOBULA_ASSERT(one.users != 0, "a kind counts its users");
    if (--one.users != 0 || one.is_plain()) return;
    by_number_.erase(one.what.number);
    by_text_.erase(one.text);
    all_.remove(one);
    one.what = {};
    pool_.give(one);
  }

  const kind_chain& all() const noexcept { return all_; }
  /// Calls `f` for each. It may be the end of the one that it is called for.
  template <class F>
  void for_each(F f) const {
    for (kind_record* one = all_.front(); one != nullptr;) {
      kind_record* const next = all_.after(*one);
      f(*one);
      one = next;
    }
  }

 private:
  static std::string text_of(const worker_kind& what) {
    std::string text;
    for (const std::uint32_t index : what.gpus) text += std::to_string(index) + ",";
    text += ':';
    const auto bytes = what.environment.bytes();
    if (!bytes.empty()) text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text;
  }
  kind_record& make(worker_kind&& what, const std::string& text) {
    kind_record& made = pool_.take();
    made.what = std::move(what);
    made.text = text;
    made.is_proven = made.what.environment.empty();
    made.users = made.requested = made.starting = made.wanted = 0;
    made.failures = 0;
    made.retry_at = 0;
    made.fresh = made.idle_asked = made.shared_leases = 0;
    all_.push_back(made);
    return made;
  }

  slots<kind_record> pool_;
  kind_chain all_;
  std::map<std::uint64_t, kind_record*> by_number_;
  std::map<std::string, kind_record*> by_text_;
  std::uint64_t made_ = 0;
  kind_record& plain_;
};

}  // namespace mobula::engine
