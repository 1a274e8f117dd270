// Hello world: an actor of CAF that adds.
#include <cstdint>
#include <iostream>

#include <caf/all.hpp>

caf::behavior adder(caf::event_based_actor*) {
  return {[](std::int32_t a, std::int32_t b) { return a + b; }};
}

void caf_main(caf::actor_system& system) {
  caf::scoped_actor self{system};
  self->request(system.spawn(adder), caf::infinite, std::int32_t{1}, std::int32_t{2})
      .receive([](std::int32_t sum) { std::cout << sum << '\n'; },
               [](const caf::error&) { std::cerr << "an error came back\n"; });
}

CAF_MAIN()
