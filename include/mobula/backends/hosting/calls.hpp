#pragma once

/// Tasks and calls of a process, on their way into the engine.

#include <atomic>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "mobula/backend/dependencies.hpp"
#include "mobula/backend/group_bytes.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::hosting {

// --- Tasks and calls -----------------------------------------------------------------------------

/// What the body may ask of itself goes before its arguments: `this_task::resources`, `::group`.
class resources_label {
 public:
  explicit resources_label(const detail::task& one) {
    if (one.is_plain() || one.actor != nullptr) return;
    output out;
    out.number(std::uint8_t{0});
    detail::write_amounts(one.wishes->resources, out);
    detail::write_group(one.wishes->where.facts(), out);
    out.number(static_cast<std::uint8_t>(one.wishes->capture_children));
    long_ = out.take().bytes;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return long_.empty() ? std::span<const std::byte>(&plain_, 1) : long_;
  }
  /// Where the arguments are in the last of the carried values instead.
  [[nodiscard]] engine::payload without_arguments() const {
    std::vector<std::byte> made(bytes().begin(), bytes().end());
    made.front() |= std::byte{2};
    return engine::payload(std::move(made));
  }

 private:
  std::byte plain_{1};
  std::vector<std::byte> long_;
};
/// What the reading end finds.
struct sent_arguments {
  packed_bytes bytes;
  bool are_stored = false;  ///< in the last of the carried values instead
};
inline sent_arguments take_resources(const engine::payload& sent, detail::task& one) {
  const std::uint8_t head = sent.empty() ? 1 : std::to_integer<std::uint8_t>(sent.bytes()[0]);
  sent_arguments made;
  made.are_stored = (head & 2) != 0;
  if ((head & 1) != 0) {
    if (!sent.empty()) made.bytes.bytes = sent.bytes().subspan(1);
    return made;
  }
  message whole;
  whole.bytes.assign(sent.bytes().begin(), sent.bytes().end());
  input in(whole);
  static_cast<void>(in.number<std::uint8_t>());
  detail::call_wishes& wishes = one.make_wishes();
  wishes.plain = false;
  wishes.resources = detail::read_amounts(in);
  const detail::group_ptr group = detail::read_group(in, one.epoch());
  if (group) wishes.where = placement::in_group(group->id, {}, group);
  wishes.capture_children = in.number<std::uint8_t>() != 0;
  made.bytes.bytes = sent.bytes().subspan(in.position());
  return made;
}

/// Of a task that was sent so.
inline bool holds_only_cpus(const engine::payload& sent) {
  if (sent.empty() || (std::to_integer<std::uint8_t>(sent.bytes()[0]) & 1) != 0) return true;
  message whole;
  whole.bytes.assign(sent.bytes().begin(), sent.bytes().end());
  input in(whole);
  static_cast<void>(in.number<std::uint8_t>());
  const resource_vector held = detail::read_amounts(in);
  return held == resource_vector::of_cpus(held.cpus());
}

inline message program_process::written_arguments(const detail::task& one) {
  output written(spare_to_write::take());
  detail::body_runner::save_arguments(one, written);
  return written.take();
}

/// The function with its arguments as they are sent; the handles in them are still the record's.
/// Large ones become an object of their own, which goes along as if it were an argument's, and
/// which the engine keeps from when it has the call. For whoever has entered.
struct program_process::prepared_call {
  prepared_call(program_process& by, detail::task& one, message&& arguments) : by_(by) {
    const resources_label label(one);
    packed made = by.pack_here(std::move(arguments), label.bytes());
    const bool is_large = made.size() > engine::inline_bytes_max && by.can_wait();
    what.function = by.program_.id_of(*one.function);
    what.refs = std::move(made.refs);
    for (const engine::object_key key : made.values) {
      what.values.push_back({});
      what.values.back().object = key;
    }
    if (is_large) {
      by.event([&] { stored_ = by.owner_.make_pending(); });
      try {
        engine::outcome value = by.stored(stored_, made, true);
        by.event([&] { by.owner_.fulfil(stored_, 0, std::move(value), by.now()); });
      } catch (...) {
        by.drop(stored_);
        throw;
      }
      what.values.push_back({});
      what.values.back().object = stored_;
    }
    what.arguments = is_large ? label.without_arguments() : made.take();
    if (one.wishes) {
      what.name = one.wishes->name;
      what.filter = by.program_.filter_number(one.wishes->retry_on);
    }
  }
  prepared_call(const prepared_call&) = delete;
  prepared_call& operator=(const prepared_call&) = delete;
  ~prepared_call() {
    if (!stored_.empty()) by_.drop(stored_);
  }

  engine::invocation what;

 private:
  program_process& by_;
  engine::object_key stored_;
};

