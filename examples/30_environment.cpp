// What a worker process is born with: variables, and of the node's GPUs those that its task asked
// for. Nobody else sees them. Only `processes` has processes to give them to; elsewhere this
// program says so.
//
//   $ ./30_environment
//   a task with an environment: ...
//   its child: ...
//   a task without: none
//   two with a GPU each: ...

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

std::string variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? value : "none";
}
std::string variable_of_child(const std::string& name) {
  return mobula::get(mobula::async<variable>(name));
}
// Waits for the other one, so that both have their GPUs at the same time.
std::string gpus(const mobula::promise<void>& mine, const mobula::future<void>& other) {
  mine.set_value();
  mobula::get(other);
  return variable("CUDA_VISIBLE_DEVICES");
}

int main(int argc, char** argv) {
  mobula::worker_main(argc, argv);
  mobula::runtime runtime{argc, argv, {.cpus = 2, .gpus = 2}};
  const bool has_processes = runtime.backend() == "processes";
  const auto shown = [&](const std::string& found) {
    return has_processes ? found : "not on " + std::string{runtime.backend()};
  };

  const mobula::environment ours{.variables = {{"GREETING", "ahoy"}}};
  const std::string greeting =
      mobula::get(mobula::async<variable>({.environment = ours}, "GREETING"));
  const std::string inherited =
      mobula::get(mobula::async<variable_of_child>({.environment = ours}, "GREETING"));
  std::cout << "a task with an environment: " << shown(greeting) << '\n'
            << "its child: " << shown(inherited) << '\n'
            << "a task without: " << mobula::get(mobula::async<variable>("GREETING")) << '\n';

  const mobula::promise<void> first;
  const mobula::promise<void> second;
  const auto one = mobula::async<gpus>({.gpus = 1}, first, mobula::put(second.get_future()));
  const auto two = mobula::async<gpus>({.gpus = 1}, second, mobula::put(first.get_future()));
  const bool apart = mobula::get(one) != mobula::get(two);
  std::cout << "two with a GPU each: " << shown(apart ? "they have different ones" : "the same")
            << '\n';
  return has_processes && (greeting != "ahoy" || inherited != "ahoy" || !apart) ? 1 : 0;
}
