#pragma once

/// Threads of the backend's own.

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "mobula/process/refusal.hpp"

namespace mobula::processes {

/// "mobula: a thread `what_for` can't be started", and what can be done about it.
inline std::string no_thread(const std::string& what_for, const std::error_code& why) {
  return "mobula: a thread " + what_for + " can't be started" +
         process::way_out_of_refusal(why.value());
}

/// Throws `std::system_error` that says what the thread is for.
template <class F>
std::thread start_thread(const std::string& what_for, F run) {
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& refused) {
    throw std::system_error(refused.code(), no_thread(what_for, refused.code()));
  }
}

}  // namespace mobula::processes
