// Goal: a node lends what it has, exactly, in turns, and takes back what the dead held.
// Method: scripts of messages and times against a host that writes down what it is asked for; the
// node checks all its invariants after each event.

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/node/node.hpp"

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

node_options four_cpus() {
  node_options options;
  options.self = self;
  options.total = cpus(4);
  options.store_bytes = 1000;
  options.reclaim_patience = 50 * ms;
  options.idle_worker_time = 1000 * ms;
  return options;
}
node_options one_cpu() {
  node_options options = four_cpus();
  options.total = cpus(1);
  return options;
}

}  // namespace

TEST_CASE("a node starts a worker for a wish and lends it when it is ready", "[node]") {
  script s(one_cpu());
  s.want(ada, 7, 1, cpus(1));
  CHECK(s.said() == lines{"start"});
  CHECK(s.machine.available() == resource_vector());  // Held while the worker starts.
  s.join(11);
  CHECK(s.said() == lines{"2: granted 7 L1 11"});
  s.give_back(ada, 1);
  CHECK(s.machine.available() == cpus(1));
  s.want(bob, 7, 1, cpus(1));
  CHECK(s.said() == lines{"3: granted 7 L2 11"});  // Another requester's class, the same worker.
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("a node starts no more workers than it has work for", "[node]") {
  script s(four_cpus());
  s.want(ada, 7, 3, cpus(1));
  CHECK(s.said() == lines{"start", "start", "start"});
  s.want(ada, 7, 1, cpus(1));  // Two are taken back, unserved.
  CHECK(s.machine.available() == cpus(3));
  s.join(11).join(12).join(13);
  CHECK(s.said() == lines{"2: granted 7 L1 11"});
  s.want(ada, 7, 2, cpus(1));
  CHECK(s.said() == lines{"2: granted 7 L2 12", "2: granted 7 L3 13"});
}

TEST_CASE("a wish taken back before its worker is ready leaves the worker idle", "[node]") {
  script s(one_cpu());
  s.want(ada, 7, 1, cpus(1)).want(ada, 7, 0, cpus(1)).join(11);
  CHECK(s.said() == lines{"start"});
  CHECK(s.machine.available() == cpus(1));
  CHECK(s.machine.lease_count() == 0);
}

TEST_CASE("fractions add up to the total and never beyond", "[node][clause-18]") {
  script s(one_cpu());
  s.want(ada, 7, 4, cpus(0.3333));
  CHECK(s.machine.lease_count() == 3);
  CHECK(s.machine.available() == cpus(0.0001));
}

TEST_CASE("workers_max bounds leases of tasks that ask for nothing", "[node]") {
  node_options options = four_cpus();
  options.workers_max = 2;
  script s(options);
  s.want(ada, 7, 10, resource_vector());
  CHECK(s.said() == lines{"start", "start"});
  s.join(11).join(12);
  s.say(party{11}, body_blocked{s.id(1)});
  CHECK(s.said() == lines{"2: granted 7 L1 11", "2: granted 7 L2 12", "start"});
}

TEST_CASE("a blocked body lends its CPUs, and an idle lease is reclaimed for it",
          "[node][clause-9]") {
  script s(one_cpu());
  s.want(ada, 7, 1, cpus(1)).join(11);
  s.want(party{11}, 1, 1, cpus(1));  // The body's child.
  // The node can't know that the parent waits for it, so it asks for the lease; it is not returned.
  CHECK(s.said() == lines{"start", "2: granted 7 L1 11", "2: reclaim L1"});
  s.say(party{11}, body_blocked{s.id(1)});
  CHECK(s.said() == lines{"start"});
  s.join(12);
  CHECK(s.said() == lines{"11: granted 1 L2 12"});
  CHECK(s.machine.amounts().lent() == resource_amount(1));
  s.say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.said() == lines{"11: reclaim L2"});
  s.give_back(party{11}, 2);
  CHECK(s.said() == lines{"11: resumed L1"});
  CHECK(s.machine.amounts().lent() == resource_amount());
}

