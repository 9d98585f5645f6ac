// A part of the settings collector: how the passwords of the roles that may log in are stored.
#pragma once

#include <array>

#include "exporter/db/session.h"
#include "exporter/metrics/desc.h"
#include "exporter/metrics/sink.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/settings/role_passwords.h"

namespace pgtls::collectors {

extern const metrics::Desc kRolePasswords;

// For a role that may read pg_authid itself; tls_exporter.role_passwords() is the same for the others.
extern const std::array<postgres::VersionedSql, 1> kRolePasswordsSql;

// `function`: asks tls_exporter.role_passwords(), else pg_authid.
db::Statement RolePasswordsStatement(bool function, int version);

settings::RolePasswords ReadRolePasswords(const db::Result& rows);
void RenderRolePasswords(const settings::RolePasswords& passwords, metrics::Sink& sink);

}  // namespace pgtls::collectors
