#pragma once

/// What nodes and the head of a cluster say to each other. The rules are in docs/ENGINE.md, "Many
/// nodes".

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/error_fields.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/group_messages.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// Sorted by name, each once.
using label_list = std::vector<std::pair<std::string, std::string>>;

enum class place_kind : std::uint8_t {
  anywhere = 0,  ///< the requester's node to half, then others
  spread = 1,    ///< evenly over all nodes
  on_node = 2,
  labels = 3
};

/// On which nodes work may run, as `mobula::placement` says it.
struct place_rule {
  place_kind kind = place_kind::anywhere;
  bool soft = false;    ///< of `on_node`: elsewhere, if it is dead, drains or is too small
  party node{};         ///< of `on_node`
  label_list labels{};  ///< of `labels`: its node must have them all
  friend bool operator==(const place_rule&, const place_rule&) = default;
};

/// A node's first word to the head. It is a member from now on, until the link to it is cut.
struct join_cluster {
  std::string name;
  resource_vector total;
  label_list labels;
  friend bool operator==(const join_cluster&, const join_cluster&) = default;
};
/// From a member: what it has left. The latest counts.
struct node_report {
  resource_vector available;
  resource_vector kept{};  ///< of what it has not left: by groups, and by actors for their lives
  friend bool operator==(const node_report&, const node_report&) = default;
};

/// To the head: so many leases of the class find no room at the sender; where could they be had?
/// The latest number counts, and 0 takes the question back. Each answer takes off as many as it
/// names, on both sides. All other fields belong to the class. For work in a group its owner asks
/// the head himself, and the node that he was sent to, where it finds no room in any bundle.
struct place_leases {
  party requester;  ///< who wants them; may be the sender
  std::uint64_t lease_class = 0;
  std::uint32_t wanted = 0;
  resource_vector resources;
  resource_vector resources_to_place;
  place_rule rule;
  group_place where{};
  friend bool operator==(const place_leases&, const place_leases&) = default;
};
/// So many can be had at that node, which may be the receiver.
struct leases_placed {
  party requester;
  std::uint64_t lease_class = 0;
  party node;
  std::uint32_t count = 0;
  friend bool operator==(const leases_placed&, const leases_placed&) = default;
};
/// No node that there is could ever serve them. The question stands all the same, for one that can
/// may join; but where the rule names one node, which is not there or can't, `is_final`.
struct leases_unplaceable {
  party requester;
  std::uint64_t lease_class = 0;
  error_fields why;
  bool is_final = false;
  friend bool operator==(const leases_unplaceable&, const leases_unplaceable&) = default;
};
/// From a node to whoever wants leases: so many of these can be had at that node, where they are to
/// be asked for as `placed`. They are taken off the wish, on both sides.
struct lease_elsewhere {
  std::uint64_t lease_class = 0;
  party node;
  std::uint32_t count = 0;
  friend bool operator==(const lease_elsewhere&, const lease_elsewhere&) = default;
};

/// To the node of a process whose link to the sender is cut: what had it begun? Answered by
/// `party_died`, when the node knows that it is dead.
struct ask_death {
  party who;
  friend bool operator==(const ask_death&, const ask_death&) = default;
};
/// To the head: the sender wants to know when that node is dead. Answered by `party_died`, at once
/// where it is no member. The head forgets it with either.
struct watch_node {
  party node;
  friend bool operator==(const watch_node&, const watch_node&) = default;
};

/// From a member: what it has sent to that node, or what is on it, does not get there, and nothing
/// comes back, for so long that one of the two is to be dead. Taken back with `is_heard_again`.
struct node_unheard {
  party node;
  bool is_heard_again = false;
  friend bool operator==(const node_unheard&, const node_unheard&) = default;
};

// --- Jobs: a driver, and the head ----------------------------------------------------------------

/// The sender is a driver. Answered by `job_begun`; its job ends with `end_job`, or with the sender
/// or its node.
struct begin_job {
  std::string name_space;  ///< empty: one that no other job has
  party node{};            ///< the sender's
  friend bool operator==(const begin_job&, const begin_job&) = default;
};
struct job_begun {
  std::uint64_t job = 0;   ///< from 1, never the same again
  std::string name_space;  ///< where it finds and takes names that say no other
  friend bool operator==(const job_begun&, const job_begun&) = default;
};
/// From the driver, which says nothing more: all that is its job's and not detached ends. Answered
/// by `job_ended`, when names are free.
struct end_job {
  friend bool operator==(const end_job&, const end_job&) = default;
};
struct job_ended {
  std::uint64_t job = 0;
  friend bool operator==(const job_ended&, const job_ended&) = default;
};

// --- Nodes that are to leave: who asks, the head, and the node -----------------------------------

/// To the head: that node is to leave without losing anything. Answered by `drain_answer`.
struct drain_node {
  std::uint64_t request = 0;  ///< the sender's own number for it
  party node;
  /// For so many nanoseconds after the node's own hearing of it what runs there may go on.
  std::uint64_t lasts = UINT64_MAX;
  friend bool operator==(const drain_node&, const drain_node&) = default;
};
/// It drains from now on, unless there is a `why`.
struct drain_answer {
  std::uint64_t request = 0;
  std::shared_ptr<const error_fields> why{};
  friend bool operator==(const drain_answer& a, const drain_answer& b) {
    return a.request == b.request && (a.why == b.why || (a.why && b.why && *a.why == *b.why));
  }
};
/// From the head to a member: take in nothing new, end what there is, give what you store to
/// others (`take_object`), and say `node_drained`. The latest counts.
struct leave_cluster {
  std::uint64_t lasts = UINT64_MAX;  ///< as in `drain_node`
  std::vector<party> others{};       ///< nodes that could take what it stores
  friend bool operator==(const leave_cluster&, const leave_cluster&) = default;
};
/// From the head to a member that drains: these are the nodes now to whom it may give.
struct other_nodes {
  std::vector<party> others;
  friend bool operator==(const other_nodes&, const other_nodes&) = default;
};
/// From a member that drains: nothing is left. The head takes it for gone, and answers `may_leave`.
struct node_drained {
  friend bool operator==(const node_drained&, const node_drained&) = default;
};
/// For the node's host: its process ends now.
struct may_leave {
  friend bool operator==(const may_leave&, const may_leave&) = default;
};

// --- Words of a lasting link, which are no machine's: see `conversation.hpp` ---------------------

/// The first on a link that is made anew between the same parties: how many messages the sender has
/// of the receiver for ever. The receiver says all later ones again.
struct resume_words {
  std::uint64_t kept = 0;
  friend bool operator==(const resume_words&, const resume_words&) = default;
};
/// The sender will never ask for so many of the receiver's first messages again.
struct words_kept {
  std::uint64_t kept = 0;
  friend bool operator==(const words_kept&, const words_kept&) = default;
};

}  // namespace mobula::engine
