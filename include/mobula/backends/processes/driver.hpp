#pragma once

/// The driver's process: the program, the node beside it, and the workers' parent.

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mobula/backends/processes/environments.hpp"
#include "mobula/backends/processes/gpus.hpp"
#include "mobula/backends/processes/host.hpp"
#include "mobula/backends/processes/memory_monitor.hpp"
#include "mobula/backends/processes/node.hpp"
#include "mobula/backends/processes/start_thread.hpp"
#include "mobula/backends/processes/streams.hpp"
#include "mobula/backends/processes/surroundings.hpp"
#include "mobula/backends/processes/worker.hpp"
#include "mobula/backends/processes/worker_output.hpp"
#include "mobula/backends/threads/machine.hpp"
#include "mobula/net/exchange.hpp"
#include "mobula/process/remove_folder.hpp"
#include "mobula/process/zygote.hpp"

namespace mobula::processes {

/// Whether the program has called `worker_main`, and so can be executed again for its workers.
[[gnu::visibility("default")]] inline std::atomic<bool> has_worker_main{false};

class driver_host final : public process_host {
 public:
  driver_host(const runtime_options& options, std::uint32_t epoch)
      : exchange_(net::exchange::create()),
        streams_(exchange_, detail::host_name()),
        may_execute_(has_worker_main.load() || epoch == 1),
        environments_(folder_for_environments()) {
    make_zygote(true);  // before any thread
    state_ = std::make_unique<hosting::program_state>(options, epoch);
    state_->home = {node_party, node_party, detail::this_machine(options)};
    state_->name_space =
        options.name_space.empty() ? "job-" + std::to_string(epoch) : options.name_space;
    gpus_ = visible_gpus(options.gpus);
    environments_.set_inherited(
        environments_.merged(options.environment, "runtime_options.environment"));
    state_->ship = [this](const environment& one, std::string_view field) {
      return environments_.ship(one, field);
    };
    exchange_.announce(driver_party.value());
    carrier_ = std::make_unique<carrier>(exchange_, driver_party, node_party);
    carrier_->set_driver(driver_party);
    program_ = std::make_unique<program>(*carrier_, driver_party, *state_, ::getpid());
    node_ = std::make_unique<node>(*carrier_, *state_, machine_options(), zygote_);
    carrier_->add(*program_);
    carrier_->add(*node_);
    node_->on_zygote_death = [this] { another_zygote_ = true; };
    node_->on_streams = [this](const process::worker_report& one) { return read_streams(one); };
    node_->birth = [this](party worker, const engine::worker_kind& kind) {
      return birth_of(worker, kind).write();
    };
    node_->why_unfit = [this](party worker) {
      return take_failure(environments_.folder(), worker.value());
    };
    carrier_->on_stranger = [this](party from) { node_->meet(from); };
    carrier_->on_control = [this](party from, std::span<const std::byte> content) {
      hear(from, content);
    };
    memory_ = std::make_unique<memory_monitor>(*node_, exchange_, zygote_->pid(),
                                               state_->options.memory);
    make_current();
    try {
      start();
    } catch (...) {
      end_threads();
      make_past();
      if (wake_watch_ >= 0) ::close(wake_watch_);
      throw;
    }
    block_drafts::of_process().open(*program_);
  }
  ~driver_host() override {
    if (watch_.joinable()) end_threads();
    // Nobody writes any more when all that was written is read.
    zygote_->end([this](const process::worker_report& one) {
      if (one.out >= 0) static_cast<void>(read_streams(one));
    });
    process::remove_folder(environments_.folder());  // the zygote may have been killed
    streams_.finish();
    if (wake_watch_ >= 0) ::close(wake_watch_);
  }

  node_info this_node() const override {
    const hosting::inside held(*program_);
    node_info now = state_->home.about;
    now.available = node_->machine().available().to_set();
    return now;
  }

  void shutdown() noexcept override {
    const detail::failure_ptr why = detail::failure_ptr::make(
        cancelled_error("the runtime ended before the task did"));
    {
      const hosting::inside held(*program_);
      is_ended_.store(true, std::memory_order_release);
      program_->end_waits();
      // What the driver has submitted is cancelled; that reaches everything below it.
      program_->cancel_all(why);
      state_->ending = true;
      node_->end_preparing();
      for (const auto& [worker, pid] : node_->pids()) {
        carrier_->send_control(worker, control_message(control::end, 0));
      }
    }
    await_workers();
    program_->end_records(why);
    await_users();
    end_threads();
    {
      const hosting::inside held(*program_);
      program_->die();
    }
    make_past();
    if (state_->post_failures != 0) {
      std::fprintf(stderr, "mobula: %zu more posted calls failed\n", state_->post_failures);
    }
  }

 private:
  static constexpr party node_party{1};
  static constexpr party driver_party{2};

  /// All threads are there before the first worker, which may take the last place for one.
  void start() {
    wake_watch_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_watch_ < 0) {
      throw std::system_error(errno, std::generic_category(), "eventfd for the watch over workers");
    }
    streams_.start();
    carrier_->start();
    watch_ = start_thread("that watches over workers", [this] { watch(); });
    const hosting::inside held(*program_);
    node_->joined(driver_party, engine::party_kind::driver);
    node_->begin();
  }

