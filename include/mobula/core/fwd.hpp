#pragma once

/// The names of Mobula's types, for headers that only pass them on.

#include <cstddef>
#include <cstdint>

namespace mobula {

namespace detail {

/// The shape of every id; see `ids.hpp`.
template <class Tag>
class basic_id;

struct task_tag;
struct actor_tag;
struct object_tag;
struct node_tag;
struct job_tag;
struct worker_tag;
struct group_tag;

}  // namespace detail

using task_id = detail::basic_id<detail::task_tag>;
using actor_id = detail::basic_id<detail::actor_tag>;
using object_id = detail::basic_id<detail::object_tag>;
using node_id = detail::basic_id<detail::node_tag>;
using job_id = detail::basic_id<detail::job_tag>;
using worker_id = detail::basic_id<detail::worker_tag>;
using group_id = detail::basic_id<detail::group_tag>;

class any_future;
class runtime;
template <class T>
class future;
template <class T>
class promise;
template <class T>
class task;
template <class T>
class actor;
template <class T>
class array;
template <class T>
class in_process;

class duration;
struct clock;
class placement;
class exception_filter;
class resource_amount;
class resource_vector;
struct resource_set;
struct environment;

struct runtime_options;
struct task_options;
struct actor_options;
struct call_options;
struct simulation_options;
struct node_options;
struct fault_plan;
struct bundle;
struct group_options;
struct wait_options;
struct cancel_options;
struct kill_options;
struct node_affinity_options;
struct bundle_info;
struct node_info;

enum class lifetime : std::uint8_t;
enum class isolation : std::uint8_t;
enum class infeasible_policy : std::uint8_t;
enum class strategy : std::uint8_t;
enum class group_state : std::uint8_t;
enum class error_code : std::uint16_t;

class error;
class task_error;

}  // namespace mobula
