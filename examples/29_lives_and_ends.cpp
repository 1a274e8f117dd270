// An actor can have more lives than one: with `.max_restarts` it is constructed again, from the
// same arguments, when it has died. How it ends for good, somebody decides: by `stop`, which lets
// it finish, by `kill`, which does not, by itself, or by dropping the last handle.
//
//   $ ./29_lives_and_ends
//   ada: 2 visits, in its first life
//   ada: 1 visit, in its second life
//   killed: ...ada...
//   stopped, after 3 visits
//   it left: ...bob...

#include <iostream>
#include <string>
#include <utility>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

class guest_book {
 public:
  explicit guest_book(std::string of) : of_(std::move(of)) {}
  int visit() { return ++visits_; }
  std::string say() const {
    return of_ + ": " + std::to_string(visits_) + (visits_ == 1 ? " visit" : " visits") +
           ", in its " + (mobula::this_actor::restarted() ? "second" : "first") + " life";
  }
  void leave() { mobula::this_actor::exit(); }

 private:
  std::string of_;
  int visits_ = 0;
};

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};

  // What it knew is gone with its first life; what it was made of is not.
  const auto ada = mobula::spawn<guest_book>({.name = "ada", .max_restarts = 1}, "ada");
  mobula::get(ada.call<&guest_book::visit>());
  mobula::get(ada.call<&guest_book::visit>());
  std::cout << mobula::get(ada.call<&guest_book::say>()) << '\n';
  mobula::kill(ada, {.restart = true});
  mobula::get(ada.call<&guest_book::visit>());
  std::cout << mobula::get(ada.call<&guest_book::say>()) << '\n';

  mobula::kill(ada);
  try {
    mobula::get(ada.call<&guest_book::visit>());
  } catch (const mobula::actor_died_error& error) {
    std::cout << "killed: " << error.what() << '\n';
  }

  // What is queued is done first.
  const auto eve = mobula::spawn<guest_book>("eve");
  eve.post<&guest_book::visit>();
  eve.post<&guest_book::visit>();
  const mobula::future<int> third = eve.call<&guest_book::visit>();
  mobula::get(eve.stop());
  std::cout << "stopped, after " << mobula::get(third) << " visits\n";

  const auto bob = mobula::spawn<guest_book>({.name = "bob"}, "bob");
  try {
    mobula::get(bob.call<&guest_book::leave>());
  } catch (const mobula::actor_died_error& error) {
    std::cout << "it left: " << error.what() << '\n';
  }
}
