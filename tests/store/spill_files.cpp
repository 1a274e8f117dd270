// Goal: objects come back from the disk as they went, take room for as long as they live, and leave
// nothing behind, whatever fails and whoever is killed.
// Method: a directory of the test's own, which must be empty at any time. What is on disk is asked
// of the files that this process has open there. A full disk is a limit on the size of files, and a
// small file system where one may be mounted.

#include "mobula/store/spill_files.hpp"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/child.hpp"
#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using mobula::out_of_disk_error;
using mobula::store::spill_files;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

std::vector<std::byte> bytes_of(std::uint64_t number, std::size_t size) {
  std::mt19937_64 random(number);
  std::vector<std::byte> made(size);
  for (std::byte& one : made) one = static_cast<std::byte>(random());
  return made;
}

std::vector<std::byte> read_back(const spill_files& disk, spill_files::location where) {
  std::vector<std::byte> into(where.size);
  disk.read(where, into);
  return into;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  DIR* const all = ::opendir(directory.c_str());
  REQUIRE(all != nullptr);
  while (const dirent* one = ::readdir(all)) {
    const std::string name = one->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(all);
  return names;
}

// Goes with the case, which it fails if something is in it.
class own_directory {
 public:
  own_directory() : path_(mobula::store::temporary_directory() + "/mobula-test-XXXXXX") {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  own_directory(const own_directory&) = delete;
  own_directory& operator=(const own_directory&) = delete;
  ~own_directory() { CHECK(::rmdir(path_.c_str()) == 0); }

  const std::string& path() const { return path_; }

  struct use {
    std::size_t files = 0;
    std::uint64_t length = 0;
    std::uint64_t bytes = 0;  // on disk
  };
  /// By the files in it that this process has open.
  use used() const {
    use all;
    for (const std::string& number : names_in("/proc/self/fd")) {
      char target[512] = {};
      const std::string link = "/proc/self/fd/" + number;
      struct stat facts {};
      if (::readlink(link.c_str(), target, sizeof target - 1) <= 0) continue;
      if (std::string(target).rfind(path_ + "/", 0) != 0) continue;
      REQUIRE(::stat(link.c_str(), &facts) == 0);
      ++all.files;
      all.length += static_cast<std::uint64_t>(facts.st_size);
      all.bytes += static_cast<std::uint64_t>(facts.st_blocks) * 512;
    }
    return all;
  }

 private:
  std::string path_;
};

// How large a file may become while it lives.
class file_limit_for_now {
 public:
  explicit file_limit_for_now(rlim_t bytes) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit now = before_;
    now.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  file_limit_for_now(const file_limit_for_now&) = delete;
  file_limit_for_now& operator=(const file_limit_for_now&) = delete;
  ~file_limit_for_now() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("an object is read back as it was written", "[store]") {
  const own_directory directory;
  spill_files disk(directory.path());
  std::vector<std::pair<spill_files::location, std::vector<std::byte>>> all;
  std::uint64_t sum = 0;
  for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 100'000u, 3'000'001u}) {
    auto bytes = bytes_of(size, size);
    const auto where = disk.write(bytes);
    CHECK(where.size == size);
    all.emplace_back(where, std::move(bytes));
    sum += size;
  }
  CHECK(disk.bytes() == sum);
  CHECK(disk.files() == 1);
  CHECK(names_in(directory.path()).empty());
  for (const auto& [where, bytes] : all) CHECK(read_back(disk, where) == bytes);

  for (const auto& [where, bytes] : all) disk.erase(where);
  CHECK(disk.bytes() == 0);
  CHECK(disk.files() == 0);
  CHECK(directory.used().files == 0);
}

TEST_CASE("objects share files, and a file goes with its last object", "[store]") {
  const own_directory directory;
  spill_files disk(directory.path(), 100 * kib);
  std::vector<spill_files::location> all;
  for (unsigned i = 0; i < 6; ++i) all.push_back(disk.write(bytes_of(i, 40 * kib)));
  CHECK(disk.files() == 3);
  const auto large = disk.write(bytes_of(6, 300 * kib));  // one of its own
  CHECK(disk.files() == 4);
  CHECK(disk.write(bytes_of(7, 1)).file != large.file);
  CHECK(directory.used().files == 5);

  disk.erase(all[2]);
  CHECK(disk.files() == 5);
  CHECK(read_back(disk, all[3]) == bytes_of(3, 40 * kib));
  disk.erase(all[3]);
  CHECK(disk.files() == 4);
  disk.erase(large);
  CHECK(directory.used().files == 3);
  CHECK(read_back(disk, all[4]) == bytes_of(4, 40 * kib));
}

TEST_CASE("an erased object's room is free at once", "[store]") {
  const own_directory directory;
  spill_files disk(directory.path());
  const auto first = disk.write(bytes_of(1, mib));
  const auto second = disk.write(bytes_of(2, mib + 1));
  const auto third = disk.write(bytes_of(3, mib));
  const std::uint64_t before = directory.used().bytes;
  CHECK(before >= 3 * mib);
  disk.erase(second);
  if (directory.used().bytes == before) SKIP_CASE("this file system makes no holes");
  CHECK(directory.used().bytes <= before - mib);
  CHECK(read_back(disk, first) == bytes_of(1, mib));
  CHECK(read_back(disk, third) == bytes_of(3, mib));
  disk.erase(third);
  CHECK(directory.used().bytes <= before - 2 * mib);
}

TEST_CASE("files grow where they are many, so that descriptors suffice", "[store]") {
  const own_directory directory;
  spill_files disk(directory.path(), 4 * kib);
  for (unsigned i = 0; i < 64 + 2 * 64 + 4; ++i) (void)disk.write(bytes_of(i, kib));
  CHECK(disk.files() == 64 + 64 + 1);
}

TEST_CASE("any order of writing and erasing keeps the rest", "[store]") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const own_directory directory;
    spill_files disk(directory.path(), 200 * kib);
    std::vector<std::pair<spill_files::location, std::uint64_t>> all;
    std::uint64_t sum = 0;
    for (std::uint64_t step = 0; step < 1000; ++step) {
      if (all.empty() || random() % 100 < 52) {
        const std::size_t size = random() % (random() % 10 == 0 ? 300 * kib : 20 * kib);
        all.emplace_back(disk.write(bytes_of(step, size)), step);
        sum += size;
      } else {
        std::swap(all[random() % all.size()], all.back());
        const auto& [where, number] = all.back();
        REQUIRE(read_back(disk, where) == bytes_of(number, where.size));
        disk.erase(where);
        sum -= where.size;
        all.pop_back();
      }
      REQUIRE(disk.bytes() == sum);
    }
    for (const auto& [where, number] : all) {
      REQUIRE(read_back(disk, where) == bytes_of(number, where.size));
      disk.erase(where);
    }
    CHECK(disk.files() == 0);
  }
}

