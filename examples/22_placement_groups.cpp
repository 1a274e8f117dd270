// A placement group reserves resources that belong together: all of its bundles or none. Work
// outside can't use them; work that names the group runs in them, and children may stay there.
//
//   $ ./22_placement_groups
//   reserved: 2 bundles, 1 of 4 CPUs is left for others
//   the left half sums to 15, the right one to 40
//   a tree of 7 tasks ran in the group
//   too large: ...bundle 0 of placement group "halves" has 1...
//   what was still queued: placement group "halves" was removed
//   all 4 CPUs are free again

#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

int sum(const std::vector<int>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0);
}

// How many tasks of a binary tree run in the caller's group. Each waits for its children, and lends
// its CPU to them meanwhile.
int count_tree(int depth) {
  const int mine = mobula::this_task::group().valid() ? 1 : 0;
  if (depth == 0) return mine;
  const mobula::future<int> left = mobula::async<count_tree>(depth - 1);
  const mobula::future<int> right = mobula::async<count_tree>(depth - 1);
  return mine + mobula::get(left) + mobula::get(right);
}

void wait_for_ever() { mobula::this_task::sleep_for(std::chrono::hours(24)); }

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv, {.cpus = 4}};

  const mobula::placement_group halves =
      mobula::reserve({{.cpus = 1}, {.cpus = 2}}, mobula::strategy::pack, {.name = "halves"});
  mobula::get(halves.ready());
  std::cout << "reserved: " << halves.size() << " bundles, " << mobula::available_resources().cpus
            << " of 4 CPUs is left for others\n";

  const auto left = mobula::async<sum>({.where = halves.bundle(0)}, std::vector{1, 2, 3, 4, 5});
  const auto right =
      mobula::async<sum>({.cpus = 2, .where = halves.bundle(1)}, std::vector{6, 7, 8, 9, 10});
  std::cout << "the left half sums to " << mobula::get(left) << ", the right one to "
            << mobula::get(right) << '\n';

  // Without `.capture_children` the first task alone would be in the group.
  const mobula::task_options inside{.where = halves.any(), .capture_children = true};
  std::cout << "a tree of " << mobula::get(mobula::async<count_tree>(inside, 2))
            << " tasks ran in the group\n";

  try {
    static_cast<void>(mobula::async<sum>({.cpus = 2, .where = halves.bundle(0)}, std::vector{1}));
  } catch (const std::invalid_argument& why) {
    std::cout << "too large: " << why.what() << '\n';
  }

  // Whoever knows the name can find the group; removing it ends what runs in it and what waits.
  const auto blocks = mobula::async<wait_for_ever>({.where = halves.bundle(0)});
  const auto queued = mobula::async<sum>({.where = halves.bundle(0)}, std::vector{1});
  mobula::find_group("halves")->remove();
  try {
    mobula::get(queued);
  } catch (const mobula::placement_group_removed_error& why) {
    std::cout << "what was still queued: " << why.what() << '\n';
  }
  while (mobula::available_resources() != mobula::total_resources()) {
    mobula::sleep_for(std::chrono::milliseconds(1));
  }
  std::cout << "all " << mobula::available_resources().cpus << " CPUs are free again\n";
}
