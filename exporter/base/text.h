// Text from a server or client is untrusted: it is bounded and made valid before it becomes a label or a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls {

// Returns `text` as valid UTF-8. One invalid byte makes Prometheus refuse a whole page, and names in a SQL_ASCII
// cluster can have them. An invalid byte becomes U+FFFD, "x" and two hex digits, and an existing U+FFFD is doubled:
// distinct inputs have distinct results.
std::string ValidUtf8(std::string_view text);

// Returns `text` cut to at most `max_bytes`, between characters, with an ellipsis and a hash of the whole text at the
// end, so that distinct texts stay distinct. Shorter text is unchanged. REQUIRES: max_bytes >= 32.
std::string Bounded(std::string_view text, std::size_t max_bytes);

// For log lines: control characters (newline, escape, U+009B …) as \xHH, valid UTF-8, at most `max_bytes`.
std::string Printable(std::string_view text, std::size_t max_bytes = 500);

// Joins several lines into one: trimmed, with "; " between them. Messages of libpq and OpenSSL have several lines.
std::string OneLine(std::string_view text);

// ASCII letters alone.
std::string Lower(std::string_view text);

// The entries between the separators, as they are; one at least. They are parts of `text`.
std::vector<std::string_view> SplitList(std::string_view text, char separator);

// "1 connection", "3 connections".
std::string Counted(std::size_t count, std::string_view thing);

}  // namespace pgtls
