// The hot paths of processes with nothing to do, for an instruction counter: `bench_null_processes
// PATH COUNT`. `processes` in this folder counts what the driver and its one worker do.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "mobula/backends/processes.hpp"
#include "mobula/mobula.hpp"

namespace {

std::uint64_t increment(std::uint64_t value) { return value + 1; }

struct counter {
  std::uint64_t value = 0;
  std::uint64_t add(std::uint64_t by) { return value += by; }
};
using tally = mobula::actor<counter>;

std::uint64_t task_alone(std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += mobula::get(mobula::async<increment>(i));
  return sum;
}
std::uint64_t task_window(std::size_t count) {
  std::vector<mobula::future<std::uint64_t>> futures;
  std::uint64_t sum = 0;
  for (std::size_t done = 0; done < count; done += 1000) {
    for (std::size_t i = 0; i < 1000; ++i) futures.push_back(mobula::async<increment>(i));
    for (const auto& one : futures) sum += mobula::get(one);
    futures.clear();
  }
  return sum;
}
tally spawn() { return mobula::spawn<counter>(mobula::actor_options{.cpus = 0}); }
std::uint64_t call_alone(std::size_t count) {
  const tally to = spawn();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += mobula::get(to.call<&counter::add>(1));
  return sum;
}
std::uint64_t call_window(std::size_t count) {
  const tally to = spawn();
  std::vector<mobula::future<std::uint64_t>> futures;
  std::uint64_t sum = 0;
  for (std::size_t done = 0; done < count; done += 1000) {
    for (std::size_t i = 0; i < 1000; ++i) futures.push_back(to.call<&counter::add>(1));
    for (const auto& one : futures) sum += mobula::get(one);
    futures.clear();
  }
  return sum;
}

struct path {
  std::string_view name;
  std::uint64_t (*walk)(std::size_t count);
};
constexpr path paths[] = {{"task_alone", task_alone},
                          {"task_window", task_window},
                          {"call_alone", call_alone},
                          {"call_window", call_window}};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    for (const path& one : paths) std::printf("%s\n", one.name.data());
    return 0;
  }
  const mobula::runtime runtime{mobula::runtime_options{.backend = "processes", .cpus = 1.0}};
  for (const path& one : paths) {
    if (one.name != argv[1]) continue;
    const auto count = static_cast<std::size_t>(std::atoi(argv[2]));
    std::printf("%llu\n", static_cast<unsigned long long>(one.walk(count)));
    return 0;
  }
  return 2;
}
