// Goal: handles that came from another process are bound when the value around them is read, to
// what the reader's backend has for them; what is not what it should be is an error that names both
// types. Promises are the backend's to fulfil. Method: a fake backend without threads, and messages
// in which its attachments stand in place of the writer's.

#include "mobula/backend/foreign.hpp"

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mobula/backend/promise_state.hpp"
#include "mobula/mobula.hpp"

#include "support/catch.hpp"

using namespace mobula::detail;
using Catch::Matchers::ContainsSubstring;
using mobula::actor;
using mobula::future;
using mobula::promise;

namespace {

/// Writes down what becomes of promises, and does nothing else.
class fake_backend final : public backend {
 public:
  explicit fake_backend(std::uint32_t epoch) {
    the_runtime.epoch = epoch;
    the_runtime.host = this;
  }
  ~fake_backend() override { end(); }
  void end() {
    the_runtime.epoch = 0;
    the_runtime.host = nullptr;
  }

  int opened = 0;
  int abandoned = 0;
  bool answer = true;
  bool refuse = false;
  std::vector<std::pair<record_ptr, failure_ptr>> fulfilled;
  record* last_target = nullptr;

  void open_promise(record& one) override {
    if (refuse) throw std::runtime_error("no room");
    ++opened;
    last_target = &one;
    one.end_producing();  // what it knows of the outcome it hears from elsewhere
  }
  bool fulfil(record& target, record_ptr made, failure_ptr why) override {
    last_target = &target;
    fulfilled.emplace_back(std::move(made), std::move(why));
    return answer;
  }
  void abandon_promise(record& target) noexcept override {
    last_target = &target;
    ++abandoned;
  }

  std::string_view name() const noexcept override { return "fake"; }
  record_ptr put(record_ptr ready) override { return ready; }
  bool await(record& one, mobula::clock::time_point) override { return one.settled(); }
  void polled(record&) noexcept override {}
  void submit(task&) override { throw std::logic_error("fake"); }
  void unblocked(task&) noexcept override {}
  void cancel(record&, mobula::cancel_options, failure_ptr) override {}
  bool yield(task&, std::uint64_t, record_ptr) override { throw std::logic_error("fake"); }
  actor_ptr spawn(task&, const actor_request&) override { return {}; }
  actor_ptr find(const std::string&, const std::string&, const std::type_info&) override {
    return {};
  }
  void kill(actor_state&, mobula::kill_options) override {}
  void stop(actor_state&, record_ptr) override {}
  mobula::clock::time_point now() const noexcept override { return {}; }
  void sleep_until(mobula::clock::time_point) override {}
  std::vector<mobula::node_info> nodes() const override { return {}; }
  mobula::resource_set available_resources() const override { return {}; }
  mobula::node_info this_node() const override { return {}; }
  mobula::job_id job() const noexcept override { return mobula::job_id{1}; }
  const std::string& name_space() const noexcept override { return space_; }
  void shutdown() noexcept override {}

 private:
  std::string space_;
};

/// One object of another process: pending here until its bytes are there.
struct fake_object : foreign_object {
  record_ptr known;
  const mobula::message* bytes = nullptr;
  std::vector<std::string> bound_as;

  record_ptr bind(const object_maker& of) override {
    bound_as.push_back(mobula::detail::demangle(*of.type));
    if (!known) {
      known = of.make_pending(1);
      known->end_producing();
    }
    if (bytes != nullptr) {
      mobula::input read(*std::exchange(bytes, nullptr));
      record_ptr ready = record_ptr::adopt(known->type().load_value(read));
      ready->type().move_value(*ready, *known);
      known->settle_value();
    }
    return known;
  }
};

struct fake_actor_state final : actor_state {
  explicit fake_actor_state(const std::type_info& type)
      : actor_state(mobula::actor_id{5}, type, 1, "") {}
  static inline int left = 0;
  static inline int destroyed = 0;

 private:
  void abandoned() noexcept override { ++left; }
  void destroy() noexcept override {
    ++destroyed;
    delete this;
  }
};
struct fake_actor : foreign_actor {
  std::map<std::string, int> bound_as;
  actor_ptr known;
  actor_ptr bind(const std::type_info& type) override {
    ++bound_as[demangle(type)];
    if (!known) known = actor_ptr::adopt(new fake_actor_state(type));
    return known;
  }
};

struct fake_promise : foreign_promise {
  std::weak_ptr<promise_state> known;
  std::shared_ptr<promise_state> bind(const object_maker& of) override {
    if (auto living = known.lock()) return living;
    record_ptr target = of.make_pending(1);
    target->end_producing();
    auto made = std::make_shared<promise_state>(promise_state::opened_elsewhere{}, target);
    known = made;
    return made;
  }
};

/// As if the value had been written in another process: its attachments are of `theirs`.
template <class T>
T read_with(const T& value, std::vector<mobula::attachment> theirs) {
  mobula::message sent = mobula::to_message(value);
  REQUIRE(sent.attachments.size() == theirs.size());
  sent.attachments = std::move(theirs);
  return mobula::from_message<T>(sent);
}
template <class T>
T read_stored_with(const T& value, std::vector<mobula::attachment> theirs) {
  mobula::output to;
  save_stored(to, value);
  mobula::message sent = to.take();
  REQUIRE(sent.attachments.size() == theirs.size());
  sent.attachments = std::move(theirs);
  mobula::input from(sent);
  return stored_loader<T>::load(from);
}

future<int> number_future(int value) { return future<int>{make_ready<int>(1, value)}; }

struct counter {
  int value = 0;
};
struct other {};

struct letter {
  std::string text;
  future<std::string> answer;
  std::vector<future<int>> more;
};

}  // namespace

