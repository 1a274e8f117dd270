#pragma once

/// A folder for a test's files, which goes with it.

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

namespace test_support {

class scratch_folder {
 public:
  scratch_folder() {
    const char* const below = std::getenv("TMPDIR");
    path_ = std::string(below != nullptr ? below : "/tmp") + "/mobula-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder for the test");
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    ::nftw(path_.c_str(),
           [](const char* path, const struct stat*, int, FTW*) {
             std::remove(path);
             return 0;
           },
           16, FTW_DEPTH | FTW_PHYS);
  }

  const std::string& path() const noexcept { return path_; }
  /// Its path. `name` may lead through one folder, which is made.
  std::string write(const std::string& name, const std::string& text) const {
    if (const std::size_t slash = name.find('/'); slash != std::string::npos) {
      ::mkdir((path_ + "/" + name.substr(0, slash)).c_str(), 0755);
    }
    const std::string whole = path_ + "/" + name;
    std::FILE* const to = std::fopen(whole.c_str(), "w");
    if (to == nullptr) throw std::runtime_error("can't write " + whole);
    std::fwrite(text.data(), 1, text.size(), to);
    std::fclose(to);
    return whole;
  }

 private:
  std::string path_;
};

}  // namespace test_support
