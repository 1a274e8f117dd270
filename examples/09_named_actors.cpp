// An actor with a name can be found by anybody in the program. Names are unique among living
// actors, so a name is also a lock: of all who want to make the actor, one does.
//
//   $ ./09_named_actors
//   20 tasks wrote 20 lines, the actor was made 1 time
//   taken: ...log...
//   another namespace: 0 lines
//   nobody is called "lgo"
//   free again: 0 lines

#include <cstddef>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

class log_book {
 public:
  void write(const std::string& line) { lines_.push_back(line); }
  std::size_t size() const { return lines_.size(); }

 private:
  std::vector<std::string> lines_;
};

// The task is handed nothing: it asks for the one log book, and makes it if it is the first to ask.
mobula::actor<log_book> write_line(int number) {
  const auto log = mobula::spawn<log_book>({.name = "log", .get_if_exists = true});
  mobula::get(log.call<&log_book::write>("task " + std::to_string(number)));
  return log;
}

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  mobula::actor<log_book> keeps_it =
      mobula::spawn<log_book>({.name = "log", .get_if_exists = true});

  std::vector<mobula::future<mobula::actor<log_book>>> writers;
  for (int i = 0; i < 20; ++i) writers.push_back(mobula::async<write_line>(i));
  std::size_t others = 0;
  for (const mobula::actor<log_book>& each : mobula::get(writers)) others += each != keeps_it;

  const std::optional<mobula::actor<log_book>> found = mobula::find<log_book>("log");
  std::cout << "20 tasks wrote " << mobula::get(found->call<&log_book::size>())
            << " lines, the actor was made " << 1 + others << " time\n";

  try {
    static_cast<void>(mobula::spawn<log_book>({.name = "log"}));
  } catch (const mobula::name_taken_error& error) {
    std::cout << "taken: " << error.what() << '\n';
  }
  const auto other = mobula::spawn<log_book>({.name = "log", .name_space = "other"});
  std::cout << "another namespace: " << mobula::get(other.call<&log_book::size>()) << " lines\n";
  if (!mobula::find<log_book>("lgo")) std::cout << "nobody is called \"lgo\"\n";

  mobula::get(keeps_it.stop());
  keeps_it = mobula::spawn<log_book>({.name = "log"});
  std::cout << "free again: " << mobula::get(keeps_it.call<&log_book::size>()) << " lines\n";
}
