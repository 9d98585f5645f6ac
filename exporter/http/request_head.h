// The head of a request (RFC 9112), as far as the front must understand it: where the message ends and whether the
// connection goes on. What CivetWeb could read in two ways is refused here, so that it never sees it.
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
  std::size_t head_bytes = 0;  // with the empty line
  std::size_t body_bytes = 0;  // announced by Content-Length, at most kMaxBodyBytes
  bool head_only = false;      // HEAD: an answer has no body
  bool keep_alive = false;     // the client lets the connection go on
  bool expects_continue = false;
  std::optional<std::string> authorization;  // the field's value
  // The head to pass on, where the target was not in origin-form (RFC 9112, 3.2): "http://host/path" becomes "/path"
  // and its host the value of Host; "OPTIONS *" becomes "OPTIONS /*". nullopt: the head as it came.
  std::optional<std::string> origin_form;
};

// The head at the front of `bytes`; nullopt while it is not complete; the status with which it is refused: 400
// malformed, 411 chunked, 413 body too large, 431 head longer than kMaxHeadBytes or of too many fields, 501 unknown
// method, 505 not HTTP/1.0 or 1.1. What can be seen to be no request is refused before its end has come.
std::expected<std::optional<RequestHead>, int> ParseRequestHead(std::string_view bytes);

}  // namespace pgtls::http
