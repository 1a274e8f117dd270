#pragma once

/// A cluster's head and directory, which live on after their process.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/engine/codec.hpp"
#include "mobula/engine/directory/checks.hpp"
#include "mobula/engine/directory/directory.hpp"
#include "mobula/engine/head/head.hpp"
#include "mobula/engine/lasting/conversation.hpp"
#include "mobula/engine/lasting/record_log.hpp"
#include "mobula/engine/party_ranges.hpp"
#include "mobula/engine/state.hpp"

namespace mobula::engine {

/// Called while the head handles an event; it is not called back from there.
class lasting_host {
 public:
  /// To the end of the log. When it can't be lost any more, the host says `written`.
  virtual void append(std::span<const std::byte> record) = 0;
  /// Takes the place of the last one and of the log, whole or not at all: when it returns it can't
  /// be lost, and all that is appended from now on goes into a log that begins with these bytes.
  virtual void snapshot(std::span<const std::byte> bytes,
                        std::span<const std::byte> log_begins) = 0;
  /// To the link with that party.
  virtual void send(party to, std::span<const std::byte> message) = 0;
  /// For the user's eyes, said once.
  virtual void warn(const std::string& text) = 0;
  /// As of `head_host`. Followed by `party_cut`.
  virtual void take_for_dead(party node) = 0;

 protected:
  ~lasting_host() = default;
};

struct lasting_options {
  head_options head;
  directory_options directory;
  /// With so many bytes of log a snapshot is taken, or with as many as the last one has. Source: a
  /// disk writes them in some milliseconds.
  std::size_t log_bytes_max = std::size_t{1} << 20;
};

/// What comes is written down before anything that follows from it goes out; so whoever has an
/// answer knows that it stands. What the two machines do follows from what came alone, so that
/// reading the log again leads to the same state, and to the same words to everybody. Rules:
/// docs/ENGINE.md, "A head that starts again".
///
///   lasting_head head(options, host);
///   const std::string error = head.load(snapshot, log);  // of a file that may not be there yet
///   head.receive(from, bytes, now); ... head.written(head.last());
///
/// Invariants: what has gone out follows from records that are written; what a peer is told to be
/// kept is written.
class lasting_head : private head_host, private directory_host {
 public:
  lasting_head(const lasting_options& options, lasting_host& host)
      : options_(options),
        host_(host),
        head_(options.head, static_cast<head_host&>(*this)),
        directory_(options.directory, static_cast<directory_host&>(*this)) {}

  /// First of all, with what there is: of a new cluster, nothing. What is torn is left out. Returns
  /// what is wrong, and is of no use then; or nothing.
  [[nodiscard]] std::string load(std::span<const std::byte> snapshot,
                                 std::span<const std::byte> log) {
    MOBULA_ASSERT(last_ == 0, "a head is loaded once, and first");
    is_replaying_ = true;
    std::string error;
    try {
      error = read(snapshot, log);
    } catch (const protocol_error& why) {
      error = std::string("the head's state makes no sense: ") + why.what();
    }
    is_replaying_ = false;
    if (!error.empty()) return error;
    due_.clear();
    written_ = last_;
    head_.forget_reports();
    for (auto& [who, talk] : talks_) catch_up(talk);
    take_snapshot();
    return error;
  }

  // --- Events ------------------------------------------------------------------------------------

  /// Throws `protocol_error` for what is no message; nothing has happened then.
  void receive(party from, std::span<const std::byte> bytes, instant now) {
    if (gone_.contains(from)) return;
    message one = decode(bytes);
    if (is_view(one)) return look(from, std::move(one), now);
    conversation& talk = talks_[from];
    if (const auto* words = std::get_if<resume_words>(&one)) {
      const bool is_known = talk.resume(
          words->kept, [&](std::span<const std::byte> each) { host_.send(from, each); });
      if (!is_known) ++nonsense_;
      return;
    }
    if (const auto* words = std::get_if<words_kept>(&one)) {
      if (!talk.forget(words->kept)) ++nonsense_;
      return;
    }
    if (!talk.hear()) return;
    begin();
    handle(from, std::move(one), now);
    append(record_kind::said, from, now, bytes);
    heard_.emplace_back(last_, from);
    maybe_snapshot();
  }
  /// A party that is dead, or cut off for good. A second time is nothing.
  void party_cut(party who, instant now) {
    if (gone_.contains(who)) return;
    begin();
    handle_cut(who, now);
    append(record_kind::cut, who, now, {});
    maybe_snapshot();
  }
  instant next_timer() const noexcept { return head_.next_timer(); }
  void timer(instant now) {
    if (next_timer() > now) return;
    begin();
    handle_time(now);
    append_if_changed(record_kind::time, {}, now);
  }
  /// All records up to that can't be lost.
  void written(std::uint64_t number) {
    MOBULA_ASSERT(number <= last_, "what is written was appended");
    for (; !heard_.empty() && heard_.front().first <= number; heard_.pop_front()) {
      const party from = heard_.front().second;
      const auto at = talks_.find(from);
      if (at != talks_.end() && at->second.keep(1)) tell_kept(from, at->second);
    }
    for (; !due_.empty() && due_.front().first <= number; due_.pop_front()) {
      const party to = due_.front().second;
      const auto at = talks_.find(to);
      if (at == talks_.end()) continue;
      at->second.release(1, [&](std::span<const std::byte> one) { host_.send(to, one); });
    }
    if (number > written_) written_ = number;
  }
  /// There is a new link to that party, on which nothing was said yet.
  void link_made(party with) {
    if (gone_.contains(with)) return;
    host_.send(with, encode(resume_words{talks_[with].begin_link()}));
  }

