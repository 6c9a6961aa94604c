// A value that most objects do not have: one pointer where it is absent (std::optional takes its
// whole size). Copies are deep, and a default value counts as absent, so equal contents are equal
// boxes. Leaf header of base.
#pragma once

#include <memory>
#include <utility>

namespace base {

template <class T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(T value) { set(std::move(value)); }  // NOLINT: a box is its value
  Boxed(const Boxed& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Boxed() = default;

  void set(T value) { value_ = value == T() ? nullptr : std::make_unique<T>(std::move(value)); }

  explicit operator bool() const { return value_ != nullptr; }
  const T& operator*() const { return *value_; }        // REQUIRES: not absent
  const T* operator->() const { return value_.get(); }  // REQUIRES: not absent
  T value_or_default() const { return value_ ? *value_ : T(); }

  friend bool operator==(const Boxed& a, const Boxed& b) {
    return a.value_ && b.value_ ? *a.value_ == *b.value_ : !a.value_ && !b.value_;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace base
