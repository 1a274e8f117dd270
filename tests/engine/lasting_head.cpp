// Goal: a head that dies at any time and comes back with what it had written down is the head that
// it was, and everybody hears everything from it, and it from them, once and in order (SPEC 47).
// Method: random histories of nodes, drivers and workers, by seed, against a head whose disk writes
// late and tears what it was writing. After each death the head's knowledge is compared with what
// it was after the last record that is there; at the end it is compared with a head that reads all
// records ever written, without a snapshot, and so is what each party has heard. What nodes report
// is in no record, and of no knowledge that is compared: what was decided by it is. The values that
// it keeps, and all that is answered about them, are those of a plain map that carries out each
// request once.

#include "mobula/engine/lasting/lasting_head.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace mobula::engine;
using mobula::resource_vector;

using bytes = std::vector<std::byte>;
constexpr party self{1};
constexpr std::size_t value_bytes_max = 20;

resource_vector cpus(double count) {
  return resource_vector(mobula::resource_set{.cpus = count, .custom = {}});
}
lasting_options options_of(std::size_t log_bytes_max) {
  return {.head = {.self = self, .values = {.value_bytes_max = value_bytes_max}},
          .directory = {.self = self, .node = self, .in_head = true, .actor_processes_max = 3},
          .log_bytes_max = log_bytes_max};
}

/// Somebody who talks to the head.
struct peer {
  enum kind { node, driver, worker } is = node;
  conversation talk;
  std::deque<bytes> to_head, from_head;  ///< the link
  std::vector<bytes> heard;
  bool alive = true;
  std::uint64_t made = 0;  ///< actors
  std::uint64_t job = 0;
};

/// What a head's values should be, and who should have heard what of them.
struct plain_values {
  std::map<std::pair<std::string, std::string>, std::string> all;
  std::vector<std::pair<party, message>> answers;

  static std::string text_of(const payload& from) {
    return {reinterpret_cast<const char*>(from.bytes().data()), from.size()};
  }
  static payload bytes_of(const std::string& from) {
    return payload(std::as_bytes(std::span(from.data(), from.size())));
  }
  static bool is_answer(const message& one) {
    return std::holds_alternative<value_put>(one) || std::holds_alternative<value_told>(one) ||
           std::holds_alternative<values_erased>(one) || std::holds_alternative<keys_listed>(one);
  }
  /// What is about no values is nothing.
  void hear(party from, const message& any) {
    if (const auto* put = std::get_if<put_value>(&any)) {
      const std::pair at{put->name_space, put->key};
      const bool was = all.count(at) != 0;
      value_put answer{put->request, was ? put_result::replaced : put_result::made, {}};
      if (was && !put->overwrite) answer.how = put_result::kept;
      if (answer.how != put_result::kept && put->value.size() > value_bytes_max) {
        answer.how = put_result::refused;
        answer.why = std::make_shared<const mobula::error_fields>(mobula::error_fields{
            .what = "a value of " + std::to_string(put->value.size()) +
                    " bytes, and value_limits::value_bytes_max is " +
                    std::to_string(value_bytes_max)});
      } else if (answer.how != put_result::kept) {
        all[at] = text_of(put->value);
      }
      answers.emplace_back(from, std::move(answer));
    } else if (const auto* get = std::get_if<get_value>(&any)) {
      const auto at = all.find({get->name_space, get->key});
      value_told answer{get->request, at != all.end(), {}};
      if (answer.is_there && get->with_bytes) answer.value = bytes_of(at->second);
      answers.emplace_back(from, std::move(answer));
    } else if (const auto* erase = std::get_if<erase_values>(&any)) {
      const std::uint64_t count = std::erase_if(all, [erase](const auto& one) {
        const auto& [space, key] = one.first;
        return space == erase->name_space &&
               (erase->is_prefix ? key.starts_with(erase->key) : key == erase->key);
      });
      answers.emplace_back(from, values_erased{erase->request, count, false});
    } else if (const auto* list = std::get_if<list_keys>(&any)) {
      keys_listed answer{list->request, {}, {}};
      for (const auto& [at, value] : all) {
        if (at.first != list->name_space || !at.second.starts_with(list->prefix)) continue;
        if (at.second >= list->from) answer.keys.push_back(at.second);
      }
      answers.emplace_back(from, std::move(answer));
    }
  }
};

