// The connections that a server makes itself, or takes from other servers, and how they are protected. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/base/protection.h"

namespace pgtls::links {

// What an outgoing link is sure of. kNone: no TLS. kOptional: TLS if the other end has it (allow, prefer). kEncrypted:
// TLS with any server. kCaVerified: with a certificate of the CA. kVerified: and of that host. kLocal: over a Unix
// socket. kUnknown: options that cannot be seen decide.
enum class Protection { kNone, kOptional, kEncrypted, kCaVerified, kVerified, kLocal, kUnknown };

std::string_view ToString(Protection protection);
inline bool MayBePlaintext(Protection protection) {
  return protection == Protection::kNone || protection == Protection::kOptional;
}

// libpq's options of a link, as they are set; empty: not set. `host`, `hostaddr` and `port` may be lists with commas.
struct Options {
  std::string host;
  std::string hostaddr;
  std::string port;
  std::string sslmode;
  std::string sslrootcert;  // a path, or "system"
  std::string gssencmode;
  bool service = false;           // a service file sets what is not set here
  bool knows_system_root = true;  // libpq 16 and later: sslrootcert=system is no file
};

inline constexpr std::string_view kWalReceiver = "wal_receiver";
inline constexpr std::string_view kSubscription = "subscription";
inline constexpr std::string_view kForeignServer = "foreign_server";
inline constexpr std::string_view kPooler = "pgbouncer";

// One configured outgoing link.
struct Link {
  std::string kind;
  std::string database;  // where it is defined; of a pooler, as clients name it; empty for a standby
  std::string name;      // of the subscription or foreign server
  std::string host;      // as configured, or the address if that leads elsewhere; empty: the default Unix socket
  std::string port;
  std::string sslmode;  // in force: libpq's default if none is set; empty: not known, or none of libpq's
  std::string sslrootcert;
  Protection protection = Protection::kUnknown;
  Network network = Network::kRemote;
};

// Sets the last six fields from the options.
Link LinkOf(std::string_view kind, std::string database, std::string name, const Options& options);

// Where hosts lead, by the farthest of a list with commas. A name other than localhost is remote; an empty entry and
// one with a slash or @ in front are Unix sockets.
Network NetworkOf(std::string_view hosts);
Network NetworkOf(const IpAddress& address);

// One connection that replicates from the server.
struct Replication {
  std::string application_name;
  std::string client_addr;
  bool logical = false;
  std::string sync_state;
  Network network = Network::kRemote;
  std::optional<Encryption> encryption;  // absent: the server does not tell
  std::string user = {};                 // empty: not known
};

// One open outgoing connection.
struct Outgoing {
  std::string kind;
  std::string database;
  std::string user;
  std::string server_addr;
  Network network = Network::kRemote;
  std::optional<Encryption> encryption;
  // By which the server at the other end knows it; 0: not known.
  std::int64_t backend_pid = 0;
  int local_port = 0;
};

// What one collection found, as a fact for the audit and the status page.
struct Links {
  std::vector<std::string_view> kinds;  // those of which all links are known
  std::vector<Link> links;
  std::vector<Outgoing> outgoing;
  std::vector<Replication> replication;
  bool one_of_several = false;  // other processes of a pooler may have connections, too
};

}  // namespace pgtls::links