TEST_CASE("resuming comes before granting, in order", "[node][clause-9]") {
  script s(one_cpu());
  s.want(ada, 7, 3, cpus(1)).join(11);
  s.say(party{11}, body_blocked{s.id(1)}).join(12);
  s.say(party{12}, body_blocked{s.id(2)}).join(13);
  s.want(bob, 9, 1, cpus(1));
  s.say(party{12}, body_unblocked{s.id(2)}).say(party{11}, body_unblocked{s.id(1)});
  s.said();
  s.give_back(ada, 3);
  CHECK(s.said() == lines{"12: resumed L2", "2: reclaim L2"});
  s.want(eve, 9, 1, resource_vector());  // Who needs no CPU needs not wait.
  CHECK(s.said() == lines{"4: granted 9 L4 13"});
  s.give_back(ada, 2);
  CHECK(s.said() == lines{"11: resumed L1", "2: reclaim L1"});
  s.give_back(ada, 1);
  CHECK(s.said() == lines{"3: granted 9 L5 11"});
}

TEST_CASE("a lease has as many bodies as there are CPUs for", "[node][clause-9][clause-18]") {
  node_options options = four_cpus();
  options.total = cpus(2);
  script s(options);
  s.want(ada, 7, 1, cpus(1)).join(11);
  s.said();
  s.say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.said() == lines{"11: resumed L1"});
  CHECK(s.machine.available() == cpus(0));
  s.want(bob, 8, 1, cpus(1));
  CHECK(s.said() == lines{"2: reclaim L1"});
  s.say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.said() == lines{});
  SECTION("one that waits gives its place to another") {
    s.say(party{11}, body_blocked{s.id(1)});
    CHECK(s.said() == lines{"11: resumed L1"});
    s.say(party{11}, body_blocked{s.id(1)}).say(party{11}, body_blocked{s.id(1)});
    CHECK(s.machine.amounts().lent() == resource_amount(1));
    s.join(12);
    CHECK(s.said() == lines{"start", "3: granted 8 L2 12"});
    s.give_back(bob, 2).say(party{11}, body_unblocked{s.id(1)}).give_back(ada, 1);
    CHECK(s.said() == lines{"11: resumed L1"});
  }
  SECTION("what it has is free with the lease, and who asked is answered") {
    s.give_back(ada, 1);
    CHECK(s.said() == lines{"11: resumed L1", "3: granted 8 L2 11"});
    CHECK(s.machine.available() == cpus(1));
    s.say(party{11}, body_blocked{s.id(1)});  // Late, but not wrong.
    s.say(party{11}, body_unblocked{s.id(1)});
    CHECK(s.said() == lines{"11: resumed L1"});
    s.give_back(bob, 2);
    CHECK(s.machine.stray() == 0);
  }
  SECTION("and with its worker") {
    s.die(11).join(12);
    CHECK(s.machine.available() == cpus(1));
    s.give_back(bob, 2);
  }
  CHECK(s.machine.available() == cpus(2));
}

TEST_CASE("only CPUs are lent", "[node][clause-9]") {
  node_options options = four_cpus();
  options.total = both(1, 1);
  script s(options);
  s.want(ada, 7, 1, both(1, 1)).join(11);
  s.say(party{11}, body_blocked{s.id(1)});
  CHECK(s.machine.available() == cpus(1));
  s.want(bob, 1, 1, both(0, 1)).want(eve, 1, 1, cpus(1)).join(12);
  CHECK(s.said() == lines{"start", "2: granted 7 L1 11", "start", "4: granted 1 L2 12"});
  s.die(11);  // While another holds what it had lent.
  CHECK(s.machine.available() == both(0, 0));
  CHECK(s.machine.amounts().lent() == resource_amount());
}