/// Nobody hears it.
class deaf_host final : public lasting_host {
 public:
  void append(std::span<const std::byte>) override {}
  void snapshot(std::span<const std::byte>, std::span<const std::byte>) override {}
  void send(party to, std::span<const std::byte> message) override {
    said[to].emplace_back(message.begin(), message.end());
  }
  void warn(const std::string&) override {}
  void take_for_dead(party) override {}

  std::map<party, std::vector<bytes>> said;
};

class history final : public lasting_host {
 public:
  history(std::uint64_t seed, std::size_t log_bytes_max, bool with_all = true)
      : random_(seed), with_all_(with_all), options_(options_of(log_bytes_max)) {
    start();
    remember();
    for (int i = 0; i < 3; ++i) add(peer::node);
    for (int i = 0; i < 2; ++i) add(peer::driver);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    let_all_arrive();
    // Of nodes that don't hear each other one is dead, whatever the head has said to whom before.
    for (int i = 0; i < 20 && machine_->head().unheard_count() != 0; ++i) {
      now_ += head_options{}.unheard_patience;
      machine_->timer(now_);
      remember();
      while (end_condemned()) continue;
      let_all_arrive();
    }
    CHECK(machine_->head().unheard_count() == 0);
    check_everything();
  }

  std::uint64_t deaths = 0, torn = 0, snapshots = 0, heard = 0, actors = 0, groups = 0;
  std::uint64_t reports = 0, decided = 0;  ///< by reports
  std::uint64_t values = 0;                ///< that somebody asked about, or put
  std::uint64_t condemned = 0;

 private:
  // lasting_host

  void append(std::span<const std::byte> record) override {
    unwritten_.emplace_back(record.begin(), record.end());
  }
  void snapshot(std::span<const std::byte> whole, std::span<const std::byte> begins) override {
    ++snapshots;
    snapshot_.assign(whole.begin(), whole.end());
    log_.assign(begins.begin(), begins.end());
    for (bytes& one : unwritten_) all_records_.push_back(std::move(one));
    unwritten_.clear();
  }
  void send(party to, std::span<const std::byte> message) override {
    const auto at = peers_.find(to);
    if (at == peers_.end() || !at->second.alive) return;
    at->second.from_head.emplace_back(message.begin(), message.end());
  }
  void warn(const std::string&) override {}
  void take_for_dead(party node) override { condemned_.insert(node); }

  /// Nobody dies any more, and all that is on its way arrives.
  void let_all_arrive() {
    for (bool is_more = true; is_more;) {
      is_more = write(unwritten_.size());
      for (auto& [who, one] : peers_) {
        while (one.alive && !one.to_head.empty()) is_more = to_head(who);
        while (one.alive && !one.from_head.empty()) is_more = from_head(who);
      }
    }
  }
  bool end_condemned() {
    if (condemned_.empty()) return false;
    const party next = *condemned_.begin();
    condemned_.erase(condemned_.begin());
    if (!peers_.at(next).alive) return true;
    ++condemned;
    kill(next);
    return true;
  }

  // --- The head's lives ---

