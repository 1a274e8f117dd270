#pragma once

/// Placement groups of a process, on their way into the engine.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/calls.hpp"
#include "mobula/backends/hosting/objects.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/group_facts.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/engine/owner/errors.hpp"

namespace mobula::hosting {

/// Asks the node, and waits for its answer. For whoever has entered.
inline std::shared_ptr<program_process::group_answer> program_process::ask_for_group(
    std::uint64_t request, engine::message&& what) {
  auto answer = std::make_shared<group_answer>();
  group_answers_[request] = answer;
  event([&] { transmit(home_.directory, std::move(what)); });
  wait_for(answer->arrived, engine::never, waiting::deaf);  // or nobody would know the group
  return answer;
}

inline detail::group_ptr program_process::reserve(const detail::group_request& request) {
  auto facts = std::make_shared<detail::group_facts>();
  facts->epoch = program_.epoch;
  facts->name = request.options.name;
  engine::reserve_group what;
  what.name = request.options.name;
  what.name_space =
      request.options.name_space.empty() ? program_.name_space : request.options.name_space;
  what.how = static_cast<engine::group_strategy>(request.how);
  what.fail_if_infeasible = program_.options.infeasible == infeasible_policy::fail;
  what.job = program_.job;
  what.detached = request.options.lifetime == lifetime::detached;
  for (const bundle& one : request.bundles) {
    facts->bundles.push_back(resources_of(one));
    what.bundles.push_back({facts->bundles.back(), {one.labels.begin(), one.labels.end()}});
  }
  const std::string space = what.name_space;
  const inside held(loop_);
  const std::uint64_t asked = what.request = ++requests_;
  const auto answer = ask_for_group(asked, engine::message(std::move(what)));
  const engine::group_registered& said = answer->what;
  if (said.how == engine::group_answer_kind::taken) {
    throw name_taken_error("reserve: the name '" + facts->name + "' in namespace '" + space +
                           "' belongs to another placement group");
  }
  if (said.how == engine::group_answer_kind::refused && said.why) {
    if (said.why->code == error_code::placement_group_removed) {
      throw placement_group_removed_error(said.why->what);
    }
    throw infeasible_error(said.why->what);
  }
  facts->id = group_id{said.group};
  return facts;
}

inline detail::group_ptr program_process::find_group(const std::string& name,
                                                     const std::string& name_space) {
  engine::find_group what;
  what.name = name;
  what.name_space = name_space;
  const inside held(loop_);
  const std::uint64_t asked = what.request = ++requests_;
  const auto answer = ask_for_group(asked, engine::message(std::move(what)));
  if (answer->what.how != engine::group_answer_kind::found) return nullptr;
  auto facts = std::make_shared<detail::group_facts>();
  facts->id = group_id{answer->what.group};
  facts->epoch = program_.epoch;
  facts->name = name;
  for (const engine::group_bundle& one : answer->what.bundles) {
    facts->bundles.push_back(one.resources);
  }
  return facts;
}

inline void program_process::group_ready(const detail::group_ptr& group, detail::record& done) {
  auto question = std::make_shared<group_asked>();
  question->group = group;
  const inside held(loop_);
  event([&] {
    question->settles = owner_.make_pending();
    owner_.refs().use(question->settles);  // the question's own; the other is the record's
  });
  bind(done, question->settles);
  const std::uint64_t request = ++requests_;
  group_questions_[request] = question;
  event([&] {
    transmit(home_.directory,
             engine::message(engine::ask_group{request, group->id.value(), true}));
  });
}

inline detail::group_status program_process::status_of(const detail::group_ptr& group) {
  auto question = std::make_shared<group_asked>();
  const inside held(loop_);
  const std::uint64_t request = ++requests_;
  group_questions_[request] = question;
  event([&] {
    transmit(home_.directory,
             engine::message(engine::ask_group{request, group->id.value(), false}));
  });
  wait_for(question->arrived);
  detail::group_status now;
  now.state = static_cast<group_state>(question->what.phase);
  for (std::size_t i = 0; i < group->bundles.size(); ++i) {
    const bool is_placed = i < question->what.nodes.size();
    now.bundles.push_back({group->bundles[i].to_set(),
                           is_placed ? id_of_node(question->what.nodes[i]) : node_id()});
  }
  return now;
}

inline void program_process::remove_group(const detail::group_ptr& group) {
  const inside held(loop_);
  event([&] {
    transmit(home_.directory, engine::message(engine::remove_group{group->id.value()}));
  });
}

// --- Answers -------------------------------------------------------------------------------------

inline void program_process::group_heard(engine::group_registered&& what) {
  const auto at = group_answers_.find(what.request);
  if (at == group_answers_.end()) return;
  const auto answer = at->second;
  group_answers_.erase(at);
  answer->what = std::move(what);
  later([answer] { finish(answer->arrived); });
}
inline void program_process::group_heard(engine::group_told&& what) {
  const auto at = group_questions_.find(what.request);
  if (at == group_questions_.end()) return;
  const auto question = at->second;
  group_questions_.erase(at);
  question->what = std::move(what);
  if (question->settles.empty()) {
    later([question] { finish(question->arrived); });
    return;
  }
  later([this, question] {
    engine::outcome result;
    result.kind = engine::outcome_kind::value;
    if (question->what.phase != engine::group_phase::created) {
      result = engine::failed_outcome({.code = error_code::placement_group_removed,
                                       .what = question->group->label() + " was removed"});
    }
    event([&] { owner_.fulfil(question->settles, 0, std::move(result), now()); });
    drop(question->settles);
  });
}

}  // namespace mobula::hosting
