#pragma once

/// What a zygote has to know, and how it is told where it is a program executed anew.

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/types.h>

namespace mobula::process::detail {

/// Where it is set, the program is to become the zygote of the driver that has set it.
inline constexpr const char* zygote_variable = "MOBULA_WORKER_ZYGOTE";

struct zygote_plan {
  int socket = -1;
  pid_t driver = 0;
  std::uint64_t mark = 0;     ///< tells this zygote's processes from all others'
  bool pipe_streams = false;
  std::vector<int> closed_on_exec{};  ///< descriptors whose flag could not pass the execution
};

/// "3,1234,99,1,7,8": the fields in their order.
inline std::string text_of(const zygote_plan& plan) {
  std::string text = std::to_string(plan.socket) + ',' + std::to_string(plan.driver) + ',' +
                     std::to_string(plan.mark) + ',' + (plan.pipe_streams ? '1' : '0');
  for (const int one : plan.closed_on_exec) text += ',' + std::to_string(one);
  return text;
}

/// Throws `std::runtime_error` where it is not what `text_of` writes.
inline zygote_plan read_plan(std::string_view text) {
  std::vector<std::uint64_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool good = true;
  while (good) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(at, end, number);
    good = read.ec == std::errc() && (read.ptr == end || *read.ptr == ',');
    if (!good) break;
    numbers.push_back(number);
    if (read.ptr == end) break;
    at = read.ptr + 1;
  }
  zygote_plan plan;
  if (good && numbers.size() >= 4) {
    plan.socket = static_cast<int>(numbers[0]);
    plan.driver = static_cast<pid_t>(numbers[1]);
    plan.mark = numbers[2];
    plan.pipe_streams = numbers[3] != 0;
    for (std::size_t i = 4; i < numbers.size(); ++i) {
      plan.closed_on_exec.push_back(static_cast<int>(numbers[i]));
    }
  }
  if (!good || numbers.size() < 4 || fcntl(plan.socket, F_GETFD) < 0) {
    throw std::runtime_error("mobula: the variable " + std::string(zygote_variable) + " = \"" +
                             std::string(text) +
                             "\" is not what a Mobula driver sets for its zygote: unset it");
  }
  return plan;
}

}  // namespace mobula::process::detail