  void start() {
    machine_ = std::make_unique<lasting_head>(options_, *this);
    const std::string error = machine_->load(snapshot_, log_);
    INFO(error);
    REQUIRE(error.empty());
    machine_->verify();
  }
  /// What was being written is there in part.
  void die() {
    ++deaths;
    std::size_t whole = below(unwritten_.size() + 1);
    for (std::size_t i = 0; i < whole; ++i) {
      log_.insert(log_.end(), unwritten_[i].begin(), unwritten_[i].end());
      all_records_.push_back(unwritten_[i]);
    }
    if (whole < unwritten_.size()) {
      const bytes& half = unwritten_[whole];
      const std::size_t part = below(half.size());
      torn += part != 0;
      log_.insert(log_.end(), half.begin(), half.begin() + static_cast<std::ptrdiff_t>(part));
      // The file may have grown before it was written to.
      if (one_in(4)) log_.resize(log_.size() + below(half.size() - part), std::byte{0});
    }
    unwritten_.clear();
    condemned_.clear();  // Its host may not have heard of it.
    start();
    // It is as it was after its last record.
    const auto was = knowledge_.find(machine_->last());
    REQUIRE(was != knowledge_.end());
    REQUIRE((machine_->knowledge() == was->second));
    REQUIRE(machine_->last() == all_records_.size());
    knowledge_.erase(std::next(was), knowledge_.end());
    plain_.erase(std::next(plain_.find(machine_->last())), plain_.end());
    check_values();
    for (auto& [who, one] : peers_) {
      one.to_head.clear();
      one.from_head.clear();
      if (!one.alive) {
        if (!machine_->is_gone(who)) cut(who);  // Its host finds that it can't reach it.
        continue;
      }
      machine_->link_made(who);
      one.to_head.push_back(encode(resume_words{one.talk.begin_link()}));
    }
  }
  void remember() {
    machine_->verify();
    knowledge_[machine_->last()] = machine_->knowledge();
    plain_.try_emplace(machine_->last(), plain_.empty() ? plain_values() : plain_.rbegin()->second);
    while (knowledge_.size() > 1000) knowledge_.erase(knowledge_.begin());
    while (plain_.size() > 1000) plain_.erase(plain_.begin());
  }
  /// They are what they should be after the last record.
  void check_values() const {
    std::map<std::pair<std::string, std::string>, std::string> there;
    machine_->head().values().for_each(
        [&there](const std::string& space, const std::string& key, const payload& value) {
          there[{space, key}] = plain_values::text_of(value);
        });
    CHECK((there == plain_.rbegin()->second.all));
  }
  bool write(std::size_t records) {
    if (records == 0) return false;
    const std::uint64_t last = machine_->last() - unwritten_.size() + records;
    for (std::size_t i = 0; i < records; ++i) {
      log_.insert(log_.end(), unwritten_.front().begin(), unwritten_.front().end());
      all_records_.push_back(std::move(unwritten_.front()));
      unwritten_.pop_front();
    }
    machine_->written(last);
    return true;
  }

  // --- Links ---

  bool to_head(party who) {
    peer& one = peers_.at(who);
    if (one.to_head.empty()) return false;
    const bytes next = std::move(one.to_head.front());
    one.to_head.pop_front();
    const std::uint64_t last = machine_->last();
    machine_->receive(who, next, ++now_);
    if (machine_->last() != last) {  // It is new, or a report that has decided something.
      plain_values after = plain_.rbegin()->second;
      after.hear(who, decode(next));
      plain_.emplace(machine_->last(), std::move(after));
    }
    decided += machine_->last() != last && std::holds_alternative<node_report>(decode(next));
    remember();
    return true;
  }
  bool from_head(party who) {
    peer& one = peers_.at(who);
    if (one.from_head.empty()) return false;
    const bytes next = std::move(one.from_head.front());
    one.from_head.pop_front();
    message what = decode(next);
    const auto again = [&one](std::span<const std::byte> each) {
      one.to_head.emplace_back(each.begin(), each.end());
    };
    if (const auto* words = std::get_if<resume_words>(&what)) {
      REQUIRE(one.talk.resume(words->kept, again));
      if (one.is == peer::node) report(who);
    } else if (const auto* kept = std::get_if<words_kept>(&what)) {
      REQUIRE(one.talk.forget(kept->kept));
    } else if (one.talk.hear()) {
      one.heard.push_back(next);
      ++heard;
      if (one.talk.keep(1)) one.to_head.push_back(encode(words_kept{one.talk.kept()}));
      answer(who, one, what);
    }
    return true;
  }
  template <class Message>
  void say(party who, Message what) {
    peer& one = peers_.at(who);
    one.talk.say(encode(what));
    one.talk.release(1, [&one](std::span<const std::byte> each) {
      one.to_head.emplace_back(each.begin(), each.end());
    });
  }
  void report(party who) {
    peer& one = peers_.at(who);
    if (!one.talk.is_open()) return;
    ++reports;
    one.to_head.push_back(encode(node_report{cpus(static_cast<double>(below(5))), cpus(0)}));
  }
  void cut(party who) {
    machine_->party_cut(who, ++now_);
    remember();
  }
  void kill(party who) {
    peer& one = peers_.at(who);
    one.alive = false;
    one.to_head.clear();
    one.from_head.clear();
    cut(who);
  }
  party add(peer::kind is) {
    const party who{++parties_};
    peers_[who].is = is;
    if (is == peer::node) say(who, join_cluster{"n", cpus(4), {}});
    if (is == peer::driver) say(who, begin_job{one_in(2) ? "" : "ns", {}});
    return who;
  }