TEST_CASE("a flood shares its turns with whoever comes", "[node][clause-18]") {
  script s(four_cpus());
  s.want(ada, 7, 1000, cpus(1)).join(11).join(12).join(13).join(14);
  s.said();
  s.want(bob, 9, 1000, cpus(1));
  CHECK(s.said() == lines{"2: reclaim L1"});
  s.give_back(ada, 1);  // Ada's turn is older.
  CHECK(s.said() == lines{"2: granted 7 L5 11", "2: reclaim L2"});
  s.give_back(ada, 2);
  CHECK(s.said() == lines{"3: granted 9 L6 12", "2: reclaim L3"});
  s.give_back(ada, 3);
  s.give_back(ada, 4);
  s.said();
  // Two and two by now: nobody is robbed any more.
  s.want(bob, 9, 999, cpus(1));
  CHECK(s.said().empty());
}

TEST_CASE("a lease that is not returned is not counted on for ever", "[node][clause-18]") {
  script s(four_cpus());
  s.want(ada, 7, 1000, cpus(1)).join(11).join(12).join(13).join(14);
  s.want(bob, 9, 1, cpus(1));
  s.said();
  CHECK(s.machine.next_timer() == 50 * ms);
  s.at(50 * ms);
  CHECK(s.said() == lines{"2: reclaim L2"});
  s.at(100 * ms).at(150 * ms).at(200 * ms);
  CHECK(s.said() == lines{"2: reclaim L3", "2: reclaim L4"});
  CHECK(s.machine.next_timer() == never);
}

TEST_CASE("a large wish is not starved by small ones", "[node][clause-18]") {
  node_options options = four_cpus();
  options.passes_max = 3;
  options.workers_max = 100;
  script s(options);
  s.want(ada, 7, 1, cpus(1)).join(11);      // Keeps a CPU.
  s.want(bob, 9, 1, cpus(4));               // Waits.
  int granted = 0;
  for (std::uint64_t one = 0; one < 10; ++one) {
    s.want(eve, 100 + one, 1, cpus(0.25));
    granted = static_cast<int>(s.machine.lease_count()) - 1;
  }
  CHECK(granted == 3);  // `passes_max` have overtaken it, and no more.
  CHECK(s.machine.waiting_count() == 8);
  s.join(12).join(13).join(14);
  s.said();
  s.want(eve, 200, 1, resource_vector());  // Takes nothing that it needs.
  CHECK(s.said() == lines{"start"});
  for (int lease = 1; lease <= 4; ++lease) s.give_back(lease == 1 ? ada : eve, lease);
  // Then those without any lease ask for it back.
  const lines said = s.said();
  CHECK(lines(said.end() - 2, said.end()) == lines{"3: granted 9 L6 12", "3: reclaim L6"});
}

TEST_CASE("what no node has waits with one warning, or is refused", "[node][clause-17]") {
  script s(one_cpu());
  for (int i = 0; i < 3; ++i) s.want(ada, 7, 1, both(0, 1)).want(bob, 7, 1, both(0, 1));
  CHECK(s.said() ==
        lines{"warn: task \"7\" needs gpus 1, no node has more than 0; it waits"});
  s.want(bob, 8, 1, cpus(2), lease_purpose::tasks, {}, true);
  CHECK(s.said() == lines{"3: refused 8: task \"8\" needs cpus 2, no node has more than 1"});
  s.want(bob, 9, 1, {}, lease_purpose::own_process, cpus(2), true);
  CHECK(s.said().size() == 1);
  s.want(eve, 1, 1, cpus(1)).join(11);
  CHECK(s.said() == lines{"start", "4: granted 1 L1 11"});  // Nobody waits behind it.
}

