// What the server says about a connection, by the text of its message. Names, addresses and application names are
// chosen by the client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "exporter/base/protection.h"
#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// "connection received": before anything else is known.
struct Received {
  std::string host;
  std::optional<int> port;
};

// "connection authenticated": the rule of pg_hba.conf that admitted the connection.
struct Authenticated {
  std::string method;
  std::string file;
  int line = 0;
};

// "connection authorized". An encrypted connection always says so at the end, and so can an application name.
struct Authorized {
  std::string user;
  std::string database;  // empty for replication
  std::string application_name;
  Encryption said = Encryption::kNone;
  // Whether only the server can have written that: nothing that the client chose can look so.
  bool certain = true;
  // Whether nothing else can be meant by the text: a name may look like the end of one and the beginning of the next.
  bool names_certain = true;
  // Otherwise the application name may be the end of the name before it: a database "x application_name=y".
  bool application_certain = true;
  // Whether the record may be of another session than it says (Record::doubtful, or its names contradict each other).
  bool doubtful = false;
};

// Refused by pg_hba.conf.
struct Rejected {
  bool no_entry = false;  // no rule matched; otherwise a rule with `reject`
  std::string host;
  std::string user;
  std::string database;  // empty for replication
  Encryption encryption = Encryption::kNone;
};

// A TLS handshake that failed; the reason as pg_tls_logged_handshake_failures_total has it.
struct HandshakeFailed {
  std::string_view reason;
};

using Message = std::variant<std::monostate, Received, Authenticated, Authorized, Rejected, HandshakeFailed>;

// std::monostate: about something else, or written by a query.
Message ParseMessage(const Record& record);

// Of pg_tls_logged_handshake_failures_total, all that ParseMessage() returns.
inline constexpr std::string_view kHandshakeFailures[] = {"unsupported_protocol",
                                                          "no_shared_cipher",
                                                          "certificate_expired",
                                                          "certificate_revoked",
                                                          "unknown_ca",
                                                          "bad_certificate",
                                                          "eof",
                                                          "other"};

}  // namespace pgtls::serverlog
