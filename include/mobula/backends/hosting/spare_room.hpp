#pragma once

/// Room that a thread keeps for what it does again and again, so that it allocates nothing.

#include <cstddef>
#include <utility>
#include <vector>

namespace mobula::hosting {

/// One vector of the calling thread's for each `Use`. It is taken, so that who comes in between
/// finds none, and may be given back.
template <class T, class Use>
class spare_room {
 public:
  /// Empty.
  static std::vector<T> take() noexcept { return std::move(kept()); }
  /// What is in it is dropped; it is kept if it has room for at most so many.
  static void give_back(std::vector<T>&& done, std::size_t most) noexcept {
    done.clear();
    if (done.capacity() <= most) kept() = std::move(done);
  }

 private:
  static std::vector<T>& kept() noexcept {
    static thread_local std::vector<T> one;
    return one;
  }
};

}  // namespace mobula::hosting
