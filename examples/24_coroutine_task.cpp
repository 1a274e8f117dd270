// A coroutine task waits without keeping anybody: at a co_await its worker goes on with something
// else, so a thousand of them wait on one CPU. It is a function that returns task<T>; async runs it
// and gives a future<T>, as of any other.
//
//   $ ./24_coroutine_task
//   1 + 2 is 3
//   a thousand fetched 499500 on one CPU
//   the slow one was not waited for: 1 ready, 1 pending
//   no page: ...page 404 is not there

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

using namespace std::chrono_literals;

int fetch(int page) {  // imagine a network
  if (page == 404) throw std::out_of_range("page 404 is not there");
  return page;
}

mobula::task<int> add(mobula::future<int> a, mobula::future<int> b) {
  const int first = co_await a;
  const int second = co_await b;
  co_return first + second;
}

// A part of a coroutine: it runs where it is awaited, within the same task.
mobula::task<int> fetch_late(int page) {
  co_await mobula::this_task::sleep_for(1ms);
  const int found = co_await mobula::async<fetch>(page);
  co_return found;
}
mobula::task<int> one_of_a_thousand(int page) {
  const int found = co_await fetch_late(page);
  co_return found;
}

mobula::task<std::string> first_of_two() {
  std::vector<mobula::future<int>> both;
  both.push_back(mobula::async<fetch>(1));
  both.push_back(mobula::async([]() -> mobula::task<int> {
    co_await mobula::this_task::sleep_for(1h);
    co_return 2;
  }));
  const auto found = co_await mobula::when_ready(both, {.count = 1});
  mobula::cancel(found.pending.front());
  co_return std::to_string(found.ready.size()) + " ready, " +
      std::to_string(found.pending.size()) + " pending";
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv, {.cpus = 1}};

  std::cout << "1 + 2 is " << mobula::get(mobula::async<add>(mobula::put(1), mobula::put(2)))
            << '\n';

  std::vector<mobula::future<int>> all;
  for (int page = 0; page < 1000; ++page) {
    if (page != 404) all.push_back(mobula::async<one_of_a_thousand>(page));
  }
  int sum = 404;
  for (const int found : mobula::get(std::move(all))) sum += found;
  std::cout << "a thousand fetched " << sum << " on one CPU\n";

  std::cout << "the slow one was not waited for: " << mobula::get(mobula::async<first_of_two>())
            << '\n';
  try {
    mobula::get(mobula::async<one_of_a_thousand>(404));
  } catch (const mobula::task_error& error) {
    std::cout << "no page: " << error.what() << '\n';
  }
}