  // --- What there is -----------------------------------------------------------------------------

  /// Number of the last record.
  std::uint64_t last() const noexcept { return last_; }
  std::uint64_t last_written() const noexcept { return written_; }
  const engine::head& head() const noexcept { return head_; }
  const engine::directory& directory() const noexcept { return directory_; }
  bool is_gone(party who) const { return gone_.contains(who); }
  /// What it costs to remember who is gone.
  std::size_t gone_range_count() const noexcept { return gone_.range_count(); }
  /// It has had to do with that party, which is not gone.
  bool knows(party who) const { return talks_.count(who) != 0; }
  /// Of a peer that is not who it was.
  std::uint64_t nonsense_count() const noexcept { return nonsense_; }
  /// What the machines know and how much was said to whom: equal bytes are an equal head.
  std::vector<std::byte> knowledge() {
    std::vector<std::byte> out;
    state_writer writer(out);
    writer(head_, directory_, gone_);
    for (const auto& [who, talk] : talks_) {
      if (talk.said() == 0 && talk.heard() == 0) continue;  // There is a link, and no more.
      std::uint64_t party_number = who.value(), said = talk.said(), heard = talk.heard();
      writer(party_number, said, heard);
    }
    return out;
  }
  void verify() const {
    head_.verify();
    directory_.verify();
  }

 private:
  /// `seen`: a report, of which no more is left than what was decided by it.
  enum class record_kind : std::uint8_t { said = 1, cut = 2, time = 3, seen = 4 };

  // --- Writing -----------------------------------------------------------------------------------

  /// What follows goes out with the next record.
  void begin() {
    ++last_;
    head_.decided().record();
  }
  void append(record_kind kind, party who, instant now, std::span<const std::byte> said) {
    record_.clear();
    state_writer writer(record_);
    writer(kind, who, now, head_.decided().recorded());
    record_.insert(record_.end(), said.begin(), said.end());
    bytes_.clear();
    append_record(last_, record_, bytes_);
    log_bytes_ += bytes_.size();
    host_.append(bytes_);
  }
  void append_if_changed(record_kind kind, party who, instant now) {
    if (head_.decided().has_changed()) {
      append(kind, who, now, {});
      maybe_snapshot();
      return;
    }
    MOBULA_ASSERT(due_.empty() || due_.back().first < last_, "what is said follows from a record");
    --last_;
  }
  /// What a node reports is no word of the conversation, and is not written down: it reports again.
  void look(party from, message&& report, instant now) {
    begin();
    handle(from, std::move(report), now);
    append_if_changed(record_kind::seen, from, now);
  }
  void maybe_snapshot() {
    if (log_bytes_ >= options_.log_bytes_max && log_bytes_ >= snapshot_bytes_) take_snapshot();
  }
  void take_snapshot() {
    std::vector<std::byte> state, whole, begins;
    state_writer writer(state);
    writer(head_, directory_, gone_, talks_);
    append_log_head(log_kind::snapshot, whole);
    append_record(last_ + 1, state, whole);
    append_log_head(log_kind::log, begins);
    log_bytes_ = 0;
    snapshot_bytes_ = whole.size();
    host_.snapshot(whole, begins);
    written(last_);
  }

  // --- Reading -----------------------------------------------------------------------------------

