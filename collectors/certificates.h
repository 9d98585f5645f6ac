// The certificates collector: certificates that are served and those in files, keys and revocation lists.
//
// Served: from the handshake that the endpoint collector made just before, or else from one of its own, closed with
// close_notify. Files of the server: read on this machine if the server is on it (read_via: local, or a Unix socket),
// otherwise through tls_exporter.certificate_files() of deploy/sql/monitoring_role.sql; a path in a setting of another
// machine is never opened here. Files of the configuration are this machine's.
//
// With pg_hosts.conf (PostgreSQL 19) the server's files are those of its entries: host_certificates.h.
//
// Which client certificates are accepted is known only if the server has loaded ssl_ca_file and ssl_crl_file as they
// are on disk: loaded_files.h.
//
// Parts that may be incomplete: `served` (no connection, no handshake), `names` (the same for another name), `roots` (a
// file of `roots` that cannot be used, or nothing is served), `host_files` (pg_hosts.conf not read, or with errors),
// `files` (no session, settings not visible, function not installed, a directory of files that cannot be listed),
// `client_inventory` (files of it not read, or the sessions collector has not run),
// `private_key` (if it is read here: not all of it may be read), `file_contents` (more certificates in a file than are
// read), `series` (more of them than max_series), `next_start_…` (by file, the settings, pg_hba.conf).
//
// Facts: tls::CertificateInventory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "collectors/client_uses.h"
#include "collectors/read_via.h"
#include "exporter/sampling/collector.h"

namespace pgtls::collectors {

struct CertificatesOptions {
  ReadVia read_via = ReadVia::kAuto;  // kLocal over a Unix socket, else kSql
  std::vector<std::string> files;     // glob patterns
  std::string pkcs12_password_file;   // for the PKCS#12 files among them; empty: none
  files::InventoryPaths client_inventory;
  config::Milliseconds client_keep = kDefaultClientKeep;  // how long a client certificate counts after its last use
  std::size_t max_series = 500;                           // of each kind
  friend bool operator==(const CertificatesOptions&, const CertificatesOptions&) = default;
};

const sampling::CollectorType& CertificatesCollector();

}  // namespace pgtls::collectors
