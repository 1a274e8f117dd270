#pragma once

/// Looking for news before a thread sleeps, as long as that is worth it.

#include <sched.h>

namespace mobula::processes {

/// One thread at a time.
class adaptive_spin {
 public:
  /// True: `news()` came to be true. Looks for it with pauses, for 5 us, and then with yields, for
  /// 50 us where nobody else wants the processor. Where that was in vain twice in a row not at all,
  /// but for one time in 16.
  template <class News>
  bool finds(News news) {
    if (in_vain_ >= in_vain_max && ++in_vain_ % again_after != 0) return false;
    for (int i = 0; i < pauses + yields; ++i) {
      if (news()) {
        in_vain_ = 0;
        return true;
      }
      i < pauses ? pause() : static_cast<void>(::sched_yield());
    }
    ++in_vain_;
    return false;
  }

 private:
  // Source: 10 000 actors in 128 processes on two processors took three times as long with 2 000
  // pauses, a call alone no less.
  static constexpr int pauses = 200;
  static constexpr int yields = 100;
  // Source: METG(50 %) of two workers on two processors, one of which had to share its own with a
  // driver that span for each answer.
  static constexpr unsigned in_vain_max = 2;
  static constexpr unsigned again_after = 16;

  static void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  unsigned in_vain_ = 0;  ///< times in a row
};

}  // namespace mobula::processes
