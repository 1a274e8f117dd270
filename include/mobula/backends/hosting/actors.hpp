#pragma once

/// Actors of a process, on their way into the engine.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "mobula/backend/dependencies.hpp"
#include "mobula/backends/hosting/calls.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/demangle.hpp"
#include "mobula/core/validate.hpp"

namespace mobula::hosting {

inline actor_handle* program_process::handle_for(engine::object_key key,
                                                 const std::type_info& type,
                                                 const actor_about& about) {
  const auto known = actors_.find(key);
  if (known != actors_.end()) return known->second;
  auto* const made = new actor_handle(program_.epoch, *this, key, type, about);
  actors_[key] = made;
  return made;
}
inline detail::actor_ptr program_process::actor_for(engine::object_key key,
                                                    const std::type_info& type,
                                                    const actor_about& about) {
  const inside held(loop_);
  drain_abandoned(program_);
  const bool fresh = !actors_.contains(key);
  actor_handle* const one = handle_for(key, type, about);
  if (one->type() != type || (!about.class_name.empty() && about.class_name != type.name())) {
    const std::string found = about.class_name.empty() ? detail::demangle(one->type())
                                                       : detail::demangle(about.class_name.c_str());
    throw serialization_error("actor: the message has an actor of class " + found +
                              " in the place of one of class " + detail::demangle(type));
  }
  if (!one->counted.exchange(true)) event([&] { owner_.refs().use(key); });
  return fresh ? detail::actor_ptr::adopt(one) : detail::actor_ptr::share(one);
}

inline void program_process::constructor_watch::fired(detail::waiter& link) noexcept {
  auto& self = reinterpret_cast<constructor_watch&>(link);
  auto why = std::make_shared<const error_fields>(describe(self.constructor->failed()->cause()));
  const inside held(self.process->loop_);
  self.process->event([&] {
    self.process->transmit(self.process->home_.directory,
                           engine::message(engine::actor_arguments{self.actor, {}, why}));
  });
  self.told.store(true, std::memory_order_release);
}

inline detail::actor_ptr program_process::spawn(detail::task& constructor,
                                               const detail::actor_request& request) {
  const actor_options& options = request.options;
  engine::register_actor what;
  what.name = options.name;
  what.name_space = options.name_space.empty() ? program_.name_space : options.name_space;
  what.type = program_state::class_number(request.type);
  what.label = options.name.empty() ? detail::demangle(request.type) : options.name;
  what.get_if_exists = options.get_if_exists;
  what.detached = options.lifetime == lifetime::detached;
  what.max_restarts = options.max_restarts;
  what.max_concurrency = static_cast<std::uint32_t>(options.max_concurrency);
  for (const auto& [group, limit] : options.concurrency_groups) {
    what.groups.emplace_back(group, static_cast<std::uint32_t>(limit));
  }
  what.purpose = options.isolation == isolation::shared    ? engine::lease_purpose::shared_process
                 : options.isolation == isolation::process ? engine::lease_purpose::own_process
                                                           : engine::lease_purpose::automatic;
  what.resources = resources_of(options);
  what.resources_to_place = what.resources;
  if (!options.cpus) {
    what.resources_to_place +=
        resource_vector::of_cpus(resource_amount::from_steps(resource_amount::steps_per_unit));
  }
  what.fail_if_infeasible = program_.options.infeasible == infeasible_policy::fail;
  what.where = place_of(options.where);
  what.rule = rule_of(options.where);

  actor_about about{.class_name = request.type.name(),
                    .name = options.name,
                    .max_task_retries = options.max_task_retries,
                    .max_pending_calls = options.max_pending_calls};
  for (const auto& [group, limit] : options.concurrency_groups) about.groups.push_back(group);
  about.placed_in = options.where.facts();
  about.captures_children = options.capture_children;
  what.about = about.to_payload();
  if (program_.ship) {
    what.environment = program_.ship(options.environment, "actor_options.environment");
  }

  const inside held(loop_);
  const engine::object_key key = what.actor = {
      home_.directory, (self().value() & 0x7fffff) << 40 | ++actors_made_};
  const std::string space = what.name_space;
  const std::string actor_label = what.label;
  auto answer = std::make_shared<actor_answer>();
  if (!what.name.empty()) {
    what.request = ++requests_;
    actor_answers_[what.request] = answer;
  }
  event([&] { owner_.spawn(std::move(what)); });
  if (!options.name.empty()) {
    wait_for(answer->arrived);
    const engine::actor_registered& said = answer->what;
    if (said.how != engine::registration::made) {
      drop(key);
      if (said.how == engine::registration::taken) {
        throw name_taken_error("spawn: a living actor of namespace '" + space +
                               "' has the name '" + options.name + "'");
      }
      if (said.how == engine::registration::other_type) {
        throw std::invalid_argument("spawn: the actor '" + options.name + "' of namespace '" +
                                    space + "' is of another class than " +
                                    detail::demangle(request.type));
      }
      detail::actor_ptr found = actor_for(said.actor, request.type, actor_about::of(said.about));
      drop(said.actor);  // the answer's own reference: the handle has another
      // The constructor is not needed. Its arguments may still be waited for.
      loop_.run_outside([&constructor, kept = detail::record_ptr::share(&constructor)] {
        if (constructor.claim()) {
          constructor.drop_arguments();
          constructor.end_producing();
        }
        detail::release_blocker(constructor);
      });
      return found;
    }
  }
  actor_handle* const handle = handle_for(key, request.type, about);
  handle->counted = true;  // the use that `spawn` gave
  auto watch = std::make_unique<constructor_watch>();
  watch->link.fire = &constructor_watch::fired;
  watch->process = this;
  watch->constructor = &constructor;
  watch->actor = key;
  event([&] { owner_.refs().use(key); });  // it is made, be there handles or not
  if (!constructor.add_waiter(watch->link)) constructor_watch::fired(watch->link);
  constructors_.emplace(&constructor, std::move(watch));
  program_.constructor_homes.emplace(&constructor, this);
  constructor.add_handle();
  const unplaced how = check_node(options.where, "actor \"" + actor_label + "\"");
  if (how.why) {
    auto said = std::make_shared<const error_fields>(describe(how.why->cause()));
    event([&] {
      transmit(home_.directory, engine::message(engine::actor_arguments{key, {}, said}));
    });
  }
  if (how.waits) {  // as if its arguments never came
    unplaced_constructors_.push_back(&constructor);
    return detail::actor_ptr::adopt(handle);
  }
  loop_.run_outside([&constructor] {
    detail::release_blocker(constructor);  // comes back through `construct`
  });
  return detail::actor_ptr::adopt(handle);
}

inline void program_process::construct(detail::task& constructor) {
  std::unique_ptr<constructor_watch> watch;
  {
    const inside held(loop_);
    const auto at = constructors_.find(&constructor);
    if (at != constructors_.end()) {
      watch = std::move(at->second);
      constructors_.erase(at);
      program_.constructor_homes.erase(&constructor);
    }
  }
  if (!watch) {  // of a `spawn` that found the actor living
    constructor.unpin();
    return;
  }
  const engine::object_key key = watch->actor;
  if (!constructor.remove_waiter(watch->link)) {
    // It was told, or is just being, by another thread.
    while (!watch->told.load(std::memory_order_acquire)) std::this_thread::yield();
  }
  std::shared_ptr<const error_fields> failed;
  if (constructor.claim()) {
    try {
      message arguments = written_arguments(constructor);
      const inside held(loop_);
      prepared_call call(*this, constructor, std::move(arguments));
      event([&] { owner_.construct(key, std::move(call.what), now()); });
    } catch (const error& thrown) {
      failed = std::make_shared<const error_fields>(describe(thrown));
    } catch (const std::exception& thrown) {
      failed = std::make_shared<const error_fields>(error_fields{
          .code = error_code::serialization,
          .what = std::string("the constructor's arguments can't be sent: ") + thrown.what()});
    }
    constructor.drop_arguments();
    constructor.settle_failure(detail::failure_ptr::make(
        cancelled_error("a constructor's own record has no value")));
    constructor.end_producing();
  }
  {
    const inside held(loop_);
    if (failed) {
      event([&] {
        transmit(home_.directory,
                 engine::message(engine::actor_arguments{key, {}, failed}));
      });
    }
    drop(key);
  }
  constructor.unpin();
  constructor.drop_handle();
}

inline detail::actor_ptr program_process::find(const std::string& name,
                                              const std::string& name_space,
                                              const std::type_info& type) {
  auto answer = std::make_shared<actor_answer>();
  engine::find_actor what;
  what.name = name;
  what.name_space = name_space;
  what.type = program_state::class_number(type);
  const inside held(loop_);
  const std::uint64_t request = what.request = ++requests_;
  actor_answers_[request] = answer;
  event([&] { transmit(home_.directory, engine::message(std::move(what))); });
  wait_for(answer->arrived);
  const engine::actor_registered& said = answer->what;
  if (said.how == engine::registration::other_type) {
    throw std::invalid_argument("find: the actor '" + name + "' of namespace '" + name_space +
                                "' is of class " +
                                detail::demangle(actor_about::of(said.about).class_name.c_str()) +
                                ", not " +
                                detail::demangle(type));
  }
  if (said.how != engine::registration::found || said.actor.empty()) return {};
  detail::actor_ptr found = actor_for(said.actor, type, actor_about::of(said.about));
  drop(said.actor);
  return found;
}
inline void program_process::actor_answered(const engine::actor_registered& what) {
  const auto at = actor_answers_.find(what.request);
  if (at == actor_answers_.end()) return;
  const std::shared_ptr<actor_answer> answer = at->second;
  actor_answers_.erase(at);
  answer->what = what;
  finish(answer->arrived);
}

inline void program_process::kill(actor_handle& one, bool restart) {
  const engine::object_key key = one.key();
  const std::string who = detail::body_runner::killer_of(one);
  const inside held(loop_);
  event([&] {
    transmit(home_.directory, engine::message(engine::kill_actor{key, restart, who}));
    if (restart) return owner_.restarting(key);
    owner_.killed(key,
                  std::make_shared<const error_fields>(
                      error_fields{.code = error_code::actor_died,
                                   .what = "actor \"" + one.label() + "\" died: killed by " + who}),
                  now());
  });
}
inline void program_process::stop(actor_handle& one, detail::record& done) {
  engine::call_spec spec;
  spec.actor = one.key();
  spec.caller = caller();
  spec.stop_actor = true;
  const inside held(loop_);
  event([&] { bind_submitted(done, owner_.call(std::move(spec), now())); });
}

}  // namespace mobula::hosting
