#pragma once

/// What a head has decided by what its nodes report, written down in the place of the reports.

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "mobula/engine/state.hpp"

namespace mobula::engine {

/// All that a head does follows from what came and from these: so whoever has both needs no report
/// to lead a head to the same state again. A head asks for each, in the order in which it decides.
///
///   const choice found = decisions_.make([&] { return choose(view, what); });
///
/// Whoever keeps a log says so before an event:
///
///   of.record();      ... the event ...   bytes = of.recorded();
///   of.replay(bytes); ... the event ...   of.live();
///
/// Without that nothing is kept.
class decisions {
 public:
  template <class Find>
  auto make(Find find) {
    decltype(find()) out{};
    if (is_replaying_) {
      state_reader reader(left_);
      reader(out);
      left_ = left_.last(reader.left());
    } else {
      out = find();
      if (is_recording_) {
        state_writer writer(recorded_);
        writer(out);
      }
    }
    return out;
  }

  void record() {
    recorded_.clear();
    is_recording_ = true;
    has_changed_ = false;
  }
  std::vector<std::byte>& recorded() {
    is_recording_ = false;
    return recorded_;
  }
  /// The bytes stay where they are until `live`.
  void replay(std::span<const std::byte> bytes) noexcept {
    left_ = bytes;
    is_replaying_ = true;
  }
  void live() noexcept {
    left_ = {};
    is_replaying_ = false;
  }

  /// A report, or the time, may have led to more than another view of the nodes.
  void note_change() noexcept { has_changed_ = true; }
  bool has_changed() const noexcept { return has_changed_; }

 private:
  std::vector<std::byte> recorded_;
  std::span<const std::byte> left_;
  bool is_recording_ = false;
  bool is_replaying_ = false;
  bool has_changed_ = false;
};

}  // namespace mobula::engine
