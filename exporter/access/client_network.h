// Who counts as one client where each has a share.
#pragma once

#include <string>
#include <string_view>

namespace pgtls::access {

// Of "192.0.2.7:51234" the address; of "[2001:db8::7]:51234" the /64, "2001:db8::/64": that is what one host is given,
// and it may take any address of it. Anything else is returned as it is.
std::string ClientNetwork(std::string_view client);

}  // namespace pgtls::access
