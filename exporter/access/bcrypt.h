// bcrypt, by libcrypt.
#pragma once

#include <string>
#include <string_view>

namespace pgtls::access {

// "$2a$", "$2b$" or "$2y$", a cost of 04 to 31, 53 characters.
bool IsBcryptHash(std::string_view text);

// The cost as it stands in a hash ("10"). REQUIRES: IsBcryptHash(hash).
inline std::string BcryptCost(const std::string& hash) { return hash.substr(4, 2); }

// A hash of this cost that no password has.
std::string UnmatchableBcrypt(const std::string& cost);

// Takes 60 to 240 ms at the usual costs, and twice as long for each step more. Bytes beyond the 72nd of a password
// count for nothing: bcrypt is so.
bool BcryptMatches(const std::string& password, const std::string& hash);

}  // namespace pgtls::access
