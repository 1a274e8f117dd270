// Goal: a frame that is on its way keeps its bytes, and takes memory that others have left. Method:
// a script, and addresses.

#include "mobula/backends/simulation/frame_pool.hpp"

#include <cstddef>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("a frame is there while somebody may want it, and its memory is used again",
          "[simulation]") {
  mobula::simulation::frame_pool pool;
  const std::vector<std::byte> first(100, std::byte{1}), second(50, std::byte{2});
  const std::byte* where = nullptr;
  {
    const mobula::simulation::frame_pool::frame one = pool.make(first);
    where = one.bytes().data();
    const mobula::simulation::frame_pool::frame twice = one;
    CHECK(twice.bytes().data() == where);
    const mobula::simulation::frame_pool::frame other = pool.make(second);
    CHECK(std::vector(one.bytes().begin(), one.bytes().end()) == first);
    CHECK(std::vector(other.bytes().begin(), other.bytes().end()) == second);
  }
  const mobula::simulation::frame_pool::frame third = pool.make(second);
  const mobula::simulation::frame_pool::frame fourth = pool.make(second);
  CHECK((third.bytes().data() == where || fourth.bytes().data() == where));
  CHECK(third.bytes().size() == 50);
}
