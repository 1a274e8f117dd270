// A parameter server: one actor holds a model, several workers, actors too, pull it, compute a
// gradient on their own share of the data, and push that back. The model fits a line to points.
//
//   $ ./13_parameter_server
//   round 0: y = 0.00 x + 0.00
//   round 50: y = 2.94 x + 1.03
//   round 100: y = 3.00 x + 1.00
//   round 200: y = 3.00 x + 1.00

#include <cstddef>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

#include <mobula/backends.hpp>
#include <mobula/mobula.hpp>

// Plain structs are sent as they are.
struct line {
  double slope = 0;
  double offset = 0;
};
struct point {
  double x = 0;
  double y = 0;
};

class parameter_server {
 public:
  line pull() const { return model_; }
  line push(std::span<const line> gradients, double rate) {
    for (const line& each : gradients) {
      model_.slope -= rate * each.slope / static_cast<double>(gradients.size());
      model_.offset -= rate * each.offset / static_cast<double>(gradients.size());
    }
    return model_;
  }

 private:
  line model_;
};

class worker {
 public:
  explicit worker(std::vector<point> share) : share_(std::move(share)) {}
  // Of the mean square error, on this worker's points.
  line gradient(const line& model) const {
    line sum;
    for (const point& p : share_) {
      const double error = model.slope * p.x + model.offset - p.y;
      sum.slope += 2 * error * p.x / static_cast<double>(share_.size());
      sum.offset += 2 * error / static_cast<double>(share_.size());
    }
    return sum;
  }

 private:
  std::vector<point> share_;
};

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  constexpr int worker_count = 4;
  constexpr int points = 1000;

  std::vector<std::vector<point>> shares(worker_count);
  for (int i = 0; i < points; ++i) {
    const double x = static_cast<double>(i) / points;
    shares[static_cast<std::size_t>(i % worker_count)].push_back({x, 3 * x + 1});
  }
  const auto server = mobula::spawn<parameter_server>();
  std::vector<mobula::actor<worker>> workers;
  for (auto& share : shares) workers.push_back(mobula::spawn<worker>(std::move(share)));

  // The whole training is a graph of calls: nothing waits but the lines that print.
  mobula::future<line> model = server.call<&parameter_server::pull>();
  for (int round = 0; round <= 200; ++round) {
    if (round == 0 || round == 50 || round == 100 || round == 200) {
      const line now = mobula::get(model);
      std::printf("round %d: y = %.2f x + %.2f\n", round, now.slope, now.offset);
    }
    std::vector<mobula::future<line>> gradients;
    for (const auto& each : workers) gradients.push_back(each.call<&worker::gradient>(model));
    model = server.call<&parameter_server::push>(gradients, 0.5);
  }
}