TEST_CASE("an actor is placed where a CPU is free and keeps none", "[node][clause-22]") {
  script s(one_cpu());
  s.want(ada, 7, 1, cpus(1)).join(11);
  s.want(self, 1, 1, {}, lease_purpose::own_process, cpus(1));
  CHECK(s.said() == lines{"start", "2: granted 7 L1 11", "2: reclaim L1"});
  s.give_back(ada, 1);
  CHECK(s.said() == lines{"start"});  // What 11 has made for others is not to end with an actor.
  s.join(12);
  CHECK(s.said() == lines{"1: granted 1 L2 12"});
  CHECK(s.machine.available() == cpus(1));
  CHECK(s.machine.own_process_count() == 1);
  s.say(self, return_lease{s.id(2)});
  CHECK(s.said() == lines{"12: leave? 1"});
  CHECK(s.machine.own_process_count() == 0);
  CHECK(s.machine.available() == cpus(1));
  s.leave(12, 1);
  CHECK(s.said() == lines{"end 12: its actor has ended"});
}

TEST_CASE("an actor's own process is a fresh one", "[node][clause-22]") {
  script s(four_cpus());
  s.want(ada, 7, 1, cpus(1)).join(11);
  s.want(ada, 7, 1, cpus(1)).want(ada, 7, 0, cpus(1)).join(12);  // 12 is idle, and has not served.
  s.give_back(ada, 1);                                           // 11 is idle, and has.
  s.said();
  s.want(self, 1, 2, {}, lease_purpose::own_process).want(ada, 7, 1, cpus(1));
  // Who needs no fresh one is not behind who waits for one.
  CHECK(s.said() == lines{"1: granted 1 L2 12", "start", "2: granted 7 L3 11"});
  s.want(ada, 7, 1, cpus(1));
  CHECK(s.said() == lines{"start"});
  s.join(13);
  CHECK(s.said() == lines{"1: granted 1 L4 13"});
  s.join(14);
  CHECK(s.said() == lines{"2: granted 7 L5 14"});
}

TEST_CASE("a process whose actor has ended stays as long as it is needed, and serves nobody",
          "[node][clause-22]") {
  script s(one_cpu());
  s.want(self, 1, 1, {}, lease_purpose::own_process).join(11).give_back(self, 1);
  s.said();
  s.leave(11, 1, true);
  CHECK(s.said().empty());
  CHECK(s.machine.next_timer() == 1000 * ms);
  s.want(ada, 7, 1, cpus(1));
  CHECK(s.said() == lines{"start"});
  s.at(1000 * ms);
  CHECK(s.said() == lines{"11: leave? 2"});
  CHECK(s.machine.next_timer() == never);
  s.leave(11, 2);
  CHECK(s.said() == lines{"end 11: its actor has ended"});
}

TEST_CASE("actors that share processes are spread, then stacked", "[node][clause-22]") {
  node_options options = one_cpu();
  options.shared_workers = 2;
  options.shared_actors_max = 3;
  script s(options);
  for (std::uint64_t actor = 1; actor <= 6; ++actor) {
    s.want(self, actor, 1, {}, lease_purpose::shared_process, cpus(1));
  }
  CHECK(s.said() == lines{"start", "start"});
  s.join(11);
  CHECK(s.said() == lines{"1: granted 1 L1 11", "1: granted 2 L2 11", "1: granted 3 L3 11"});
  s.join(12);
  CHECK(s.said() == lines{"1: granted 4 L4 12", "1: granted 5 L5 12", "1: granted 6 L6 12"});
  s.want(self, 7, 1, {}, lease_purpose::shared_process);
  CHECK(s.said() == lines{"start"});  // All are full.
  s.join(13);
  CHECK(s.said() == lines{"1: granted 7 L7 13"});
  s.give_back(self, 1).want(self, 8, 1, {}, lease_purpose::shared_process);
  CHECK(s.said() == lines{"1: granted 8 L8 13"});
  s.give_back(self, 7).give_back(self, 8);
  CHECK(s.said().empty());
  s.want(ada, 1, 1, cpus(1));
  CHECK(s.said() == lines{"2: granted 1 L9 13"});  // An empty one is any worker.
  s.die(12);
  CHECK(s.said() == lines{"1: died 12", "2: died 12", "3: died 12", "4: died 12", "11: died 12",
                          "13: died 12"});
  CHECK(s.machine.lease_count() == 3);
}

