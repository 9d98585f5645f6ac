// "HOST:PORT" as text: of the command line, the configuration, requests and log lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgtls {

// Parts of the text that they were split from.
struct HostAndPort {
  std::string_view host;                 // without its brackets
  std::optional<std::string_view> port;  // absent without a colon; not checked
  bool in_brackets = false;
};

// "db:5432", "db", "[::1]:5432", "[::1]". nullopt: a second colon outside brackets, no end of the brackets, or
// something other than a port behind them. Neither part is checked, and both may be empty.
std::optional<HostAndPort> SplitHostPort(std::string_view text);

// Digits alone, 0 to 65535.
std::optional<std::uint16_t> ParsePort(std::string_view text);

// A name as DNS and SNI (RFC 6066, 3) have it: labels of letters, digits, '-' and '_' with dots between, none longer
// than 63 bytes, 253 in all. A name of digits and dots alone is an address, or none.
bool IsHostName(std::string_view text);

// The reverse: brackets around a host with colons.
std::string JoinHostPort(std::string_view host, std::string_view port);

}  // namespace pgtls
