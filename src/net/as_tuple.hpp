// The completion token of every network wait: the outcome is a tuple that starts with an error
// code, not an exception. Asio 1.22 keeps as_tuple in asio::experimental, later ones in asio.
#pragma once

#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif
#include <asio/use_awaitable.hpp>

namespace net {

#if __has_include(<asio/as_tuple.hpp>)
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_tuple(asio::use_awaitable);
#else
inline constexpr asio::experimental::as_tuple_t<asio::use_awaitable_t<>> as_tuple(
    asio::use_awaitable);
#endif

}  // namespace net
