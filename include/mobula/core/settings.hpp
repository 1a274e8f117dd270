#pragma once

/// The flags and variables of a runtime's options: which there are, and how a command line and an
/// environment are read. See `config.hpp`.

#include <algorithm>
#include <map>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/core/checks.hpp"
#include "mobula/core/config_values.hpp"
#include "mobula/core/near_miss.hpp"
#include "mobula/core/options.hpp"

namespace mobula {

namespace detail {

/// One scalar field: its name with hyphens, and how a text becomes its value. `label` is for the
/// reader's error.
struct setting {
  std::string_view name;
  void (*apply)(runtime_options& options, std::string_view label, std::string_view text);
  /// A flag that may stand alone and means true then.
  bool is_switch = false;
};

template <double fault_plan::*Field>
void read_probability(runtime_options& options, std::string_view label, std::string_view text) {
  const double value = read_number(label, text);
  check_probability(value, label);
  options.simulation.faults.*Field = value;
}

template <double fault_plan::*Field>
void read_fault_rate(runtime_options& options, std::string_view label, std::string_view text) {
  const double value = read_number(label, text);
  check_fault_rate(value, label);
  options.simulation.faults.*Field = value;
}

template <unsigned fault_plan::*Field>
void read_slowness(runtime_options& options, std::string_view label, std::string_view text) {
  const std::uint64_t value = read_integer(label, text);
  if (value > 1000) throw_invalid(label, text_of(value), "must be from 1 to 1000");
  check_slowness(static_cast<unsigned>(value), label);
  options.simulation.faults.*Field = static_cast<unsigned>(value);
}

template <duration fault_plan::*Field>
void read_fault_time(runtime_options& options, std::string_view label, std::string_view text) {
  options.simulation.faults.*Field = read_positive_duration(label, text);
}

/// In the order of `runtime_options`. The names are the fields', which a test compares.
inline std::span<const setting> settings() {
  using out = runtime_options&;
  using view = std::string_view;
  static constexpr setting table[] = {
      {"backend", [](out o, view, view text) { o.backend = text; }},
      {"address", [](out o, view, view text) { o.address = text; }},
      {"cpus",
       [](out o, view label, view text) {
         o.cpus = read_amount(label, text);
         if (*o.cpus == 0)
           throw_invalid(label, quoted(text), "must be above zero: nothing could run");
       }},
      {"gpus", [](out o, view label, view text) { o.gpus = read_amount(label, text); }},
      {"memory", [](out o, view label, view text) { o.memory = read_size(label, text); }},
      {"store-memory",
       [](out o, view label, view text) {
         o.store_memory = read_size(label, text);
         if (*o.store_memory == 0) throw_invalid(label, quoted(text), "must be above zero");
       }},
      {"name-space", [](out o, view, view text) { o.name_space = text; }},
      {"environment-working-directory",
       [](out o, view, view text) { o.environment.working_directory = text; }},
      {"environment-setup", [](out o, view, view text) { o.environment.setup = text; }},
      {"environment-setup-timeout",
       [](out o, view label, view text) {
         o.environment.setup_timeout = read_positive_duration(label, text);
       }},
      {"infeasible",
       [](out o, view label, view text) {
         if (text != "wait" && text != "fail") {
           throw_invalid(label, quoted(text), "must be wait or fail");
         }
         o.infeasible = text == "wait" ? infeasible_policy::wait : infeasible_policy::fail;
       }},
      {"shutdown-grace",
       [](out o, view label, view text) { o.shutdown_grace = read_duration(label, text); }},
      {"simulation-seed",
       [](out o, view label, view text) { o.simulation.seed = read_integer(label, text); }},
      {"simulation-faults-worker-crashes", &read_fault_rate<&fault_plan::worker_crashes>},
      {"simulation-faults-worker-pauses", &read_fault_rate<&fault_plan::worker_pauses>},
      {"simulation-faults-pause", &read_fault_time<&fault_plan::pause>},
      {"simulation-faults-worker-cuts", &read_fault_rate<&fault_plan::worker_cuts>},
      {"simulation-faults-cut", &read_fault_time<&fault_plan::cut>},
      {"simulation-faults-slow-workers", &read_probability<&fault_plan::slow_workers>},
      {"simulation-faults-worker-slowness", &read_slowness<&fault_plan::worker_slowness>},
      {"simulation-faults-message-loss", &read_probability<&fault_plan::message_loss>},
      {"simulation-faults-message-repeats", &read_probability<&fault_plan::message_repeats>},
      {"simulation-faults-message-reorders", &read_probability<&fault_plan::message_reorders>},
      {"simulation-faults-message-delay",
       [](out o, view label, view text) {
         const duration value = read_duration(label, text);
         check_message_delay(value, label);
         o.simulation.faults.message_delay = value;
       }},
      {"simulation-faults-disk-slowness", &read_slowness<&fault_plan::disk_slowness>},
      {"simulation-faults-disk-full", &read_probability<&fault_plan::disk_full>},
      {"simulation-faults-disk-errors", &read_probability<&fault_plan::disk_errors>},
      {"simulation-faults-store-full", &read_probability<&fault_plan::store_full>},
      {"simulation-faults-until",
       [](out o, view label, view text) {
         o.simulation.faults.until = read_duration(label, text);
       }},
      {"simulation-faults-swarm",
       [](out o, view label, view text) { o.simulation.faults.swarm = read_bool(label, text); },
       true},
      {"simulation-time-limit",
       [](out o, view label, view text) {
         o.simulation.time_limit = read_positive_duration(label, text);
       }},
      {"simulation-stack-bytes",
       [](out o, view label, view text) {
         const std::uint64_t value = read_size(label, text);
         check_stack_bytes(value, label);
         o.simulation.stack_bytes = value;
       }},
      {"secret-file", [](out o, view, view text) { o.secret_file = text; }},
      {"certificates", [](out o, view, view text) { o.certificates = text; }},
      {"spill-directory", [](out o, view, view text) { o.spill_directory = text; }},
      {"connect-timeout",
       [](out o, view label, view text) {
         o.connect_timeout = read_positive_duration(label, text);
       }},
      {"node-silence",
       [](out o, view label, view text) { o.node_silence = read_positive_duration(label, text); }},
      {"observe", [](out o, view label, view text) { o.observe = read_bool(label, text); }, true},
      {"executor",
       [](out o, view label, view text) {
         if (text != "own" && text != "tbb") {
           throw_invalid(label, quoted(text), "must be own or tbb");
         }
         o.executor = text;
       }},
  };
  return table;
}

/// Null for a name that is none.
inline const setting* find_setting(std::string_view name) {
  for (const setting& each : settings()) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

inline std::vector<std::string_view> setting_names() {
  std::vector<std::string_view> names;
  for (const setting& each : settings()) names.push_back(each.name);
  return names;
}

/// All flags, one a line. What `--mobula-help` is answered with.
inline std::string list_of_flags() {
  std::string list =
      "--mobula-help: these are Mobula's flags; each is a variable too, as MOBULA_CPUS";
  for (const setting& each : settings()) {
    list.append("\n  --mobula-").append(each.name).append(each.is_switch ? "[=...]" : "=...");
  }
  return list;
}

/// What to do about a flag or variable that there is not, to be put at the message's end.
/// `spelled(name)` is how a setting's name is written there.
template <class Spell>
std::string instead_of(std::string_view unknown, Spell spelled) {
  constexpr std::string_view in_the_program_only[] = {
      "resources",         "labels",           "environment", "environment-variables",
      "environment-files", "simulation-nodes", "simulation"};
  for (const std::string_view field : in_the_program_only) {
    if (field == unknown) return ": that is set in the program, in its runtime_options";
  }
  const std::string nearest = near_miss(unknown, setting_names());
  if (nearest.empty()) return " (--mobula-help lists them)";
  return " (did you mean " + spelled(nearest) + "?)";
}

/// By setting's name; the last of equals.
using flag_values = std::map<std::string, std::string, std::less<>>;

/// The flags of this process, for runtimes that are made without `argv`.
class remembered_flags {
 public:
  [[gnu::visibility("default")]] static remembered_flags& instance() {
    static remembered_flags flags;
    return flags;
  }

  flag_values all() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

  /// Each replaces the older one of the same name.
  void add(const flag_values& values) {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, value] : values) values_.insert_or_assign(name, value);
  }

