#pragma once

/// Tasks, calls and actors of a simulated process, on their way into the engine.

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "mobula/backend/dependencies.hpp"
#include "mobula/backends/simulation/worker_process.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::simulation {

// --- Tasks and calls -----------------------------------------------------------------------------

/// What the body may ask of itself goes before its arguments: `this_task::resources`.
inline engine::payload with_resources(const detail::task& one, engine::payload arguments) {
  output out;
  const bool plain = one.is_plain() || one.actor != nullptr;
  out.number(static_cast<std::uint8_t>(plain));
  if (!plain) {
    const resource_vector& asked = one.wishes->resources;
    out.number(asked.cpus().steps());
    out.number(asked.gpus().steps());
    out.number(asked.memory());
    out.size(asked.custom().size());
    for (const auto& [name, amount] : asked.custom()) {
      out.size(name.size());
      out.write(name.data(), name.size());
      out.number(amount.steps());
    }
  }
  std::vector<std::byte> bytes = out.take().bytes;
  bytes.insert(bytes.end(), arguments.bytes().begin(), arguments.bytes().end());
  return engine::payload(std::move(bytes));
}
/// The reading end. Leaves the arguments.
inline engine::payload take_resources(const engine::payload& sent, detail::task& one) {
  message whole;
  whole.bytes.assign(sent.bytes().begin(), sent.bytes().end());
  input in(whole);
  if (in.number<std::uint8_t>() == 0) {
    resource_set asked;
    asked.cpus = resource_amount::from_steps(in.number<std::int64_t>()).value();
    asked.gpus = resource_amount::from_steps(in.number<std::int64_t>()).value();
    asked.memory = in.number<std::uint64_t>();
    for (std::size_t left = in.size(1); left > 0; --left) {
      std::string name(in.size(1), '\0');
      in.read(name.data(), name.size());
      asked.custom[name] = resource_amount::from_steps(in.number<std::int64_t>()).value();
    }
    one.make_wishes().plain = false;
    one.make_wishes().resources = resource_vector(asked);
  }
  return engine::payload({whole.bytes.end() - static_cast<std::ptrdiff_t>(in.remaining()),
                          whole.bytes.end()});
}

/// The function with its arguments as they are sent; the handles in them are still the record's.
inline engine::invocation worker_process::invocation_of(detail::task& one) {
  output written;
  detail::body_runner::save_arguments(one, written);
  packed made = pack_here(written.take());
  engine::invocation what;
  what.function = shared_.id_of(*one.function);
  what.arguments = with_resources(one, std::move(made.bytes));
  what.refs = std::move(made.refs);
  for (const engine::object_key key : made.values) {
    what.values.push_back({});
    what.values.back().object = key;
  }
  if (one.wishes) {
    what.name = one.wishes->name;
    what.filter = shared_.filter_number(one.wishes->retry_on);
  }
  return what;
}

inline void worker_process::submit(detail::task& one) {
  // Where an argument has failed already, the task has failed with it.
  if (!one.claim()) {
    if (one.posted) log_post_failure(one, describe(one.failed()->cause()));
  } else {
    one.spare = claimed_by_submit;  // the arguments go in `unblocked`
    try {
      one.actor == nullptr ? submit_task(one) : submit_call(one);
    } catch (...) {
      one.spare = 0;
      one.unclaim();
      throw;
    }
  }
  detail::release_blocker(one);  // the last one comes back through `unblocked`
}
inline void worker_process::submit_task(detail::task& one) {
  engine::task_spec spec;
  spec.what = invocation_of(one);
  std::string shape;
  if (one.is_plain()) {
    spec.home.resources =
        resource_vector::of_cpus(resource_amount::from_steps(resource_amount::steps_per_unit));
  } else {
    spec.home.resources = one.wishes->resources;
    shape = to_string(one.wishes->resources);
  }
  spec.home.key = shared_.number_of("task " + std::to_string(spec.what.function.module) + "." +
                                    std::to_string(spec.what.function.index) + " " + shape);
  spec.home.what = detail::body_runner::subject(one);
  spec.home.fail_if_infeasible = shared_.options.infeasible == infeasible_policy::fail;
  spec.retries = one.wishes ? one.wishes->max_retries : 3;
  if (one.wishes) {
    for (std::size_t i = 0; i < one.wishes->after_count; ++i) {
      spec.after.push_back(key_of(*one.wishes->after[i]));
    }
    if (one.wishes->deadline != clock::time_point::max()) {
      spec.deadline = one.wishes->deadline.time_since_epoch().count();
    }
    if (refuse_placement(one)) return;
  }
  engine::object_key key;
  event([&] {
    key = owner_.submit(std::move(spec), world_.now());
    bind_submitted(one, key);
  });
  one.number = key.owner.value() << 48 ^ key.number;
}

