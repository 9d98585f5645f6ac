// bcrypt, by libcrypt.
#pragma once

#include <string>
#include <string_view>

namespace pgtls::access {

// "$2a$", "$2b$" or "$2y$", a cost of 04 to 31, 53 characters.
bool IsBcryptHash(std::string_view text);

// Returns the cost in a hash ("10"). REQUIRES: IsBcryptHash(hash).
inline std::string BcryptCost(const std::string& hash) { return hash.substr(4, 2); }

// Returns a hash of this cost that no password matches.
std::string UnmatchableBcrypt(const std::string& cost);

// Takes 60 to 240 ms at the usual costs, twice as long for each further step. bcrypt ignores bytes beyond the 72nd of a
// password.
bool BcryptMatches(const std::string& password, const std::string& hash);

}  // namespace pgtls::access
