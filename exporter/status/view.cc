#include "exporter/status/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "exporter/base/net_address.h"
#include "exporter/status/certificate_rows.h"
#include "exporter/status/server_facts.h"
#include "exporter/status/unseen_rows.h"

namespace pgtls::status {
namespace {

// ---- Servers

Remark StateOf(const sampling::ServerSnapshot& snapshot) {
  if (!snapshot.up) return {Level::kUnknown, "not tried yet"};
  return *snapshot.up ? Remark{Level::kGood, "up"} : Remark{Level::kBad, "down"};
}

std::optional<Remark> OwnConnection(const ServerFacts& facts) {
  const auto& own = facts.snapshot.connection;
  if (!own || facts.snapshot.up != true) return std::nullopt;
  if (own->encryption == "tls") return Remark{Level::kGood, fmt::format("{}, sslmode={}", own->version, own->sslmode)};
  if (own->encryption == "gss") return Remark{Level::kGood, "GSS"};
  if (facts.OverUnixSocket()) return Remark{Level::kGood, "Unix socket"};
  return Remark{Level::kWarning, fmt::format("not encrypted, sslmode={}", own->sslmode)};
}

// REQUIRES: the worst remark comes first.
Level LevelOf(const ServerFacts& facts, const std::vector<Remark>& remarks) {
  Level level = StateOf(facts.snapshot).level;
  if (const auto own = OwnConnection(facts)) level = std::max(level, own->level);
  return remarks.empty() ? level : std::max(level, remarks.front().level);
}

ServerRow RowOf(const ServerFacts& facts, std::vector<Remark> remarks, std::size_t max_remarks) {
  ServerRow row;
  row.name = facts.snapshot.name;
  if (facts.settings) row.version = facts.settings->server_version.substr(0, facts.settings->server_version.find(' '));
  row.state = StateOf(facts.snapshot);
  row.own_connection = OwnConnection(facts);
  row.level = LevelOf(facts, remarks);
  if (facts.sessions) {
    row.counts = CountsOf(*facts.sessions);
    row.age = facts.Age(*facts.Collector("sessions"));
  }
  if (remarks.size() > max_remarks) {
    row.remarks.left_out = remarks.size() - max_remarks;
    remarks.resize(max_remarks);
  }
  row.remarks.rows = std::move(remarks);
  return row;
}

struct Judged {
  const ServerFacts* facts;
  std::vector<Remark> remarks;
  Level level;
};

// The worst first, else in the configuration's order.
std::vector<Judged> Judge(const std::vector<ServerFacts>& servers) {
  std::vector<Judged> judged;
  judged.reserve(servers.size());
  for (const auto& facts : servers) {
    std::vector<Remark> remarks = RemarksOn(facts);
    const Level level = LevelOf(facts, remarks);
    judged.push_back({&facts, std::move(remarks), level});
  }
  std::ranges::sort(judged, [](const Judged& a, const Judged& b) {
    return std::tuple(b.level, a.facts) < std::tuple(a.level, b.facts);
  });
  return judged;
}

// ---- Unencrypted connections

constexpr int kMaxJudged = 2000;

struct Group {
  const ServerFacts* server;
  const sessions::UnencryptedGroup* group;
};

bool Worse(const Group& a, const Group& b) {
  const auto key = [](const Group& g) {
    return std::tuple(g.group->allowed, g.group->network == sessions::Network::kLoopback, ~g.group->connections,
                      g.server, g.group);
  };
  return key(a) < key(b);
}

bool IsFrom(const std::optional<IpAddress>& address, const std::string& label) {
  if (!address) return false;
  if (const auto one = IpAddress::Parse(label)) return one->Unmapped() == address->Unmapped();
  const auto range = Cidr::Parse(label);
  return range && range->Contains(address->Unmapped());
}

// The rule that admits the connections of a group now, where it is one rule. A wide bucket can hold thousands of
// connections: at most `budget` are judged for a page.
std::string RuleOf(const Group& group, int& budget) {
  const auto& posture = group.server->hba;
  if (!posture || !posture->plaintext || !posture->judging().loadable()) return "";
  const hba::Rule* rule = nullptr;
  for (const auto& open : *posture->plaintext) {
    const hba::Connection& connection = open.connection;
    if (connection.user != group.group->user) continue;
    if (group.group->database != (connection.replication ? "" : connection.database)) continue;
    if (!IsFrom(connection.address, group.group->client_addr)) continue;
    if (--budget < 0) return "";
    const hba::Rule* admits = AdmittingRule(*posture, connection);
    if (admits == nullptr || (rule != nullptr && rule != admits)) return "no single rule";
    rule = admits;
  }
  if (rule == nullptr) return "";
  const auto name = rule->file.rfind('/');
  return fmt::format("{}:{}: {}", name == std::string::npos ? rule->file : rule->file.substr(name + 1), rule->line,
                     RuleText(*rule));
}

Listed<UnencryptedRow> UnencryptedRows(const std::vector<ServerFacts>& servers, std::size_t limit) {
  Foremost<Group, decltype(&Worse)> worst(limit, &Worse);
  for (const auto& server : servers) {
    if (!server.sessions) continue;
    for (const auto& group : server.sessions->unencrypted) worst.Add({&server, &group});
  }
  const Listed<Group> kept = worst.Take();
  Listed<UnencryptedRow> rows{{}, kept.left_out};
  int budget = kMaxJudged;
  for (const auto& one : kept.rows) {
    const auto& group = *one.group;
    rows.rows.push_back({one.server->snapshot.name, group.user, group.client_addr, group.database,
                         group.application_name, group.network == sessions::Network::kLoopback, group.allowed,
                         group.connections, RuleOf(one, budget)});
  }
  return rows;
}

// ---- What each sslmode gets

Remark CellOf(tls::SslMode mode, const tls::Verdict& verdict) {
  if (!verdict.connects) return {Level::kUnknown, "not known"};
  if (!*verdict.connects) return {mode == tls::SslMode::kDisable ? Level::kGood : Level::kWarning, "refused"};
  if (!verdict.encrypted) return {Level::kUnknown, "connects"};
  return *verdict.encrypted ? Remark{Level::kGood, "encrypted"} : Remark{Level::kWarning, "plaintext"};
}

// ---- The whole

template <typename T>
void Add(Listed<T>& list, T item, std::size_t limit) {
  if (list.rows.size() < limit) {
    list.rows.push_back(std::move(item));
  } else {
    ++list.left_out;
  }
}

void AddModes(const ServerFacts& facts, const StatusLimits& limits, StatusView& view) {
  std::string why = facts.WhyUnknown("endpoint");
  if (why.empty() && (!facts.endpoint || !facts.endpoint->reachable)) why = "the port cannot be reached";
  if (!why.empty()) {
    Add(view.modes_unknown, {facts.snapshot.name, why}, limits.names);
    return;
  }
  ModeRow row{facts.snapshot.name, {}};
  for (std::size_t i = 0; i < tls::kSslModes.size(); ++i)
    row.cells[i] = CellOf(tls::kSslModes[i], facts.endpoint->sslmodes[i]);
  Add(view.modes, std::move(row), limits.rows);
}

void AddUnknown(const ServerFacts& facts, const StatusLimits& limits, StatusView& view) {
  const std::string sessions = facts.WhyUnknown("sessions");
  if (!sessions.empty()) Add(view.sessions_unknown, {facts.snapshot.name, sessions}, limits.names);
  std::string certificates = facts.WhyUnknown("certificates");
  if (certificates.empty() && (!facts.certificates || facts.certificates->served.empty()))
    certificates = "no certificate was received on the wire";
  if (!certificates.empty()) Add(view.certificates_unknown, {facts.snapshot.name, certificates}, limits.names);
}

void AddCollectors(const ServerFacts& facts, const StatusLimits& limits, StatusView& view) {
  for (const auto& collector : facts.snapshot.collectors) {
    const auto& result = collector.result;
    std::string why = facts.WhyUnknown(collector.name);
    Remark state{Level::kGood, "complete"};
    if (!why.empty()) {
      const bool unsupported = result && result->unsupported.has_value();
      state = {unsupported ? Level::kNote : Level::kUnknown, unsupported ? "does not apply" : "not known"};
    } else if (!result->incomplete.empty()) {
      state = {Level::kNote, "incomplete"};
      why = "without " + Counted(result->incomplete.size(), "part");
    }
    Add(view.collectors,
        {facts.snapshot.name, collector.name, std::move(state), std::move(why), facts.Age(collector),
         collector.interval},
        limits.rows);
  }
}

}  // namespace

StatusView ViewOf(const sampling::Snapshots& servers, std::chrono::sys_seconds now, const StatusLimits& limits) {
  StatusView view;
  view.now = now;
  view.servers_in_all = servers.size();
  std::vector<ServerFacts> all;
  all.reserve(servers.size());
  for (const auto& server : servers) all.emplace_back(*server, now);

  for (auto& [facts, remarks, level] : Judge(all)) {
    ++view.by_level[static_cast<std::size_t>(level)];
    view.up += facts->snapshot.up == true ? 1 : 0;
    view.down += facts->snapshot.up == false ? 1 : 0;
    if (facts->sessions) {
      const ConnectionCounts counts = CountsOf(*facts->sessions);
      view.counts.remote += counts.remote;
      view.counts.loopback += counts.loopback;
      view.counts.allowed += counts.allowed;
      view.counts.tls += counts.tls;
      view.counts.gss += counts.gss;
      view.counts.local += counts.local;
    }
    AddUnknown(*facts, limits, view);
    AddModes(*facts, limits, view);
    if (servers.size() <= limits.detailed) AddCollectors(*facts, limits, view);
    if (view.servers.rows.size() < limits.rows) {
      view.servers.rows.push_back(RowOf(*facts, std::move(remarks), limits.remarks));
    } else {
      ++view.servers.left_out;
    }
  }
  view.unencrypted_rows = UnencryptedRows(all, limits.rows);
  view.certificates = CertificateRows(all, limits.rows);
  view.unseen = UnseenRows(all, limits.rows, limits.names);
  return view;
}

}  // namespace pgtls::status
