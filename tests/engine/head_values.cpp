// Goal: the small values that a head keeps are what was put last under their keys, each limit is
// told with its name and changes nothing, and what is long comes in parts.
// Method: scripts of messages; then random requests against a plain map.

#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/engine/head/values.hpp"

#include "engine/head_script.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;

payload of(const std::string& text) {
  return payload(std::as_bytes(std::span(text.data(), text.size())));
}
std::string text_of(const payload& bytes) {
  return {reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size()};
}
/// An answer in a word or two.
std::string brief(const message& any) {
  if (const auto* one = std::get_if<value_put>(&any)) {
    constexpr const char* names[] = {"made", "replaced", "kept", "refused"};
    return names[static_cast<int>(one->how)] + (one->why ? ": " + one->why->what : "");
  }
  if (const auto* one = std::get_if<value_told>(&any)) {
    return one->is_there ? "has " + text_of(one->value) : "none";
  }
  if (const auto* one = std::get_if<values_erased>(&any)) {
    return "erased " + std::to_string(one->count) + (one->is_more ? ", more" : "");
  }
  if (const auto* one = std::get_if<keys_listed>(&any)) {
    std::string out = "keys";
    for (const std::string& key : one->keys) out += " " + key;
    return out + (one->next.empty() ? "" : "; next " + one->next);
  }
  return words(any);
}

/// A head that is asked by Ada; each request has one answer, with its number.
class asked final : public head_host {
 public:
  explicit asked(const value_limits& limits = {})
      : machine({.self = self, .values = limits}, *this) {}

  void send(party, push_task&&) override { FAIL("a head pushes no tasks"); }
  void send(party, task_done&&) override { FAIL("a head runs no tasks"); }
  void warn(const std::string& what) override { FAIL(what); }
  void take_for_dead(party) override { FAIL("all hear each other"); }
  void send(party to, message&& one) override {
    CHECK(to == ada);
    answers.push_back(std::move(one));
  }

  template <class Request>
  message ask(Request what) {
    what.request = ++requests;
    machine.receive(ada, message(std::move(what)), 0);
    machine.verify();
    REQUIRE(answers.size() == 1);
    message answer = std::move(answers.back());
    answers.clear();
    std::visit(
        [this](const auto& is) {
          if constexpr (requires { is.request; }) CHECK(is.request == requests);
        },
        answer);
    return answer;
  }
  std::string put(const std::string& key, const std::string& value, bool overwrite = true,
                  const std::string& space = "ns") {
    return brief(ask(put_value{0, space, key, of(value), overwrite}));
  }
  std::string get(const std::string& key, const std::string& space = "ns") {
    return brief(ask(get_value{0, space, key}));
  }
  std::string erase(const std::string& key, bool is_prefix = false,
                    const std::string& space = "ns") {
    return brief(ask(erase_values{0, space, key, is_prefix}));
  }
  std::string list(const std::string& prefix, const std::string& from = "",
                   const std::string& space = "ns") {
    return brief(ask(list_keys{0, space, prefix, from}));
  }
  std::size_t count() const { return machine.values().count(); }
  std::size_t bytes() const { return machine.values().bytes(); }

  std::vector<message> answers;
  std::uint64_t requests = 0;
  head machine;
};

}  // namespace

TEST_CASE("a value is what was put last, in its namespace", "[head][values]") {
  asked s;
  CHECK(s.get("a") == "none");
  CHECK(s.put("a", "1") == "made");
  CHECK(s.put("a", "2") == "replaced");
  CHECK(s.put("a", "3", false) == "kept");
  CHECK(s.get("a") == "has 2");
  CHECK(s.get("a", "other") == "none");
  CHECK(s.put("a", "4", false, "other") == "made");
  CHECK(s.get("a") == "has 2");
  CHECK(s.get("a", "other") == "has 4");

  // Whether there is one, without its bytes.
  CHECK(brief(s.ask(get_value{0, "ns", "a", false})) == "has ");
  CHECK(brief(s.ask(get_value{0, "ns", "b", false})) == "none");

  // An empty value is one, an empty key and an empty namespace are as good as any.
  CHECK(s.put("", "", true, "") == "made");
  CHECK(s.get("", "") == "has ");
  CHECK(s.get("") == "none");
  const std::string bytes("\0\xff\x80", 3);
  CHECK(s.put(bytes, bytes) == "made");
  CHECK(s.get(bytes) == "has " + bytes);
  CHECK(s.count() == 4);
}

