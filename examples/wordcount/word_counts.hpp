#pragma once

// A table from words to how often they occur, made to be filled quickly and to travel.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace wordcount {

// An aggregate of standard containers, so Mobula sends it between tasks without a line of code. All
// words lie one after another in `text`, and numbers stand for pointers, so the whole table is
// three blocks of memory on its way.
struct word_counts {
  struct entry {
    std::uint64_t count = 0;
    std::uint64_t hash = 0;
    std::uint64_t begin = 0;  // in `text`
    std::uint64_t length = 0;
  };

  std::string text;
  std::vector<entry> entries;        // in the order in which the words were first met
  std::vector<std::uint64_t> slots;  // a hash table of indices into `entries`; see `add`

  std::string_view word(const entry& of) const { return {text.data() + of.begin, of.length}; }

  void add(std::string_view word) { add(word, hash_of(word), 1); }
  void add(const word_counts& other) {
    for (const entry& each : other.entries) add(other.word(each), each.hash, each.count);
  }

 private:
  // A slot is 0 when free, else the upper half of the hash and the entry's number, counted from 1.
  // The half tells most other words apart without a look at them.
  static constexpr std::uint64_t number_mask = 0xffff'ffff;

  void add(std::string_view word, std::uint64_t hash, std::uint64_t count) {
    if (2 * entries.size() >= slots.size()) grow();
    const std::size_t last = slots.size() - 1;
    for (std::size_t at = hash & last;; at = (at + 1) & last) {
      std::uint64_t& slot = slots[at];
      if (slot == 0) {
        entries.push_back({count, hash, text.size(), word.size()});
        slot = (hash & ~number_mask) | entries.size();
        text.append(word);
        return;
      }
      if (((slot ^ hash) & ~number_mask) != 0) continue;
      entry& found = entries[(slot & number_mask) - 1];
      if (this->word(found) == word) {
        found.count += count;
        return;
      }
    }
  }

  void grow() {
    slots.assign(slots.empty() ? 1024 : 2 * slots.size(), 0);
    const std::size_t last = slots.size() - 1;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      std::size_t at = entries[i].hash & last;
      while (slots[at] != 0) at = (at + 1) & last;
      slots[at] = (entries[i].hash & ~number_mask) | (i + 1);
    }
  }

  // Eight bytes at a time; the last step takes what is left, or overlaps with the step before.
  static std::uint64_t hash_of(std::string_view word) {
    const char* at = word.data();
    std::size_t left = word.size();
    std::uint64_t hash = left * 0x9e37'79b9'7f4a'7c15;
    for (; left > 8; left -= 8, at += 8) hash = mix(hash ^ load<std::uint64_t>(at));
    if (left >= 4) {
      return mix(hash ^ (load<std::uint32_t>(at) << 32 | load<std::uint32_t>(at + left - 4)));
    }
    return mix(hash ^ (load<std::uint8_t>(at) << 16 | load<std::uint8_t>(at + left / 2) << 8 |
                       load<std::uint8_t>(at + left - 1)));
  }
  static std::uint64_t mix(std::uint64_t bits) {
    bits *= 0xd6e8'feb8'6659'fd93;
    return bits ^ bits >> 32;
  }
  template <class Number>
  static std::uint64_t load(const char* from) {
    Number number;
    std::memcpy(&number, from, sizeof number);
    return number;
  }
};

}  // namespace wordcount