TEST_CASE("a write that finds no room leaves nothing of the object", "[store]") {
  const own_directory directory;
  spill_files disk(directory.path());
  const auto first = disk.write(bytes_of(1, 600 * kib));
  const auto before = directory.used();
  {
    const file_limit_for_now limit(1024 * kib);
    // Its first 424 KiB would fit. The signal that comes with the error would end the test.
    CHECK_THROWS_AS(disk.write(bytes_of(2, 600 * kib)), out_of_disk_error);
    CHECK_THROWS_WITH(disk.write(bytes_of(2, 600 * kib)),
                      ContainsSubstring("can't spill 614400 bytes to " + directory.path()) &&
                          ContainsSubstring("`ulimit -f`"));
    CHECK(directory.used().length == before.length);
    CHECK(directory.used().bytes == before.bytes);
    CHECK(disk.bytes() == 600 * kib);

    const auto second = disk.write(bytes_of(3, 300 * kib));
    CHECK(read_back(disk, second) == bytes_of(3, 300 * kib));
    disk.erase(first);
    disk.erase(second);
    CHECK_THROWS_AS(disk.write(bytes_of(2, 1025 * kib)), out_of_disk_error);
    CHECK(directory.used().files == 0);  // a file that was to be its own is gone too
  }
  const auto third = disk.write(bytes_of(4, 2 * mib));
  CHECK(read_back(disk, third) == bytes_of(4, 2 * mib));
}

TEST_CASE("files are as small as the user's limit on files", "[store]") {
  const own_directory directory;
  const file_limit_for_now limit(100 * kib);
  spill_files disk(directory.path());
  for (unsigned i = 0; i < 6; ++i) (void)disk.write(bytes_of(i, 40 * kib));
  CHECK(disk.files() == 3);
}