inline void worker_process::submit_call(detail::task& one) {
  auto& actor = static_cast<actor_handle&>(*one.actor);
  engine::call_spec spec;
  spec.actor = actor.key();
  spec.caller = caller();
  spec.retries = actor.max_task_retries;
  if (one.wishes) {
    spec.group = one.wishes->concurrency_group;
    if (one.wishes->max_task_retries) spec.retries = *one.wishes->max_task_retries;
    if (!spec.group.empty() && actor.groups_known &&
        std::find(actor.groups.begin(), actor.groups.end(), spec.group) == actor.groups.end()) {
      throw std::invalid_argument("call_options.concurrency_group: actor \"" + actor.label() +
                                  "\" has no group '" + spec.group + "'");
    }
  }
  if (spec.retries != 0 && !one.function->copyable) {
    throw std::invalid_argument(
        "max_task_retries: '" + one.name() +
        "' has an argument that can't be copied, so it can't be tried again");
  }
  spec.report_begin = actor.max_pending != 0;
  if (actor.max_pending != 0 && owner_.pending_calls(actor.key()) >= actor.max_pending) {
    throw pending_calls_error("call: actor \"" + actor.label() + "\" has " +
                              std::to_string(actor.max_pending) +
                              " calls waiting, its max_pending_calls");
  }
  spec.what = invocation_of(one);
  // The worker may hand out handles to the actor itself.
  spec.what.refs.push_back(actor.key());
  spec.post = one.posted;
  if (one.wishes) {
    for (std::size_t i = 0; i < one.wishes->after_count; ++i) {
      spec.after.push_back(key_of(*one.wishes->after[i]));
    }
    if (one.wishes->deadline != clock::time_point::max()) {
      spec.deadline = one.wishes->deadline.time_since_epoch().count();
    }
  }
  engine::object_key key;
  event([&] {
    key = owner_.call(std::move(spec), world_.now());
    bind_submitted(one, key);
  });
  one.number = key.owner.value() << 48 ^ key.number;
}

/// Where the simulation has one node, what is bound to another one never runs. True: it is dealt
/// with.
inline bool worker_process::refuse_placement(detail::task& one) {
  const placement& where = one.wishes->where;
  const std::string subject = detail::body_runner::subject(one);
  if (where.what() == placement::kind::node && where.node() != shared_.node.id && !where.soft()) {
    one.settle_failure(detail::failure_ptr::make(
        unschedulable_error(subject + " is bound to node " + to_string(where.node()) +
                            ", which is not of this runtime")));
    one.end_producing();
    return true;
  }
  if (where.what() != placement::kind::labels) return false;
  for (const auto& [name, value] : where.required_labels()) {
    const auto at = shared_.node.labels.find(name);
    if (at != shared_.node.labels.end() && at->second == value) continue;
    const std::string problem = "needs label " + name + "=" + value + ", which no node has";
    if (shared_.options.infeasible == infeasible_policy::fail) {
      one.settle_failure(detail::failure_ptr::make(infeasible_error(subject + " " + problem)));
      one.end_producing();
    } else {
      one.pin();
      infeasible_.push_back(&one);
      shared_.warn(subject + " " + problem + "; it waits for a node that has it", problem);
    }
    return true;
  }
  return false;
}

