#pragma once

/// What a node remembers of classes, leases, workers and parties, and how these hang together.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/gpus.hpp"
#include "mobula/engine/node/host.hpp"

namespace mobula::engine {

enum class party_kind : std::uint8_t {
  node = 0,
  driver = 1,
  worker = 2,
  guest = 3  ///< of another node, or the head: it has to do with this one
};

// --- Workers' states -----------------------------------------------------------------------------

enum class worker_state : std::uint8_t {
  starting = 0,  ///< there is a process, which has not spoken yet
  idle = 1,
  leased = 2,  ///< to one holder: for tasks, or for an actor of its own
  shared = 3,  ///< by actors
  retired = 4,  ///< it was an actor's own, and serves nobody any more
  ending = 5   ///< to be killed; what it served is held until it is dead
};
enum class worker_event : std::uint8_t {
  ready = 0,   ///< its first word
  lease = 1,
  share = 2,   ///< one more actor
  vacate = 3,  ///< the last of its leases is given back
  retire = 4,  ///< the same, of an actor's own process
  end = 5      ///< the host is asked to kill it
};
inline constexpr std::size_t worker_states = 6;
inline constexpr std::size_t worker_events = 6;

/// What comes of an event; nothing where it is illegal. A death is legal in each state.
constexpr std::optional<worker_state> next_state(worker_state from, worker_event what) {
  using enum worker_state;
  constexpr std::optional<worker_state> no;
  constexpr std::array<std::array<std::optional<worker_state>, worker_events>, worker_states> table{
      {//               ready   lease   share   vacate  retire   end
       /* starting */ {{idle, no, no, no, no, ending}},
       /* idle     */ {{no, leased, shared, no, no, ending}},
       /* leased   */ {{no, no, no, idle, retired, ending}},
       /* shared   */ {{no, no, shared, idle, no, ending}},
       /* retired  */ {{no, no, no, no, no, ending}},
       /* ending   */ {{ending, no, no, ending, no, no}}}};
  return table[static_cast<std::size_t>(from)][static_cast<std::size_t>(what)];
}

constexpr std::string_view name_of(worker_state state) {
  constexpr std::array<std::string_view, worker_states> names{
      "starting", "idle", "leased", "shared", "retired", "ending"};
  return names[static_cast<std::size_t>(state)];
}

// --- Leases --------------------------------------------------------------------------------------

struct worker_record;
struct wish_record;
struct party_record;
struct shape_record;
struct kind_record;
struct room_record;
struct group_record;
struct group_part;

enum class lease_state : std::uint8_t {
  unserved = 0,  ///< granted, but its worker is not ready; its holder does not know it yet
  running = 1,
  blocked = 2,   ///< none of its bodies runs, and its CPUs are lent
  resuming = 3,  ///< the same, and it waits for its CPUs
  ending = 4     ///< its worker is being killed, or has been given back to be
};

/// Its class has it, in the measure of fairness.
constexpr bool counts_as_held(lease_state state) noexcept {
  return state == lease_state::unserved || state == lease_state::running ||
         state == lease_state::resuming;
}

struct lease_record {
  std::uint32_t slot = 0;
  lease_id id;
  lease_state state = lease_state::unserved;
  /// CPUs are lent; in `ending` too, for it may have been blocked before.
  bool lent = false;
  /// That run, each with the lease's CPUs; in `ending` as before.
  std::uint32_t bodies = 1;
  std::uint32_t asking = 0;  ///< bodies that wait for CPUs
  bool reclaimed = false;
  instant reclaimed_at = 0;
  wish_record* wish = nullptr;      ///< never null while the slot is in use
  room_record* in = nullptr;        ///< from which it has its resources; never null likewise
  worker_record* worker = nullptr;  ///< null while unserved
  party holder;                     ///< empty when the holder is dead
  kind_record* kind = nullptr;      ///< of the worker that it needs, or has
  std::vector<gpu_share> gpus;      ///< where they are assigned
  chain_link<lease_record> of_holder;
  chain_link<lease_record> of_worker;
  chain_link<lease_record> of_tasks;  ///< of all leases of tasks, oldest first
  chain_link<lease_record> waiting;   ///< unserved, or somebody is asking
};

/// A class of a requester: what it wants, and what it has.
struct wish_record {
  std::uint32_t slot = 0;
  party requester;  ///< empty when it is dead
  party_record* owner = nullptr;  ///< of `requester`; of no use when that is empty
  std::uint64_t lease_class = 0;
  std::uint32_t wanted = 0;    ///< as the requester sees it: the unserved ones are among them
  std::uint32_t unserved = 0;  ///< leases granted but not announced
  std::uint32_t leases = 0;    ///< all that exist, unserved ones too
  std::uint32_t holding = 0;    ///< those that are not blocked and not ending
  std::uint32_t reclaimed = 0;  ///< leases that are to be returned
  lease_purpose purpose = lease_purpose::tasks;
  bool fail_if_infeasible = false;
  bool infeasible = false;  ///< it waits beside the ring for what this node never has
  bool is_told = false;     ///< that it waits for a group's end
  /// No lease of it was served yet, and its environment may take long to be made: one that waits
  /// for that is enough to hold resources.
  bool one_at_a_time = false;
  /// Where there is a head: it fills the node to half, and beyond that the head has a word.
  bool to_half = false;
  bool needs_word = false;    ///< nothing is granted here but what the head has `allowed`
  std::uint32_t allowed = 0;  ///< of `wanted`
  std::uint32_t asked = 0;    ///< of the head, less what it has answered
  instant asked_at = 0;       ///< while it waits for an answer
  payload environment;
  std::string what;
  group_place where;
  place_rule rule;
  room_record* in = nullptr;  ///< whose queue it stands in, or would; of any bundle: of one of them
  group_part* reserves = nullptr;  ///< no lease is wished for, but bundles of a group
  shape_record* shape = nullptr;
  std::uint64_t since = 0;  ///< when it came to the ring's end; a count, not a time
  chain_link<wish_record> ring;
  chain_link<wish_record> of_requester;
  chain_link<wish_record> idle;
  chain_link<wish_record> of_group;
  chain_link<wish_record> changed;  ///< it may lack more, or less, than the head was asked for
  chain_link<wish_record> halved;   ///< it waits for the head's answer, until its patience ends

