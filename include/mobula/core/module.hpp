#pragma once

/// The program and its shared libraries, and what stands for an address in one of them in every
/// process that runs the same program, wherever it is loaded there.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dlfcn.h>
#include <link.h>

namespace mobula::detail {

/// Where the module begins that the address is in; null: in none.
inline const void* module_of(const void* address) noexcept {
  Dl_info info{};
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

namespace modules {

inline bool contains(const dl_phdr_info& module, const void* address) noexcept {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  for (int i = 0; i < module.dlpi_phnum; ++i) {
    const auto& part = module.dlpi_phdr[i];
    const auto begin = static_cast<std::uintptr_t>(module.dlpi_addr + part.p_vaddr);
    if (part.p_type == PT_LOAD && wanted >= begin && wanted < begin + part.p_memsz) return true;
  }
  return false;
}

inline void hash_bytes(const void* data, std::size_t size, std::uint64_t& hash) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 1099511628211ULL;
  }
}

inline bool hash_build_id(const dl_phdr_info& module, std::uint64_t& hash) noexcept {
  constexpr std::uint32_t gnu_build_id = 3;  // NT_GNU_BUILD_ID
  for (int i = 0; i < module.dlpi_phnum; ++i) {
    const auto& part = module.dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const std::byte*>(module.dlpi_addr + part.p_vaddr);
    const auto* const end = at + part.p_memsz;
    while (at + 12 <= end) {
      std::uint32_t sizes[3];  // of the name, of the content, and the kind
      std::memcpy(sizes, at, sizeof sizes);
      const std::byte* const content = at + 12 + ((sizes[0] + 3U) & ~3U);
      if (sizes[2] == gnu_build_id && sizes[0] == 4 && content + sizes[1] <= end) {
        hash_bytes(content, sizes[1], hash);
        return true;
      }
      at = content + ((sizes[1] + 3U) & ~3U);
    }
  }
  return false;
}

inline std::uint64_t fingerprint(const dl_phdr_info& module) noexcept {
  std::uint64_t hash = 14695981039346656037ULL;
  if (!hash_build_id(module, hash)) {
    hash_bytes(module.dlpi_name, std::strlen(module.dlpi_name), hash);
  }
  return hash;
}

}  // namespace modules

/// FNV-1a over the build-id of the module that the address is in, or over its path where it was
/// linked without one.
inline std::uint64_t module_fingerprint(const void* address) noexcept {
  struct search {
    const void* address;
    std::uint64_t hash;
  } wanted{address, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* closure) {
        auto& found = *static_cast<search*>(closure);
        if (!modules::contains(*module, found.address)) return 0;
        found.hash = modules::fingerprint(*module);
        return 1;
      },
      &wanted);
  return wanted.hash;
}

/// A number for an address in the program or its libraries, never 0: 24 bits of its module's
/// fingerprint above 40 bits of its distance from where the module is loaded.
inline std::uint64_t number_of_address(const void* address) noexcept {
  struct search {
    const void* address;
    std::uint64_t number;
  } wanted{address, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* closure) {
        auto& found = *static_cast<search*>(closure);
        if (!modules::contains(*module, found.address)) return 0;
        const auto distance = reinterpret_cast<std::uintptr_t>(found.address) - module->dlpi_addr;
        found.number = modules::fingerprint(*module) << 40 | (distance & 0xff'ffff'ffffULL);
        return 1;
      },
      &wanted);
  return wanted.number;
}
/// The address in this process; null where no module has that fingerprint, or none so far in.
inline const void* address_of_number(std::uint64_t number) noexcept {
  struct search {
    std::uint64_t number;
    const void* address;
  } wanted{number, nullptr};
  dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* closure) {
        auto& found = *static_cast<search*>(closure);
        if ((modules::fingerprint(*module) ^ found.number >> 40) & 0xff'ffffULL) return 0;
        const auto* const address = reinterpret_cast<const void*>(
            static_cast<std::uintptr_t>(module->dlpi_addr + (found.number & 0xff'ffff'ffffULL)));
        if (!modules::contains(*module, address)) return 0;
        found.address = address;
        return 1;
      },
      &wanted);
  return wanted.address;
}

}  // namespace mobula::detail
