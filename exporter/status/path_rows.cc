#include "exporter/status/path_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"
#include "exporter/links/link.h"
#include "exporter/metrics/series_cap.h"

namespace pgtls::status {
namespace {

using links::Link;
using links::Outgoing;
using links::Protection;

constexpr const char* kNotKnown = "not known";

// Where a backend is: its pid and the port of its client.
using BackendKey = std::pair<std::int64_t, int>;
struct Seen {
  const ServerFacts* server;  // null: one of several servers
  std::optional<Encryption> encryption;
};
using Backends = std::map<BackendKey, Seen>;

Backends BackendsOf(const std::vector<ServerFacts>& servers) {
  Backends all;
  for (const ServerFacts& server : servers) {
    if (!server.backends || !server.WhyUnknown("sessions").empty()) continue;
    for (const sessions::OpenBackend& one : server.backends->backends) {
      if (one.client_port <= 0) continue;
      const auto [found, inserted] = all.try_emplace({one.pid, one.client_port}, Seen{&server, one.encryption});
      if (!inserted) found->second.server = nullptr;
    }
  }
  return all;
}

// Open connections of one database, by what they are.
struct Tallied {
  std::size_t encrypted = 0, local = 0, remote = 0, loopback = 0, unknown = 0;

  void Add(Network network, std::optional<Encryption> encryption, std::size_t connections) {
    if (network == Network::kLocal) {
      local += connections;
    } else if (!encryption) {
      unknown += connections;
    } else if (*encryption != Encryption::kNone) {
      encrypted += connections;
    } else {
      (network == Network::kRemote ? remote : loopback) += connections;
    }
  }
  bool none() const { return encrypted + local + remote + loopback + unknown == 0; }
  Level LevelBy(const ServerFacts& facts) const {
    if (remote > 0) return LevelOf(audit::kRemotePlaintext);
    if (unknown > 0) return Level::kUnknown;
    return loopback > 0 ? LevelOf(audit::LoopbackPlaintext(facts.snapshot.loopback)) : Level::kGood;
  }
  std::string Text() const {
    std::vector<std::string> parts;
    const auto add = [&](std::size_t number, std::string_view what) {
      if (number > 0) parts.push_back(fmt::format("{} {}", number, what));
    };
    add(remote, "unencrypted");
    add(loopback, "unencrypted over loopback");
    add(unknown, kNotKnown);
    add(encrypted, "encrypted");
    add(local, "over a Unix socket");
    return none() ? "none open" : fmt::format("{}", fmt::join(parts, ", "));
  }
};

// The policy allows all unencrypted clients of this database.
bool AllAllowed(const ServerFacts& pooler, const std::string& database) {
  return pooler.sessions && std::ranges::all_of(pooler.sessions->unencrypted, [&](const auto& group) {
           return group.allowed || group.network == Network::kLoopback ||
                  (group.database != database && group.database != metrics::kOther);
         });
}

// Other processes on the same port have clients and connections of their own.
bool IsOneOfSeveral(const ServerFacts& pooler) {
  return std::ranges::any_of(pooler.snapshot.collectors, [](const sampling::CollectorState& state) {
    return state.result && std::ranges::any_of(state.result->incomplete,
                                               [](const auto& missing) { return missing.part == "processes"; });
  });
}

Remark ClientsOf(const ServerFacts& pooler, const std::string& database) {
  if (!pooler.open) return {Level::kUnknown, kNotKnown};
  Tallied tallied;
  for (const auto& one : pooler.open->connections) {
    if (one.database == database) tallied.Add(one.network, one.encryption, one.connections);
  }
  Level level = tallied.LevelBy(pooler);
  if (tallied.remote > 0 && AllAllowed(pooler, database)) level = tallied.unknown > 0 ? Level::kUnknown : Level::kNote;
  // The next one may be without TLS.
  if (tallied.none() && !(pooler.pooler && pooler.pooler->RequiresTls())) level = Level::kUnknown;
  return {level, tallied.Text()};
}

Level LevelOfProtection(const Link& link, const ServerFacts& pooler) {
  switch (link.protection) {
    case Protection::kNone:
    case Protection::kOptional:
      return link.network == Network::kRemote ? LevelOf(audit::kRemotePlaintext)
                                              : LevelOf(audit::LoopbackPlaintext(pooler.snapshot.loopback));
    case Protection::kEncrypted:
    case Protection::kCaVerified:
      return link.network == Network::kRemote ? Level::kWarning : Level::kGood;
    case Protection::kVerified:
    case Protection::kLocal:
      return Level::kGood;
    case Protection::kUnknown:
      break;
  }
  return Level::kUnknown;
}

Remark LinkRemark(const ServerFacts& pooler, const Link* link, const std::vector<const Outgoing*>& open) {
  Tallied tallied;
  for (const Outgoing* one : open) tallied.Add(one->network, one->encryption, 1);
  if (link == nullptr) return {std::max(Level::kUnknown, tallied.LevelBy(pooler)), tallied.Text()};
  const Level level = std::max(LevelOfProtection(*link, pooler), tallied.LevelBy(pooler));
  if (link->protection == Protection::kLocal) return {level, "Unix socket"};
  return {level, fmt::format("{} port {}, sslmode={}: {}", link->host, link->port, link->sslmode, tallied.Text())};
}

// What the servers say of the same connections.
Remark ServersOf(const std::vector<const Outgoing*>& open, const Backends& backends) {
  if (open.empty()) return {Level::kUnknown, "no connection is open"};
  std::map<std::string, Tallied> found;
  std::size_t local = 0, not_watched = 0;
  Level level = Level::kGood;
  for (const Outgoing* one : open) {
    if (one->network == Network::kLocal) {
      ++local;
      continue;
    }
    const auto seen = backends.find({one->backend_pid, one->local_port});
    if (seen == backends.end() || seen->second.server == nullptr) {
      ++not_watched;
      continue;
    }
    Tallied& tallied = found[seen->second.server->snapshot.name];
    tallied.Add(one->network, seen->second.encryption, 1);
    level = std::max(level, tallied.LevelBy(*seen->second.server));
  }
  std::vector<std::string> parts;
  for (const auto& [name, tallied] : found) parts.push_back(fmt::format("{}: {}", name, tallied.Text()));
  if (local > 0) parts.push_back(fmt::format("{} over a Unix socket", local));
  if (not_watched > 0) {
    parts.push_back(found.empty() ? "not watched" : fmt::format("{} not watched", not_watched));
    level = std::max(level, Level::kUnknown);
  }
  return {level, fmt::format("{}", fmt::join(parts, "; "))};
}

// Why the rows of this pooler may be wrong or not all; empty where they are not.
std::string WhyDoubtful(const ServerFacts& pooler) {
  if (std::string why = pooler.WhyUnknown("links"); !why.empty()) return why;
  if (std::string why = pooler.WhyUnknown("sessions"); !why.empty()) return why;
  return IsOneOfSeveral(pooler) ? "other processes of this pooler were not asked" : "";
}

std::vector<PathRow> RowsOf(const ServerFacts& pooler, const Backends& backends) {
  const std::string doubt = WhyDoubtful(pooler);
  if (!pooler.links) {
    const Remark unknown = {Level::kUnknown, doubt.empty() ? kNotKnown : doubt};
    return {{.pooler = pooler.snapshot.name, .database = "", .clients = unknown, .link = unknown, .servers = unknown}};
  }
  std::map<std::string, const Link*> links;
  std::map<std::string, std::vector<const Outgoing*>> open;
  for (const Link& link : pooler.links->links) links[link.database] = &link;
  for (const Outgoing& one : pooler.links->outgoing) {
    open[one.database].push_back(&one);
    links.try_emplace(one.database, nullptr);
  }
  if (pooler.open) {
    for (const auto& one : pooler.open->connections) links.try_emplace(one.database, nullptr);
  }
  std::vector<PathRow> rows;
  for (const auto& [database, link] : links) {
    PathRow row = {.pooler = pooler.snapshot.name,
                   .database = database,
                   .clients = ClientsOf(pooler, database),
                   .link = LinkRemark(pooler, link, open[database]),
                   .servers = ServersOf(open[database], backends)};
    if (!doubt.empty()) row.clients = {std::max(row.clients.level, Level::kUnknown), row.clients.text + "; " + doubt};
    row.level = std::max({row.clients.level, row.link.level, row.servers.level});
    rows.push_back(std::move(row));
  }
  return rows;
}

bool IsWorse(const PathRow& a, const PathRow& b) {
  return std::tie(b.level, a.pooler, a.database) < std::tie(a.level, b.pooler, b.database);
}

}  // namespace

BoundedList<PathRow> PathRows(const std::vector<ServerFacts>& servers, std::size_t limit) {
  TopN<PathRow, decltype(&IsWorse)> worst(limit, &IsWorse);
  std::optional<Backends> backends;
  for (const ServerFacts& server : servers) {
    if (!server.is_pooler()) continue;
    if (!backends) backends = BackendsOf(servers);
    for (PathRow& row : RowsOf(server, *backends)) worst.Add(std::move(row));
  }
  return worst.Take();
}

}  // namespace pgtls::status
