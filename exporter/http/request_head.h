// The head of a request (RFC 9112), as far as the front needs it: where the message ends, and whether the connection
// continues. A head that CivetWeb could interpret differently is refused here.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace pgtls::http {

inline constexpr std::size_t kMaxHeadBytes = std::size_t{16} * 1024;
inline constexpr std::size_t kMaxBodyBytes = std::size_t{64} * 1024;

struct RequestHead {
  std::size_t head_bytes = 0;  // including the empty line
  std::size_t body_bytes = 0;  // announced by Content-Length, at most kMaxBodyBytes
  bool head_only = false;      // HEAD: the response has no body
  bool keep_alive = false;     // the client allows further requests on the connection
  bool expects_continue = false;
  std::optional<std::string> authorization;  // the field's value
  // The head to pass on if the target was not in origin-form (RFC 9112, 3.2): "http://host/path" becomes "/path", with
  // its host as the value of Host; "OPTIONS *" becomes "OPTIONS /*". nullopt: the head as received.
  std::optional<std::string> origin_form;
};

// Returns the head at the beginning of `bytes`; nullopt if it is not complete yet; or the status with which it is
// refused: 400 malformed, 411 chunked, 413 body too large, 431 head longer than kMaxHeadBytes or with too many fields,
// 501 unknown method, 505 not HTTP/1.0 or 1.1. Bytes that cannot become a request are refused before the head ends.
std::expected<std::optional<RequestHead>, int> ParseRequestHead(std::string_view bytes);

}  // namespace pgtls::http