/// Whose order calls keep: the running actor's, the running task's, or this thread's.
inline std::uint64_t worker_process::caller() noexcept {
  if (const detail::frame* const body = detail::frame::current) {
    const detail::task& running = body->running();
    return running.actor != nullptr ? running.actor->id().value() : running.number;
  }
  static std::atomic<std::uint64_t> threads{0};
  static thread_local const std::uint64_t mine = (1ULL << 63) | ++threads;
  return mine;
}

inline void worker_process::log_post_failure(const detail::task& one, const error_fields& why) {
  ++shared_.post_failures;
  if (world_.now() < shared_.next_post_log) return;
  shared_.next_post_log = world_.now() + 1'000'000'000;
  std::fprintf(stderr, "mobula: %zu posted call%s failed; the last: %s: %s\n",
               shared_.post_failures, shared_.post_failures == 1 ? "" : "s",
               detail::body_runner::subject(one).c_str(), why.what.c_str());
  shared_.post_failures = 0;
}

// --- Actors --------------------------------------------------------------------------------------

inline actor_handle* worker_process::handle_for(engine::object_key key, const std::type_info& type,
                                                const std::string& name, const std::string& label) {
  drain_abandoned(shared_);
  const auto known = actors_.find(key);
  if (known != actors_.end()) return known->second;
  auto* const made = new actor_handle(shared_, *this, key, type, name, label);
  actors_[key] = made;
  const auto as = shared_.actor_classes.find(key);
  if (as != shared_.actor_classes.end()) {
    made->max_task_retries = as->second.max_task_retries;
    made->max_pending = as->second.max_pending;
    made->groups = as->second.groups;
    made->groups_known = true;
  }
  return made;
}
inline detail::actor_ptr worker_process::actor_for(engine::object_key key,
                                                   const std::type_info& type,
                                                   const std::string& name,
                                                   const std::string& label) {
  const bool fresh = !actors_.contains(key);
  actor_handle* const one = handle_for(key, type, name, label);
  if (one->type() != type) {
    throw serialization_error("actor: the message has an actor of class " +
                              detail::demangle(one->type()) + " in the place of one of class " +
                              detail::demangle(type));
  }
  if (!std::exchange(one->counted, true)) event([&] { owner_.refs().use(key); });
  return fresh ? detail::actor_ptr::adopt(one) : detail::actor_ptr::share(one);
}

inline void worker_process::constructor_watch::fired(detail::waiter& link) noexcept {
  auto& self = reinterpret_cast<constructor_watch&>(link);
  self.told = true;
  auto why = std::make_shared<const error_fields>(describe(self.constructor->failed()->cause()));
  self.process->event([&] {
    self.process->transmit(self.process->shared_.node_party,
                           engine::message(engine::actor_arguments{self.actor, {}, why}));
  });
}

inline detail::actor_ptr worker_process::spawn(detail::task& constructor,
                                               const detail::actor_request& request) {
  const actor_options& options = request.options;
  engine::register_actor what;
  what.actor = {shared_.node_party, (self().value() & 0x7fffff) << 40 | ++actors_made_};
  what.name = options.name;
  what.name_space = options.name_space.empty() ? shared_.name_space : options.name_space;
  what.type = shared_.number_of(std::string("class ") + request.type.name());
  what.label = options.name.empty() ? detail::demangle(request.type) : options.name;
  what.get_if_exists = options.get_if_exists;
  what.detached = options.lifetime == lifetime::detached;
  what.max_restarts = options.max_restarts;
  what.max_concurrency =
      options.max_concurrency == 0 ? 1 : static_cast<std::uint32_t>(options.max_concurrency);
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
  what.fail_if_infeasible = shared_.options.infeasible == infeasible_policy::fail;

  engine::object_key key = what.actor;
  std::vector<std::string> groups;
  for (const auto& [group, limit] : options.concurrency_groups) groups.push_back(group);
  shared_.actor_classes[key] = {&request.type, options.name, options.max_task_retries,
                                options.max_pending_calls, std::move(groups)};
  const std::string label = what.label;
  const std::string space = what.name_space;
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
      detail::actor_ptr found = actor_for(said.actor, request.type, options.name, label);
      drop(said.actor);  // the answer's own reference: the handle has another
      // The constructor is not needed. Its arguments may still be waited for.
      if (constructor.claim()) {
        constructor.drop_arguments();
        constructor.end_producing();
      }
      detail::release_blocker(constructor);
      return found;
    }
  }
  actor_handle* const handle = handle_for(key, request.type, options.name, label);
  handle->counted = true;  // the use that `spawn` gave
  auto watch = std::make_unique<constructor_watch>(
      constructor_watch{{nullptr, &constructor_watch::fired}, this, &constructor, key});
  event([&] { owner_.refs().use(key); });  // it is made, be there handles or not
  if (!constructor.add_waiter(watch->link)) constructor_watch::fired(watch->link);
  constructors_.emplace(&constructor, std::move(watch));
  shared_.constructor_homes.emplace(&constructor, this);
  constructor.add_handle();
  detail::release_blocker(constructor);  // comes back through `construct`
  return detail::actor_ptr::adopt(handle);
}

