#pragma once

/// How a process died, in words.

#include <string>

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Linux's words for its signals; empty for one that has none here. Written out, so that the text
/// is the same on every machine.
inline const char* signal_text(int signal) noexcept {
  switch (signal) {
    case 1: return "Hangup";
    case 2: return "Interrupt";
    case 3: return "Quit";
    case 4: return "Illegal instruction";
    case 5: return "Trace/breakpoint trap";
    case 6: return "Aborted";
    case 7: return "Bus error";
    case 8: return "Floating point exception";
    case 9: return "Killed";
    case 11: return "Segmentation fault";
    case 13: return "Broken pipe";
    case 14: return "Alarm clock";
    case 15: return "Terminated";
    case 24: return "CPU time limit exceeded";
    case 25: return "File size limit exceeded";
    case 31: return "Bad system call";
    default: return "";
  }
}

/// What follows "its worker": `crashed with signal 11 (Segmentation fault)`.
inline std::string to_string(const death& how) {
  const auto with_text = [&how](std::string out) {
    if (!how.text.empty()) out.append(": ").append(how.text);
    return out;
  };
  switch (how.kind) {
    case death_kind::exited:
      return with_text("exited with code " + std::to_string(how.exit_code));
    case death_kind::crashed: {
      std::string out = "crashed with signal " + std::to_string(how.signal);
      const std::string name = signal_text(how.signal);
      if (!name.empty()) out.append(" (").append(name).append(")");
      return with_text(std::move(out));
    }
    case death_kind::ended:
      return with_text("was ended");
    case death_kind::out_of_memory:
      return with_text("was ended for the memory it took");
    case death_kind::lost:
      return with_text("was lost");
    case death_kind::drained:
      return with_text("was drained");
  }
  return with_text("died");
}

}  // namespace mobula::engine
