#pragma once

/// The runtime: chosen and started at the beginning of a program, ended with its scope.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/separate.hpp"

#if MOBULA_DEFINES
#include "mobula/backend/frame.hpp"
#include "mobula/core/config.hpp"
#include "mobula/core/near_miss.hpp"
#endif

namespace mobula {

namespace detail {

/// Every backend's name; whether this version of Mobula has it is another matter.
struct backend_name {
  std::string_view name;
  bool exists;
};
inline constexpr std::array<backend_name, 5> backend_names{{{"threads", true},
                                                            {"loopback", true},
                                                            {"processes", true},
                                                            {"cluster", false},
                                                            {"simulation", true}}};

}  // namespace detail

/// Current for the process from its construction to its destruction. One lives at a time; those
/// after one another are independent. The destructor cancels what is queued, asks what runs to stop
/// and waits for it. Other threads of the program may be waiting in `get` or `wait` then, which
/// throws `std::logic_error`; they must not be in the middle of other calls. In one of its own
/// bodies it would wait for itself: it aborts the program there, and says why.
///
///   int main(int argc, char** argv) {
///     mobula::runtime runtime{argc, argv};  // --mobula-backend=… chooses; our flags leave argv
///
/// Throws `std::logic_error` where one lives already, `std::invalid_argument` for a bad option,
/// flag or variable or for a backend that the program does not include. Command line beats
/// environment beats options.
class runtime {
 public:
  runtime();
  explicit runtime(runtime_options options);
  runtime(int& argc, char** argv);
  runtime(int& argc, char** argv, runtime_options options);
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  ~runtime();

  /// The backend's name: `threads`, `loopback` and so on.
  std::string_view backend() const noexcept { return host_->name(); }

 private:
  void start(runtime_options options);

  struct place {
    bool taken = false;
    ~place() {
      if (taken) detail::the_runtime.taken.store(false);
    }
  };
  place place_;  // given back after the host is gone
  std::unique_ptr<detail::backend> host_;
};

}  // namespace mobula

#if MOBULA_DEFINES

namespace mobula {

namespace detail {

[[noreturn]] inline void throw_backend_missing(const std::string& wanted) {
  std::vector<std::string_view> known;
  for (const auto& [name, exists] : backend_names) {
    known.push_back(name);
    if (name != wanted) continue;
    const std::string header = "<mobula/backends/" + wanted + ".hpp>";
    throw std::invalid_argument(
        "backend " + detail::quoted(wanted) + " is not in this program: " +
        (exists ? "include " + header + " next to main (CMake: link mobula::" + wanted + " too)"
                : "it comes with " + header + ", which this version of Mobula does not have yet"));
  }
  throw std::invalid_argument("backend " + detail::quoted(wanted) + " does not exist" +
                              did_you_mean(wanted, known));
}

inline const backend_factory& find_backend(const std::string& wanted) {
  for (auto* at = backend_factories.load(); at != nullptr; at = at->next) {
    if (at->name == wanted) return *at;
  }
  throw_backend_missing(wanted);
}

[[noreturn]] inline void abort_inside_body() noexcept {
  std::fprintf(stderr,
               "mobula: a runtime is ended inside '%s', for which it would have to wait: end it in "
               "the thread that made it\n",
               frame::current->running().name().c_str());
  std::abort();
}

}  // namespace detail

MOBULA_DECL runtime::runtime() : runtime(runtime_options{}) {}
MOBULA_DECL runtime::runtime(runtime_options options) { start(resolve(std::move(options))); }
MOBULA_DECL runtime::runtime(int& argc, char** argv) : runtime(argc, argv, runtime_options{}) {}
MOBULA_DECL runtime::runtime(int& argc, char** argv, runtime_options options) {
  start(resolve(argc, argv, std::move(options)));
}
MOBULA_DECL runtime::~runtime() {
  if (detail::frame::current != nullptr) detail::abort_inside_body();
  host_->shutdown();
  detail::the_runtime.epoch.store(0, std::memory_order_release);
  detail::the_runtime.host.store(nullptr, std::memory_order_release);
}

MOBULA_DECL void runtime::start(runtime_options options) {
  if (options.backend.empty()) options.backend = options.address.empty() ? "threads" : "cluster";
  const detail::backend_factory& factory = detail::find_backend(options.backend);
  detail::functions().check_schemes();
  // One at a time starts: the place is taken before anything is made.
  if (detail::the_runtime.taken.exchange(true)) {
    throw std::logic_error("runtime: another runtime lives in this process; end it first");
  }
  place_.taken = true;
  const std::uint32_t epoch = ++detail::the_runtime.runtimes_made;
  host_ = factory.make(options, epoch);
  detail::the_runtime.epoch.store(epoch, std::memory_order_release);
  detail::the_runtime.host.store(host_.get(), std::memory_order_release);
}

}  // namespace mobula

#endif
