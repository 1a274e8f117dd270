// Goal: a command's end is told as it was, its time is kept, and nothing of it stays; a folder goes
// whatever is in it, and a zygote takes along the ones that it was told of. Method: commands that
// end in each way, and the processes and folders that are left.

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "mobula/process/command.hpp"
#include "mobula/process/remove_folder.hpp"
#include "process/support.hpp"

#include "support/catch.hpp"

using namespace process_tests;
using namespace std::chrono_literals;
using mobula::process::command_end;
using mobula::process::remove_folder;
using mobula::process::run_command;

namespace {

std::string make_folder() {
  const char* const below = std::getenv("TMPDIR");
  std::string path = std::string(below != nullptr ? below : "/tmp") + "/mobula-test-XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}
bool is_there(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0;
}
void fill(const std::string& folder) {
  const std::string script =
      "cd '" + folder + "' && mkdir -p a/b/c none && echo x > a/b/c/x && ln -s /etc outside && "
      "echo y > none/y && chmod 500 a/b/c && chmod 0 none";
  REQUIRE(std::system(script.c_str()) == 0);
}

}  // namespace

TEST_CASE("a command's exit code, signal and output are told", "[process][command]") {
  const command_end good = run_command("echo one; echo two >&2; read x; echo \"$x\"");
  CHECK(good.status == 0);
  CHECK(good.output == "one\ntwo\n\n");
  CHECK(run_command("exit 7").status == 7);
  const command_end killed = run_command("kill -TERM $$");
  CHECK(killed.signal == SIGTERM);
  CHECK(killed.status == -1);
  CHECK_FALSE(killed.timed_out);
}

TEST_CASE("of a long output the end is kept", "[process][command]") {
  const command_end end = run_command("seq 1 100000; echo last");
  CHECK(end.output.size() <= 2 * 8192);
  CHECK(end.output.size() >= 8192);
  CHECK(end.output.ends_with("\n100000\nlast\n"));
}

TEST_CASE("a command that takes too long is ended with its process group", "[process][command]") {
  const command_end end = run_command("echo $$; sleep 1000 & sleep 1000", 100ms);
  CHECK(end.timed_out);
  CHECK(end.signal == SIGKILL);
  const int group = std::stoi(end.output);
  // Of those that it had started somebody else takes over what is left: a moment.
  for (int i = 0; i < 10'000 && ::kill(-group, 0) == 0; ++i) std::this_thread::sleep_for(1ms);
  CHECK(::kill(-group, 0) != 0);
}

TEST_CASE("what a command leaves running in its group goes with it", "[process][command]") {
  const command_end end = run_command("sleep 1000 & echo $$");
  CHECK(end.status == 0);
  const int group = std::stoi(end.output);
  for (int i = 0; i < 10'000 && ::kill(-group, 0) == 0; ++i) std::this_thread::sleep_for(1ms);
  CHECK(::kill(-group, 0) != 0);
}

TEST_CASE("a folder goes with all that is in it, and no link is followed", "[process]") {
  const std::string folder = make_folder();
  fill(folder);
  remove_folder(folder);
  CHECK_FALSE(is_there(folder));
  CHECK(is_there("/etc/passwd"));
  remove_folder(folder);  // nothing
  const std::string other = make_folder();
  REQUIRE(::symlink(other.c_str(), folder.c_str()) == 0);
  remove_folder(folder);  // a link is no folder
  CHECK(is_there(other));
  ::unlink(folder.c_str());
  remove_folder(other);
}

TEST_CASE("a zygote removes the folders that it was told of, when its workers are gone",
          "[process]") {
  const std::string folder = make_folder();
  const std::string later = folder + "-later";
  const std::string never = folder + "-never";
  {
    zygote workers({.entry = &work});
    inbox in(workers);
    workers.remove_at_end(folder);
    workers.remove_at_end(later);
    workers.remove_at_end(never);
    workers.start_worker(1, birth_of("wait"));
    in.await(kind::started, 1);
    fill(folder);
    REQUIRE(::mkdir(later.c_str(), 0700) == 0);
  }
  CHECK_FALSE(is_there(folder));
  CHECK_FALSE(is_there(later));
  CHECK_FALSE(is_there(never));
}
