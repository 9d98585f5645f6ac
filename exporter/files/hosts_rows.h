// pg_hosts.conf over SQL: tls_exporter.hosts_lines() of deploy/sql/monitoring_role.sql.
#pragma once

#include "exporter/db/result.h"
#include "exporter/db/session.h"
#include "exporter/files/hosts_file.h"

namespace pgtls::files {

// PostgreSQL 19 has the file and the setting ssl_sni.
inline constexpr int kFirstVersionWithHosts = 190000;

// Its result has no rows while ssl_sni is off. REQUIRES: server_version >= kFirstVersionWithHosts.
db::Statement HostsStatement(int server_version);
tls::HostsFile ReadHosts(const db::Result& rows);

}  // namespace pgtls::files
