// A small service of actors, grown under unit tests. A test needs a `runtime` and nothing else: no
// server, no port, no set-up. The same tests with MOBULA_BACKEND=loopback find what would break
// between processes: a value that can't be sent, or two parts that secretly share memory.
//
//   $ ./14_service_under_test
//   ...
//   All tests passed (9 assertions in 4 test cases)
//   ...

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#define CATCH_CONFIG_RUNNER
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

// --- The service: a shop. One actor knows the stock, another one takes orders. ---

class stock {
 public:
  explicit stock(std::map<std::string, int> pieces) : pieces_(std::move(pieces)) {}
  // True where there was enough.
  bool take(const std::string& item, int count) {
    const auto at = pieces_.find(item);
    if (at == pieces_.end() || at->second < count) return false;
    at->second -= count;
    return true;
  }
  int count(const std::string& item) const {
    const auto at = pieces_.find(item);
    return at == pieces_.end() ? 0 : at->second;
  }

 private:
  std::map<std::string, int> pieces_;
};

struct order {
  std::string customer;
  std::string item;
  int count = 1;
};

class shop {
 public:
  explicit shop(mobula::actor<stock> from) : stock_(std::move(from)) {}
  // The receipt's number, or nothing where the stock does not suffice.
  std::optional<int> place(const order& wanted) {
    if (wanted.count < 1) throw std::invalid_argument("an order is for one piece or more");
    if (!mobula::get(stock_.call<&stock::take>(wanted.item, wanted.count))) return std::nullopt;
    return ++receipts_;
  }

 private:
  mobula::actor<stock> stock_;
  int receipts_ = 0;
};

// --- Its tests ---

struct open_shop {
  mobula::runtime runtime;  // of this test alone, and gone with it
  mobula::actor<stock> shelves = mobula::spawn<stock>(std::map<std::string, int>{{"lamp", 3}});
  mobula::actor<shop> counter = mobula::spawn<shop>(shelves);
};

TEST_CASE("an order takes its pieces from the stock") {
  open_shop open;
  CHECK(mobula::get(open.counter.call<&shop::place>(order{"ada", "lamp", 2})) == 1);
  CHECK(mobula::get(open.shelves.call<&stock::count>("lamp")) == 1);
}

TEST_CASE("an order for more than there is takes nothing") {
  open_shop open;
  CHECK(mobula::get(open.counter.call<&shop::place>(order{"ada", "lamp", 4})) == std::nullopt);
  CHECK(mobula::get(open.counter.call<&shop::place>(order{"ada", "sofa", 1})) == std::nullopt);
  CHECK(mobula::get(open.shelves.call<&stock::count>("lamp")) == 3);
}

TEST_CASE("a wrong order fails and the shop stays open") {
  open_shop open;
  CHECK_THROWS_AS(mobula::get(open.counter.call<&shop::place>(order{"ada", "lamp", 0})),
                  mobula::task_error);
  CHECK(mobula::get(open.counter.call<&shop::place>(order{"bob", "lamp", 1})) == 1);
}

std::optional<int> buy(const mobula::actor<shop>& at, const std::string& customer) {
  return mobula::get(at.call<&shop::place>(order{customer, "lamp", 1}));
}

TEST_CASE("a crowd gets what is there, each receipt once") {
  open_shop open;
  std::vector<mobula::future<std::optional<int>>> crowd;
  for (int i = 0; i < 50; ++i) {
    crowd.push_back(mobula::async<buy>(open.counter, "customer " + std::to_string(i)));
  }
  std::map<int, int> receipts;
  for (const std::optional<int>& each : mobula::get(crowd)) {
    if (each) ++receipts[*each];
  }
  CHECK(receipts == std::map<int, int>{{1, 1}, {2, 1}, {3, 1}});
  CHECK(mobula::get(open.shelves.call<&stock::count>("lamp")) == 0);
}

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
