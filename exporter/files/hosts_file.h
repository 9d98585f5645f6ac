// Reads the lines of pg_hosts.conf as PostgreSQL 19 does (parse_hosts_line in src/backend/libpq/be-secure-common.c).
// Pure.
#pragma once

#include "exporter/files/hosts_lines.h"
#include "exporter/tls/hosts_file.h"

namespace pgtls::files {

// More entries are left out, and HostsFile::truncated is set.
inline constexpr std::size_t kMostHostEntries = 1000;

// Lines of any bytes, those of included files among them; the order of the files does not matter.
tls::HostsFile ParseHosts(const std::vector<HostsLine>& lines);

}  // namespace pgtls::files