TEST_CASE("futures in a value are bound when it is read", "[foreign][clause-3]") {
  fake_backend host(1);
  const auto text = std::make_shared<fake_object>();
  const auto number = std::make_shared<fake_object>();
  const mobula::message seven = mobula::to_message(7);
  number->bytes = &seven;
  const letter written{"hello",
                       future<std::string>{make_ready<std::string>(1, "x")},
                       {number_future(1), {}, number_future(2)}};
  const letter read =
      read_with(written, {attach_object(text), attach_object(number), attach_object(number)});
  CHECK(read.text == "hello");
  CHECK(read.answer.state() == text->known);
  CHECK_FALSE(read.answer.ready());
  REQUIRE(read.more.size() == 3);
  CHECK_FALSE(read.more[1].valid());
  CHECK(read.more[0] == read.more[2]);
  CHECK(mobula::get(read.more[0]) == 7);
  CHECK(number->bound_as == std::vector<std::string>{"int", "int"});
  CHECK(text->bound_as == std::vector<std::string>{"std::string"});
}

TEST_CASE("a future of nothing is bound too", "[foreign][clause-3]") {
  fake_backend host(1);
  const auto nothing = std::make_shared<fake_object>();
  const auto read = read_with(future<void>{make_ready<void>(1)}, {attach_object(nothing)});
  CHECK_FALSE(read.ready());
  CHECK(nothing->bound_as == std::vector<std::string>{"void"});
  nothing->known->settle_value();
  mobula::get(read);
}

TEST_CASE("objects whose values a function is handed are bound", "[foreign][clause-3]") {
  const auto one = std::make_shared<fake_object>();
  const mobula::message seven = mobula::to_message(7);
  one->bytes = &seven;
  const resolved<int> single =
      read_stored_with(resolved<int>{make_ready<int>(1, 1)}, {attach_value(one)});
  CHECK(value_of<int>(*single.object) == 7);
  const mobula::attachment of_this_process{value_attachment, to_attachment(make_ready<int>(1, 8))};
  const auto list =
      read_stored_with(gathered<int>{{make_ready<int>(1, 1), make_ready<int>(1, 2)}},
                       {attach_value(one), of_this_process});
  REQUIRE(list.objects.size() == 2);
  CHECK(list.objects[0] == single.object);
  CHECK(value_of<int>(*list.objects[1]) == 8);
}

TEST_CASE("actors in a value are bound, and are the same each time", "[foreign][clause-29]") {
  fake_actor_state::left = fake_actor_state::destroyed = 0;
  const auto one = std::make_shared<fake_actor>();
  {
    const actor<counter> mine{actor_ptr::adopt(new fake_actor_state(typeid(counter)))};
    const auto read = read_with(std::pair{mine, mine}, {attach_actor(one), attach_actor(one)});
    CHECK(read.first == read.second);
    CHECK(read.first != mine);
    CHECK(read.first.state() == one->known);
    one->known = {};
    CHECK(fake_actor_state::left == 0);
  }
  CHECK(fake_actor_state::left == 2);
  CHECK(fake_actor_state::destroyed == 2);
}