  // --- What parties do ---

  void answer(party who, const peer& one, const message& what) {
    if (const auto* ask = std::get_if<prepare_bundles>(&what)) {
      if (one_in(5)) return say(who, bundles_refused{ask->group, ask->attempt});
      say(who, bundles_prepared{ask->group, ask->attempt});
    } else if (const auto* wish = std::get_if<want_leases>(&what)) {
      if (wish->wanted == 0 || one.is != peer::node) return;
      say(who, lease_granted{wish->lease_class, lease_id{++leases_}, add(peer::worker)});
    } else if (const auto* make = std::get_if<make_actor>(&what)) {
      for (const object_key key : make->constructor.refs) say(who, handed_over{key, 1});
      if (!one_in(9)) say(who, actor_made{make->actor, make->life, {}});
    } else if (const auto* end = std::get_if<end_actor>(&what)) {
      say(who, actor_ended{end->actor, end->life, actor_end::asked});
    } else if (const auto* ended = std::get_if<end_worker>(&what)) {
      say(who, party_died{{.who = ended->worker, .kind = death_kind::ended}});
    } else if (const auto* asks = std::get_if<borrow>(&what)) {
      say(who, borrowed{asks->object});
    } else if (const auto* begun = std::get_if<job_begun>(&what)) {
      peers_.at(who).job = begun->job;
    } else if (const auto* made = std::get_if<group_registered>(&what)) {
      groups += made->how == group_answer_kind::made;
      if (made->group != 0) known_groups_.insert(made->group);
    }
  }
  void act_on_values(party who) {
    ++values;
    const std::string space = one_in(3) ? "m" : "n";
    std::string key(below(4), 'k');
    for (char& each : key) each = one_in(2) ? 'k' : 'l';
    switch (below(5)) {
      case 0:
      case 1: {
        const std::string value(below(value_bytes_max + 3), static_cast<char>('a' + below(26)));
        return say(who, put_value{++requests_, space, key, plain_values::bytes_of(value),
                                  one_in(2)});
      }
      case 2:
        return say(who, get_value{++requests_, space, key, !one_in(3)});
      case 3:
        return say(who, erase_values{++requests_, space, key, one_in(4)});
      default:
        return say(who, list_keys{++requests_, space, key, one_in(2) ? "" : "kl"});
    }
  }
  void act(party who) {
    peer& one = peers_.at(who);
    if (with_all_ && one_in(4)) return act_on_values(who);
    if (with_all_ && one.is == peer::node && one_in(6)) {
      return say(who, node_unheard{some(), one_in(3)});
    }
    switch (one.is) {
      case peer::node:
        switch (below(4)) {
          case 0:
            return report(who);
          case 1: {
            place_leases what;
            what.requester = who;
            what.lease_class = below(4);
            what.wanted = static_cast<std::uint32_t>(below(4));
            what.resources = what.resources_to_place = cpus(1 + static_cast<double>(below(6)));
            return say(who, std::move(what));
          }
          case 2:
            return say(who, watch_node{some()});
          default:
            return say(who, party_died{{.who = some(), .kind = death_kind::crashed, .signal = 9}});
        }
      case peer::driver:
        return act_as_driver(who, one);
      case peer::worker:
        if (one_in(2)) return say(who, watch_actor{some_actor()});
        return say(who, borrow{some_actor()});
    }
  }
  void act_as_driver(party who, peer& one) {
    switch (below(10)) {
      case 0:
      case 1: {
        reserve_group what;
        what.request = ++requests_;
        if (one_in(2)) what.name = "g" + std::to_string(below(3));
        what.how = static_cast<group_strategy>(below(4));
        for (std::uint64_t i = 1 + below(3); i != 0; --i) {
          what.bundles.push_back({cpus(1 + static_cast<double>(below(3))), {}});
        }
        what.job = one.job;
        what.detached = one_in(4);
        return say(who, std::move(what));
      }
      case 2:
        if (known_groups_.empty()) return;
        return say(who, ask_group{++requests_, some_group(), one_in(2)});
      case 3:
        if (known_groups_.empty()) return;
        return say(who, remove_group{some_group()});
      case 4:
      case 5: {
        ++actors;
        const object_key key{self, who.value() << 40 | ++one.made};
        actors_.push_back(key);
        register_actor what;
        what.actor = key;
        what.request = ++requests_;
        if (one_in(2)) what.name = "a" + std::to_string(below(3));
        what.label = what.name;
        what.get_if_exists = one_in(2);
        what.detached = one_in(4);
        what.max_restarts = one_in(2) ? 2 : 0;
        what.purpose = lease_purpose::automatic;
        what.resources_to_place = cpus(1);
        if (!known_groups_.empty() && one_in(3)) what.where = {some_group(), group_place::any};
        say(who, std::move(what));
        invocation with;
        if (one_in(2)) with.refs.push_back({who, 1 + below(3)});
        return say(who, actor_arguments{key, with, {}});
      }
      case 6:
        return say(who, find_actor{++requests_, "a" + std::to_string(below(3)), "", 0});
      case 7:
        return say(who, kill_actor{some_actor(), one_in(2), "its owner"});
      case 8:
        return say(who, unborrow{some_actor()});
      default:
        if (one_in(6)) return say(who, end_job{});
        return say(who, watch_actor{some_actor()});
    }
  }
  void step() {
    if (!condemned_.empty() && one_in(4)) {
      end_condemned();
      return;
    }
    const party who = some();
    const bool lives = peers_.at(who).alive;
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        if (lives) to_head(who);
        break;
      case 3:
      case 4:
      case 5:
        if (lives) from_head(who);
        break;
      case 6:
      case 7:
        if (lives) act(who);
        break;
      case 8:
      case 9:
        write(below(unwritten_.size() + 1));
        break;
      case 10:
        now_ += static_cast<instant>(below(3'000'000'000));
        machine_->timer(now_);
        remember();
        break;
      default:
        if (one_in(3)) return die();
        if (lives && one_in(4)) return kill(who);
        if (one_in(4)) add(one_in(2) ? peer::node : peer::driver);
    }
  }

  // --- The end ---

  void check_everything() {
    bytes log;
    append_log_head(log_kind::log, log);
    for (const bytes& one : all_records_) log.insert(log.end(), one.begin(), one.end());
    deaf_host host;
    lasting_head reference(options_of(SIZE_MAX), host);
    REQUIRE(reference.load({}, log).empty());
    CHECK(reference.last() == machine_->last());
    CHECK((reference.knowledge() == machine_->knowledge()));
    for (auto& [who, one] : peers_) {
      if (!one.alive) continue;
      INFO("party " << who.value());
      reference.link_made(who);
      host.said.clear();
      reference.receive(who, encode(resume_words{0}), now_);
      CHECK((host.said[who] == one.heard));
      std::vector<message> answers, should;
      for (const bytes& each : one.heard) {
        message what = decode(each);
        if (plain_values::is_answer(what)) answers.push_back(std::move(what));
      }
      for (const auto& [to, what] : plain_.rbegin()->second.answers) {
        if (to == who) should.push_back(what);
      }
      CHECK((answers == should));
    }
    check_values();
    CHECK(machine_->nonsense_count() == 0);
  }

  std::uint64_t below(std::uint64_t count) { return random_() % count; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  party some() {
    auto at = peers_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(peers_.size())));
    return at->first;
  }
  object_key some_actor() {
    return actors_.empty() ? object_key{self, 5} : actors_[below(actors_.size())];
  }
  std::uint64_t some_group() {
    auto at = known_groups_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(known_groups_.size())));
    return *at;
  }

  std::mt19937_64 random_;
  const bool with_all_;
  const lasting_options options_;
  bytes snapshot_, log_;
  std::deque<bytes> unwritten_;
  std::vector<bytes> all_records_;
  std::map<std::uint64_t, bytes> knowledge_;
  std::map<std::uint64_t, plain_values> plain_;  ///< by the number of the last record, as that
  std::unique_ptr<lasting_head> machine_;
  std::map<party, peer> peers_;
  std::set<party> condemned_;  ///< by the head, and not ended yet
  std::set<std::uint64_t> known_groups_;
  std::vector<object_key> actors_;
  std::uint64_t parties_ = 1, leases_ = 0, requests_ = 0;
  instant now_ = 0;
};

