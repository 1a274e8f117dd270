#pragma once

/// Values on their way between simulated processes: messages as the engine's payloads, and back.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "mobula/backend/attachment.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/serialization/block_source.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/message.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::simulation {

/// What an attachment refers to on the other side: the k-th reference, or the k-th carried value.
enum class packed_kind : std::uint8_t { object = 0, value = 1, actor = 2, promise = 3 };

/// A written value as the engine carries it.
struct packed {
  engine::payload bytes;
  engine::key_list refs;
  std::vector<engine::object_key> values;  ///< objects whose values go along
};

/// `key_of(attachment)` gives the key that an attachment stands for.
template <class KeyOf>
packed pack(const message& written, KeyOf key_of) {
  packed made;
  output out;
  out.size(written.attachments.size());
  for (const attachment& one : written.attachments) {
    const engine::object_key key = key_of(one);
    packed_kind kind = packed_kind::object;
    if (one.kind == detail::value_attachment) {
      kind = packed_kind::value;
      made.values.push_back(key);
    } else {
      if (one.kind == detail::actor_attachment) kind = packed_kind::actor;
      made.refs.push_back(key);
      if (one.kind == detail::promise_attachment) {
        // A handle of a promise keeps the object too: both are mentioned.
        kind = packed_kind::promise;
        made.refs.push_back(engine::object_of_promise(key));
      }
    }
    out.number(kind);
  }
  out.size(written.buffers.size());
  for (const buffer& one : written.buffers) {
    out.size(one.size);
    out.write(one.data, one.size);
  }
  out.write(written.bytes.data(), written.bytes.size());
  // A value without bytes is not the same as no value, but nobody asks an empty payload that.
  made.bytes = engine::payload(out.take().bytes);
  return made;
}

/// The message again. `attach(kind, index)` makes the attachment for the index-th reference (or
/// carried value, where the kind is `value`). The payload was packed by this program.
template <class Attach>
message unpack(const engine::payload& from, Attach attach) {
  message made;
  made.bytes.assign(from.bytes().begin(), from.bytes().end());
  message whole;
  whole.bytes.swap(made.bytes);
  if (whole.bytes.empty()) return made;
  input in(whole);
  const std::size_t attachments = in.size(1);
  std::size_t refs = 0;
  std::size_t values = 0;
  for (std::size_t i = 0; i < attachments; ++i) {
    const auto kind = in.number<packed_kind>();
    std::size_t& index = kind == packed_kind::value ? values : refs;
    made.attachments.push_back(attach(kind, index));
    index += kind == packed_kind::promise ? 2 : 1;
  }
  const std::size_t buffers = in.size(1);
  for (std::size_t i = 0; i < buffers; ++i) {
    const std::size_t size = in.size(1);
    std::shared_ptr<std::byte> block = serialization::allocate_block(size);
    in.read(block.get(), size);
    const std::byte* const data = block.get();
    made.buffers.push_back({std::move(block), data, size});
  }
  made.bytes.resize(in.remaining());
  in.read(made.bytes.data(), made.bytes.size());
  return made;
}

}  // namespace mobula::simulation
