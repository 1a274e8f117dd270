#pragma once

/// What a simulated worker hears and says.

#include <memory>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/backends/simulation/worker_process.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::simulation {

inline void worker_process::receive(party from, engine::message&& one) {
  const instant now = world_.now();
  std::visit(
      [&]<class Message>(Message& what) {
        if constexpr (engine::executor::is_for_executor<Message>) {
          executor_.receive(from, std::move(what), now);
        } else if constexpr (std::is_same_v<Message, engine::object_created>) {
          const auto at = creations_.find(what.object);
          if (at == creations_.end()) return;
          const auto answer = at->second;
          creations_.erase(at);
          answer->status = what.status;
          answer->why = what.why;
          later([this, answer] { finish(answer->arrived); });
        } else if constexpr (std::is_same_v<Message, engine::object_pinned>) {
          const auto at = pins_.find(what.object);
          if (at == pins_.end()) return;
          at->second.answered = true;
          std::vector<pin_reader> readers;
          readers.swap(at->second.waiting);
          pin_failure failed;
          if (what.status != engine::store_status::ok) {
            failed = std::make_shared<const error_fields>(what.why);
            pins_.erase(at);
          }
          for (pin_reader& next : readers) {
            later([told = std::move(next), failed] { told(failed); });
          }
        } else {
          owner_.receive(from, engine::message(std::move(what)), now);
        }
      },
      one);
}
/// That it is not needed is its last word: whatever it said before has arrived then.
inline void worker_process::send(party to, engine::message&& one) {
  const auto* const answer = std::get_if<engine::leave_answer>(&one);
  if (answer == nullptr || answer->needed) return transmit(to, std::move(one));
  leaving_ = answer->question;
}
inline void worker_process::after_event() {
  if (leaving_ == 0 || !all_arrived()) return;
  transmit(shared_.node_party, engine::leave_answer{std::exchange(leaving_, 0), false});
}
inline void worker_process::cut_off(party who) {
  executor_.party_gone(who, world_.now());
  owner_.party_gone(who, world_.now());
}

}  // namespace mobula::simulation
