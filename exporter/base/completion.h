// Completion tokens of Asio. Up to 1.22 (Debian 12) they are in the experimental namespace, which newer versions
// removed.
#pragma once

#include <asio.hpp>

#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
#include <asio/deferred.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/deferred.hpp>
#endif

namespace pgtls {

#if __has_include(<asio/as_tuple.hpp>)
using asio::deferred;
// For co_await: the error code is part of the result instead of an exception.
inline constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
#else
using asio::experimental::deferred;
// For co_await: the error code is part of the result instead of an exception.
inline constexpr auto kAsTuple = asio::experimental::as_tuple(asio::use_awaitable);
#endif

}  // namespace pgtls