TEST_CASE("everybody hears of a death before its resources go on", "[node]") {
  script s(one_cpu());
  s.want(ada, 7, 2, cpus(1)).join(11);
  s.said();
  s.die(11);
  CHECK(s.said() == lines{"1: died 11", "2: died 11", "3: died 11", "4: died 11", "start"});
  s.give_back(ada, 1);  // Late.
  CHECK(s.machine.stray() == 1);
  s.join(12);
  CHECK(s.said() == lines{"2: granted 7 L2 12"});
}

TEST_CASE("the work of the dead is ended, and what they wanted is forgotten", "[node][clause-46]") {
  script s(four_cpus());
  s.want(ada, 7, 2, cpus(1)).join(11).join(12);
  s.want(party{11}, 1, 1, cpus(1)).join(13);  // A child of the body in 11.
  s.want(ada, 8, 1, cpus(1));                 // Not served yet.
  s.said();
  s.die(2, death_kind::exited);
  CHECK(s.said() == lines{"1: died 2", "3: died 2", "4: died 2", "11: died 2", "12: died 2",
                          "13: died 2", "end 11: whom it worked for is dead",
                          "end 12: whom it worked for is dead"});
  CHECK(s.machine.available() == cpus(1));  // They may still run.
  s.die(11, death_kind::ended);
  CHECK(s.said().back() == "end 13: whom it worked for is dead");
  s.die(12, death_kind::ended).die(13, death_kind::ended);
  CHECK(s.machine.available() == cpus(4));
  CHECK(s.machine.lease_count() == 0);
}

TEST_CASE("a worker is ended at its holder's wish only", "[node]") {
  script s(one_cpu());
  s.want(ada, 7, 1, cpus(1)).join(11);
  s.said();
  s.say(bob, end_worker{party{11}, "no"});
  CHECK(s.machine.stray() == 1);
  s.say(ada, end_worker{party{11}, "a forced cancel"}).say(ada, end_worker{party{11}, "again"});
  CHECK(s.said() == lines{"end 11: a forced cancel"});
  s.give_back(ada, 1).say(party{11}, body_blocked{s.id(1)});  // Late, but not wrong.
  CHECK(s.machine.stray() == 1);
  CHECK(s.machine.available() == cpus(0));
}

TEST_CASE("a lease that comes back while its body waits costs its worker", "[node]") {
  script s(one_cpu());
  s.want(ada, 7, 1, cpus(1)).join(11).say(party{11}, body_blocked{s.id(1)});
  s.said();
  s.give_back(ada, 1);
  CHECK(s.said() == lines{"end 11: its lease was returned while its body waited"});
  s.die(11, death_kind::ended);
  CHECK(s.machine.available() == cpus(1));
}

TEST_CASE("a worker that can't be started is tried again, then refused", "[node]") {
  node_options options = one_cpu();
  options.start_failures_max = 2;
  options.start_retry_time = 100 * ms;
  script s(options);
  s.want(ada, 7, 5, cpus(1));
  s.machine.worker_failed_to_start("no memory", s.now);
  s.check();
  CHECK(s.said() == lines{"start"});
  CHECK(s.machine.next_timer() == 100 * ms);
  s.at(100 * ms);
  CHECK(s.said() == lines{"start"});
  s.machine.worker_failed_to_start("no memory", s.now);
  s.check();
  CHECK(s.said() == lines{
      "2: refused 7: task \"7\": no worker could be started, 2 times in a row: no memory"});
  CHECK(s.machine.available() == cpus(1));
  CHECK(s.machine.next_timer() == never);
  s.at(300 * ms).want(ada, 7, 1, cpus(1));
  CHECK(s.said() == lines{"start"});
  // One that dies before it speaks has failed to start as well.
  s.machine.party_joined(party{11}, party_kind::worker, s.now);
  s.die(11);
  CHECK(s.machine.next_timer() == 400 * ms);
}

