#pragma once

/// The writing end of a message.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/core/errors.hpp"
#include "mobula/serialization/block_source.hpp"
#include "mobula/serialization/limits.hpp"
#include "mobula/serialization/message.hpp"

namespace mobula {

static_assert(std::endian::native == std::endian::little,
              "mobula: messages are little endian, and this machine is not");

/// Writes one message. Not thread-safe: one thread writes one message. The counterpart of each
/// function is the one of the same name in `input`, and a reader calls them in the writer's order;
/// nothing in the bytes says what they are.
///
///   output out;
///   out.number(std::uint32_t{7});
///   out.size(names.size());
///   message sent = out.take();
class output {
 public:
  output() = default;
  /// Writes behind an empty message whose memory is used again: a caller that keeps its messages
  /// saves allocations.
  explicit output(message&& spare) : message_(std::move(spare)) {
    message_.bytes.clear();
    message_.buffers.clear();
    message_.attachments.clear();
  }
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  void write(const void* data, std::size_t size) {
    if (size == 0) return;
    const auto* first = static_cast<const std::byte*>(data);
    // One allocation for the arguments of an ordinary call, not one for each doubling.
    if (message_.bytes.capacity() == 0) message_.bytes.reserve(size + first_bytes);
    message_.bytes.insert(message_.bytes.end(), first, first + size);
  }

  /// A scalar as it lies in memory. (`long double` has padding; the serialiser knows, this function
  /// doesn't.)
  template <class T>
  void number(T value) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    write(&value, sizeof value);
  }

  /// A count: seven bits a byte, so most take one byte.
  void size(std::size_t value) {
    std::byte encoded[10];
    std::size_t used = 0;
    for (; value >= 0x80; value >>= 7) encoded[used++] = std::byte(value & 0x7f) | std::byte{0x80};
    encoded[used++] = std::byte(value);
    write(encoded, used);
  }

  /// Contiguous bulk data: in the message below `out_of_band_bytes_min`, beside it from there on.
  /// With an owner the block is referenced, not copied, and must not change any more; without one
  /// it is copied once.
  void block(const void* data, std::size_t size, std::shared_ptr<const void> owner = nullptr) {
    if (size < serialization::out_of_band_bytes_min) {
      this->size(size << 1);
      write(data, size);
      return;
    }
    if (owner != nullptr) return refer(static_cast<const std::byte*>(data), size, std::move(owner));
    std::shared_ptr<std::byte> copy = serialization::allocate_block(size);
    std::memcpy(copy.get(), data, size);
    const std::byte* first = copy.get();
    refer(first, size, std::move(copy));
  }

  /// The same, for data that `fill(std::byte*)` writes straight to where it travels from. The
  /// memory is zero before.
  template <std::invocable<std::byte*> Fill>
  void block(std::size_t size, Fill&& fill) {
    if (size < serialization::out_of_band_bytes_min) {
      this->size(size << 1);
      message_.bytes.resize(message_.bytes.size() + size);
      std::forward<Fill>(fill)(message_.bytes.data() + message_.bytes.size() - size);
      return;
    }
    std::shared_ptr<std::byte> copy = serialization::allocate_block(size);
    std::memset(copy.get(), 0, size);
    std::forward<Fill>(fill)(copy.get());
    const std::byte* first = copy.get();
    refer(first, size, std::move(copy));
  }

  /// Puts a handle beside the message and returns its index, which the caller writes where the
  /// value stands.
  std::uint32_t attach(attachment handle) {
    message_.attachments.push_back(std::move(handle));
    return static_cast<std::uint32_t>(message_.attachments.size() - 1);
  }

  /// Bytes written so far, out-of-band ones not counted.
  [[nodiscard]] std::size_t written() const { return message_.bytes.size(); }

  /// The finished message. The output is empty afterwards.
  [[nodiscard]] message take() {
    helpers_.clear();
    return std::exchange(message_, {});
  }

  /// One nesting level, while it lives. Throws `serialization_error` where the limit is passed.
  class nested {
   public:
    explicit nested(output& out) : out_(out) {
      if (out_.depth_ == serialization::nesting_depth_max) too_deep();
      ++out_.depth_;
    }
    ~nested() { --out_.depth_; }
    nested(const nested&) = delete;
    nested& operator=(const nested&) = delete;

   private:
    output& out_;
  };

  /// The one `Helper` of this message, made on first use as `Helper(*this)`: an archive of another
  /// library that writes through this output keeps its state there.
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

  static constexpr std::size_t first_bytes = 64;

  [[noreturn]] static void too_deep() {
    throw serialization_error(
        "a value nests deeper than " + std::to_string(serialization::nesting_depth_max) +
        " levels and can't be sent; is there a cycle of shared pointers in it?");
  }

  void refer(const std::byte* data, std::size_t size, std::shared_ptr<const void> owner) {
    this->size(size << 1 | 1);
    message_.buffers.push_back({std::move(owner), data, size});
  }

  message message_;
  int depth_ = 0;
  std::vector<std::pair<const char*, std::shared_ptr<void>>> helpers_;
};

}  // namespace mobula
