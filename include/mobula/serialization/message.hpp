#pragma once

/// What a value looks like on its way: bytes, bulk data beside them, and handles that stay inside
/// the process.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mobula {

/// A block of bulk data that travels beside a message instead of in it. Whoever holds `owner` keeps
/// `data` alive; the bytes never change once a message refers to them.
struct buffer {
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;
  std::size_t size = 0;
};

/// A handle (a future, an actor) inside a value. It is carried as it is, so it means something only
/// inside the process that wrote it: what carries messages between processes puts another in its
/// place. `kind` is chosen by the storey that specialises the serialiser and says what `handle`
/// points to.
struct attachment {
  std::uint32_t kind = 0;
  std::shared_ptr<void> handle;
};

/// One value, written by an `output` and read by an `input`. `buffers` stand in the order in which
/// the bytes mention them; `attachments` are mentioned by index.
struct message {
  std::vector<std::byte> bytes;
  std::vector<buffer> buffers;
  std::vector<attachment> attachments;
};

}  // namespace mobula
