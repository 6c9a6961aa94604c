// A function that is owned by one: it can be moved but not copied, and so may hold what only can be
// moved. What std::function holds has to be copyable, so that each wrapper of a callback around
// another one copies it, or shares it for nothing. (std::move_only_function is C++23.) Small ones
// need no memory of their own. Leaf header of base.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"

namespace base {

template <class Signature>
class UniqueFunction;

template <class Result, class... Arguments>
class UniqueFunction<Result(Arguments...)> {
 public:
  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) {}  // NOLINT: empty, as with std::function

  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> &&
             std::is_invocable_r_v<Result, std::remove_cvref_t<F>&, Arguments...>)
  UniqueFunction(F&& function) {  // NOLINT: a function is what it calls
    using Held = std::remove_cvref_t<F>;
    if constexpr (fits<Held>) {
      ::new (static_cast<void*>(storage_)) Held(std::forward<F>(function));
      operations_ = &inside<Held>;
    } else {
      ::new (static_cast<void*>(storage_)) Held*(new Held(std::forward<F>(function)));
      operations_ = &outside<Held>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this == &other) return *this;
    drop();
    take(other);
    return *this;
  }
  ~UniqueFunction() { drop(); }

  explicit operator bool() const { return operations_ != nullptr; }

  // REQUIRES: it is not empty.
  Result operator()(Arguments... arguments) {
    ASSERT(operations_ != nullptr);
    return operations_->call(storage_, std::forward<Arguments>(arguments)...);
  }

 private:
  static constexpr std::size_t inside_bytes = 48;

  struct Operations {
    Result (*call)(void* storage, Arguments&&... arguments);
    void (*move)(void* from, void* to) noexcept;  // and destroys what was at `from`
    void (*destroy)(void* storage) noexcept;
  };

  template <class Held>
  static constexpr bool fits = sizeof(Held) <= inside_bytes &&
                               alignof(Held) <= alignof(std::max_align_t) &&
                               std::is_nothrow_move_constructible_v<Held>;

  template <class Held>
  static Held& at(void* storage) {
    return *std::launder(static_cast<Held*>(storage));
  }

  template <class Held>
  static constexpr Operations inside{
      [](void* storage, Arguments&&... arguments) -> Result {
        return at<Held>(storage)(std::forward<Arguments>(arguments)...);
      },
      [](void* from, void* to) noexcept {
        ::new (to) Held(std::move(at<Held>(from)));
        std::destroy_at(&at<Held>(from));
      },
      [](void* storage) noexcept { std::destroy_at(&at<Held>(storage)); }};

  template <class Held>
  static constexpr Operations outside{
      [](void* storage, Arguments&&... arguments) -> Result {
        return (*at<Held*>(storage))(std::forward<Arguments>(arguments)...);
      },
      [](void* from, void* to) noexcept { ::new (to) Held*(at<Held*>(from)); },
      [](void* storage) noexcept { delete at<Held*>(storage); }};

  void take(UniqueFunction& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(other.storage_, storage_);
  }
  void drop() noexcept {
    if (const Operations* operations = std::exchange(operations_, nullptr))
      operations->destroy(storage_);
  }

  alignas(std::max_align_t) std::byte storage_[inside_bytes];
  const Operations* operations_ = nullptr;  // nullptr: empty
};

}  // namespace base