TEST_CASE("tasks wait for the workers there are, where no more can be started", "[node]") {
  node_options options = four_cpus();
  options.start_failures_max = 1;
  options.start_retry_time = 100 * ms;
  script s(options);
  s.want(ada, 7, 3, cpus(1));
  CHECK(s.said() == lines{"start", "start", "start"});
  s.machine.worker_failed_to_start("no memory", s.now);
  s.check();
  CHECK(s.said().empty());  // The other ones may be there in a moment.
  s.join(11);
  CHECK(s.said() == lines{"2: granted 7 L1 11"});
  s.machine.worker_failed_to_start("no memory", s.now);
  s.check();
  CHECK(s.said() == lines{"warn: no worker could be started, 1 times in a row: no memory; tasks "
                          "wait for others"});
  s.give_back(ada, 1);
  CHECK(s.said() == lines{"2: granted 7 L2 11"});
  s.give_back(ada, 2);
  CHECK(s.said() == lines{"2: granted 7 L3 11"});

  // Whom it waits for may be who waits for a worker.
  s.at(200 * ms).want(ada, 7, 1, cpus(1));
  CHECK(s.said() == lines{"start"});
  s.say(party{11}, body_blocked{s.id(3)});
  s.machine.worker_failed_to_start("no memory", s.now);
  s.check();
  CHECK(s.said() == lines{
      "2: refused 7: task \"7\": no worker could be started, 1 times in a row: no memory"});
}

TEST_CASE("idle workers are ended, the youngest first, and some are kept", "[node]") {
  node_options options = four_cpus();
  options.prestart = 1;
  script s(options);
  s.machine.start(s.now);
  CHECK(s.said() == lines{"start"});
  s.join(11).want(ada, 7, 3, cpus(1)).join(12).join(13);
  s.now = 10 * ms;
  s.give_back(ada, 1);
  CHECK(s.machine.next_timer() == never);  // One is kept.
  s.give_back(ada, 2).give_back(ada, 3);
  s.said();
  CHECK(s.machine.next_timer() == 1010 * ms);
  s.at(1009 * ms);
  CHECK(s.said().empty());
  s.at(1010 * ms);
  CHECK(s.said() == lines{"13: leave? 1", "12: leave? 2"});
  CHECK(s.machine.next_timer() == never);
  s.leave(13, 1).leave(12, 2);
  CHECK(s.said() == lines{"end 13: it was idle", "end 12: it was idle"});
  CHECK(s.machine.next_timer() == never);
}

TEST_CASE("who is needed is asked again, and another may go instead", "[node]") {
  node_options options = four_cpus();
  options.prestart = 1;
  script s(options);
  s.machine.start(s.now);
  s.join(11).want(ada, 7, 2, cpus(1)).join(12).give_back(ada, 1).give_back(ada, 2);
  s.said();
  s.at(1000 * ms);
  CHECK(s.said() == lines{"12: leave? 1"});
  s.leave(12, 1, true).at(1000 * ms);
  CHECK(s.said() == lines{"11: leave? 2"});
  s.leave(11, 2, true);
  CHECK(s.machine.next_timer() == 2000 * ms);
  s.at(2000 * ms);
  CHECK(s.said() == lines{"12: leave? 3"});
  s.leave(12, 3);
  CHECK(s.said() == lines{"end 12: it was idle"});
}

TEST_CASE("a lease wins over the question whether to leave", "[node]") {
  script s(one_cpu());
  s.want(ada, 7, 1, cpus(1)).join(11).give_back(ada, 1).at(1000 * ms);
  CHECK(s.said().back() == "11: leave? 1");
  s.want(ada, 7, 1, cpus(1));
  CHECK(s.said() == lines{"2: granted 7 L2 11"});
  SECTION("while it works") {
    s.leave(11, 1);
    CHECK(s.said().empty());
  }
  SECTION("when it is idle again, and is asked again") {
    s.give_back(ada, 2).at(2000 * ms);
    CHECK(s.said() == lines{"11: leave? 2"});
    s.leave(11, 1);  // Of the time before that lease.
    CHECK(s.said().empty());
    s.leave(11, 2);
    CHECK(s.said() == lines{"end 11: it was idle"});
  }
  CHECK(s.machine.stray() == 0);
  s.leave(11, 3).leave(11, 0).leave(2, 1);
  CHECK(s.machine.stray() == 3);
}

