// Goal: no bytes make the reading of a value crash, and a value that was read can be written and
// read again. Method: the first byte of an input chooses a type, the next two say how many of the
// last bytes stand beside the message as a block, and the rest is the message.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#ifdef MOBULA_TEST_WITH_CEREAL
#include "mobula/serialization/cereal.hpp"
#endif
#ifdef MOBULA_TEST_WITH_BOOST_SERIALIZATION
#include "mobula/serialization/boost.hpp"
#endif
#include "serialization/archive_types.hpp"

namespace {

struct for_cereal {
  std::uint16_t a = 0;
  std::vector<for_cereal> inner;
  std::shared_ptr<for_cereal> next;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a, inner, next);
  }
};
struct for_boost {
  std::uint16_t a = 0;
  std::string text;
  std::unique_ptr<for_boost> next;
  std::uint8_t lengths[3] = {};
  template <class Archive>
  void serialize(Archive& archive, const unsigned int version) {
    archive& a& text;
    if (version < 2) archive& lengths& next;
  }
};

/// What to do with a message of each type, found by the type's index.
using reader = void (*)(const mobula::message&);

template <class T>
void read(const mobula::message& from) {
  try {
    const T value = mobula::from_message<T>(from);
    const mobula::message written = mobula::to_message(value);
    const mobula::message again = mobula::to_message(mobula::from_message<T>(written));
    if (written.bytes.size() != again.bytes.size()) std::abort();
  } catch (const mobula::serialization_error&) {
  }
}

template <class... A, class... B>
std::vector<reader> readers(std::tuple<A...>*, std::tuple<B...>*) {
  std::vector<reader> found{&read<A>..., &read<B>...};
  // Without its library a place is taken by another type, so that a file means the same in every
  // build.
#ifdef MOBULA_TEST_WITH_CEREAL
  found.push_back(&read<for_cereal>);
#else
  found.push_back(&read<int>);
#endif
#ifdef MOBULA_TEST_WITH_BOOST_SERIALIZATION
  found.push_back(&read<for_boost>);
#else
  found.push_back(&read<int>);
#endif
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<reader> all = readers(static_cast<archive_types::all*>(nullptr),
                                                 static_cast<archive_types::others*>(nullptr));
  if (size < 3) return 0;
  const reader chosen = all[data[0] % all.size()];
  std::size_t beside = static_cast<std::size_t>(data[1]) | static_cast<std::size_t>(data[2]) << 8;
  data += 3;
  size -= 3;
  if (beside > size) beside = 0;

  mobula::message message;
  message.bytes.resize(size - beside);
  if (size != beside) std::memcpy(message.bytes.data(), data, size - beside);
  if (beside != 0) {
    // Just as large as it says, so that the address sanitizer sees the first byte that is read
    // behind it.
    const std::shared_ptr<std::byte[]> block(new std::byte[beside]);
    std::memcpy(block.get(), data + size - beside, beside);
    message.buffers.push_back({block, block.get(), beside});
  }
  chosen(message);
  return 0;
}
