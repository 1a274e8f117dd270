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
          pin_heard(std::move(what));
        } else if constexpr (std::is_same_v<Message, engine::group_registered> ||
                             std::is_same_v<Message, engine::group_told>) {
          if (from == home_.directory) group_heard(std::move(what));
        } else if constexpr (std::is_same_v<Message, engine::job_begun>) {
          if (from == home_.directory) program_.job = what.job;
        } else if constexpr (std::is_same_v<Message, engine::drain_answer>) {
          if (from == home_.directory && what.why) program_.warn(what.why->what, what.why->what);
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
  transmit(home_.node,
           engine::message(engine::leave_answer{std::exchange(leaving_, 0), false}));
}
inline void program_process::cut_off(party who) {
  executor_.party_gone(who, now());
  owner_.party_gone(who, now());
}

}  // namespace mobula::hosting
