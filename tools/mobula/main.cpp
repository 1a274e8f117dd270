// The command `mobula`. All that it does is decided in command_line.cpp; here is what it has to do
// with the process that it is.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include <unistd.h>

#include "command_line.hpp"

namespace {

bool is_set(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool in_colour(int descriptor) {
  const char* const kind = std::getenv("TERM");
  return !is_set("NO_COLOR") && kind != nullptr && std::strcmp(kind, "dumb") != 0 &&
         ::isatty(descriptor) == 1;
}

bool print(std::FILE* to, const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace mobula::launcher;
  const terminal to{{in_colour(STDOUT_FILENO)}, {in_colour(STDERR_FILENO)}};
  try {
    const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    outcome out = run_command(arguments, this_machine(), to);
    if (!print(stdout, out.output)) {
      out.errors += error_text(std::string("the output can't be written: ") + std::strerror(errno),
                               to.errors);
      out.status = exit_launcher;
    }
    print(stderr, out.errors);
    return out.status;
  } catch (const std::exception& why) {
    // The memory is spent, if anything.
    print(stderr, error_text(why.what(), to.errors));
    return exit_launcher;
  }
}
