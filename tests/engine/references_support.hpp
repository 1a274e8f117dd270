#pragma once

/// Several parties with a table of references each, and links between them that a test delivers.

#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/engine/mentions.hpp"
#include "mobula/engine/references.hpp"
#include "support/catch.hpp"

namespace references_support {

using namespace mobula::engine;
using mobula::error_fields;

struct world;

/// A party whose objects may hold references, and which notes what it is told.
struct member final : references_host {
  member(world& in, party self) : all(in), me(self), table(self, *this) {}

  void send(party to, push_task&& one) override { send(to, message{std::move(one)}); }
  void send(party to, task_done&& one) override { send(to, message{std::move(one)}); }
  void send(party to, message&& one) override;
  void unreferenced(object_key own, std::uint32_t tag) override {
    freed.push_back(own);
    tags.push_back(tag);
    const auto at = inside.find(own);
    if (at == inside.end()) return;
    const std::vector<object_key> held = std::move(at->second);
    inside.erase(at);
    for (object_key key : held) table.drop(key);
  }
  void promise_unreferenced(object_key own) override { broken.push_back(own); }
  void borrower_added(object_key own, party who) override { added.emplace_back(own, who); }
  void lost(object_key key, const std::shared_ptr<const error_fields>& why) override {
    REQUIRE(why);
    losses.emplace_back(key, *why);
  }

  world& all;
  party me;
  references table;
  std::map<object_key, std::vector<object_key>> inside;  ///< references in own values
  std::vector<object_key> freed, broken;
  std::vector<std::uint32_t> tags;
  std::vector<std::pair<object_key, party>> added;
  std::vector<std::pair<object_key, error_fields>> losses;
};

struct world {
  explicit world(unsigned members) {
    for (unsigned i = 1; i <= members; ++i) {
      all.push_back(std::make_unique<member>(*this, party{i}));
    }
  }
  member& operator[](unsigned number) { return *all.at(number - 1); }

  /// Delivers the oldest message of that link, and returns it.
  message deliver(unsigned from, unsigned to) {
    auto& link = links[{party{from}, party{to}}];
    REQUIRE(!link.empty());
    message next = std::move(link.front());
    link.pop_front();
    std::visit(
        [&]<class One>(const One& one) {
          if constexpr (requires { (*this)[to].table.receive(party{from}, one); }) {
            (*this)[to].table.receive(party{from}, one);
          }
        },
        next);
    (*this)[to].table.verify();
    return next;
  }
  template <class One>
  One deliver(unsigned from, unsigned to) {
    const message next = deliver(from, to);
    REQUIRE(std::holds_alternative<One>(next));
    return std::get<One>(next);
  }
  std::size_t waiting(unsigned from, unsigned to) { return links[{party{from}, party{to}}].size(); }
  std::size_t waiting() const {
    std::size_t sum = 0;
    for (const auto& [ends, link] : links) sum += link.size();
    return sum;
  }
  /// The references' messages alone, until there are none.
  void deliver_all() {
    for (bool more = true; more;) {
      more = false;
      for (unsigned from = 1; from <= all.size(); ++from) {
        for (unsigned to = 1; to <= all.size(); ++to) {
          while (waiting(from, to) != 0) {
            deliver(from, to);
            more = true;
          }
        }
      }
    }
  }
  /// Nobody holds anything and nothing is owed, but for `dead`, whose table nobody asks any more.
  void check_empty(unsigned dead = 0) {
    CHECK(waiting() == 0);
    for (auto& one : all) {
      if (one->me == party{dead}) continue;
      one->table.verify();
      CHECK(one->table.held_count() == 0);
      CHECK(one->table.open_count() == 0);
      CHECK(one->table.stray_count() == 0);
    }
  }

  std::vector<std::unique_ptr<member>> all;
  std::map<std::pair<party, party>, std::deque<message>> links;
};

inline void member::send(party to, message&& one) {
  REQUIRE(to.value() >= 1);
  REQUIRE(to.value() <= all.all.size());
  all.links[{me, to}].push_back(std::move(one));
}

}  // namespace references_support
