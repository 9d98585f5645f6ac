// The libpq that this process runs with, and what is newer than it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgtls::db {

// Its major version, such as 15.
int LibpqMajor();

// Returns the first major version of libpq that has this option; nullopt if every supported libpq has it, or none.
std::optional<int> FirstLibpqWith(std::string_view option);

// sslrootcert=system; before, it is the name of a file.
inline constexpr int kFirstLibpqWithSystemRoot = 16;

// Returns an error text: "… needs libpq 17, and this program runs with libpq 15".
std::string NeedsLibpq(std::string_view what, int major);

}  // namespace pgtls::db
