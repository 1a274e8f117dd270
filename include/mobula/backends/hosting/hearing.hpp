#pragma once

/// What a driver or worker hears and says.

#include <memory>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/backends/hosting/groups.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::hosting {

inline void program_process::heard(party from, engine::message&& one) {
  const instant at = loop_.now();
  std::visit(
      [&]<class Message>(Message& what) {
        if constexpr (engine::executor::is_for_executor<Message>) {
          executor_.receive(from, std::move(what), at);
        } else if constexpr (std::is_same_v<Message, engine::object_created>) {
          const auto asked = creations_.find(what.object);
          if (asked == creations_.end()) return;
          const auto answer = asked->second;
          creations_.erase(asked);
          answer->what = std::move(what);
          later([answer] { finish(answer->arrived); });
        } else if constexpr (std::is_same_v<Message, engine::object_pinned>) {
          const auto asked = pins_.find(what.object);
          if (asked == pins_.end()) return;
          asked->second.answered = true;
          asked->second.place = what.place;
          std::vector<pin_reader> readers;
          readers.swap(asked->second.waiting);
          pin_failure failed;
          if (what.status != engine::store_status::ok) {
            failed = std::make_shared<const error_fields>(what.why);
            pins_.erase(asked);
          }
          for (pin_reader& next : readers) {
            later([told = std::move(next), failed] { told(failed); });
          }
        } else if constexpr (std::is_same_v<Message, engine::group_registered> ||
                             std::is_same_v<Message, engine::group_told>) {
          if (from == program_.node_party) group_heard(std::move(what));
        } else {
          owner_.receive(from, engine::message(std::move(what)), at);
        }
      },
      one);
}
/// That it is not needed is its last word: whatever it said before has arrived then.
inline void program_process::send(party to, engine::message&& one) {
  const auto* const answer = std::get_if<engine::leave_answer>(&one);
  if (answer == nullptr || answer->needed) return transmit(to, std::move(one));
  leaving_ = answer->question;
}
/// For the loop, when something has happened: the last word goes when all others have arrived.
inline void program_process::leave_if_unneeded(bool all_arrived) {
  if (leaving_ == 0 || !all_arrived) return;
  transmit(program_.node_party,
           engine::message(engine::leave_answer{std::exchange(leaving_, 0), false}));
}
inline void program_process::cut_off(party who) {
  executor_.party_gone(who, now());
  owner_.party_gone(who, now());
}

}  // namespace mobula::hosting
