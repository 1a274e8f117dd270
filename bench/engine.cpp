// The engine's machines alone: owner, node, executor and directory under a host that does nothing
// but hand messages over. No thread, no bytes, no function that is called.
//
// So these rows are what the protocol costs at least, on every backend that has it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "../tests/engine/round_trip.hpp"
#include "pairs.hpp"

namespace {

using engine_world = round_trip::world;

/// In one round: `windows` times a window of `size`.
bench::contender contender(std::string name, engine_world& in, std::size_t size,
                           std::size_t windows,
                           void (engine_world::*work)(std::size_t count, std::size_t window)) {
  const std::size_t count = size * windows;
  return {std::move(name), count, [&in, count, size, work] {
            const std::uint64_t before = in.settled();
            (in.*work)(count, size);
            bench::check(in.settled() - before == count, "each is settled once");
          }};
}

}  // namespace

int main(int argc, char** argv) {
  engine_world world;
  bench::table table;
  const double nanoseconds_max = 1e9 / 3e6;  // three million tasks a second
  table.add({"engine: a task there and back",
             {contender("Mobula, windows of 1 000", world, 1000, 100, &engine_world::tasks),
              contender("Mobula, windows of 16", world, 16, 6000, &engine_world::tasks),
              contender("Mobula, alone", world, 1, 50'000, &engine_world::tasks)},
             {{"", nanoseconds_max}}});
  table.add({"engine: a task with the last one's result",
             {contender("Mobula, chains of 1 000", world, 1000, 100, &engine_world::chain)}});
  table.add({"engine: an actor's call there and back",
             {contender("Mobula, windows of 1 000", world, 1000, 100, &engine_world::calls),
              contender("Mobula, alone", world, 1, 50'000, &engine_world::calls)}});
  return table.main(argc, argv);
}
