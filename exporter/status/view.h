// What the status page shows, as values: chosen, sorted and bounded, not yet HTML. Texts are data, as they came.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "exporter/sampling/result.h"
#include "exporter/status/top_n.h"
#include "exporter/tls/sslmode.h"

namespace pgtls::status {

// By severity. Unknown is worse than a known weakness, and never good.
enum class Level { kGood, kNote, kWarning, kUnknown, kBad };
inline constexpr std::size_t kLevels = 5;

// A state in words.
struct Remark {
  Level level = Level::kGood;
  std::string text;
};

// A finding of the audit.
struct Issue {
  Level level = Level::kGood;
  std::string text;  // one line
  BoundedList<std::string> evidence;
  std::string why, remedy;
};

// Something that is not known of this server.
struct UnknownOn {
  std::string server;
  std::string why;
};

struct ConnectionCounts {
  std::size_t tls = 0, gss = 0, local = 0;  // local: Unix sockets
  std::size_t remote = 0, loopback = 0;     // neither TLS nor GSS, and no exemption
  std::size_t allowed = 0;                  // neither TLS nor GSS, by an exemption of the policy
  std::size_t unencrypted() const { return remote + loopback; }
};

struct ServerRow {
  std::string name;
  std::string product;  // "PostgreSQL 15.20", empty where it is not known
  Level level = Level::kGood;
  Remark state;                             // up, down …
  std::optional<Remark> own_connection;     // how the exporter's own connection is protected
  std::optional<ConnectionCounts> counts;   // absent: not known
  Level counts_level = Level::kGood;        // of those that are not encrypted
  std::optional<std::chrono::seconds> age;  // of the counts
  BoundedList<Issue> issues;                // the worst first
  std::size_t unchecked = 0;                // things: the table of what is not checked has them
};

// A server for which the table has no room.
struct OtherServer {
  std::string name;
  Level level = Level::kGood;
};

struct UnencryptedRow {
  std::string server, user, client_addr, database, application;
  bool loopback = false;
  bool allowed = false;
  Level level = Level::kNote;
  std::size_t connections = 0;
  std::string rule;  // "pg_hba.conf:14  host all all …"; empty where it is not known
};

struct CertificateRow {
  std::string server;
  std::string subject;
  std::string kind;                 // "certificate", "authority", "revocation list"
  std::vector<std::string> places;  // "served", "file /…"
  std::optional<std::chrono::sys_seconds> not_after;
  Level level = Level::kGood;  // of the time that is left
  std::vector<Remark> flags;
};

struct ModeRow {
  std::string server;
  std::array<Remark, tls::kSslModes.size()> cells;
};

// The hops from the clients of a PgBouncer to the servers behind it.
struct PathRow {
  std::string pooler, database;
  Remark clients;  // to the pooler
  Remark link;     // from the pooler to its server
  Remark servers;  // the same connections, as the servers that are watched see them
  Level level = Level::kUnknown;
};

// One collector of a server that the page is about.
struct CollectorRow {
  std::string server, name;
  Remark state;
  std::string why;  // where it is not good
  std::optional<std::chrono::seconds> age;
  std::chrono::milliseconds interval{};
};

// What could not be checked, for one reason, on these servers.
struct UnseenRow {
  std::string what, why;
  std::vector<std::string> servers;  // the first of them
  std::size_t more_servers = 0;
};

struct StatusView {
  std::chrono::sys_seconds now;
  std::size_t servers_in_all = 0, up = 0, down = 0;  // the rest was not tried yet
  ConnectionCounts counts;                           // on the servers where they are known
  Level counts_level = Level::kGood;
  std::array<std::size_t, kLevels> by_level{};   // servers, by Level
  BoundedList<ServerRow> servers;                // the worst first
  BoundedList<OtherServer> other_servers;        // those that `servers` leaves out, the worst first
  BoundedList<UnencryptedRow> unencrypted_rows;  // not allowed, remote, many connections first
  BoundedList<UnknownOn> sessions_unknown;
  BoundedList<PathRow> paths;                   // the worst first; of poolers only
  BoundedList<CertificateRow> certificates;     // the soonest first
  BoundedList<UnknownOn> certificates_unknown;  // what is served
  BoundedList<ModeRow> modes;
  BoundedList<UnknownOn> modes_unknown;
  BoundedList<UnseenRow> unseen;
  BoundedList<CollectorRow> collectors;  // only where the page is about few servers
};

struct StatusLimits {
  std::size_t rows = 100;             // of each table
  std::size_t other_servers = 5'000;  // names of those that have no row
  std::size_t names = 20;             // of servers where something is not known
  std::size_t issues = 8;             // of a server
  std::size_t evidence = 4;           // lines of an issue
  std::size_t explained = 50;         // with so many servers or fewer, issues have their evidence and remedy
  std::size_t detailed = 1;           // with so many servers or fewer, the collectors are shown too
};

StatusView ViewOf(const sampling::Snapshots& servers, std::chrono::sys_seconds now, const StatusLimits& limits = {});

}  // namespace pgtls::status
