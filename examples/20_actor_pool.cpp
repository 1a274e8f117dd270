// A pool gives calls to whichever of its actors is idle: for work that needs something that is dear
// to make, a model or a connection, and is to be spread over a few of those. An error comes out
// where its result would, and an actor that dies leaves the others to go on.
//
//   $ ./20_actor_pool
//   the words have 6 4 6 5 letters
//   3 results, and one error: ...there is no length of nothing
//   done first: the short one
//   2 actors are left, and have done the rest: 8 of 9

#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mobula/actor_pool.hpp>
#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

class dictionary {
 public:
  explicit dictionary(std::string language) : language_(std::move(language)) {}  // imagine an hour

  std::size_t length(const std::string& word) const {
    if (word.empty()) throw std::invalid_argument("there is no length of nothing");
    return word.size();
  }
  std::string after(mobula::future<int> other, const std::string& word) const {
    mobula::get(other);  // a parameter that is a future is not waited for before
    return word;
  }
  int crash_at(int what, int bad) const {
    if (what == bad) mobula::this_actor::exit();
    return what;
  }

 private:
  std::string language_;
};

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  mobula::actor_pool<dictionary> pool(3, "English");

  std::cout << "the words have";
  const std::vector<std::string> words{"violet", "rose", "orchid", "tulip"};
  for (const auto& each : pool.map<&dictionary::length>(words)) {
    std::cout << ' ' << mobula::get(each);
  }
  std::cout << " letters\n";

  for (const char* word : {"a", "", "an", "the"}) pool.submit<&dictionary::length>(word);
  int results = 0;
  std::string problem;
  while (pool.has_next()) {
    try {
      pool.next<std::size_t>();
      ++results;
    } catch (const mobula::task_error& error) {
      problem = error.what();
    }
  }
  std::cout << results << " results, and one error: " << problem << '\n';

  const mobula::promise<int> later;
  const mobula::promise<int> now;
  now.set_value(1);
  pool.submit<&dictionary::after>(later.get_future(), "the long one");
  pool.submit<&dictionary::after>(now.get_future(), "the short one");
  std::cout << "done first: " << pool.next_unordered<std::string>() << '\n';
  later.set_value(2);
  pool.next<std::string>();

  int done = 0;
  for (const auto& each :
       pool.map<&dictionary::crash_at>(std::vector{1, 2, 3, 4, 5, 6, 7, 8, 9}, 5)) {
    try {
      mobula::get(each);
      ++done;
    } catch (const mobula::actor_died_error&) {
    }
  }
  std::cout << pool.size() << " actors are left, and have done the rest: " << done << " of 9\n";
}
