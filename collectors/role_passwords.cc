#include "collectors/role_passwords.h"

#include <array>
#include <string>
#include <string_view>

namespace pgtls::collectors {
namespace {

constexpr std::array kFunctionSql = {
    postgres::VersionedSql{140000, "SELECT * FROM tls_exporter.role_passwords() ORDER BY kind, name NULLS FIRST"}};

}  // namespace

// A verifier is recognized as get_password_type() does it (src/backend/libpq/crypt.c).
constinit const std::array<postgres::VersionedSql, 1> kRolePasswordsSql = {postgres::VersionedSql{140000, R"(
WITH role AS MATERIALIZED (
  SELECT rolname,
         CASE WHEN rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5'
              WHEN rolpassword ~ '^SCRAM-SHA-256\$[0-9]+:[^$]+\$[^:]+:.' THEN 'scram-sha-256'
              ELSE 'none' END AS kind,
         substring(rolpassword FROM '^SCRAM-SHA-256\$([0-9]+):')::numeric < 4096 AS few_iterations
  FROM pg_authid
  WHERE rolcanlogin
)
SELECT k.kind, NULL::text AS name, count(r.kind) AS roles, count(*) FILTER (WHERE r.few_iterations) AS few_iterations
FROM (VALUES ('scram-sha-256'), ('md5'), ('none')) AS k(kind)
LEFT JOIN role r ON r.kind = k.kind
GROUP BY k.kind
UNION ALL
(SELECT kind, rolname::text COLLATE "C", NULL, NULL FROM role WHERE kind = 'md5' ORDER BY rolname LIMIT 100)
ORDER BY kind, name NULLS FIRST
)"}};

constinit const metrics::Desc kRolePasswords = {
    "pg_tls_role_passwords",
    metrics::Type::kGauge,
    "Roles that may log in, by how their password is stored: scram-sha-256, md5 or none.",
    {"server", "kind"}};

db::Statement RolePasswordsStatement(bool function, int version) {
  if (function) return postgres::StatementFor("settings_passwords_function", kFunctionSql, version);
  return postgres::StatementFor("settings_passwords", kRolePasswordsSql, version);
}

settings::RolePasswords ReadRolePasswords(const db::Result& rows) {
  settings::RolePasswords passwords;
  const int kind = rows.Column("kind");
  const int name = rows.Column("name");
  const int roles = rows.Column("roles");
  const int few_iterations = rows.Column("few_iterations");
  for (int row = 0; row < rows.rows(); ++row) {
    if (const auto role = rows.Text(row, name)) {
      passwords.md5_roles.emplace_back(*role);
      continue;
    }
    const auto count = static_cast<std::size_t>(rows.RequireInt(row, roles));
    const std::string_view of = rows.RequireText(row, kind);
    if (of == "md5") passwords.md5 = count;
    if (of == "none") passwords.none = count;
    if (of != "scram-sha-256") continue;
    passwords.scram = count;
    passwords.few_iterations = static_cast<std::size_t>(rows.RequireInt(row, few_iterations));
  }
  return passwords;
}

void RenderRolePasswords(const settings::RolePasswords& passwords, metrics::Sink& sink) {
  sink.Add(kRolePasswords, {"scram-sha-256"}, static_cast<double>(passwords.scram));
  sink.Add(kRolePasswords, {"md5"}, static_cast<double>(passwords.md5));
  sink.Add(kRolePasswords, {"none"}, static_cast<double>(passwords.none));
}

}  // namespace pgtls::collectors
