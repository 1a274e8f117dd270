// An exception in a task is a value: `get` throws it, and it flows through every task that depends
// on it, without running them. `.retry_on` says which exceptions are worth another try.
//
//   $ ./08_errors
//   task "parse" failed on node ...: std::out_of_range: no number in 'ten'
//   it was a std::out_of_range in parse
//   the dependent task did not run: std::out_of_range in parse
//   fetched in attempt 3
//   gave up: task "fetch" failed on node ...: busy: the server is busy (attempt 2)
//   a bad option: ...max_retries...-2...

#include <charconv>
#include <iostream>
#include <stdexcept>
#include <string>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

int parse(const std::string& text) {
  int number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{}) {
    throw std::out_of_range("no number in '" + text + "'");
  }
  return number;
}
int twice(int x) { return 2 * x; }

struct busy : std::runtime_error {
  using std::runtime_error::runtime_error;
};
int fetch(int works_in_attempt) {
  const int attempt = mobula::this_task::attempt();  // 1 at first
  if (attempt < works_in_attempt) {
    throw busy("the server is busy (attempt " + std::to_string(attempt) + ")");
  }
  return attempt;
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  const mobula::future<int> ten = mobula::async<parse>({.name = "parse"}, "ten");
  const mobula::future<int> twenty = mobula::async<twice>(ten);
  try {
    mobula::get(ten);
  } catch (const mobula::task_error& error) {
    std::cout << error.what() << '\n';
    // What the program may want to know of it. The original is nested (std::rethrow_if_nested)
    // where it never left this process.
    std::cout << "it was a " << error.type_name() << " in " << error.task() << '\n';
  }
  try {
    mobula::get(twenty);
  } catch (const mobula::task_error& error) {  // the origin's error, not one about `twice`
    std::cout << "the dependent task did not run: " << error.type_name() << " in " << error.task()
              << '\n';
  }

  const auto on_busy = mobula::exceptions<busy>();  // as `catch (const busy&)` would
  std::cout << "fetched in attempt " << mobula::get(mobula::async<fetch>({.retry_on = on_busy}, 3))
            << '\n';
  try {
    mobula::get(mobula::async<fetch>({.max_retries = 1, .retry_on = on_busy}, 3));
  } catch (const mobula::task_error& error) {
    std::cout << "gave up: " << error.what() << '\n';
  }

  // Misuse is not a mobula::error: it is std::invalid_argument or std::logic_error, thrown by the
  // call itself.
  try {
    static_cast<void>(mobula::async<fetch>({.max_retries = -2}, 1));
  } catch (const std::invalid_argument& error) {
    std::cout << "a bad option: " << error.what() << '\n';
  }
}