TEST_CASE("what is erased is gone, one key or all that begin alike", "[head][values]") {
  asked s;
  for (const char* key : {"run", "run/1", "run/2", "rust"}) s.put(key, "v");
  s.put("run/1", "v", true, "other");
  CHECK(s.erase("run") == "erased 1");
  CHECK(s.erase("run") == "erased 0");
  CHECK(s.list("") == "keys run/1 run/2 rust");
  CHECK(s.erase("run/", true) == "erased 2");
  CHECK(s.list("") == "keys rust");
  CHECK(s.list("", "", "other") == "keys run/1");
  CHECK(s.put("run/1", "v", false) == "made");
  CHECK(s.erase("", true) == "erased 2");
  CHECK(s.erase("", true, "other") == "erased 1");
  CHECK(s.count() == 0);
  CHECK(s.bytes() == 0);
}

TEST_CASE("keys are listed in order, by their beginning and from one on", "[head][values]") {
  asked s;
  for (const char* key : {"", "a", "ab", "abc", "abd", "ac", "b"}) s.put(key, "v");
  s.put("aba", "v", true, "nr");
  s.put("aba", "v", true, "nt");
  CHECK(s.list("ab") == "keys ab abc abd");
  CHECK(s.list("ab", "abd") == "keys abd");
  CHECK(s.list("ab", "a") == "keys ab abc abd");
  CHECK(s.list("ab", "b") == "keys");
  CHECK(s.list("") == "keys  a ab abc abd ac b");
  CHECK(s.list("x") == "keys");
  CHECK(s.list("", "", "nobody's") == "keys");
}

TEST_CASE("what is long is listed and erased in parts", "[head][values]") {
  asked s;
  constexpr std::size_t all = 2 * head_values::listed_max + 5;
  for (std::size_t i = 0; i < all; ++i) s.put("k" + std::to_string(1'000'000 + i), "v");
  s.put("z", "v");

  std::vector<std::string> keys;
  std::string from;
  int answers = 0;
  do {
    keys_listed one = std::get<keys_listed>(s.ask(list_keys{0, "ns", "k", from}));
    CHECK(one.keys.size() <= head_values::listed_max);
    keys.insert(keys.end(), one.keys.begin(), one.keys.end());
    from = one.next;
  } while (++answers < 9 && !from.empty());
  CHECK(answers == 3);
  REQUIRE(keys.size() == all);
  for (std::size_t i = 0; i < all; ++i) CHECK(keys[i] == "k" + std::to_string(1'000'000 + i));

  const std::string some = "erased " + std::to_string(head_values::erased_max) + ", more";
  CHECK(s.erase("k", true) == some);
  CHECK(s.erase("k", true) == some);
  CHECK(s.erase("k", true) == "erased 5");
  CHECK(s.list("") == "keys z");
}

TEST_CASE("a limit is told with what was asked and what is allowed, and nothing changes",
          "[head][values]") {
  constexpr std::size_t one = head_values::entry_bytes + 10;
  asked s({.key_bytes_max = 8, .value_bytes_max = 6, .sum_bytes_max = 2 * one});
  CHECK(s.put("abcdef", "12") == "made");  // with its namespace eight bytes
  CHECK(s.put("abcdefg", "1") ==
        "refused: a key, with its namespace, of 9 bytes, and value_limits::key_bytes_max is 8");
  CHECK(s.put("a", "1234567") ==
        "refused: a value of 7 bytes, and value_limits::value_bytes_max is 6");
  CHECK(s.put("b", "123456") == "made");
  CHECK(s.bytes() == 2 * one - 1);
  const std::string too_much = std::to_string(2 * one + head_values::entry_bytes + 1);
  CHECK(s.put("", "") == "refused: with it there would be values of " + too_much +
                             " bytes, and value_limits::sum_bytes_max is " +
                             std::to_string(2 * one));
  CHECK(s.put("abcdef", "1234") ==
        "refused: with it there would be values of " + std::to_string(2 * one + 1) +
            " bytes, and value_limits::sum_bytes_max is " + std::to_string(2 * one));

  // All is as it was, and what adds nothing is taken.
  CHECK(s.list("") == "keys abcdef b");
  CHECK(s.get("abcdef") == "has 12");
  CHECK(s.put("abcdef", "34") == "replaced");
  CHECK(s.put("abcdef", "1234", false) == "kept");  // there is one, whatever it would need
  CHECK(s.put("b", "1") == "replaced");
  CHECK(s.put("abcdef", "5678") == "replaced");
  CHECK(s.erase("b") == "erased 1");
  CHECK(s.put("c", "12345") == "made");
  CHECK(s.bytes() == 2 * one);
}

