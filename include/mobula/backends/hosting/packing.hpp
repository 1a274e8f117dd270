#pragma once

/// Values on their way between processes: messages as bytes that lie in one piece, and back.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/attachment.hpp"
#include "mobula/backends/hosting/actor_about.hpp"
#include "mobula/backends/hosting/spare_room.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/wire_limits.hpp"
#include "mobula/serialization/block_source.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/message.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::hosting {

/// What an attachment refers to on the other side: the k-th reference, or the k-th carried value.
enum class packed_kind : std::uint8_t { object = 0, value = 1, actor = 2, promise = 3 };

/// For the bytes of short messages.
template <class Use>
struct spare_message {
  static message take() noexcept {
    message made;
    made.bytes = spare_room<std::byte, Use>::take();
    return made;
  }
  static void give_back(message&& done) noexcept {
    spare_room<std::byte, Use>::give_back(std::move(done.bytes), bytes_max);
  }
  static constexpr std::size_t bytes_max = 4096;
};
using spare_to_read = spare_message<class reading_use>;
using spare_to_write = spare_message<class writing_use>;

/// A written value as the engine carries it: a head, then each buffer at a multiple of
/// `block_alignment`, so that a reader whose memory begins at one can use it where it lies.
class packed {
 public:
  engine::key_list refs;
  std::vector<engine::object_key> values;  ///< objects whose values go along

  /// `key_of(attachment)` gives the key that an attachment stands for, `about(attachment)` what is
  /// known of an actor. `label` goes before it all in `take`, and is no part of it.
  template <class KeyOf, class About>
  packed(message&& written, KeyOf key_of, About about, std::span<const std::byte> label = {})
      : label_size_(label.size()), buffers_(std::move(written.buffers)) {
    if (is_plain(written)) {
      write_plain(written, label);
      return;
    }
    message room;
    room.bytes.reserve(label.size() + written.bytes.size() + head_bytes_usual);
    output out(std::move(room));
    out.write(label.data(), label.size());
    out.number(std::uint32_t{0});  // how long the head is, see below
    out.size(written.attachments.size());
    for (const attachment& one : written.attachments) {
      const engine::object_key key = key_of(one);
      packed_kind kind = packed_kind::object;
      if (one.kind == detail::value_attachment) {
        kind = packed_kind::value;
        values.push_back(key);
      } else {
        refs.push_back(key);
        if (one.kind == detail::actor_attachment) kind = packed_kind::actor;
        if (one.kind == detail::promise_attachment) {
          // A handle of a promise keeps the object too: both are mentioned.
          kind = packed_kind::promise;
          refs.push_back(engine::object_of_promise(key));
        }
      }
      out.number(kind);
      if (kind == packed_kind::actor) about(one).write(out);
    }
    out.size(buffers_.size());
    for (const buffer& one : buffers_) out.size(one.size);
    out.size(written.bytes.size());
    out.write(written.bytes.data(), written.bytes.size());
    head_ = out.take().bytes;
    const auto head_bytes = static_cast<std::uint32_t>(head_.size() - label_size_);
    std::memcpy(head_.data() + label_size_, &head_bytes, sizeof head_bytes);
    size_ = head_bytes;
    for (const buffer& one : buffers_) size_ = aligned(size_) + one.size;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Null where there are none, or several.
  [[nodiscard]] const buffer* only_buffer() const noexcept {
    return buffers_.size() == 1 ? &buffers_.front() : nullptr;
  }
  [[nodiscard]] std::size_t head_size() const noexcept { return labelled().size() - label_size_; }
  /// From now on the first buffer begins there: a multiple of `block_alignment`, behind the head.
  /// There is one.
  void begin_buffers_at(std::size_t at) {
    size_ += at - aligned(head_size());
    head_.resize(label_size_ + at);
    const auto now = static_cast<std::uint32_t>(at);
    std::memcpy(head_.data() + label_size_, &now, sizeof now);
  }
  void write_head(std::byte* to) const noexcept {
    std::memcpy(to, labelled().data() + label_size_, head_size());
  }
  /// To `size()` bytes.
  void write(std::byte* to) const noexcept {
    std::size_t at = head_size();
    write_head(to);
    for (const buffer& one : buffers_) {
      const std::size_t next = aligned(at);
      std::memset(to + at, 0, next - at);
      std::memcpy(to + next, one.data, one.size);
      at = next + one.size;
    }
  }
  /// What was written may be gone afterwards. Throws `serialization_error` where it is too large to
  /// go with a message.
  engine::payload take() {
    if (size_ > engine::payload_bytes_max) {
      throw serialization_error("a value of " + std::to_string(size_) +
                                " bytes can't go with a message, which takes " +
                                std::to_string(engine::payload_bytes_max) +
                                ": send it as an object, by put");
    }
    if (buffers_.empty()) return engine::payload(labelled());
    std::vector<std::byte> bytes(label_size_ + size_);
    std::memcpy(bytes.data(), head_.data(), label_size_);
    write(bytes.data() + label_size_);
    return engine::payload(std::move(bytes));
  }

  static constexpr std::size_t aligned(std::size_t at) noexcept {
    return (at + serialization::block_alignment - 1) & ~(serialization::block_alignment - 1);
  }
  /// Of a head: how long it is, then the counts of attachments, of buffers and of bytes. Most
  /// values are small, and have bytes only: their counts take a byte each.
  static constexpr std::size_t plain_head_bytes = sizeof(std::uint32_t) + 3;
  static constexpr std::size_t plain_bytes_max = 127;

 private:
  bool is_plain(const message& written) const noexcept {
    return written.attachments.empty() && buffers_.empty() &&
           written.bytes.size() <= plain_bytes_max && label_size_ <= plain_label_bytes_max;
  }
  void write_plain(const message& written, std::span<const std::byte> label) {
    const std::size_t count = written.bytes.size();
    size_ = plain_head_bytes + count;
    plain_size_ = label.size() + size_;
    std::byte* at = plain_;
    if (!label.empty()) std::memcpy(at, label.data(), label.size());
    at += label.size();
    const auto head_bytes = static_cast<std::uint32_t>(size_);
    std::memcpy(at, &head_bytes, sizeof head_bytes);
    at[plain_head_bytes - 3] = at[plain_head_bytes - 2] = std::byte{0};
    at[plain_head_bytes - 1] = static_cast<std::byte>(count);
    if (count != 0) std::memcpy(at + plain_head_bytes, written.bytes.data(), count);
  }

  /// The label, and the head.
  [[nodiscard]] std::span<const std::byte> labelled() const noexcept {
    return plain_size_ != 0 ? std::span<const std::byte>(plain_, plain_size_) : head_;
  }

  static constexpr std::size_t head_bytes_usual = 32;  ///< what comes before the message's bytes
  static constexpr std::size_t plain_label_bytes_max = 2;

  std::byte plain_[plain_label_bytes_max + plain_head_bytes + plain_bytes_max];
  std::size_t plain_size_ = 0;   ///< 0: it is not plain
  std::vector<std::byte> head_;  ///< else
  std::size_t label_size_;
  std::vector<buffer> buffers_;
  std::size_t size_ = 0;
};

/// What was packed, where it is read.
struct packed_bytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  ///< keeps them there; null: only while they are read

