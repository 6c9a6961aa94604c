// Result<T, E> is a value or the reason why there is none: what a caller expects to happen, such as
// bad input. Broken infrastructure is an exception, our own bugs are ASSERTs.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.hpp"

namespace base {

template <class E>
struct Failure {
  E error;
};
template <class E>
Failure(E) -> Failure<E>;

// `return fail(error);` from a function that returns Result<T, E>.
template <class E>
Failure<std::decay_t<E>> fail(E&& error) {
  return {std::forward<E>(error)};
}

template <class T, class E>
class [[nodiscard]] Result {
 public:
  Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}
  template <class F>
  Result(Failure<F> failure) : data_(std::in_place_index<1>, std::move(failure.error)) {}

  bool ok() const { return data_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & {
    ASSERT(ok());
    return *std::get_if<0>(&data_);
  }
  const T& value() const& {
    ASSERT(ok());
    return *std::get_if<0>(&data_);
  }
  T&& value() && {
    ASSERT(ok());
    return std::move(*std::get_if<0>(&data_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  E& error() {
    ASSERT(!ok());
    return *std::get_if<1>(&data_);
  }
  const E& error() const {
    ASSERT(!ok());
    return *std::get_if<1>(&data_);
  }

 private:
  std::variant<T, E> data_;
};

using Ok = std::monostate;

}  // namespace base
