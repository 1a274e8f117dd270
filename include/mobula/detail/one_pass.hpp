#pragma once

/// The iterator of ranges that are gone through once, and wait when they go on.

#include <cstddef>
#include <iterator>

namespace mobula::detail {

/// `Range` has, for this one: `const Item& item() const`, `void next()` and `bool at_end() const`.
template <class Range, class Item>
class one_pass_iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using iterator_category = std::input_iterator_tag;
  using value_type = Item;
  using difference_type = std::ptrdiff_t;
  using reference = const Item&;
  using pointer = const Item*;

  one_pass_iterator() = default;
  /// Of a range that has gone on to its first item.
  explicit one_pass_iterator(Range* range) : range_(range) {}
  reference operator*() const { return range_->item(); }
  pointer operator->() const { return &**this; }
  one_pass_iterator& operator++() {
    range_->next();
    return *this;
  }
  void operator++(int) { range_->next(); }
  friend bool operator==(const one_pass_iterator& at, std::default_sentinel_t) {
    return at.at_end();
  }

 private:
  bool at_end() const { return range_->at_end(); }
  Range* range_ = nullptr;
};

}  // namespace mobula::detail
