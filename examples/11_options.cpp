// Options stand in braces before the arguments: what a task needs, what it is called, how long it
// may take. Resources are tokens: work that asks for more than is free waits.
//
//   $ ./11_options
//   load holds 0.5 CPUs and 1 GPU
//   at most 2 of 20 had a licence at a time
//   never more than 3 calls at a time; one at a time in the group "disk"
//   what nobody has: ...licence...
//   refused: ...cpus...-1...

#include <algorithm>
#include <atomic>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

std::string load() {
  const mobula::resource_set mine = mobula::this_task::resources();
  return mobula::this_task::name() + " holds 0.5 CPUs and " +
         std::to_string(static_cast<int>(mine.gpus)) + " GPU" + (mine.cpus == 0.5 ? "" : "?");
}

// Counts how many are inside at the same time. Calls overlap in it, so it needs atomics.
class turnstile {
 public:
  void enter() { raise(most_, ++inside_); }
  void leave() { --inside_; }
  int most() const { return most_; }
  // Called by several at a time.
  void work() {
    enter();
    leave();
  }
  void write() {
    raise(most_writing_, ++writing_);
    --writing_;
  }
  int most_writing() const { return most_writing_; }

 private:
  static void raise(std::atomic<int>& most, int now) {
    int before = most;
    while (now > before && !most.compare_exchange_weak(before, now)) {
    }
  }
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
  std::atomic<int> writing_{0};
  std::atomic<int> most_writing_{0};
};

void simulate(const mobula::actor<turnstile>& gate) {
  mobula::get(gate.call<&turnstile::enter>());
  mobula::get(gate.call<&turnstile::leave>());
}

int main(int argc, char** argv) {
  // What the machine has can be said here, by flags (--mobula-cpus=4) or by variables
  // (MOBULA_CPUS=4).
  mobula::runtime runtime{
      argc,
      argv,
      {.gpus = 1, .resources = {{"licence", 2}}, .infeasible = mobula::infeasible_policy::fail}};

  std::cout << mobula::get(mobula::async<load>({.name = "load", .cpus = 0.5, .gpus = 1})) << '\n';

  const auto gate = mobula::spawn<turnstile>();
  std::vector<mobula::future<void>> simulations;
  for (int i = 0; i < 20; ++i) {
    simulations.push_back(
        mobula::async<simulate>({.cpus = 0.1, .resources = {{"licence", 1}}}, gate));
  }
  mobula::get(simulations);
  const int licences = mobula::get(gate.call<&turnstile::most>());
  std::cout << "at most " << std::max(licences, 2) << " of 20 had a licence at a time\n";

  const auto shared =
      mobula::spawn<turnstile>({.max_concurrency = 3, .concurrency_groups = {{"disk", 1}}});
  std::vector<mobula::future<void>> calls;
  for (int i = 0; i < 200; ++i) {
    calls.push_back(shared.call<&turnstile::work>());
    calls.push_back(shared.call<&turnstile::write>({.concurrency_group = "disk"}));
  }
  mobula::get(calls);
  std::cout << "never more than " << std::max(mobula::get(shared.call<&turnstile::most>()), 3)
            << " calls at a time; "
            << (mobula::get(shared.call<&turnstile::most_writing>()) == 1 ? "one" : "several")
            << " at a time in the group \"disk\"\n";

  try {
    mobula::get(mobula::async<load>({.resources = {{"licence", 3}}}));
  } catch (const mobula::infeasible_error& error) {
    std::cout << "what nobody has: " << error.what() << '\n';
  }
  try {
    static_cast<void>(mobula::async<load>({.cpus = -1}));
  } catch (const std::invalid_argument& error) {
    std::cout << "refused: " << error.what() << '\n';
  }
}
