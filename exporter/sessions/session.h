// A session as PostgreSQL's statistics views show it; where it comes from and how it is encrypted, by its row.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "exporter/base/net_address.h"
#include "exporter/base/protection.h"

namespace pgtls::sessions {

// One client backend or walsender: pg_stat_activity joined with pg_stat_ssl and pg_stat_gssapi
// (src/backend/utils/adt/pgstatfuncs.c, pg_stat_get_activity); or a client of a pooler. The texts are views into the
// rows that it was read from and are the server's bytes, not necessarily UTF-8; null values are empty.
struct Session {
  std::int64_t id = 0;                // a backend's pid: with the start unique on this server
  std::int64_t backend_start_us = 0;  // microseconds since the epoch, by the server's clock
  std::string_view database;          // empty for physical replication
  std::string_view user;              // empty if the role was dropped
  std::string_view application_name;  // chosen by the client
  std::string_view client_addr;       // numeric, without a prefix length; empty over a Unix socket
  std::optional<int> client_port;     // -1 over a Unix socket; absent if the server cannot print the address
  std::string_view backend_type;
  // Has not authenticated yet (18 and later show these). `ssl` is false then, even over TLS.
  bool authenticating = false;
  std::optional<bool> ssl = false;  // absent if the server does not show it
  std::string_view version;
  std::string_view cipher;
  std::string_view bits;
  bool client_certificate = false;
  std::string_view client_dn;  // cut at 63 bytes by the server
  std::string_view issuer_dn;
  std::string_view client_serial;  // decimal
  bool gss_encrypted = false;
};

// ToString() of the encryption; "unknown" if it is absent.
std::string_view EncryptionLabel(std::optional<Encryption> encryption);

struct Origin {
  Network network = Network::kLocal;
  // As the server shows it: it may be an IPv4 address mapped into IPv6. Absent over a Unix socket, and if the server
  // cannot print it or the text is no address: such a session counts as remote, the most serious case.
  std::optional<IpAddress> address;
};

Origin OriginOf(const Session& session);
// Absent: the server shows the session, but not how it is protected.
std::optional<Encryption> EncryptionOf(const Session& session);

}  // namespace pgtls::sessions
