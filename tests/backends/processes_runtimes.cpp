// Goal: runtimes of different backends live one after another in one process, whatever threads the
// program has of its own, TBB's among them; and TBB, OpenMP and Asio work in tasks on processes.
// Method: the same small program on each, in several orders, while other threads run.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dlfcn.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#ifdef MOBULA_TEST_WITH_TBB
#include <oneapi/tbb/parallel_for.h>
#endif

#include "mobula/backends.hpp"

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::async;
using mobula::future;
using mobula::get;

namespace {

struct adder {
  int add(int by) { return sum += by; }
  int sum = 0;
};

int nested(int depth) {
  return depth == 0 ? 1 : get(async<nested>(depth - 1)) + get(async<nested>(depth - 1));
}

void use(std::string_view backend) {
  CAPTURE(backend);
  mobula::runtime_options options;
  options.backend = backend;
  options.cpus = 2;
  mobula::runtime runtime{options};
  CHECK(runtime.backend() == backend);
  std::vector<future<int>> all;
  for (int i = 0; i < 100; ++i) all.push_back(async([](int x) { return 2 * x; }, i));
  for (int i = 0; i < 100; ++i) REQUIRE(get(all[static_cast<std::size_t>(i)]) == 2 * i);
  CHECK(get(async<nested>(3)) == 8);
  const mobula::actor<adder> one = mobula::spawn<adder>();
  for (int i = 1; i <= 10; ++i) one.post<&adder::add>(i);
  CHECK(get(one.call<&adder::add>(0)) == 55);
  CHECK(get(async([](const std::vector<int>& values) { return values.size(); },
                  std::vector<int>(1 << 18))) == 1 << 18);
}

std::vector<std::string_view> backends() {
  std::vector<std::string_view> all{"threads", "processes", "loopback", "processes"};
#ifdef MOBULA_WITH_SIMULATION
  all.insert(all.begin() + 2, "simulation");
#endif
  return all;
}

#ifdef MOBULA_TEST_WITH_TBB
int in_parallel(int count) {
  std::atomic<int> sum{0};
  oneapi::tbb::parallel_for(0, count, [&](int i) { sum.fetch_add(i); });
  return sum.load();
}
#endif

/// OpenMP's own runtime, called as the compiler does for a parallel region of four threads.
class openmp {
 public:
  openmp() {
    void* const library = ::dlopen("libgomp.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    parallel_ = reinterpret_cast<decltype(parallel_)>(::dlsym(library, "GOMP_parallel"));
    number_ = reinterpret_cast<decltype(number_)>(::dlsym(library, "omp_get_thread_num"));
    count_ = reinterpret_cast<decltype(count_)>(::dlsym(library, "omp_get_num_threads"));
  }
  bool is_there() const { return parallel_ != nullptr && number_ != nullptr && count_ != nullptr; }
  int sum_below(int end) const {
    loop all{*this, end};
    parallel_(&loop::run, &all, 4, 0);
    return all.sum;
  }

 private:
  struct loop {
    const openmp& with;
    int end;
    std::atomic<int> sum{0};
    static void run(void* self) {
      auto& all = *static_cast<loop*>(self);
      for (int i = all.with.number_(); i < all.end; i += all.with.count_()) all.sum += i;
    }
  };
  void (*parallel_)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
  int (*number_)() = nullptr;
  int (*count_)() = nullptr;
};
int sum_by_openmp(int end) { return openmp().sum_below(end); }

/// Posted to a pool of threads, and one more for a timer that has fired.
int sum_by_asio(int end) {
  std::atomic<int> sum{0};
  boost::asio::thread_pool pool(3);
  for (int i = 0; i < end; ++i) boost::asio::post(pool, [&sum, i] { sum += i; });
  pool.join();
  boost::asio::io_context context;
  boost::asio::steady_timer timer(context, std::chrono::milliseconds(1));
  timer.async_wait([&](const auto& error) { sum += error ? 0 : 1; });
  context.run();
  return sum;
}

}  // namespace

TEST_CASE("runtimes of all backends live one after another", "[processes][clause-55]") {
  for (const std::string_view backend : backends()) use(backend);
  for (const std::string_view backend : backends()) use(backend);
}

// The program is executed again for its workers then.
TEST_CASE("a program with threads of its own has runtimes on processes one after another",
          "[processes][clause-55]") {
  std::atomic<bool> over{false};
  std::thread own([&] {
    while (!over) std::this_thread::sleep_for(1ms);
  });
  for (const std::string_view backend : backends()) use(backend);
  over = true;
  own.join();
  use("processes");
}

TEST_CASE("many threads of the program use a runtime on processes at once",
          "[processes][clause-9]") {
  mobula::runtime runtime{on_processes()};
  std::atomic<int> right{0};
  std::vector<std::thread> all;
  for (int t = 0; t < 8; ++t) {
    all.emplace_back([t, &right] {
      for (int i = 0; i < 50; ++i) {
        const future<int> one = async([](int x) { return x + 1; }, t * 1'000 + i);
        if (get(async([](int x) { return x + 1; }, one)) == t * 1'000 + i + 2) ++right;
      }
    });
  }
  for (std::thread& one : all) one.join();
  CHECK(right == 400);
}

#ifdef MOBULA_TEST_WITH_TBB
TEST_CASE("parallel_for works in the driver and in tasks on processes", "[processes]") {
  if (conformance::thread_sanitizer) {
    SKIP_CASE("the thread sanitizer does not see how TBB hands work over");
  }
  for (int round = 0; round < 3; ++round) {
    mobula::runtime runtime{on_processes()};
    std::vector<future<int>> all;
    for (int i = 0; i < 20; ++i) all.push_back(async<in_parallel>(1'000));
    CHECK(in_parallel(1'000) == 499'500);
    for (const int sum : get(all)) CHECK(sum == 499'500);
    // From TBB's own threads, too.
    std::atomic<int> right{0};
    oneapi::tbb::parallel_for(0, 50, [&](int i) {
      if (get(async([](int x) { return x + 1; }, i)) == i + 1) ++right;
    });
    CHECK(right == 50);
  }
}
#endif

TEST_CASE("Asio works in the driver and in tasks on processes", "[processes]") {
  CHECK(sum_by_asio(100) == 4'951);
  mobula::runtime runtime{on_processes()};
  std::vector<future<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(async<sum_by_asio>(100));
  CHECK(sum_by_asio(100) == 4'951);
  for (const int sum : get(all)) CHECK(sum == 4'951);
}

TEST_CASE("OpenMP works in the driver and in tasks on processes", "[processes]") {
  if (!openmp().is_there()) SKIP_CASE("there is no libgomp.so.1");
  CHECK(sum_by_openmp(1'000) == 499'500);  // its threads wait for more from now on
  mobula::runtime runtime{on_processes()};
  std::vector<future<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(async<sum_by_openmp>(1'000));
  CHECK(sum_by_openmp(1'000) == 499'500);
  for (const int sum : get(all)) CHECK(sum == 499'500);
}
