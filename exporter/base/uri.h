// Parts of a URI (RFC 3986).
#pragma once

#include <string>
#include <string_view>

namespace pgtls {

// `text` with every byte that is not unreserved as %HH.
std::string PercentEncoded(std::string_view text);

}  // namespace pgtls