  /// What it will still have when all that is reclaimed has come back: the measure of fairness.
  std::uint32_t share() const noexcept { return holding > reclaimed ? holding - reclaimed : 0; }
  bool waits() const noexcept {
    const std::uint32_t may_have = needs_word ? std::min(wanted, allowed) : wanted;
    return may_have > unserved && !infeasible && !(one_at_a_time && unserved != 0);
  }
  /// For which there is no room here, or no leave.
  std::uint32_t lacking() const noexcept {
    const std::uint32_t has = needs_word ? std::max(allowed, unserved) : unserved;
    return reserves == nullptr && wanted > has ? wanted - has : 0;
  }
};

/// What wishes may have in common: they fit together or not at all, so a queue of a million of one
/// shape is looked at once.
struct shape_record {
  std::uint32_t slot = 0;
  resource_vector resources;
  resource_vector to_place;
  bool of_tasks = false;  ///< needs one of `workers_max` too
  bool to_half = false;   ///< fits only while no more than half of the node is used then
  /// Of a group: `resources` is the sum, and each has GPUs of its own. Null: of no group.
  const std::vector<group_bundle>* parts = nullptr;
  std::uint32_t users = 0;
  std::uint32_t passes = 0;  ///< grants that have overtaken its oldest wish
  chain<wish_record, &wish_record::ring> ring;
  chain_link<shape_record> shapes;
};

struct worker_record {
  std::uint32_t slot = 0;
  party who;
  std::uint64_t number = 0;  ///< in the order of joining
  worker_state state = worker_state::starting;
  instant idle_since = 0;
  bool used = false;           ///< it has served somebody
  std::uint64_t question = 0;  ///< whether it may leave, and is not answered yet; 0: none
  bool holder_died = false;  ///< of one of the actors in it: not to be used again
  bool unfit = false;  ///< its environment could not be made
  kind_record* kind = nullptr;
  chain<lease_record, &lease_record::of_worker> leases;
  chain_link<worker_record> of_state;  ///< of idle or of shared ones
  chain_link<worker_record> all;
};

/// What there is of one kind of workers, and who waits for one.
struct kind_record {
  using worker_chain = chain<worker_record, &worker_record::of_state>;
  using lease_chain = chain<lease_record, &lease_record::waiting>;

  std::uint32_t slot = 0;
  worker_kind what;
  std::string text;        ///< by which it is found
  bool is_proven = false;  ///< one of it was ready: what its environment needs is there
  std::size_t users = 0;   ///< workers, those asked for, and leases that wait for one
  std::size_t requested = 0;  ///< processes that were asked for and have not joined
  std::size_t starting = 0;   ///< that have joined and are not ready
  std::size_t wanted = 0;     ///< processes that should be on their way
  unsigned failures = 0;      ///< to start, in a row
  instant retry_at = 0;
  worker_chain idle;           ///< in order of age
  worker_chain shared;
  std::size_t fresh = 0;       ///< idle ones that have served nobody
  std::size_t idle_asked = 0;  ///< idle ones with an open question
  lease_chain unserved;         ///< that need a worker for tasks
  lease_chain unserved_own;     ///< that need a fresh one, for an actor's own process
  lease_chain unserved_shared;  ///< that need a place
  std::size_t shared_leases = 0;  ///< of actors that share, without those that end
  chain_link<kind_record> all;

  bool is_plain() const noexcept { return what.number == 0; }
  lease_chain& unserved_of(lease_purpose purpose) noexcept {
    if (purpose == lease_purpose::shared_process) return unserved_shared;
    return purpose == lease_purpose::own_process ? unserved_own : unserved;
  }
  bool is_waited_for() const noexcept {
    return !unserved.empty() || !unserved_own.empty() || !unserved_shared.empty();
  }
};

struct party_record {
  party_kind kind = party_kind::driver;
  worker_record* worker = nullptr;
  chain<wish_record, &wish_record::of_requester> wishes;
  chain<lease_record, &lease_record::of_holder> leases;
  std::vector<party> asked_by;  ///< of other nodes, who want to know how it dies
};

}  // namespace mobula::engine
