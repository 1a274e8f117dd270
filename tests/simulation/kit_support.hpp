#pragma once

/// What tests of the testing kit share.

#include <cstdio>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "support/catch.hpp"

namespace kit_tests {

/// What is written to standard error while the function runs, whether it throws or not.
template <class F>
std::string errors_of(F&& function) {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fflush(stderr);
  const int before = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  const auto restore = [&] {
    std::fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
  };
  try {
    function();
  } catch (...) {
    restore();
    std::fclose(file);
    throw;
  }
  restore();
  std::rewind(file);
  std::string text;
  for (int c = 0; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

/// A variable of the environment, while it lives.
class variable {
 public:
  variable(const char* name, const char* value) : name_(name) {
    if (const char* const old = std::getenv(name)) old_ = old;
    had_ = std::getenv(name) != nullptr;
    setenv(name, value, 1);
  }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { had_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

}  // namespace kit_tests