TEST_CASE("a key that is too long is nobody's, and asking for it is no error", "[head][values]") {
  asked s({.key_bytes_max = 4});
  s.put("a", "1");
  CHECK(s.get("a long key") == "none");
  CHECK(s.erase("a long key") == "erased 0");
  CHECK(s.list("a", "a long key") == "keys");
}

TEST_CASE("values are nobody's, and stay when a job ends", "[head][values][jobs]") {
  asked s;
  s.machine.receive(ada, begin_job{"ns", {}}, 0);
  s.answers.clear();
  CHECK(s.put("a", "1") == "made");
  s.machine.party_cut(ada, 0);
  s.machine.verify();
  CHECK(s.machine.jobs().count() == 0);
  s.answers.clear();
  CHECK(s.get("a") == "has 1");
}

TEST_CASE("any order of requests does what a plain map does", "[head][values]") {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&random](std::uint64_t count) { return random() % count; };
  constexpr std::size_t sum_max = 12 * head_values::entry_bytes;
  asked s({.key_bytes_max = 5, .value_bytes_max = 40, .sum_bytes_max = sum_max});
  std::map<std::pair<std::string, std::string>, std::string> plain;
  const auto weight = [&plain] {
    std::size_t sum = 0;
    for (const auto& [at, value] : plain) {
      sum += at.first.size() + at.second.size() + value.size() + head_values::entry_bytes;
    }
    return sum;
  };
  const auto some = [&](std::uint64_t longest) {
    std::string out(below(longest + 1), 'a');
    for (char& one : out) one = static_cast<char>('a' + below(2));
    return out;
  };
  std::size_t refused = 0;
  for (int round = 0; round < 3'000; ++round) {
    const std::string space = below(2) == 0 ? "n" : "m", key = some(5);
    switch (below(6)) {
      case 0:
      case 1:
      case 2: {
        const std::string value = some(45);
        const bool overwrite = below(2) == 0;
        const auto before = plain;
        const bool was = plain.count({space, key}) != 0;
        std::string expected = was ? overwrite ? "replaced" : "kept" : "made";
        if (expected != "kept") {
          const std::size_t had = weight();
          plain[{space, key}] = value;
          const bool is_more = weight() > had;
          if (key.size() > 4 || value.size() > 40 || (is_more && weight() > sum_max)) {
            plain = before;
            expected = "refused";
            ++refused;
          }
        }
        CHECK_THAT(s.put(key, value, overwrite, space), Catch::Matchers::StartsWith(expected));
        break;
      }
      case 3: {
        const auto at = plain.find({space, key});
        CHECK(s.get(key, space) == (at == plain.end() ? "none" : "has " + at->second));
        break;
      }
      case 4: {
        const bool is_prefix = below(8) == 0;
        const std::size_t gone = std::erase_if(plain, [&](const auto& one) {
          return one.first.first == space &&
                 (is_prefix ? one.first.second.starts_with(key) : one.first.second == key);
        });
        CHECK(s.erase(key, is_prefix, space) == "erased " + std::to_string(gone));
        break;
      }
      default: {
        const std::string from = below(2) == 0 ? "" : some(4);
        std::string expected = "keys";
        for (const auto& [at, value] : plain) {
          if (at.first == space && at.second.starts_with(key) && at.second >= from) {
            expected += " " + at.second;
          }
        }
        CHECK(s.list(key, from, space) == expected);
      }
    }
    REQUIRE(s.bytes() == weight());
    REQUIRE(s.count() == plain.size());
  }
  CHECK(refused > 100);
}