/// A head with a few records, and their log.
struct written final : lasting_host {
  written() : machine(options_of(SIZE_MAX), *this) {
    REQUIRE(machine.load({}, {}).empty());
    machine.receive(party{3}, encode(join_cluster{"n", cpus(4), {}}), 1);
    machine.receive(party{20}, encode(begin_job{"ns", {}}), 2);
    machine.receive(party{21}, encode(begin_job{"", {}}), 3);
  }
  void append(std::span<const std::byte> record) override {
    log.insert(log.end(), record.begin(), record.end());
    ends.push_back(log.size());
  }
  void snapshot(std::span<const std::byte> whole, std::span<const std::byte> begins) override {
    last.assign(whole.begin(), whole.end());
    log.assign(begins.begin(), begins.end());
    ends = {log.size()};
  }
  void send(party to, std::span<const std::byte>) override { sent.push_back(to); }
  void warn(const std::string&) override {}
  void take_for_dead(party) override {}
  std::string load_again(const bytes& from_snapshot, const bytes& from_log) {
    deaf_host host;
    lasting_head again(options_of(SIZE_MAX), host);
    std::string error = again.load(from_snapshot, from_log);
    jobs = again.head().jobs().count();
    return error;
  }

  bytes last, log;
  std::vector<std::size_t> ends;
  std::vector<party> sent;
  std::size_t jobs = 0;
  lasting_head machine;
};

}  // namespace

