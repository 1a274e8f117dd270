// Goal: the segment is made, found and refused as exchange.hpp says, and so are parties.

#include "mobula/net/exchange.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

#include "net/support.hpp"
#include "support/catch.hpp"

using Catch::Matchers::ContainsSubstring;
using net_test::child;
using net_test::endpoint;
using net_test::exchange;
using net_test::ignore;

TEST_CASE("options out of range are refused by name", "[exchange]") {
  CHECK_THROWS_WITH(exchange::create({.processes_max = 0}),
                    "mobula::net::exchange_options::processes_max is 0, but has to be 1 to 1048576");
  CHECK_THROWS_AS(exchange::create({.ring_bytes = 5'000}), std::invalid_argument);
  CHECK_THROWS_AS(exchange::create({.ring_bytes = 2'048}), std::invalid_argument);
  CHECK_THROWS_AS(exchange::create({.rings_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(exchange::create({.rings_max = UINT32_MAX}), std::invalid_argument);
}

TEST_CASE("what the system can't map is an error with the call's name", "[exchange]") {
  CHECK_THROWS_WITH(exchange::create({.ring_bytes = 256u << 20, .rings_max = 1u << 24}),
                    ContainsSubstring("for the shared segment \"mobula-exchange\" of "));
}

TEST_CASE("an exchange of the default size is made at once, and one of a few too", "[exchange]") {
  exchange shared = exchange::create();
  CHECK(shared.options().processes_max == 16'384);
  shared.announce(16'383);
  endpoint last(shared, 16'383);
  last.send(16'383, 0, net_test::numbered(1, 8));
  last.flush();
  CHECK(last.receive(ignore) == 1);
}

TEST_CASE("a process opens the exchange by its descriptor", "[exchange]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(1);
  shared.announce(2);
  endpoint me(shared, 1);
  child other([&] {
    exchange mine = exchange::open(::dup(shared.descriptor()));
    if (mine.options().rings_max != net_test::small.rings_max) return 1;
    endpoint there(mine, 2);
    there.send(1, 5, net_test::numbered(6, 8));
    there.flush();
    return 0;
  });
  CHECK(other.wait() == 0);
  CHECK(me.receive(ignore) == 1);
}

TEST_CASE("what is no exchange is refused, and its descriptor stays open", "[exchange]") {
  CHECK_THROWS_WITH(exchange::open(-1),
                    ContainsSubstring("fstat for the shared segment of descriptor -1"));

  const int plain = ::memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  REQUIRE(plain >= 0);
  REQUIRE(::ftruncate(plain, 1 << 20) == 0);
  CHECK_THROWS_AS(exchange::open(plain), std::system_error);  // its size is not sealed
  REQUIRE(::fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  CHECK_THROWS_WITH(exchange::open(plain), ContainsSubstring("is no exchange"));
  CHECK(::close(plain) == 0);
}

TEST_CASE("nobody can make the segment smaller under the others", "[exchange]") {
  exchange shared = exchange::create(net_test::small);
  CHECK(::ftruncate(shared.descriptor(), 0) != 0);
}

TEST_CASE("an exchange that goes takes its descriptor and its mapping along", "[exchange]") {
  int fd = -1;
  {
    exchange first = exchange::create(net_test::small);
    exchange second = std::move(first);
    fd = second.descriptor();
    second = exchange::create(net_test::small);
    CHECK(::fcntl(fd, F_GETFD) == -1);
    fd = second.descriptor();
    CHECK(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
  }
  CHECK(::fcntl(fd, F_GETFD) == -1);
}

TEST_CASE("a slot goes from free to live to retired to free", "[exchange]") {
  exchange shared = exchange::create(net_test::small);
  const std::uint64_t other = 5 + net_test::small.processes_max;
  CHECK(shared.slot_free(5));
  CHECK_FALSE(shared.lives(5));
  shared.announce(5);
  CHECK(shared.lives(5));
  CHECK_FALSE(shared.slot_free(other));
  CHECK_FALSE(shared.lives(other));
  CHECK_THROWS_WITH(shared.announce(other),
                    "mobula::net::exchange::announce: party 69 has the slot of party 5");
  CHECK_THROWS_AS(shared.reclaim(5), std::logic_error);
  shared.retire(other);  // it is not there
  CHECK(shared.lives(5));
  shared.retire(5);
  shared.retire(5);
  CHECK_FALSE(shared.lives(5));
  CHECK_FALSE(shared.slot_free(5));
  CHECK_THROWS_WITH(shared.announce(other),
                    "mobula::net::exchange::announce: party 69 has the slot of party 5");
  CHECK_THROWS_AS(endpoint(shared, 5), std::invalid_argument);
  shared.reclaim(5);
  CHECK_THROWS_AS(shared.reclaim(5), std::logic_error);
  shared.announce(other);
  CHECK(shared.lives(other));
}

TEST_CASE("a number that is no party's is never one that lives", "[exchange]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(5);
  for (const std::uint64_t number : {exchange::parties_end, ~std::uint64_t{0}}) {
    CHECK_THROWS_AS(shared.announce(number), std::logic_error);
    CHECK_FALSE(shared.lives(number));
    shared.retire(number);
    CHECK(shared.slot_free(number));
    CHECK_THROWS_AS(shared.reclaim(number), std::logic_error);
  }
  shared.retire(5);
  CHECK_FALSE(shared.lives(5 | std::uint64_t{1} << 63));
}