TEST_CASE("who would be the last of those that are kept may leave no more", "[node]") {
  node_options options = four_cpus();
  options.prestart = 1;
  script s(options);
  s.machine.start(s.now);
  s.join(11).want(ada, 7, 2, cpus(1)).join(12).give_back(ada, 1).give_back(ada, 2).at(1000 * ms);
  s.want(ada, 7, 1, cpus(1));  // It gets 11, and only 12 is idle.
  s.said();
  s.leave(12, 1);
  CHECK(s.said().empty());
  CHECK(s.machine.process_count() == 2);
}

TEST_CASE("what makes no sense to a node is dropped and counted", "[node]") {
  script s(four_cpus());
  s.want(ada, 7, 2, cpus(1)).join(11);
  const party stranger{99};
  std::uint64_t strays = 0;
  const auto stray = [&s, &strays](party from, auto one) {
    s.said();
    s.say(from, std::move(one));
    CHECK(s.said().empty());
    CHECK(s.machine.stray() == ++strays);
  };
  stray(stranger, want_leases{1, 1, {}, {}, {}, {}});
  stray(stranger, worker_ready{});
  stray(ada, worker_ready{});
  stray(party{11}, worker_ready{});                                     // Again.
  stray(ada, want_leases{7, 9, {}, {}, {}, {}});               // Other resources.
  stray(bob, return_lease{s.id(1)});                                    // Not its holder.
  stray(ada, return_lease{lease_id{12345}});
  stray(ada, return_lease{});
  stray(ada, body_blocked{s.id(1)});                                    // Not its worker.
  stray(bob, body_unblocked{s.id(1)});
  stray(ada, end_worker{party{98}, ""});
  stray(ada, end_worker{bob, ""});
  stray(ada, publish_object{key(ada, 1)});
  stray(ada, unpin_object{key(ada, 1)});
  stray(bob, free_object{key(ada, 1)});
  stray(stranger, create_object{key(ada, 1), 1});
  stray(stranger, pin_object{key(ada, 1)});
  stray(ada, borrow{key(ada, 1)});                                      // Not for a node.
  stray(ada, lease_granted{});
  s.say(party{11}, body_blocked{s.id(1)});
  stray(party{11}, body_blocked{s.id(1)});                              // Twice.
  s.die(99);
  CHECK(s.machine.stray() == strays + 1);
}

// A worker's whole life, as `next_state` has it.
TEST_CASE("a worker's states change as the table says", "[node]") {
  using enum worker_state;
  constexpr std::optional<worker_state> no;
  struct row {
    worker_state from;
    std::optional<worker_state> ready, lease, share, vacate, retire, end;
  };
  const row table[] = {
      {starting, idle, no, no, no, no, ending},
      {idle, no, leased, shared, no, no, ending},
      {leased, no, no, no, idle, retired, ending},
      {shared, no, no, shared, idle, no, ending},
      {retired, no, no, no, no, no, ending},
      {ending, ending, no, no, ending, no, no},
  };
  for (const row& one : table) {
    INFO(name_of(one.from));
    CHECK(next_state(one.from, worker_event::ready) == one.ready);
    CHECK(next_state(one.from, worker_event::lease) == one.lease);
    CHECK(next_state(one.from, worker_event::share) == one.share);
    CHECK(next_state(one.from, worker_event::vacate) == one.vacate);
    CHECK(next_state(one.from, worker_event::retire) == one.retire);
    CHECK(next_state(one.from, worker_event::end) == one.end);
  }
}
