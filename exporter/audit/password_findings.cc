#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using settings::RolePasswords;

void AddNewPasswords(const settings::ServerSettings& settings, Findings& findings) {
  const auto encryption = settings.Get("password_encryption");
  if (!encryption) return;
  if (*encryption == "scram-sha-256") {
    findings.push_back({Severity::kFine,
                        "password_encryption",
                        "New passwords are stored for SCRAM",
                        {"password_encryption = scram-sha-256"},
                        "",
                        ""});
    return;
  }
  findings.push_back(
      {Severity::kWarning,
       "password_encryption_md5",
       "New passwords are stored as MD5",
       {"password_encryption = " + Printable(*encryption)},
       "Anyone who reads an MD5 password hash can log in with it, and MD5 passwords are deprecated in PostgreSQL 18.",
       "ALTER SYSTEM SET password_encryption = 'scram-sha-256'; SELECT pg_reload_conf(); Then set the passwords again "
       "(\\password) and change md5 to scram-sha-256 in pg_hba.conf."});
}

void AddMd5Roles(const RolePasswords& passwords, const Evidence& evidence, Findings& findings) {
  if (passwords.md5 == 0) return;
  std::vector<std::string> lines;
  for (const std::string& role : passwords.md5_roles) lines.push_back("role " + Printable(role));
  if (passwords.md5 > lines.size()) lines.push_back(fmt::format("and {} more", passwords.md5 - lines.size()));
  const bool new_ones_too = evidence.settings && evidence.settings->Get("password_encryption") == "md5";
  findings.push_back(
      {Severity::kWarning, "md5_roles",
       passwords.md5 == 1 ? "A role has an MD5 password" : fmt::format("{} roles have an MD5 password", passwords.md5),
       std::move(lines),
       "Anyone who reads the stored hash can log in with it, an eavesdropper can crack the exchange, and MD5 passwords "
       "are deprecated in PostgreSQL 18: a later release refuses these logins.",
       std::string(new_ones_too ? "ALTER SYSTEM SET password_encryption = 'scram-sha-256'; SELECT pg_reload_conf(); "
                                  "Then set "
                                : "Set ") +
           "the password of each role again (\\password ROLE in psql). Clients with a library older than PostgreSQL 10 "
           "cannot log in then. At last change md5 to scram-sha-256 in pg_hba.conf."});
}

void AddIterations(const RolePasswords& passwords, Findings& findings) {
  if (passwords.few_iterations == 0) return;
  findings.push_back(
      {Severity::kWarning,
       "scram_few_iterations",
       fmt::format("SCRAM passwords with fewer than {} iterations", settings::kFewestIterations),
       {fmt::format("{} of {} roles with a SCRAM password", passwords.few_iterations, passwords.scram)},
       "Fewer iterations than RFC 7677 requires make it cheaper to guess a password from a stolen verifier.",
       "Set scram_iterations to 4096 or more, then set these passwords again (\\password ROLE). As a superuser: SELECT "
       "rolname FROM pg_authid WHERE substring(rolpassword FROM '^SCRAM-SHA-256\\$([0-9]+):')::numeric < 4096;"});
}

}  // namespace

void AddPasswords(const Evidence& evidence, Findings& findings) {
  if (evidence.settings) AddNewPasswords(*evidence.settings, findings);
  if (!evidence.passwords) return;
  AddMd5Roles(*evidence.passwords, evidence, findings);
  AddIterations(*evidence.passwords, findings);
}

}  // namespace pgtls::audit
