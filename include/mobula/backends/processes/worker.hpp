#pragma once

/// A worker's process, from its birth on.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <unistd.h>

#include "mobula/backends/processes/environments.hpp"
#include "mobula/backends/processes/host.hpp"
#include "mobula/backends/processes/last_words.hpp"
#include "mobula/backends/processes/surroundings.hpp"
#include "mobula/backends/processes/worker_output.hpp"
#include "mobula/core/fault_point.hpp"
#include "mobula/net/exchange.hpp"
#include "mobula/net/progress.hpp"
#include "mobula/process/backtrace.hpp"

namespace mobula::processes {

class worker_host final : public process_host {
 public:
  worker_host(const worker_birth& birth, net::exchange& exchange, shipped_environment own)
      : exchange_(exchange),
        birth_(birth),
        environments_(birth.environments_folder, std::move(own)) {
    runtime_options options;
    options.infeasible = birth.infeasible;
    state_ = std::make_unique<hosting::program_state>(options, birth.epoch);
    state_->home = {birth.node, birth.node, birth.where};
    state_->name_space = birth.name_space;
    state_->ship = [this](const environment& one, std::string_view field) {
      return environments_.ship(one, field);
    };
    carrier_ = std::make_unique<carrier>(exchange_, birth.self, birth.node);
    carrier_->set_driver(birth.driver);
    program_ = std::make_unique<program>(*carrier_, birth.self, *state_, birth.node_process);
    carrier_->add(*program_);
    carrier_->on_control = [this](party from, std::span<const std::byte> content) {
      hear(from, content);
    };
    carrier_->on_buried = [this](party dead) {
      carrier_->send_control(birth_.driver, control_message(control::forgot, dead.value()));
    };
    program_->on_awaited_body = [this] {
      carrier_->send_control(birth_.driver, control_message(control::body_begins, 0));
    };
    make_current();
    carrier_->start();
    block_drafts::of_process().open(*program_);
  }

  /// Until the process is ended, or the runtime is.
  [[noreturn]] void run() {
    {
      const hosting::inside held(*program_);
      program_->begin();
    }
    program_->work();
    program_->destroy_actors();
    std::fflush(nullptr);
    ::_exit(0);
  }

  void submit(detail::task& one) override {
    {
      const hosting::inside held(*program_);
      if (program_->ends()) throw cancelled_error("the runtime ends: nothing begins any more");
    }
    process_host::submit(one);
  }
  node_info this_node() const override {
    auto& self = const_cast<worker_host&>(*this);
    const hosting::inside held(*program_);
    available_answer answer;
    const std::uint64_t request = ++self.requests_;
    self.answers_[request] = &answer;
    carrier_->send_control(birth_.driver, control_message(control::ask_available, request));
    program_->wait_for(answer.arrived, engine::never, hosting::program_process::waiting::deaf);
    self.answers_.erase(request);
    node_info now = state_->home.about;
    now.available = answer.what;
    return now;
  }
  /// The end of a runtime is the driver's affair.
  void shutdown() noexcept override {}

 private:
  struct available_answer {
    completion arrived;
    resource_set what;
  };

  void hear(party, std::span<const std::byte> content) {
    message whole;
    whole.bytes.assign(content.begin(), content.end());
    input from(whole);
    const auto what = from.number<control>();
    const auto number = from.number<std::uint64_t>();
    if (what == control::end) program_->end();
    if (what == control::available) {
      const auto at = answers_.find(number);
      if (at == answers_.end()) return;
      at->second->what = worker_birth::load(from);
      hosting::program_process::finish(at->second->arrived);
    }
  }

  net::exchange& exchange_;
  const worker_birth birth_;
  environments environments_;
  std::map<std::uint64_t, available_answer*> answers_;
  std::uint64_t requests_ = 0;
};

/// What the zygote's children run.
inline void run_worker(std::span<const std::byte> birth) {
  prepare_output();
  detail::the_runtime.host.store(nullptr);
  detail::fault(detail::fault_point::worker_born);
  const worker_birth told = worker_birth::read(birth);
  // As long as the process.
  auto& exchange = *new net::exchange(net::exchange::open(told.exchange));
  const std::span<char> words = net::last_words_of(exchange, told.self.value());
  // Before any code of the program runs, so that a handler of its own replaces ours.
  process::tell_crashes({.memory = words});
  const std::span<const char> bytes(told.environment);
  shipped_environment own = shipped_environment::read(std::as_bytes(bytes));
  make_surroundings(own, told.gpus ? &*told.gpus : nullptr, told.environments_folder,
                    told.self.value(), words);
  worker_host* host = nullptr;  // as long as the process
  try {
    host = new worker_host(told, exchange, std::move(own));
  } catch (const std::exception& thrown) {
    end_with_words(words, thrown.what());
  }
  detail::the_runtime.taken.store(true);
  detail::the_runtime.epoch.store(told.epoch);
  detail::the_runtime.host.store(host);
  host->run();
}

}  // namespace mobula::processes
