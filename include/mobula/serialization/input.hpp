#pragma once

/// The reading end of a message, which trusts none of its bytes.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/core/errors.hpp"
#include "mobula/serialization/limits.hpp"
#include "mobula/serialization/message.hpp"

namespace mobula {

/// Reads one message, which must outlive it. Every count is compared with what is left before
/// anything is allocated, so a reader never asks for much more memory than the message has. What
/// does not fit is a `serialization_error` that says what was read, at which byte, and why it can't
/// be. Not thread-safe; several inputs may read one message.
class input {
 public:
  explicit input(const message& from) : from_(from) {}
  explicit input(message&&) = delete;
  input(const input&) = delete;
  input& operator=(const input&) = delete;

  void read(void* data, std::size_t size) {
    if (size == 0) return;
    std::memcpy(data, take(size, "bytes"), size);
  }

  template <class T>
  [[nodiscard]] T number() {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    T value;
    std::memcpy(&value, take(sizeof value, "a number"), sizeof value);
    return value;
  }

  /// A count of elements, each at least `element_bytes_min` long: more than fit in what is left is
  /// an error here, before anyone allocates for them. Where an element may take no byte,
  /// `elements_without_bytes_max` more are allowed.
  [[nodiscard]] std::size_t size(std::size_t element_bytes_min) {
    const std::size_t count = varint("a count");
    const std::size_t fit = element_bytes_min > 0
                                ? remaining() / element_bytes_min
                                : remaining() + serialization::elements_without_bytes_max;
    if (count > fit) {
      fail("a count", std::to_string(count) + " elements can't be in the " +
                          std::to_string(remaining()) + " bytes that are left");
    }
    return count;
  }

  /// What `output::size` wrote where it counts nothing that follows (an index, a version): `max` at
  /// most.
  [[nodiscard]] std::size_t bounded(std::size_t max) {
    const std::size_t value = varint("a number");
    if (value > max) {
      fail("a number", std::to_string(value) + " is more than " + std::to_string(max));
    }
    return value;
  }

  /// What `output::block` wrote. In-band data has no owner and lives as long as the message; it may
  /// lie at any address.
  [[nodiscard]] buffer block() {
    const std::size_t header = varint("the length of a block");
    const std::size_t size = header >> 1;
    if ((header & 1) == 0) return {nullptr, take(size, "a block"), size};
    if (next_buffer_ == from_.buffers.size()) {
      fail("a block", "it stands beside the message, but there are only " +
                          std::to_string(from_.buffers.size()) + " buffers");
    }
    const buffer& found = from_.buffers[next_buffer_];
    if (found.size != size) {
      fail("a block", "it should have " + std::to_string(size) + " bytes, and its buffer has " +
                          std::to_string(found.size));
    }
    ++next_buffer_;
    return found;
  }

  /// The same, for a block whose length is known: any other is an error.
  [[nodiscard]] buffer block(std::size_t size) {
    buffer found = block();
    if (found.size != size) {
      fail("a block", "it should have " + std::to_string(size) + " bytes and has " +
                          std::to_string(found.size));
    }
    return found;
  }

  /// The handle with this index, as `output::attach` returned it.
  [[nodiscard]] const mobula::attachment& attachment(std::size_t index) const {
    if (index >= from_.attachments.size()) {
      fail("a handle",
           "number " + std::to_string(index) + " of " + std::to_string(from_.attachments.size()));
    }
    return from_.attachments[index];
  }

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return from_.bytes.size() - position_; }

  /// Throws unless everything has been read: a message with a rest was written for another type.
  void expect_end() const {
    if (remaining() != 0) {
      fail("the end", std::to_string(remaining()) + " bytes are left over");
    }
    if (next_buffer_ != from_.buffers.size()) {
      fail("the end", std::to_string(from_.buffers.size() - next_buffer_) +
                          " buffers beside the message are left over");
    }
  }

  /// Throws `serialization_error`: what could not be read, where, and why. For serialisers that
  /// find a value which can't be, like the index of a `variant` that has fewer alternatives.
  [[noreturn]] void fail(const char* what, const std::string& why) const {
    throw serialization_error("can't read " + std::string(what) + " at byte " +
                              std::to_string(position_) + " of a message of " +
                              std::to_string(from_.bytes.size()) + ": " + why);
  }

  /// One nesting level, while it lives. Throws `serialization_error` where the limit is passed.
  class nested {
   public:
    explicit nested(input& in) : in_(in) {
      if (in_.depth_ == serialization::nesting_depth_max) {
        in_.fail(
            "a nested value",
            "it is deeper than " + std::to_string(serialization::nesting_depth_max) + " levels");
      }
      ++in_.depth_;
    }
    ~nested() { --in_.depth_; }
    nested(const nested&) = delete;
    nested& operator=(const nested&) = delete;

   private:
    input& in_;
  };

  /// The one `Helper` of this reader, made on first use as `Helper(*this)`; see `output::helper`.
  template <class Helper>
  Helper& helper() {
    for (auto& [key, made] : helpers_) {
      if (key == &helper_key<Helper>) return *static_cast<Helper*>(made.get());
    }
    auto made = std::make_shared<Helper>(*this);
    helpers_.emplace_back(&helper_key<Helper>, made);
    return *made;
  }

 private:
  template <class Helper>
  static inline const char helper_key = 0;

  const std::byte* take(std::size_t size, const char* what) {
    if (size > remaining()) {
      fail(what, std::to_string(size) + " bytes are needed and " + std::to_string(remaining()) +
                     " are left");
    }
    const std::byte* first = from_.bytes.data() + position_;
    position_ += size;
    return first;
  }

  std::size_t varint(const char* what) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto next = static_cast<std::uint64_t>(*take(1, what));
      if (shift == 63 && next > 1) break;
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    fail(what, "it is longer than 64 bits");
  }

  const message& from_;
  std::size_t position_ = 0;
  std::size_t next_buffer_ = 0;
  int depth_ = 0;
  std::vector<std::pair<const char*, std::shared_ptr<void>>> helpers_;
};

}  // namespace mobula