  /// For tests, which are many programs in one process.
  void forget() {
    const std::lock_guard lock(mutex_);
    values_.clear();
  }

 private:
  mutable std::mutex mutex_;
  flag_values values_;
};

/// A command line taken apart: Mobula's flags, and all other arguments in their order.
struct split_arguments {
  flag_values flags{};
  std::vector<char*> others{};
};

/// Throws `std::invalid_argument` for a flag that begins as Mobula's do and is none, with the near
/// miss, and for one without the value it needs. Whatever follows `--` is not looked at.
inline split_arguments split(std::span<char* const> arguments) {
  constexpr std::string_view prefix = "--mobula-";
  split_arguments out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (i > 0 && argument == "--") {
      out.others.insert(out.others.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i),
                        arguments.end());
      break;
    }
    const std::size_t equals = std::min(argument.find('='), argument.size());
    std::string flag(argument.substr(0, equals));
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (i == 0 || !flag.starts_with(prefix)) {
      out.others.push_back(arguments[i]);
      continue;
    }
    const std::string name = flag.substr(prefix.size());
    const setting* const found = find_setting(name);
    if (name == "help") throw std::invalid_argument(list_of_flags());
    if (found == nullptr) {
      throw std::invalid_argument("unknown flag " + flag +
                                  instead_of(name, [&](std::string_view nearest) {
                                    return std::string(prefix).append(nearest);
                                  }));
    }
    std::string value;
    if (equals < argument.size()) {
      value = argument.substr(equals + 1);
    } else if (found->is_switch) {
      value = "true";
    } else if (i + 1 < arguments.size() && !std::string_view(arguments[i + 1]).starts_with("--")) {
      value = arguments[++i];
    } else {
      throw std::invalid_argument("flag " + flag + " needs a value: " + flag + "=...");
    }
    out.flags.insert_or_assign(name, std::move(value));
  }
  return out;
}

