// The certificates that a server serves and those in files, as a fact for the audit and the pages.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/certificate_file.h"
#include "exporter/tls/client_authorities.h"
#include "exporter/tls/hosts_file.h"
#include "exporter/tls/next_start.h"
#include "exporter/tls/served_path.h"
#include "exporter/tls/server_access.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {

struct FileReport {
  // "server", "ca", "crl" (of the server's settings), "upstream" (of a standby or subscriber, as a client),
  // "extra" (configured)
  std::string role;
  std::string path;  // absolute
  // Empty: none; missing, permission_denied, unreadable, no_certificate, no_crl, malformed; of role extra also
  // wrong_password, unsupported_encryption.
  std::string problem;
  CertificateFile content;
  std::optional<ServedPath> chain_path = std::nullopt;  // of a server certificate and what follows it
  // Whether the server can read the file; `problem` is permission_denied or missing if it cannot. Absent: not known, or
  // not a file of the server.
  std::optional<bool> server_may_read = std::nullopt;
  // For a certificate file in pg_hosts.conf: whether clients that ask for its names get it (see IsServed()). For a CA
  // file: false if the server may not have loaded it as it is now. Absent: not known.
  std::optional<bool> is_served = std::nullopt;
  bool of_list_directory = false;  // role "crl": ssl_crl_dir, or a file in it. No start and no reload reads them
};

// As PostgreSQL will judge them at its next start. Absent: not visible to the exporter.
struct KeyReport {
  std::string path;
  std::optional<bool> mode;
  std::optional<bool> owner;
  std::optional<bool> matches_certificate;
  std::optional<bool> readable = std::nullopt;  // by the owner of data_directory
  // On the way to the file: where others may replace it.
  std::optional<std::vector<SharedDirectory>> shared_directories = std::nullopt;
};

// The certificates for clients that ask for a name by SNI.
struct ServedName {
  std::string host;                      // kWithoutSni: for clients that send no name
  std::vector<CertificateFacts> served;  // never empty
  std::optional<ServedPath> served_path;
  std::optional<bool> matches_file = std::nullopt;                 // of the entry in pg_hosts.conf; absent: not known
  std::optional<std::chrono::sys_seconds> changed = std::nullopt;  // as CertificateInventory::served_changed
};

// Whether the chain that is served verifies against a root certificate file that clients may have one day (the host
// name and revocation lists left out).
struct RootVerdict {
  std::string root;  // its name in the configuration
  std::string path;
  std::string host;                      // that the client asks for; empty: the server's own name
  std::vector<std::string_view> errors;  // of kChainErrors; empty: it verifies
};

// A client certificate that sessions of a user use, or have used; or the exporter's own.
struct ClientUse {
  std::string user;
  std::string client_dn;  // as pg_stat_ssl shows them
  std::string issuer_dn;
  std::string serial;  // as CertificateFacts::serial
  bool own = false;
  bool found = false;  // in an inventory
  std::optional<std::chrono::sys_seconds> not_before = std::nullopt;
  std::optional<std::chrono::sys_seconds> not_after = std::nullopt;
  bool revoked = false;
  std::size_t connections = 0;              // open ones
  std::vector<std::string> addresses = {};  // of some of them
  std::optional<std::chrono::sys_seconds> last_seen = std::nullopt;
};

struct CertificateInventory {
  std::vector<CertificateFacts> served;  // the server's first; empty: none is known
  std::optional<ServedPath> served_path;
  // When it was first served, as far as the exporter has observed it; absent: not known.
  std::optional<std::chrono::sys_seconds> served_changed;
  std::vector<ServedName> names;   // other names than the server's own
  std::vector<RootVerdict> roots;  // of each file that could be read, by each name
  std::optional<HostsFile> hosts;  // with absolute paths; absent: ssl_sni is off, or the file is not known
  std::vector<FileReport> files;
  std::optional<KeyReport> key;
  std::optional<bool> served_matches_file;
  std::optional<NextStart> next_start;  // absent: SQL is not connected
  bool passphrase_at_reload = false;    // whether a reload may ask for the key's passphrase
  std::optional<ClientTrust> clients;   // absent: no client certificate is verified, or not known
  std::vector<ClientUse> client_uses;   // those that end first come first
  bool has_client_inventory = false;    // one is configured
  std::vector<ListInForce> lists;  // of the server's settings and of the configuration, one for each path and issuer
};

// Whether a start or reload of the server reads the file.
inline bool IsOfSettings(const FileReport& file) { return file.role != "extra" && file.role != "upstream"; }

// Whether clients get the certificates in the file. Absent: not known, or the file is not a server certificate's.
inline std::optional<bool> IsServed(const CertificateInventory& inventory, const FileReport& file) {
  if (file.role != "server") return std::nullopt;
  return inventory.hosts && inventory.hosts->in_use() ? file.is_served : inventory.served_matches_file;
}

}  // namespace pgtls::tls