inline void worker_process::construct(detail::task& constructor) {
  const auto at = constructors_.find(&constructor);
  if (at == constructors_.end()) {  // of a `spawn` that found the actor living
    constructor.unpin();
    return;
  }
  const std::unique_ptr<constructor_watch> watch = std::move(at->second);
  const engine::object_key key = watch->actor;
  constructors_.erase(at);
  shared_.constructor_homes.erase(&constructor);
  static_cast<void>(constructor.remove_waiter(watch->link));
  std::shared_ptr<const error_fields> failed;
  if (constructor.claim()) {
    try {
      engine::invocation what = invocation_of(constructor);
      event([&] { owner_.construct(key, std::move(what), world_.now()); });
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
  if (failed) {
    event([&] {
      transmit(shared_.node_party, engine::message(engine::actor_arguments{key, {}, failed}));
    });
  }
  drop(key);
  constructor.unpin();
  constructor.drop_handle();
}

inline detail::actor_ptr worker_process::find(const std::string& name,
                                              const std::string& name_space,
                                              const std::type_info& type) {
  auto answer = std::make_shared<actor_answer>();
  const std::uint64_t request = ++requests_;
  actor_answers_[request] = answer;
  engine::find_actor what;
  what.request = request;
  what.name = name;
  what.name_space = name_space;
  what.type = shared_.number_of(std::string("class ") + type.name());
  event([&] { transmit(shared_.node_party, engine::message(std::move(what))); });
  wait_for(answer->arrived);
  const engine::actor_registered& said = answer->what;
  if (said.how == engine::registration::other_type) {
    throw std::invalid_argument("find: the actor '" + name + "' of namespace '" + name_space +
                                "' is of class " + shared_.class_name(said.type) + ", not " +
                                detail::demangle(type));
  }
  if (said.how != engine::registration::found || said.actor.empty()) return {};
  detail::actor_ptr found = actor_for(said.actor, type, name, said.label);
  drop(said.actor);
  return found;
}
inline void worker_process::actor_answered(const engine::actor_registered& what) {
  const auto at = actor_answers_.find(what.request);
  if (at == actor_answers_.end()) return;
  const std::shared_ptr<actor_answer> answer = at->second;
  actor_answers_.erase(at);
  answer->what = what;
  finish(answer->arrived);
}

inline void worker_process::kill(actor_handle& one, bool restart) {
  const engine::object_key key = one.key();
  const std::string who = detail::body_runner::killer_of(one);
  event([&] {
    transmit(shared_.node_party, engine::message(engine::kill_actor{key, restart, who}));
    if (restart) return owner_.restarting(key);
    owner_.killed(key,
                  std::make_shared<const error_fields>(
                      error_fields{.code = error_code::actor_died,
                                   .what = "actor \"" + one.label() + "\" died: killed by " + who}),
                  world_.now());
  });
}
inline void worker_process::stop(actor_handle& one, detail::record& done) {
  engine::call_spec spec;
  spec.actor = one.key();
  spec.caller = caller();
  spec.stop_actor = true;
  event([&] { bind_submitted(done, owner_.call(std::move(spec), world_.now())); });
}

}  // namespace mobula::simulation
