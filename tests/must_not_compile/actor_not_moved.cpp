// expect: an argument can't be copied: pass it as std::move\(argument\)
// errors: 1

#include <memory>

#include <mobula/mobula.hpp>

struct keeper {
  explicit keeper(std::unique_ptr<int> given) : kept(std::move(given)) {}
  std::unique_ptr<int> kept;
};

int main() {
  auto number = std::make_unique<int>(1);
  const mobula::actor<keeper> here = mobula::spawn<keeper>(number);
}