/// Variables that begin with `MOBULA_` and are no settings: those of the test suite, of the
/// benchmarks, of workers (handed down by a runtime), and where CMake finds the package.
inline bool is_foreign_variable(std::string_view name) {
  return name.starts_with("MOBULA_TEST_") || name.starts_with("MOBULA_BENCH_") ||
         name.starts_with("MOBULA_WORKER_") || name == "MOBULA_ROOT" || name == "MOBULA_DIR";
}

inline std::string variable_name(std::string_view setting_name) {
  std::string out = "MOBULA_";
  for (const char c : setting_name) {
    out += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

/// Reads `variables` (as `environ`: `NAME=value`, null at the end) into `options`. Throws
/// `std::invalid_argument` for an unknown `MOBULA_…`, with the near miss, and for a bad value.
inline void apply_variables(runtime_options& options, const char* const* variables) {
  constexpr std::string_view prefix = "MOBULA_";
  for (; variables != nullptr && *variables != nullptr; ++variables) {
    const std::string_view entry = *variables;
    if (!entry.starts_with(prefix)) continue;
    const std::size_t equals = std::min(entry.find('='), entry.size());
    const std::string_view name = entry.substr(0, equals);
    const std::string_view value = entry.substr(std::min(equals + 1, entry.size()));
    if (is_foreign_variable(name)) continue;
    const auto all = settings();
    const auto found = std::find_if(all.begin(), all.end(), [name](const setting& each) {
      return variable_name(each.name) == name;
    });
    if (found == all.end()) {
      std::string as_setting = lower_case(name.substr(prefix.size()));
      std::replace(as_setting.begin(), as_setting.end(), '_', '-');
      throw std::invalid_argument("unknown variable " + std::string(name) +
                                  instead_of(as_setting, variable_name));
    }
    if (!value.empty()) found->apply(options, name, value);
  }
}

inline void apply_flags(runtime_options& options, const flag_values& flags) {
  for (const auto& [name, value] : flags) {
    find_setting(name)->apply(options, "--mobula-" + name, value);
  }
}

}  // namespace detail

}  // namespace mobula