TEST_CASE("what stands in the place of a handle is refused by both names", "[foreign][clause-51]") {
  fake_backend host(1);
  const auto object = std::make_shared<fake_object>();
  const auto text = std::make_shared<fake_object>();
  text->known = make_ready<std::string>(1, "x");
  const auto person = std::make_shared<fake_actor>();
  person->known = actor_ptr::adopt(new fake_actor_state(typeid(other)));
  const future<int> number{make_ready<int>(1, 1)};
  const actor<counter> mine{actor_ptr::adopt(new fake_actor_state(typeid(counter)))};
  const promise<int> given;
  using mobula::serialization_error;

  CHECK_THROWS_AS(read_with(number, {attach_actor(person)}), serialization_error);
  CHECK_THROWS_WITH(read_with(number, {attach_actor(person)}),
                    ContainsSubstring("future<int>") && ContainsSubstring("an actor"));
  CHECK_THROWS_WITH(read_with(number, {attach_value(object)}),
                    ContainsSubstring("future<int>") && ContainsSubstring("the value of a future"));
  CHECK_THROWS_WITH(read_with(number, {attach_object(text)}),
                    ContainsSubstring("future<int>") && ContainsSubstring("future<std::string>"));
  CHECK_THROWS_WITH(
      read_with(number, {{object_attachment, to_attachment(make_ready<double>(1, 2.5))}}),
      ContainsSubstring("future<int>") && ContainsSubstring("future<double>"));
  CHECK_THROWS_WITH(read_with(number, {{77, to_attachment(make_ready<double>(1, 2.5))}}),
                    ContainsSubstring("no known kind"));
  CHECK_THROWS_WITH(
      read_stored_with(resolved<int>{make_ready<int>(1, 1)}, {attach_object(object)}),
      ContainsSubstring("future<int>") && ContainsSubstring("a future"));
  CHECK_THROWS_WITH(read_stored_with(resolved<int>{make_ready<int>(1, 1)}, {attach_value(text)}),
                    ContainsSubstring("future<std::string>"));
  CHECK_THROWS_WITH(read_with(mine, {attach_object(object)}),
                    ContainsSubstring("counter") && ContainsSubstring("a future"));
  CHECK_THROWS_WITH(read_with(mine, {attach_actor(person)}),
                    ContainsSubstring("counter") && ContainsSubstring("other"));
  CHECK_THROWS_WITH(read_with(given, {attach_object(object)}),
                    ContainsSubstring("promise<int>") && ContainsSubstring("a future"));
  const promise<std::string> of_text;
  CHECK_THROWS_WITH(read_with(given, {{promise_attachment, of_text.state()}}),
                    ContainsSubstring("promise<int>") && ContainsSubstring("promise<std::string>"));
}

TEST_CASE("the backend decides what a promise gives", "[foreign][promises][clause-54]") {
  fake_backend host(1);
  {
    const promise<int> one;
    CHECK(host.opened == 1);
    CHECK(host.last_target == one.get_future().state().get());
    one.set_value(7);
    REQUIRE(host.fulfilled.size() == 1);
    REQUIRE(host.fulfilled[0].first);
    CHECK(value_of<int>(*host.fulfilled[0].first) == 7);
    CHECK_FALSE(host.fulfilled[0].second);
    CHECK_FALSE(one.get_future().ready());  // the owner has not said so
    host.answer = false;
    CHECK_THROWS_AS(one.set_value(8), std::logic_error);
    CHECK_THROWS_WITH(one.set_value(8), ContainsSubstring("set_value: the promise is fulfilled"));
    CHECK_THROWS_WITH(one.set_exception(std::make_exception_ptr(1)),
                      ContainsSubstring("set_exception: the promise is fulfilled"));
    CHECK(host.fulfilled.back().second);
    CHECK_FALSE(host.fulfilled.back().first);
    const promise<int> copy = one;
    CHECK(host.abandoned == 0);
  }
  CHECK(host.abandoned == 1);
  host.answer = true;
  const promise<void> nothing;
  nothing.set_value();
  CHECK_FALSE(host.fulfilled.back().first);
  CHECK_FALSE(host.fulfilled.back().second);
}

TEST_CASE("a promise that the backend does not open is none", "[foreign][promises]") {
  fake_backend host(1);
  host.refuse = true;
  CHECK_THROWS_WITH(promise<int>{}, ContainsSubstring("no room"));
  CHECK(host.abandoned == 0);
}

TEST_CASE("a promise that was opened elsewhere is fulfilled and let go here",
          "[foreign][promises][clause-54]") {
  fake_backend host(1);
  const auto theirs = std::make_shared<fake_promise>();
  {
    const promise<std::string> mine;
    REQUIRE(host.opened == 1);
    const auto read =
        read_with(std::vector{mine, mine}, {attach_promise(theirs), attach_promise(theirs)});
    CHECK(host.opened == 1);
    CHECK(read[0] == read[1]);
    CHECK(read[0] != mine);
    read[1].set_value("text");
    CHECK(host.last_target == read[0].get_future().state().get());
    CHECK(value_of<std::string>(*host.fulfilled.back().first) == "text");
    CHECK(host.abandoned == 0);
  }
  CHECK(host.abandoned == 2);
}

TEST_CASE("a promise that outlives its runtime tells nobody", "[foreign][promises][clause-55]") {
  auto first = std::make_unique<fake_backend>(1);
  auto one = std::make_unique<promise<int>>();
  auto two = std::make_unique<promise<int>>();
  first->end();
  one.reset();
  CHECK(first->abandoned == 0);
  first.reset();
  fake_backend second(2);
  CHECK_THROWS_WITH(two->set_value(1), ContainsSubstring("runtime"));
  two.reset();
  CHECK(second.abandoned == 0);
  CHECK(second.fulfilled.empty());
}
