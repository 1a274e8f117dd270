// The main function of every test executable. Beside running tests it can write them down for
// CTest:
//
//   $ ./conformance --ctest-script PREFIX TIMEOUT_SECONDS LABEL [VARIABLE=VALUE]
//
// prints one add_test per case, with the case's tags as labels (`ctest -L clause-12`). Catch2's own
// CMake module can't register one executable twice with different variables, knows no tags, and
// stumbles over some names.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#include <catch2/internal/catch_tag_alias_registry.hpp>
#include <catch2/internal/catch_test_case_registry_impl.hpp>
#include <catch2/internal/catch_test_spec_parser.hpp>
#define TEST_CASE_INFO(test) (test).getTestCaseInfo()
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#define TEST_CASE_INFO(test) (test)
#endif

#include <cstring>
#include <iostream>
#include <string>

#include "mobula/backends.hpp"
#include "support/skip.hpp"

#ifdef __SANITIZE_THREAD__
/// Exceptions are counted in libstdc++, which is not instrumented: the sanitizer does not see that
/// who destroys one comes after all who looked at it.
extern "C" const char* __tsan_default_suppressions() {  // NOLINT: its name is the sanitizer's
  return "race:std::__exception_ptr::exception_ptr::_M_release\n";
}
#endif

namespace support {

namespace {

constexpr int skip_return_code = 4;  // the one that Catch2 3 uses

// A CMake bracket argument, which needs no escapes.
std::string bracket(const std::string& text) { return "[===[" + text + "]===]"; }

// The test specification that selects the case of this name and no other.
std::string specification(const std::string& name) {
  std::string escaped;
  for (char c : name) {
    if (std::strchr(",[]\\\"~*", c) != nullptr) {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

// Whether `specification` selects just one case. Catch2 can't escape every name, and one that
// selects nothing passes.
template <typename Tests>
bool selects_one(const Tests& tests, const std::string& specification) {
  const Catch::TestSpec selected =
      Catch::TestSpecParser(Catch::ITagAliasRegistry::get()).parse(specification).testSpec();
  int count = 0;
  for (const auto& test : tests) {
    count += selected.matches(TEST_CASE_INFO(test)) ? 1 : 0;
  }
  return count == 1;
}

// "[core][clause-1]" with `first` "front" becomes "front;core;clause-1".
std::string labels(const std::string& first, const std::string& tags) {
  std::string result = first;
  for (char c : tags) {
    if (c == '[') {
      result += ';';
    } else if (c != ']') {
      result += c;
    }
  }
  return result;
}

int write_ctest_script(Catch::Session& session, int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: " << argv[0]
              << " --ctest-script PREFIX TIMEOUT_SECONDS LABEL [VARIABLE=VALUE]\n";
    return 2;
  }
  const std::string prefix = argv[2];
  const auto& tests = Catch::getAllTestCasesSorted(session.config());
  int count = 0;
  for (const auto& test : tests) {
    const auto& info = TEST_CASE_INFO(test);
    if (info.isHidden()) {
      continue;
    }
    const std::string selection = specification(info.name);
    if (!selects_one(tests, selection)) {
      std::cerr << argv[0] << ": Catch2 can't select the case \"" << info.name
                << "\" by its name; change the name\n";
      return 1;
    }
    const std::string name = bracket(prefix + info.name);
    std::cout << "add_test(" << name << ' ' << bracket(argv[0]) << ' ' << bracket(selection)
              << ")\n"
              << "set_tests_properties(" << name << " PROPERTIES TIMEOUT " << argv[3]
              << " SKIP_RETURN_CODE " << skip_return_code << " LABELS "
              << bracket(labels(argv[4], info.tagsAsString()));
    if (argc > 5) {
      std::cout << " ENVIRONMENT " << bracket(argv[5]);
    }
    std::cout << ")\n";
    ++count;
  }
  if (count == 0) {
    std::cerr << argv[0] << " holds no tests\n";
    return 1;
  }
  return std::cout.flush() ? 0 : 1;
}

}  // namespace
}  // namespace support

// Cases make runtimes when there are threads: hence the first statement.
int main(int argc, char** argv) {
  mobula::worker_main(argc, argv);
  Catch::Session session;
  if (argc > 1 && std::string(argv[1]) == "--ctest-script") {
    return support::write_ctest_script(session, argc, argv);
  }
  const int result = session.run(argc, argv);
  return result == 0 && support::anything_skipped() ? support::skip_return_code : result;
}