inline void program_process::submit(detail::task& one) {
  // Where an argument has failed already, the task has failed with it.
  if (!one.claim()) {
    if (one.posted) {
      const inside held(loop_);
      log_post_failure(one, describe(one.failed()->cause()));
    }
  } else {
    one.spare = claimed_by_submit;  // the arguments go in `unblocked`
    try {
      message arguments = written_arguments(one);
      engine::payload environment;
      if (program_.ship && one.actor == nullptr) {
        static const mobula::environment none;
        environment = program_.ship(one.wishes ? one.wishes->environment : none,
                                    "task_options.environment");
      }
      const inside held(loop_);
      one.actor == nullptr ? submit_task(one, std::move(arguments), std::move(environment))
                           : submit_call(one, std::move(arguments));
      spare_to_write::give_back(std::move(arguments));
    } catch (...) {
      one.spare = 0;
      one.unclaim();
      throw;
    }
  }
  detail::release_blocker(one);  // the last one comes back through `unblocked`
}
/// Tasks of one function that ask for the same, in one environment, share leases.
inline std::uint64_t program_process::lease_class_of(const detail::task& one,
                                                     detail::function_id function,
                                                     const engine::payload& environment) {
  const auto named = [&](std::string shape) {
    if (!environment.empty()) {
      const auto bytes = environment.bytes();
      shape += '\n';
      shape.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return program_.lease_class("task " + std::to_string(function.module) + "." +
                                std::to_string(function.index) + " " + shape);
  };
  if (!one.is_plain()) {
    std::string shape = to_string(one.wishes->resources);
    const placement& where = one.wishes->where;
    if (where.what() == placement::kind::bundle) {
      shape += " in " + to_string(where.group()) + '.';
      if (where.bundle_index()) shape += std::to_string(*where.bundle_index());
    }
    if (!home_.is_alone()) shape += text_of(rule_of(where));
    return named(std::move(shape));
  }
  if (!environment.empty()) return named("");
  std::uint64_t& known = program_.known(*one.function).plain_class;
  if (known == 0) known = named("");
  return known;
}
/// Where a node is alone, `check_node` says all about it.
inline engine::place_rule program_process::rule_of(const placement& where) const {
  engine::place_rule out;
  if (home_.is_alone()) return out;
  switch (where.what()) {
    case placement::kind::spread: out.kind = engine::place_kind::spread; break;
    case placement::kind::node:
      out.kind = engine::place_kind::on_node;
      out.soft = where.soft();
      out.node = party{where.node().value()};
      break;
    case placement::kind::labels:
      out.kind = engine::place_kind::labels;
      out.labels.assign(where.required_labels().begin(), where.required_labels().end());
      break;
    case placement::kind::anywhere:
    case placement::kind::bundle: break;
  }
  return out;
}
/// Two rules have the same only if they are equal.
inline std::string program_process::text_of(const engine::place_rule& rule) {
  std::string out = " at " + std::to_string(static_cast<int>(rule.kind)) +
                    (rule.soft ? "~" : " ") + std::to_string(rule.node.value());
  for (const auto& [name, value] : rule.labels) {
    for (const std::string& part : {name, value}) {
      out += ' ' + std::to_string(part.size()) + ':' + part;
    }
  }
  return out;
}
inline engine::group_place program_process::place_of(const placement& where) {
  engine::group_place out;
  if (where.what() != placement::kind::bundle) return out;
  out.group = where.group().value();
  if (where.bundle_index()) out.bundle = static_cast<std::uint32_t>(*where.bundle_index());
  return out;
}
inline void program_process::submit_task(detail::task& one, message&& arguments,
                                         engine::payload&& environment) {
  engine::task_spec spec;
  prepared_call call(*this, one, std::move(arguments));
  spec.what = std::move(call.what);
  spec.home.key = lease_class_of(one, spec.what.function, environment);
  if (!owner_.knows_class(spec.home.key)) {
    spec.home.resources =
        one.is_plain()
            ? resource_vector::of_cpus(resource_amount::from_steps(resource_amount::steps_per_unit))
            : one.wishes->resources;
    spec.home.what = detail::body_runner::subject(one);
    spec.home.environment = std::move(environment);
    if (one.wishes) {
      spec.home.where = place_of(one.wishes->where);
      spec.home.rule = rule_of(one.wishes->where);
    }
    spec.home.fail_if_infeasible = program_.options.infeasible == infeasible_policy::fail;
  }
  spec.retries = one.wishes ? one.wishes->max_retries : 3;
  if (one.wishes) {
    spec.yields = one.wishes->stream != nullptr;
    spec.stream_buffer = one.wishes->stream_buffer;
    for (std::size_t i = 0; i < one.wishes->after_count; ++i) {
      spec.after.push_back(key_of(*one.wishes->after[i]));
    }
    if (one.wishes->deadline != clock::time_point::max()) {
      spec.deadline = loop_.own_time(one.wishes->deadline.time_since_epoch().count());
    }
    if (refuse_placement(one)) return;
  }
  engine::object_key key;
  event([&] {
    key = owner_.submit(std::move(spec), now());
    bind_submitted(one, key);
  });
  one.number = key.owner.value() << 48 ^ key.number;
}

inline void program_process::submit_call(detail::task& one, message&& arguments) {
  auto& actor = static_cast<actor_handle&>(*one.actor);
  engine::call_spec spec;
  spec.actor = actor.key();
  spec.caller = caller();
  const actor_about& about = actor.about();
  spec.retries = about.max_task_retries;
  if (one.wishes) {
    spec.group = one.wishes->concurrency_group;
    if (one.wishes->max_task_retries) spec.retries = *one.wishes->max_task_retries;
    if (!spec.group.empty() &&
        std::find(about.groups.begin(), about.groups.end(), spec.group) == about.groups.end()) {
      throw std::invalid_argument("call_options.concurrency_group: actor \"" + actor.label() +
                                  "\" has no group '" + spec.group + "'");
    }
  }
  if (spec.retries != 0 && !one.function->copyable) {
    throw std::invalid_argument(
        "max_task_retries: '" + one.name() +
        "' has an argument that can't be copied, so it can't be tried again");
  }
  spec.report_begin = about.max_pending_calls != 0;
  if (about.max_pending_calls != 0 &&
      owner_.pending_calls(actor.key()) >= about.max_pending_calls) {
    throw pending_calls_error("call: actor \"" + actor.label() + "\" has " +
                              std::to_string(about.max_pending_calls) +
                              " calls waiting, its max_pending_calls");
  }
  prepared_call call(*this, one, std::move(arguments));
  spec.what = std::move(call.what);
  // The worker may hand out handles to the actor itself.
  spec.what.refs.push_back(actor.key());
  spec.post = one.posted;
  if (one.wishes) {
    spec.yields = one.wishes->stream != nullptr;
    spec.stream_buffer = one.wishes->stream_buffer;
    for (std::size_t i = 0; i < one.wishes->after_count; ++i) {
      spec.after.push_back(key_of(*one.wishes->after[i]));
    }
    if (one.wishes->deadline != clock::time_point::max()) {
      spec.deadline = loop_.own_time(one.wishes->deadline.time_since_epoch().count());
    }
  }
  engine::object_key key;
  event([&] {
    key = owner_.call(std::move(spec), now());
    bind_submitted(one, key);
  });
  one.number = key.owner.value() << 48 ^ key.number;
}

/// It never comes to the engine.
inline void program_process::refuse(detail::task& one, const detail::failure_ptr& why) {
  one.pin();
  loop_.run_outside([&one, why] {
    one.settle_failure(why);
    one.end_producing();
    one.unpin();
  });
}
/// Where the node is alone, what is bound to another one never runs, and what needs a label that it
/// lacks waits, which is said once.
inline program_process::unplaced program_process::check_node(const placement& where,
                                                             const std::string& subject) {
  if (!home_.is_alone()) return {};
  if (where.what() == placement::kind::node && where.node() != home_.about.id && !where.soft()) {
    return {.waits = false,
            .why = detail::failure_ptr::make(
                unschedulable_error(subject + " is bound to node " + to_string(where.node()) +
                                    ", which is not of this runtime"))};
  }
  if (where.what() != placement::kind::labels) return {};
  for (const auto& [name, value] : where.required_labels()) {
    const auto at = home_.about.labels.find(name);
    if (at != home_.about.labels.end() && at->second == value) continue;
    const std::string problem = "needs label " + name + "=" + value + ", which no node has";
    if (program_.options.infeasible == infeasible_policy::fail) {
      return {.waits = false,
              .why = detail::failure_ptr::make(infeasible_error(subject + " " + problem))};
    }
    program_.warn(subject + " " + problem + "; it waits for a node that has it", problem);
    return {.waits = true, .why = {}};
  }
  return {};
}
/// True: it is dealt with.
inline bool program_process::refuse_placement(detail::task& one) {
  const unplaced how = check_node(one.wishes->where, detail::body_runner::subject(one));
  if (how.why) refuse(one, how.why);
  if (how.waits) {
    one.pin();
    infeasible_.push_back(&one);
  }
  return how.waits || how.why;
}

/// Whose order calls keep: the running actor's, the running task's, or this thread's.
inline std::uint64_t program_process::caller() noexcept {
  if (const detail::frame* const body = detail::frame::current) {
    const detail::task& running = body->running();
    return running.actor != nullptr ? running.actor->id().value() : running.number;
  }
  static std::atomic<std::uint64_t> threads{0};
  static thread_local const std::uint64_t mine = (1ULL << 63) | ++threads;
  return mine;
}

inline void program_process::log_post_failure(const detail::task& one, const error_fields& why) {
  ++program_.post_failures;
  if (now() < program_.next_post_log) return;
  program_.next_post_log = now() + 1'000'000'000;
  std::fprintf(stderr, "mobula: %zu posted call%s failed; the last: %s: %s\n",
               program_.post_failures, program_.post_failures == 1 ? "" : "s",
               detail::body_runner::subject(one).c_str(), why.what.c_str());
  program_.post_failures = 0;
}

}  // namespace mobula::hosting