  process::zygote_options workers_options() const {
    flush_streams();
    return {.entry = &run_worker,
            .inherited = {exchange_.descriptor()},
            .may_execute = may_execute_,
            .pipe_streams = true};
  }
  engine::node_options machine_options() const {
    engine::node_options made;
    made.self = node_party;
    made.total = resource_vector(state_->home.about.total);
    made.labels = state_->home.about.labels;
    made.store_bytes =
        state_->options.store_memory.value_or(std::max<std::uint64_t>(
            std::uint64_t{64} << 20, state_->home.about.total.memory / 10 * 3));
    made.memory_limit = state_->options.memory.value_or(detail::usable_memory() / 100 * 95);
    // None for an environment: who asks for none may be few.
    if (environments_.inherited_bytes().empty()) {
      made.prestart =
          static_cast<unsigned>(std::min(64.0, std::max(1.0, state_->home.about.total.cpus)));
    }
    made.assigns_gpus = state_->home.about.total.gpus > 0;
    return made;
  }
  worker_birth birth_of(party worker, const engine::worker_kind& kind) const {
    worker_birth made;
    made.self = worker;
    made.node = node_party;
    made.driver = driver_party;
    made.epoch = state_->epoch;
    made.exchange = exchange_.descriptor();
    made.node_process = ::getpid();
    made.name_space = state_->name_space;
    made.where = state_->home.about;
    made.infeasible = state_->options.infeasible;
    const auto bytes = kind.environment.bytes();
    if (!bytes.empty()) {
      made.environment.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    made.environments_folder = environments_.folder();
    if (state_->home.about.total.gpus > 0) {
      const shipped_environment own = shipped_environment::read(bytes);
      if (!kind.gpus.empty() || !own.variables.contains("CUDA_VISIBLE_DEVICES")) {
        made.gpus = text_of_gpus(gpus_, kind.gpus);
      }
    }
    return made;
  }

  void hear(party who, std::span<const std::byte> content) {
    message whole;
    whole.bytes.assign(content.begin(), content.end());
    input from(whole);
    const auto what = from.number<control>();
    const auto number = from.number<std::uint64_t>();
    if (what == control::body_begins) wake_watch();
    if (what == control::forgot) node_->forgotten(party{number}, who);
    if (what == control::ask_available) {
      const resource_set now = node_->machine().available().to_set();
      carrier_->send_control(who, control_message(control::available, number, &now));
    }
  }

  void make_zygote(bool may_fork) {
    process::zygote_options options = workers_options();
    options.may_fork = may_fork;
    zygote_ = std::make_unique<process::zygote>(options);
    zygote_->remove_at_end(environments_.folder());
  }
  /// Workers are killed with it, and what they had is tried again elsewhere.
  void replace_zygote() {
    another_zygote_ = false;
    std::string why;
    try {
      make_zygote(false);
    } catch (const std::exception& thrown) {
      why = std::string("the process that workers are forked from has died, and there is no "
                        "other: ") + thrown.what();
      state_->warn(why, "zygote");
    }
    node_->start_unborn(why);
  }

  bool read_streams(const process::worker_report& one) {
    return streams_.add(party{one.number}, one.pid, one.out, one.err);
  }

  /// Hears of workers' starts and ends, and looks at their memory.
  void watch() {
    for (;;) {
      // The zygote may be another one than before.
      pollfd both[2] = {{zygote_->descriptor(), POLLIN, 0}, {wake_watch_, POLLIN, 0}};
      if (::poll(both, 2, memory_->wait_ms()) < 0 && errno != EINTR) return;
      if (both[1].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto got = ::read(wake_watch_, &count, sizeof count);
        if (stopping_.load(std::memory_order_acquire)) return;
        memory_->work_begins();
      }
      if (both[0].revents != 0) {
        const hosting::inside held(*program_);
        zygote_->read_reports([this](const process::worker_report& one) { heard_of(one); });
        if (another_zygote_) replace_zygote();
      }
      memory_->look();
    }
  }
  void heard_of(const process::worker_report& one) {
    using kind = process::worker_report::kind;
    if (one.what == kind::started) memory_->work_begins();
    if (one.what == kind::exited) streams_.name_stays(party{one.number});
    node_->heard_of(one);
    if (one.what == kind::started && state_->ending) {  // it may have begun bodies all the same
      carrier_->send_control(party{one.number}, control_message(control::end, 0));
      node_->end_preparing();
    }
  }
  void wake_watch() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_watch_, &one, sizeof one);
  }

  /// Bodies that were asked to stop get their time for that, and actors for their destructors.
  void await_workers() noexcept {
    const mobula::duration grace = state_->options.shutdown_grace;
    const instant start = local_party::monotonic_now();
    for (auto pause = std::chrono::microseconds(200);; pause = std::min(2 * pause, pause_max)) {
      {
        const hosting::inside held(*program_);
        if (node_->pids().empty()) return;
      }
      if (!grace.is_none() && local_party::monotonic_now() - start >= grace.count_ns()) return;
      std::this_thread::sleep_for(pause);
    }
  }
  static constexpr std::chrono::microseconds pause_max{5'000};

  void end_threads() {
    stopping_.store(true, std::memory_order_release);
    wake_watch();
    if (watch_.joinable()) watch_.join();
    node_->stop_disk();
    carrier_->stop();
  }

  net::exchange exchange_;
  streams streams_;
  const bool may_execute_;
  environments environments_;
  std::vector<std::string> gpus_;  ///< what each is called in CUDA_VISIBLE_DEVICES
  std::unique_ptr<process::zygote> zygote_;
  bool another_zygote_ = false;
  std::unique_ptr<node> node_;
  std::unique_ptr<memory_monitor> memory_;
  int wake_watch_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread watch_;
};

}  // namespace mobula::processes
