// Runs commands in turns and prints what each took: `measure ROUNDS COMMAND...`, each a line for
// the shell.
//
//   $ ./measure 3 'g++ -c a.cpp' 'g++ -c b.cpp'
//   1.31 1.29 1.40 212
//   2.05 2.01 2.07 344
//
// are the median, least and greatest seconds of the processors, and the greatest peak of a process
// in MB.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct spent {
  std::vector<double> seconds;
  double megabytes = 0;
};

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

bool run(const char* command, spent& into) {
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command, nullptr);
    _exit(127);
  }
  int status = 0;
  rusage used{};
  if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0) {
    std::fprintf(stderr, "measure: failed: %s\n", command);
    return false;
  }
  into.seconds.push_back(seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
  into.megabytes = std::max(into.megabytes, static_cast<double>(used.ru_maxrss) / 1024);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || std::atoi(argv[1]) < 1) return 2;
  std::vector<spent> all(static_cast<std::size_t>(argc) - 2);
  for (int round = 0; round < std::atoi(argv[1]); ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!run(argv[i + 2], all[i])) return 1;
    }
  }
  for (spent& one : all) {
    std::sort(one.seconds.begin(), one.seconds.end());
    std::printf("%.2f %.2f %.2f %.0f\n", one.seconds[one.seconds.size() / 2], one.seconds.front(),
                one.seconds.back(), one.megabytes);
  }
}
