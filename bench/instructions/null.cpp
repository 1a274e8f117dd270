// The hot paths with nothing to do, for an instruction counter: `null PATH`.
//
// `run` in this folder counts what happens below `measured`, on its own thread. One CPU, so that
// nobody helps.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "../../tests/engine/round_trip.hpp"

namespace {

std::uint64_t increment(std::uint64_t value) { return value + 1; }
std::uint64_t fib(std::uint64_t n) {
  if (n < 2) return n;
  const mobula::future<std::uint64_t> left = mobula::async<fib>(n - 1);
  const std::uint64_t right = fib(n - 2);
  return mobula::get(left) + right;
}

struct counter {
  std::uint64_t value = 0;
  std::uint64_t add(std::uint64_t by) { return value += by; }
};
using tally = mobula::actor<counter>;

std::uint64_t task_alone(const tally&, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += mobula::get(mobula::async<increment>(i));
  return sum;
}
std::uint64_t task_window(const tally&, std::size_t count) {
  std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(100);
  std::uint64_t sum = 0;
  for (std::size_t done = 0; done < count; done += 100) {
    for (std::size_t i = 0; i < 100; ++i) futures.push_back(mobula::async<increment>(done + i));
    for (const auto& one : futures) sum += mobula::get(one);
    futures.clear();
  }
  return sum;
}
std::uint64_t task_chain(const tally&, std::size_t count) {
  mobula::future<std::uint64_t> last;
  std::uint64_t sum = 0;
  for (std::size_t done = 0; done < count; done += 100) {
    last = mobula::async<increment>(0);
    for (std::size_t i = 1; i < 100; ++i) last = mobula::async<increment>(last);
    sum += mobula::get(last);
  }
  return sum;
}
std::uint64_t task_nested(const tally&, std::size_t) { return mobula::get(mobula::async<fib>(20)); }
std::uint64_t call_alone(const tally& to, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += mobula::get(to.call<&counter::add>(1));
  return sum;
}
std::uint64_t call_window(const tally& to, std::size_t count) {
  std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(100);
  std::uint64_t sum = 0;
  for (std::size_t done = 0; done < count; done += 100) {
    for (std::size_t i = 0; i < 100; ++i) futures.push_back(to.call<&counter::add>(1));
    for (const auto& one : futures) sum += mobula::get(one);
    futures.clear();
  }
  return sum;
}
std::uint64_t post_window(const tally& to, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t done = 0; done < count; done += 100) {
    for (std::size_t i = 1; i < 100; ++i) to.post<&counter::add>(1);
    sum += mobula::get(to.call<&counter::add>(1));
  }
  return sum;
}
std::uint64_t put_and_get(const tally&, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += mobula::get(mobula::put(static_cast<std::uint64_t>(i)));
  }
  return sum;
}
std::uint64_t spawn_and_call(const tally&, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const tally one = mobula::spawn<counter>();
    sum += mobula::get(one.call<&counter::add>(1));
  }
  return sum;
}

// The engine's machines alone, under a host that hands messages over and does nothing else.

round_trip::world& engine() {
  static round_trip::world one;
  return one;
}
std::uint64_t engine_task_alone(const tally&, std::size_t count) {
  engine().tasks(count, 1);
  return engine().settled();
}
std::uint64_t engine_task_window(const tally&, std::size_t count) {
  engine().tasks(count, 100);
  return engine().settled();
}
std::uint64_t engine_task_chain(const tally&, std::size_t count) {
  engine().chain(count, 100);
  return engine().settled();
}
std::uint64_t engine_call_window(const tally&, std::size_t count) {
  engine().calls(count, 100);
  return engine().settled();
}

struct path {
  std::string_view name;
  std::uint64_t (*walk)(const tally&, std::size_t);
  std::size_t operations = 10'000;
};
constexpr path paths[] = {
    {"task_alone", task_alone},         {"task_window", task_window},
    {"task_chain", task_chain},         {"task_nested", task_nested, 10'945},
    {"call_alone", call_alone},         {"call_window", call_window},
    {"post_window", post_window},       {"put_and_get", put_and_get},
    {"spawn_and_call", spawn_and_call}, {"engine_task_alone", engine_task_alone},
    {"engine_task_window", engine_task_window}, {"engine_task_chain", engine_task_chain},
    {"engine_call_window", engine_call_window},
};

}  // namespace

extern "C" [[gnu::noinline]] std::uint64_t measured(const path& one, const tally& to,
                                                    std::size_t count) {
  return one.walk(to, count);
}

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const path& one : paths) std::printf("%s %zu\n", one.name.data(), one.operations);
    return 0;
  }
  const mobula::runtime runtime{mobula::runtime_options{.backend = "threads", .cpus = 1.0}};
  const tally to = mobula::spawn<counter>();
  for (const path& one : paths) {
    if (one.name != argv[1]) continue;
    one.walk(to, 1000);  // warm
    std::printf("%llu\n", static_cast<unsigned long long>(measured(one, to, one.operations)));
    return 0;
  }
  return 2;
}