TEST_CASE("a head comes back as it was, and nothing is said or heard twice",
          "[head][lasting][clause-47]") {
  std::uint64_t deaths = 0, torn = 0, snapshots = 0, heard = 0, actors = 0, groups = 0;
  std::uint64_t reports = 0, decided = 0, values = 0, condemned = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    history one(seed, seed % 3 == 0 ? 1'000 : seed % 3 == 1 ? 20'000 : SIZE_MAX);
    one.run(400);
    deaths += one.deaths;
    torn += one.torn;
    snapshots += one.snapshots;
    heard += one.heard;
    actors += one.actors;
    groups += one.groups;
    reports += one.reports;
    decided += one.decided;
    values += one.values;
    condemned += one.condemned;
  }
  // It was about something.
  CHECK(deaths > 200);
  CHECK(torn > 50);
  CHECK(snapshots > deaths);
  CHECK(heard > 1'000);
  CHECK(actors > 100);
  CHECK(groups > 50);
  CHECK(values > 500);
  CHECK(condemned > 10);
  CHECK(decided > 100);
  CHECK(decided < reports / 2);
}

// Goal: the log grows with what is decided, not with what nodes report, be there ever so many.
TEST_CASE("what a node reports is no record, what is decided by it is",
          "[head][lasting][clause-47]") {
  written one;
  one.machine.written(one.machine.last());
  const std::uint64_t before = one.machine.last();
  const std::size_t bytes_before = one.log.size();
  const auto report = [&](party node, double left, instant now) {
    one.machine.receive(node, encode(node_report{cpus(left), cpus(0)}), now);
  };
  for (int i = 0; i < 1'000; ++i) report(party{3}, i % 3, 10 + i);
  CHECK(one.machine.last() == before);
  CHECK(one.log.size() == bytes_before);

  // It is full, so what wants room waits; the next report makes room for that.
  place_leases wish;
  wish.requester = party{20};
  wish.lease_class = 7;
  wish.wanted = 3;
  wish.resources = wish.resources_to_place = cpus(1);
  report(party{3}, 0, 2'000);
  one.machine.receive(party{3}, encode(wish), 2'001);
  REQUIRE(one.machine.last() == before + 1);
  CHECK(one.machine.head().waiting_count() == 1);
  report(party{3}, 0.5, 2'002);  // too little
  CHECK(one.machine.last() == before + 1);
  one.sent.clear();
  report(party{3}, 2, 2'003);
  CHECK(one.machine.last() == before + 2);
  CHECK(one.sent.empty());
  one.machine.written(before + 2);
  CHECK(one.sent == std::vector{party{3}});

  // Two of three were placed, and whoever reads the log knows it, without a report.
  deaf_host host;
  lasting_head again(options_of(SIZE_MAX), host);
  REQUIRE(again.load(one.last, one.log).empty());
  again.verify();
  CHECK((again.knowledge() == one.machine.knowledge()));
  again.link_made(party{3});
  host.said.clear();
  again.receive(party{3}, encode(resume_words{0}), 3'000);
  REQUIRE(host.said[party{3}].size() == 1);
  CHECK(decode(host.said[party{3}].front()) == message(leases_placed{party{20}, 7, party{3}, 2}));

  // It takes nobody to have room before he says so again.
  again.receive(party{3}, encode(begin_job{"x", {}}), 3'001);
  CHECK(again.head().waiting_count() == 1);
  host.said.clear();
  again.receive(party{3}, encode(node_report{cpus(1), cpus(0)}), 3'002);
  CHECK(again.head().waiting_count() == 0);
}

// Goal: what was taken stays taken, and what was refused stays refused, whatever limits the head's
// next life has.
TEST_CASE("a head that comes back with other limits has the values that it had",
          "[head][lasting][values][clause-47]") {
  written one;
  const auto put = [&](std::uint64_t request, const std::string& key, std::size_t size) {
    one.machine.receive(party{20},
                        encode(put_value{request, "n", key,
                                         plain_values::bytes_of(std::string(size, 'v'))}),
                        10);
  };
  put(1, "small", 5);
  put(2, "large", value_bytes_max);
  put(3, "larger", value_bytes_max + 1);
  put(4, "small", 6);
  REQUIRE(one.machine.head().values().count() == 2);
  const std::size_t limit = GENERATE(std::size_t{1}, value_bytes_max, std::size_t{1'000});
  lasting_options others = options_of(SIZE_MAX);
  others.head.values.value_bytes_max = limit;
  deaf_host host;
  lasting_head again(others, host);
  REQUIRE(again.load(one.last, one.log).empty());
  again.verify();
  CHECK((again.knowledge() == one.machine.knowledge()));
  again.link_made(party{20});
  again.receive(party{20}, encode(resume_words{0}), 20);
  const std::vector<bytes>& said = host.said[party{20}];
  REQUIRE(said.size() == 6);  // to resume, its job, and four answers
  std::vector<put_result> results;
  for (std::size_t i = 2; i < said.size(); ++i) {
    results.push_back(std::get<value_put>(decode(said[i])).how);
  }
  CHECK((results == std::vector{put_result::made, put_result::made, put_result::refused,
                                put_result::replaced}));

  // What comes now is measured by the limit that there is.
  host.said.clear();
  again.receive(party{20}, encode(put_value{5, "n", "new", plain_values::bytes_of("vvv")}), 30);
  again.written(again.last());
  REQUIRE(host.said[party{20}].size() == 1);
  CHECK((std::get<value_put>(decode(host.said[party{20}].front())).how == put_result::refused) ==
        (limit == 1));
}

// Goal: a cluster in which nodes come and go for years costs its head no more than one that began
// today.
TEST_CASE("what a head remembers of the dead grows with who lives, not with who is dead",
          "[head][lasting][clause-47]") {
  written one;
  std::vector<std::size_t> state_bytes;
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    const party node{100 + 2 * i}, worker{101 + 2 * i};
    one.machine.receive(node, encode(join_cluster{"n", cpus(1), {}}), 10 + static_cast<instant>(i));
    // It had no link to the head, so nobody will say that it is cut.
    one.machine.receive(node, encode(party_died{{.who = worker, .kind = death_kind::crashed}}),
                        10 + static_cast<instant>(i));
    one.machine.party_cut(node, 10 + static_cast<instant>(i));
    if (i % 1'000 == 999) state_bytes.push_back(one.machine.knowledge().size());
  }
  CHECK(state_bytes[2] == state_bytes[0]);
  CHECK(one.machine.gone_range_count() < 10);
  CHECK(one.machine.head().dead_range_count() < 10);
}

// A node said of another one, which was about to join, that it was dead: the head sent an actor
// there and the directory sent it back, without end.
TEST_CASE("seed 51: a node that is said to be dead before it joins", "[head][lasting]") {
  history one(51, 1'000, false);
  one.run(600);
}

// Somebody who did not hold an actor asked for its restart while it was made for nobody.
TEST_CASE("seed 279: an actor that nobody refers to is not restarted", "[directory][lasting]") {
  history one(279, 1'000, false);
  one.run(600);
}

TEST_CASE("nothing goes out before what it follows from is written", "[head][lasting][clause-47]") {
  written one;
  CHECK(one.sent.empty());
  one.machine.written(2);
  CHECK(one.sent == std::vector{party{20}});
  one.machine.written(3);
  CHECK(one.sent == std::vector{party{20}, party{21}});
}

TEST_CASE("a log's torn end is cut off, and what is broken is an error",
          "[head][lasting][clause-47]") {
  written one;
  REQUIRE(one.ends.size() == 4);
  CHECK(one.load_again(one.last, one.log).empty());
  CHECK(one.jobs == 2);

  for (std::size_t end = one.ends[2]; end < one.log.size(); ++end) {
    const bytes cut(one.log.begin(), one.log.begin() + static_cast<std::ptrdiff_t>(end));
    CHECK(one.load_again(one.last, cut).empty());
    CHECK(one.jobs == 1);
    bytes grown = cut;  // The file had grown, and what was written is lost.
    grown.resize(one.log.size());
    CHECK(one.load_again(one.last, grown).empty());
    CHECK(one.jobs == (grown == one.log ? 2 : 1));  // Its last bytes are zeros.
  }
  for (std::size_t at = log_head_bytes; at < one.ends[2]; ++at) {
    INFO("byte " << at);
    bytes damaged = one.log;
    damaged[at] ^= std::byte{4};
    CHECK_THAT(one.load_again(one.last, damaged), Catch::Contains("the log is broken at byte "));
  }
  for (std::size_t at = 0; at < one.last.size(); ++at) {
    INFO("byte " << at);
    bytes damaged = one.last;
    damaged[at] ^= std::byte{4};
    CHECK_THAT(one.load_again(damaged, one.log), Catch::Contains("the snapshot "));
  }
  bytes missing = one.log;
  missing.erase(missing.begin() + log_head_bytes,
                missing.begin() + static_cast<std::ptrdiff_t>(one.ends[1]));
  CHECK_THAT(one.load_again(one.last, missing),
             Catch::Contains("the log begins with record 2, and the last that is known is 0"));
  bytes older = one.log;
  older[6] = std::byte{7};
  CHECK_THAT(one.load_again(one.last, older), Catch::Contains("is of protocol version 7"));
  CHECK_THAT(one.load_again(one.log, one.log), Catch::Contains("the snapshot is none"));
}
