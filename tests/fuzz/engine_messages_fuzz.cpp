// Goal: no bytes make the decoder crash or allocate out of proportion, and what it accepts has no
// second form. Method: an input is a message as it stands on the wire.
//
// The corpus began with the examples of the golden bytes: `replay_engine_messages` and the fuzzer
// both write them as files into the folder that MOBULA_WRITE_SEEDS names.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "engine/codec_examples.hpp"
#include "mobula/engine/codec.hpp"

namespace {

bool write_seeds() {
  const char* const folder = std::getenv("MOBULA_WRITE_SEEDS");
  if (folder == nullptr) return true;
  const auto write = [folder](const std::string& kind, const mobula::engine::message& one) {
    const std::vector<std::byte> bytes = mobula::engine::encode(one);
    std::ofstream file(std::string(folder) + "/" + kind + "_" + codec_examples::name_of(one),
                       std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  for (const auto& one : codec_examples::typical()) write("typical", one);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool seeds_are_written = write_seeds();
  (void)seeds_are_written;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const mobula::engine::message one = mobula::engine::decode(bytes);
    const std::vector<std::byte> again = mobula::engine::encode(one);
    if (again.size() != size || !std::equal(again.begin(), again.end(), bytes.begin())) {
      std::abort();
    }
    if (!(mobula::engine::decode(again) == one)) std::abort();
  } catch (const mobula::protocol_error&) {
  }
  return 0;
}
