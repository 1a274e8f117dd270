// Graphs: chains of dependent tasks, and trees that reduce what many tasks give.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#ifdef MOBULA_BENCH_WITH_TBB
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/task_group.h>
#endif

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "pairs.hpp"

namespace {

std::uint64_t increment(std::uint64_t value) { return value + 1; }
std::uint64_t add(std::uint64_t a, std::uint64_t b) { return a + b; }

// A chain: each task takes the future of the one before.

void mobula_chain(std::size_t length) {
  mobula::future<std::uint64_t> last = mobula::async<increment>(0);
  for (std::size_t i = 1; i < length; ++i) last = mobula::async<increment>(last);
  bench::check(mobula::get(last) == length, "chain");
}
/// Nothing of it can run before all of it is submitted.
void mobula_held_chain(std::size_t length) {
  const mobula::promise<std::uint64_t> first;
  mobula::future<std::uint64_t> last = first.get_future();
  for (std::size_t i = 0; i < length; ++i) last = mobula::async<increment>(last);
  first.set_value(0);
  bench::check(mobula::get(last) == length, "held chain");
}
#ifdef MOBULA_BENCH_WITH_TBB
void tbb_chain(std::size_t length) {
  using node = oneapi::tbb::flow::continue_node<oneapi::tbb::flow::continue_msg>;
  oneapi::tbb::flow::graph graph;
  std::uint64_t value = 0;
  std::vector<std::unique_ptr<node>> nodes;
  nodes.reserve(length);
  for (std::size_t i = 0; i < length; ++i) {
    nodes.push_back(std::make_unique<node>(
        graph, [&value](oneapi::tbb::flow::continue_msg) { value = increment(value); }));
    if (i != 0) oneapi::tbb::flow::make_edge(*nodes[i - 1], *nodes[i]);
  }
  nodes.front()->try_put(oneapi::tbb::flow::continue_msg{});
  graph.wait_for_all();
  bench::check(value == length, "TBB chain");
}
#endif

// Tasks for the leaves, then a task for each pair, up to the root.

void mobula_tree(std::size_t leaves) {
  std::vector<mobula::future<std::uint64_t>> level;
  level.reserve(leaves);
  for (std::size_t i = 0; i < leaves; ++i) level.push_back(mobula::async<increment>(i));
  while (level.size() > 1) {
    for (std::size_t i = 0; i < level.size() / 2; ++i) {
      level[i] = mobula::async<add>(level[2 * i], level[2 * i + 1]);
    }
    level.resize(level.size() / 2);
  }
  bench::check(mobula::get(level.front()) == leaves * (leaves + 1) / 2, "tree");
}
#ifdef MOBULA_BENCH_WITH_TBB
// It has no futures: the same number of tasks, level by level.
void tbb_tree(std::size_t leaves) {
  std::vector<std::uint64_t> level(leaves);
  {
    oneapi::tbb::task_group group;
    for (std::size_t i = 0; i < leaves; ++i) {
      group.run([&level, i] { level[i] = increment(i); });
    }
    group.wait();
  }
  while (level.size() > 1) {
    std::vector<std::uint64_t> next(level.size() / 2);
    oneapi::tbb::task_group group;
    for (std::size_t i = 0; i < next.size(); ++i) {
      group.run([&level, &next, i] { next[i] = add(level[2 * i], level[2 * i + 1]); });
    }
    group.wait();
    level.swap(next);
  }
  bench::check(level.front() == leaves * (leaves + 1) / 2, "TBB tree");
}
#endif

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime{mobula::runtime_options{.backend = "threads"}};
  bench::table table;
  table.add({"chain of 10⁵, an edge",
             {
                 {"Mobula", 100'000, [] { mobula_chain(100'000); }},
                 {"Mobula, chains of 10⁴", 100'000,
                  [] {
                    for (int i = 0; i < 10; ++i) mobula_chain(10'000);
                  }},
#ifdef MOBULA_BENCH_WITH_TBB
                 {"TBB continue_node", 100'000, [] { tbb_chain(100'000); }},
#endif
             },
             {{"", 200}, {"Mobula, chains of 10⁴", 1.5}}});
  table.add({"chain of 10⁵ that waits for a promise, an edge",
             {{"Mobula", 100'000, [] { mobula_held_chain(100'000); }}},
             {{"", 200}}});
  constexpr std::size_t leaves = std::size_t{1} << 19;
  table.add({"fan-out and tree reduction, 10⁶ tasks, a task",
             {
                 {"Mobula", 2 * leaves - 1, [] { mobula_tree(leaves); }},
                 {"Mobula, trees of 10⁵ tasks", 2 * leaves - 8,
                  [] {
                    for (int i = 0; i < 8; ++i) mobula_tree(leaves / 8);
                  }},
#ifdef MOBULA_BENCH_WITH_TBB
                 {"TBB task_group, level by level", 2 * leaves - 1, [] { tbb_tree(leaves); }},
#endif
             },
             {{"", 200}, {"Mobula, trees of 10⁵ tasks", 1.5}}});
  return table.main(argc, argv);
}
