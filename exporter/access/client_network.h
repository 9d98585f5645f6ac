// Which addresses count as one client for limits and fairness.
#pragma once

#include <string>
#include <string_view>

namespace pgtls::access {

// Returns the address of "192.0.2.7:51234", and the /64 of "[2001:db8::7]:51234", "2001:db8::/64": one host usually has
// a whole /64. Any other text is returned unchanged.
std::string ClientNetwork(std::string_view client);

}  // namespace pgtls::access
