// How the passwords of the roles that may log in are stored. Never a verifier itself.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pgtls::settings {

// RFC 7677, 4, and PostgreSQL's default (scram_iterations).
inline constexpr int kFewestIterations = 4096;

struct RolePasswords {
  std::size_t scram = 0;           // roles with a SCRAM verifier
  std::size_t few_iterations = 0;  // of these, with fewer than kFewestIterations
  std::size_t md5 = 0;
  std::size_t none = 0;                // without a password, or with one that nobody can log in with
  std::vector<std::string> md5_roles;  // the first ones by name; the server's query has the limit
};

}  // namespace pgtls::settings
