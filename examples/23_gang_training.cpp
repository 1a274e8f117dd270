// Workers that train one model need each other at the same time: with some of them placed and the
// others waiting, nobody gets on. So each job reserves room for all of its workers at once. Two
// jobs want more than there is: one trains, then the other, and neither ever holds a part.
//
//   $ ./23_gang_training
//   job "small": 2 workers, weights 20 after 5 rounds
//   job "large": 3 workers, weights 30 after 5 rounds
//   jobs at the same time: 1

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

class trainer {
 public:
  // A gradient, as far as this example goes.
  int step() { return weights_ += 2; }

 private:
  int weights_ = 0;
};

// Counts who is there at the same time.
class gate {
 public:
  void enter() { most_ = std::max(most_, ++inside_); }
  void leave() { --inside_; }
  int most() const { return most_; }

 private:
  int inside_ = 0;
  int most_ = 0;
};

std::string train(std::string name, int workers, mobula::actor<gate> door) {
  const std::vector<mobula::bundle> each(static_cast<std::size_t>(workers), {.cpus = 1});
  const mobula::placement_group room = mobula::reserve(each);
  mobula::get(room.ready());
  mobula::get(door.call<&gate::enter>());

  std::vector<mobula::actor<trainer>> gang;
  for (int rank = 0; rank < workers; ++rank) {
    const auto bundle = static_cast<std::size_t>(rank);
    gang.push_back(mobula::spawn<trainer>({.cpus = 1, .where = room.bundle(bundle)}));
  }
  int weights = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<mobula::future<int>> gradients;
    for (const auto& one : gang) gradients.push_back(one.call<&trainer::step>());
    weights = 0;
    for (const int part : mobula::get(gradients)) weights += part;
  }
  mobula::get(door.call<&gate::leave>());
  room.remove();  // with the actors in it
  return "job \"" + name + "\": " + std::to_string(workers) + " workers, weights " +
         std::to_string(weights) + " after 5 rounds";
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv, {.cpus = 4}};

  const auto door = mobula::spawn<gate>();
  const auto small = mobula::async<train>({.cpus = 0}, "small", 2, door);
  const auto large = mobula::async<train>({.cpus = 0}, "large", 3, door);
  std::cout << mobula::get(small) << '\n' << mobula::get(large) << '\n';
  std::cout << "jobs at the same time: " << mobula::get(door.call<&gate::most>()) << '\n';
}
