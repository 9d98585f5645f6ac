// Parts of a URI (RFC 3986).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgtls {

// `text` with every byte that is not unreserved as %HH.
std::string PercentEncoded(std::string_view text);

// The inverse. nullopt: a % without two hexadecimal digits behind it, or a NUL byte.
std::optional<std::string> PercentDecoded(std::string_view text);

}  // namespace pgtls
