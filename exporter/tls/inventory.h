// The certificates around a server, as a fact for the audit and the pages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/tls/certificate_file.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {

struct FileReport {
  std::string role;     // "server", "ca", "crl" (of the server's settings), "extra" (configured)
  std::string path;     // absolute
  std::string problem;  // empty: none; missing, permission_denied, unreadable, no_certificate, no_crl, malformed
  CertificateFile content;
};

// As PostgreSQL will judge them at its next start. Absent: the exporter cannot look.
struct KeyReport {
  std::string path;
  std::optional<bool> mode;
  std::optional<bool> owner;
  std::optional<bool> matches_certificate;
};

struct CertificateInventory {
  std::vector<CertificateFacts> served;  // the server's first; empty: none seen
  std::vector<FileReport> files;
  std::optional<KeyReport> key;
  std::optional<bool> served_matches_file;
};

}  // namespace pgtls::tls