  packed_bytes() = default;
  packed_bytes(std::span<const std::byte> where, std::shared_ptr<const void> by)
      : bytes(where), owner(std::move(by)) {}
  packed_bytes(const engine::payload& one) : bytes(one.bytes()) {}  // NOLINT: one view of it
};

/// The message again. `attach(kind, index, about)` makes the attachment for the index-th reference
/// (or carried value, where the kind is `value`). What was packed was packed by this program.
/// Buffers are used in place where they have an owner and are aligned, else copied.
template <class Attach>
message unpack(const packed_bytes& from, Attach attach) {
  if (from.bytes.empty()) return {};
  message made = spare_to_read::take();
  std::uint32_t head_bytes = 0;
  std::memcpy(&head_bytes, from.bytes.data(), sizeof head_bytes);
  constexpr std::size_t plain = packed::plain_head_bytes;
  if (from.bytes.size() == head_bytes && head_bytes >= plain &&
      from.bytes[plain - 3] == std::byte{0} && from.bytes[plain - 2] == std::byte{0} &&
      std::to_integer<std::size_t>(from.bytes[plain - 1]) == head_bytes - plain) {
    made.bytes.assign(from.bytes.begin() + plain, from.bytes.end());
    return made;
  }
  const std::span<const std::byte> head_there =
      from.bytes.subspan(sizeof head_bytes, head_bytes - sizeof head_bytes);
  message head;
  head.bytes.assign(head_there.begin(), head_there.end());
  input in(head);
  const std::size_t attachments = in.size(1);
  std::size_t refs = 0;
  std::size_t values = 0;
  for (std::size_t i = 0; i < attachments; ++i) {
    const auto kind = in.number<packed_kind>();
    const actor_about about = kind == packed_kind::actor ? actor_about::read(in) : actor_about{};
    std::size_t& index = kind == packed_kind::value ? values : refs;
    made.attachments.push_back(attach(kind, index, about));
    index += kind == packed_kind::promise ? 2 : 1;
  }
  std::vector<std::size_t> sizes(in.size(1));
  for (std::size_t& size : sizes) size = in.bounded(from.bytes.size());
  made.bytes.resize(in.size(1));
  in.read(made.bytes.data(), made.bytes.size());
  std::size_t at = head_bytes;
  for (const std::size_t size : sizes) {
    at = packed::aligned(at);
    const std::byte* const data = from.bytes.subspan(at, size).data();
    const bool in_place =
        from.owner != nullptr &&
        reinterpret_cast<std::uintptr_t>(data) % serialization::block_alignment == 0;
    if (in_place) {
      made.buffers.push_back({from.owner, data, size});
    } else {
      std::shared_ptr<std::byte> block = serialization::allocate_block(size);
      std::memcpy(block.get(), data, size);
      const std::byte* const copy = block.get();
      made.buffers.push_back({std::move(block), copy, size});
    }
    at += size;
  }
  return made;
}

}  // namespace mobula::hosting
