// Text that comes from a server or a peer is data: bounded and made valid before it becomes a label or a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgtls {

// `text` as valid UTF-8. One bad byte makes Prometheus refuse a whole page, and a SQL_ASCII cluster has them in its
// names. A bad byte becomes U+FFFD followed by "x" and two hex digits, and a U+FFFD that was there is doubled: distinct
// in, distinct out.
std::string ValidUtf8(std::string_view text);

// `text` cut to at most `max_bytes`, at a character's border, with an ellipsis and a hash of the whole at the end, so
// that what was distinct stays distinct. Shorter text as it is. REQUIRES: max_bytes >= 32.
std::string Bounded(std::string_view text, std::size_t max_bytes);

// For log lines: control characters (newline, escape, U+009B …) as \xHH, valid UTF-8, at most `max_bytes`.
std::string Printable(std::string_view text, std::size_t max_bytes = 500);

// Several lines as one: trimmed, and joined with "; ". libpq and OpenSSL explain themselves in lines.
std::string OneLine(std::string_view text);

// `text` as a JSON string (RFC 8259) with its quotes, of valid UTF-8.
std::string JsonString(std::string_view text);

}  // namespace pgtls