  std::string read(std::span<const std::byte> snapshot, std::span<const std::byte> log) {
    const auto read_state = [this](std::uint64_t number, std::span<const std::byte> bytes) {
      state_reader reader(bytes);
      reader(head_, directory_, gone_, talks_);
      last_ = number - 1;
      if (reader.left() != 0) throw protocol_error("the snapshot has bytes too many");
    };
    const log_reading state = read_log(log_kind::snapshot, snapshot, read_state);
    if (!state.is_good()) return state.error;
    if (state.whole_bytes != snapshot.size() || (state.last == 0 && !snapshot.empty())) {
      return "the snapshot is broken: it has no end";
    }
    std::string gap;
    const log_reading records =
        read_log(log_kind::log, log, [&](std::uint64_t number, std::span<const std::byte> bytes) {
          if (number <= last_ || !gap.empty()) return;  // It is in the snapshot.
          if (number != last_ + 1) {
            gap = "the log begins with record " + std::to_string(number) +
                  ", and the last that is known is " + std::to_string(last_);
            return;
          }
          last_ = number;
          replay(bytes);
        });
    return records.is_good() ? gap : records.error;
  }
  void replay(std::span<const std::byte> bytes) {
    state_reader reader(bytes);
    record_kind kind{};
    party who;
    instant now = 0;
    std::vector<std::byte> decided;
    reader(kind, who, now, decided);
    head_.decided().replay(decided);
    switch (kind) {
      case record_kind::said:
        static_cast<void>(talks_[who].hear());
        handle(who, decode(bytes.last(reader.left())), now);
        break;
      case record_kind::cut:
        handle_cut(who, now);
        break;
      case record_kind::time:
        handle_time(now);
        break;
      case record_kind::seen:
        handle(who, message(node_report{}), now);
        break;
      default:
        throw protocol_error("a record is of no kind");
    }
    head_.decided().live();
  }
  /// All that was heard is written, and all that was said may go out.
  static void catch_up(conversation& talk) {
    std::vector<std::byte> bytes;
    state_writer writer(bytes);
    writer(talk);
    state_reader reader(bytes);
    reader(talk);
  }

  // --- Handling ----------------------------------------------------------------------------------

  /// The two machines speak to each other under the party's own name: questions about room go to
  /// the head, and who has died to the directory. What one tells the other is part of the event.
  void handle(party from, message&& one, instant now) {
    deliver(from, std::move(one), now);
    drain(now);
  }
  void handle_cut(party who, instant now) {
    talks_.erase(who);
    gone_.insert(who);
    head_.party_cut(who, now);
    drain(now);
  }
  void handle_time(instant now) {
    head_.timer(now);
    drain(now);
  }
  void drain(instant now) {
    while (!own_.empty()) {
      message next = std::move(own_.front());
      own_.pop_front();
      deliver(options_.head.self, std::move(next), now);
    }
  }
  void deliver(party from, message&& one, instant now) {
    std::visit(
        [&]<class Message>(Message& what) {
          if constexpr (std::is_same_v<Message, party_died>) {
            if (from == options_.head.self) forget_if_silent(what.what.who);
          }
          const bool is_heads_word =
              from == options_.head.self && !std::is_same_v<Message, place_leases>;
          if constexpr (is_for_head<Message>) {
            if (!is_heads_word) return head_.receive(from, std::move(what), now);
          }
          if constexpr (is_for_directory<Message>) {
            directory_.receive(from, std::move(what), now);
          }
        },
        one);
  }
  /// It is dead, and has never said a word nor heard one, so nobody will say that its link is cut.
  void forget_if_silent(party who) {
    const auto at = talks_.find(who);
    if (at != talks_.end() && (at->second.said() != 0 || at->second.heard() != 0)) return;
    if (at != talks_.end()) talks_.erase(at);
    gone_.insert(who);
  }
  void tell_kept(party to, const conversation& talk) {
    if (talk.is_open()) host_.send(to, encode(words_kept{talk.kept()}));
  }

  // --- head_host, directory_host -----------------------------------------------------------------

  void send(party, push_task&&) override { MOBULA_ASSERT(false, "a head pushes no tasks"); }
  void send(party, task_done&&) override { MOBULA_ASSERT(false, "a head runs no tasks"); }
  void send(party to, message&& one) override {
    if (to == options_.head.self) {
      own_.push_back(std::move(one));
    } else if (!gone_.contains(to)) {
      talks_[to].say(encode(one));
      due_.emplace_back(last_, to);
    }
  }
  void warn(const std::string& text) override {
    if (!is_replaying_) host_.warn(text);
  }
  /// A head that comes back says it again, while the node is not cut.
  void take_for_dead(party node) override {
    if (!is_replaying_) host_.take_for_dead(node);
  }

  const lasting_options options_;
  lasting_host& host_;
  engine::head head_;
  engine::directory directory_;
  std::map<party, conversation> talks_;
  party_ranges gone_;
  std::deque<message> own_;                            ///< between the two machines
  std::deque<std::pair<std::uint64_t, party>> heard_;  ///< by record; not written yet
  std::deque<std::pair<std::uint64_t, party>> due_;    ///< goes out with that record
  std::vector<std::byte> record_;
  std::vector<std::byte> bytes_;
  std::uint64_t last_ = 0;
  std::uint64_t written_ = 0;
  std::size_t log_bytes_ = 0;
  std::size_t snapshot_bytes_ = 0;
  std::uint64_t nonsense_ = 0;
  bool is_replaying_ = false;
};

}  // namespace mobula::engine
