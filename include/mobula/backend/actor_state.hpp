#pragma once

/// What an actor's handle refers to: an identity, a count of handles, and the backend's own state
/// behind them.

#include <atomic>
#include <cstdint>
#include <string>
#include <typeinfo>
#include <utility>

#include "mobula/core/demangle.hpp"
#include "mobula/core/ids.hpp"

namespace mobula::detail {

/// Base of what a backend keeps per actor.
/// Invariants: the memory lives while there is a handle or a reference; handles together hold one
/// reference. When the last handle goes `abandoned` is called; a backend may hand out handles again
/// afterwards (a name keeps an actor). Thread safety: all members.
class actor_state {
 public:
  actor_state(const actor_state&) = delete;
  actor_state& operator=(const actor_state&) = delete;

  void add_handle() noexcept {
    if ((counts_.fetch_add(1, std::memory_order_relaxed) & handle_mask) == 0) add_reference();
  }
  void drop_handle() noexcept {
    const std::uint64_t old = counts_.fetch_sub(1, std::memory_order_acq_rel);
    if ((old & handle_mask) == 1) {
      abandoned();
      drop_reference();
    }
  }
  [[nodiscard]] bool has_handles() const noexcept {
    return (counts_.load(std::memory_order_acquire) & handle_mask) != 0;
  }
  [[nodiscard]] std::uint32_t handle_count() const noexcept {
    return static_cast<std::uint32_t>(counts_.load(std::memory_order_acquire) & handle_mask);
  }
  void add_reference() noexcept { counts_.fetch_add(one_reference, std::memory_order_relaxed); }
  void drop_reference() noexcept {
    const std::uint64_t old = counts_.fetch_sub(one_reference, std::memory_order_acq_rel);
    if ((old & ~handle_mask) == one_reference) destroy();
  }

  actor_id id() const noexcept { return id_; }
  const std::type_info& type() const noexcept { return *type_; }
  /// Which runtime of this process it belongs to.
  std::uint32_t epoch() const noexcept { return epoch_; }
  /// For errors and logs: its name, or its class's. Made when it is asked for.
  std::string label() const { return name_.empty() ? demangle(*type_) : name_; }
  /// Empty where it has none.
  const std::string& name() const noexcept { return name_; }

 protected:
  actor_state(actor_id id, const std::type_info& type, std::uint32_t epoch, std::string name)
      : type_(&type), id_(id), epoch_(epoch), name_(std::move(name)) {}
  virtual ~actor_state() = default;

  /// No handle is left. May be called more than once, if handles came back.
  virtual void abandoned() noexcept = 0;
  virtual void destroy() noexcept = 0;

 private:
  static constexpr std::uint64_t handle_mask = 0xffff'ffffULL;
  static constexpr std::uint64_t one_reference = 1ULL << 32;

  std::atomic<std::uint64_t> counts_{1 + one_reference};  // made with one handle
  const std::type_info* type_;
  actor_id id_;
  std::uint32_t epoch_;
  std::string name_;
};

/// An owning pointer to an actor: one handle.
class actor_ptr {
 public:
  actor_ptr() = default;
  static actor_ptr adopt(actor_state* one) noexcept {
    actor_ptr made;
    made.pointer_ = one;
    return made;
  }
  static actor_ptr share(actor_state* one) noexcept {
    if (one != nullptr) one->add_handle();
    return adopt(one);
  }
  actor_ptr(const actor_ptr& other) noexcept : pointer_(other.pointer_) {
    if (pointer_ != nullptr) pointer_->add_handle();
  }
  actor_ptr(actor_ptr&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  actor_ptr& operator=(actor_ptr other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~actor_ptr() {
    if (pointer_ != nullptr) pointer_->drop_handle();
  }

  actor_state* get() const noexcept { return pointer_; }
  actor_state* operator->() const noexcept { return pointer_; }
  actor_state& operator*() const noexcept { return *pointer_; }
  explicit operator bool() const noexcept { return pointer_ != nullptr; }
  friend bool operator==(const actor_ptr&, const actor_ptr&) noexcept = default;

 private:
  actor_state* pointer_ = nullptr;
};

}  // namespace mobula::detail
