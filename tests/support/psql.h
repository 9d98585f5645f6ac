// The client that users have.
#pragma once

#include <string>

namespace pgtls::support {

// Returns the path of the newest psql of this machine. What Debian has in the PATH is a Perl script that looks for it.
std::string Psql();

}  // namespace pgtls::support