TEST_CASE("a full disk is told, and room that is freed is used", "[store]") {
  const own_directory directory;
  constexpr int no_mount = 50;
  const int code = support::run_in_child([&] {
    const std::string& path = directory.path();
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return no_mount;
    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("none", path.c_str(), "tmpfs", 0, "size=1m") != 0) return no_mount;
    spill_files disk(path);
    const auto first = disk.write(bytes_of(1, 600 * kib));
    for (int i = 0; i < 3; ++i) {
      try {
        (void)disk.write(bytes_of(2, 600 * kib));
        return 1;
      } catch (const out_of_disk_error& failure) {
        if (std::strstr(failure.what(), path.c_str()) == nullptr) return 2;
      }
    }
    const auto second = disk.write(bytes_of(3, 400 * kib));  // the half-written ones took nothing
    if (read_back(disk, first) != bytes_of(1, 600 * kib)) return 3;
    if (read_back(disk, second) != bytes_of(3, 400 * kib)) return 4;
    disk.erase(first);
    const auto third = disk.write(bytes_of(4, 600 * kib));
    if (read_back(disk, third) != bytes_of(4, 600 * kib)) return 5;
    return 0;
  });
  if (code == no_mount) SKIP_CASE("no file system can be mounted here");
  CHECK(code == 0);
}

TEST_CASE("a process that is killed leaves no file", "[store]") {
  const own_directory directory;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = support::start_child([&] {
    spill_files disk(directory.path(), 100 * kib);
    for (unsigned i = 0; i < 8; ++i) (void)disk.write(bytes_of(i, 60 * kib));
    if (::write(ready[1], "r", 1) != 1) return 1;
    while (true) ::pause();
  });
  ::close(ready[1]);
  char byte = 0;
  CHECK(::read(ready[0], &byte, 1) == 1);
  ::close(ready[0]);
  CHECK(names_in(directory.path()).empty());
  ::kill(child, SIGKILL);
  CHECK(support::end_of(child) == -SIGKILL);
  CHECK(names_in(directory.path()).empty());
}

TEST_CASE("where a file system knows no unnamed files, the name is gone at once", "[store]") {
  const own_directory directory;
  const auto file = mobula::store::detail::open_and_unlink(directory.path());
  CHECK(names_in(directory.path()).empty());
  CHECK(::pwrite(file.number(), "abc", 3, 0) == 3);
  char back[3] = {};
  CHECK(::pread(file.number(), back, 3, 0) == 3);
  CHECK(std::memcmp(back, "abc", 3) == 0);
  CHECK_THROWS_WITH(mobula::store::detail::open_and_unlink(directory.path() + "/none"),
                    ContainsSubstring("mkostemp " + directory.path() + "/none/"));
}

TEST_CASE("a directory that can't be used is told at once", "[store]") {
  const own_directory directory;
  CHECK_THROWS_WITH(spill_files(directory.path() + "/none"),
                    ContainsSubstring("in " + directory.path() + "/none (") &&
                        ContainsSubstring("TMPDIR") && ContainsSubstring("No such file or"));
  CHECK_THROWS_AS(spill_files(directory.path() + "/none"), std::system_error);
  CHECK_THROWS_WITH(spill_files(directory.path(), 0), ContainsSubstring("file_bytes = 0"));
  CHECK_THROWS_AS(spill_files(directory.path(), UINT64_MAX), std::invalid_argument);
  CHECK(spill_files().directory() == mobula::store::temporary_directory());
}

TEST_CASE("a directory that goes away makes a write fail, not the process", "[store]") {
  std::string path;
  {
    const own_directory directory;
    path = directory.path();
  }
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  spill_files disk(path);
  REQUIRE(::rmdir(path.c_str()) == 0);
  CHECK_THROWS_AS(disk.write(bytes_of(1, 10)), mobula::error);
  CHECK_THROWS_WITH(disk.write(bytes_of(1, 10)),
                    ContainsSubstring("can't spill 10 bytes: ") && ContainsSubstring(path));
  CHECK(disk.bytes() == 0);
}

TEST_CASE("a file that has lost its end is told when it is read", "[store]") {
  const own_directory directory;
  spill_files disk(directory.path());
  const auto where = disk.write(bytes_of(1, 100 * kib));
  for (const std::string& number : names_in("/proc/self/fd")) {
    char target[512] = {};
    const std::string link = "/proc/self/fd/" + number;
    if (::readlink(link.c_str(), target, sizeof target - 1) <= 0) continue;
    if (std::string(target).rfind(directory.path() + "/", 0) != 0) continue;
    REQUIRE(::ftruncate(std::stoi(number), 50 * kib) == 0);
  }
  CHECK_THROWS_WITH(read_back(disk, where),
                    ContainsSubstring("can't read back 102400 bytes spilled to " +
                                      directory.path() + ": the file ends after 51200 of them"));
}

}  // namespace
