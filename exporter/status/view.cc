#include "exporter/status/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"
#include "exporter/status/certificate_rows.h"
#include "exporter/status/path_rows.h"
#include "exporter/status/server_facts.h"
#include "exporter/status/unseen_rows.h"

namespace pgtls::status {
namespace {

// ---- Servers

Remark StateOf(const sampling::ServerSnapshot& snapshot) {
  if (!snapshot.up) return {Level::kUnknown, "not tried yet"};
  return *snapshot.up ? Remark{Level::kGood, "up"} : Remark{Level::kBad, "down"};
}

std::optional<Remark> OwnConnection(const ServerFacts& facts, const audit::Findings& findings) {
  const auto& own = facts.snapshot.connection;
  if (!own || facts.snapshot.up != true) return std::nullopt;
  if (own->encryption == "tls") return Remark{Level::kGood, fmt::format("{}, sslmode={}", own->version, own->sslmode)};
  if (own->encryption == "gss") return Remark{Level::kGood, "GSS"};
  if (!own->address) return Remark{Level::kGood, "Unix socket"};
  const auto finding = std::ranges::find(findings, "exporter_unencrypted", &audit::Finding::id);
  const Level level = finding == findings.end() ? Level::kUnknown : LevelOf(*finding);
  return Remark{level, fmt::format("not encrypted, sslmode={}", own->sslmode)};
}

Level LevelOfServer(const ServerFacts& facts, const audit::Findings& findings) {
  const Level level = std::max(StateOf(facts.snapshot).level, LevelOf(findings));
  return facts.WhyUnknown("sessions").empty() ? level : std::max(level, Level::kUnknown);
}

Issue IssueOf(const audit::Finding& finding, bool explained, std::size_t max_evidence) {
  Issue issue;
  issue.level = LevelOf(finding);
  issue.text = finding.brief.empty() ? finding.title : finding.brief;
  if (!explained) return issue;
  issue.why = finding.why;
  issue.remedy = finding.remedy;
  const std::size_t shown = std::min(finding.evidence.size(), max_evidence);
  issue.evidence.rows.assign(finding.evidence.begin(), finding.evidence.begin() + static_cast<std::ptrdiff_t>(shown));
  issue.evidence.left_out = finding.evidence.size() - shown;
  return issue;
}

// Of equal levels, in the order of `check`.
bool IsWorse(const audit::Finding* a, const audit::Finding* b) {
  return std::tuple(LevelOf(*b), a) < std::tuple(LevelOf(*a), b);
}

void AddIssues(const audit::Findings& findings, bool explained, const StatusLimits& limits, ServerRow& row) {
  TopN<const audit::Finding*, decltype(&IsWorse)> worst(limits.issues, &IsWorse);
  for (const auto& finding : findings) {
    const Level level = LevelOf(finding);
    if (level == Level::kNote && (finding.unknown || finding.id == "not_looked_at")) {
      ++row.unchecked;
    } else if (level != Level::kGood) {
      worst.Add(&finding);
    }
  }
  const auto kept = worst.Take();
  row.issues.left_out = kept.left_out;
  for (const audit::Finding* finding : kept.rows) {
    row.issues.rows.push_back(IssueOf(*finding, explained, limits.evidence));
  }
}

ServerRow RowOf(const ServerFacts& facts, const audit::Findings& findings, bool explained, const StatusLimits& limits) {
  ServerRow row;
  row.name = facts.snapshot.name;
  row.product = facts.snapshot.product.substr(0, facts.snapshot.product.find(" ("));
  row.state = StateOf(facts.snapshot);
  row.own_connection = OwnConnection(facts, findings);
  row.level = LevelOfServer(facts, findings);
  if (facts.sessions) {
    row.counts = CountsOf(*facts.sessions);
    row.counts_level = LevelOf(*row.counts, facts);
    row.age = audit::AgeOf(*facts.Collector("sessions"), facts.now);
  }
  AddIssues(findings, explained, limits, row);
  return row;
}

struct Ranked {
  Level level;
  const ServerFacts* facts;
};

// The worst first, else in the configuration's order.
bool ComesFirst(const Ranked& a, const Ranked& b) {
  return std::tuple(b.level, a.facts) < std::tuple(a.level, b.facts);
}

// Each server's findings are made once, and kept only for the rows that are shown.
std::vector<Ranked> Rank(const std::vector<ServerFacts>& servers, const StatusLimits& limits,
                         BoundedList<ServerRow>& rows) {
  struct Row {
    Ranked rank;
    ServerRow row;
  };
  const auto first = [](const Row& a, const Row& b) { return ComesFirst(a.rank, b.rank); };
  TopN<Row, decltype(first)> worst(limits.rows, first);
  std::vector<Ranked> ranked;
  ranked.reserve(servers.size());
  const bool explained = servers.size() <= limits.explained;
  for (const auto& facts : servers) {
    ServerRow row = RowOf(facts, FindingsOf(facts), explained, limits);
    ranked.push_back({row.level, &facts});
    worst.Add({ranked.back(), std::move(row)});
  }
  auto kept = worst.Take();
  rows.left_out = kept.left_out;
  for (auto& one : kept.rows) rows.rows.push_back(std::move(one.row));
  std::ranges::sort(ranked, ComesFirst);
  return ranked;
}

// ---- Unencrypted connections

struct Group {
  const ServerFacts* server;
  const sessions::UnencryptedGroup* group;
};

bool Worse(const Group& a, const Group& b) {
  const auto key = [](const Group& g) {
    return std::tuple(g.group->allowed, g.group->network == Network::kLoopback, ~g.group->connections, g.server,
                      g.group);
  };
  return key(a) < key(b);
}

// The rule that admits the connections of a group now, as far as is known.
std::string RuleOf(const Group& group) {
  const auto& posture = group.server->hba;
  if (!posture || !posture->plaintext || !posture->judging().loadable()) return "";
  const sessions::UnencryptedGroup& shown = *group.group;
  const auto found = posture->plaintext->find({shown.user, shown.database, shown.client.range});
  if (found == posture->plaintext->end()) return "";
  const hba::Rule* const rule = found->second;
  if (rule == nullptr) return "no single rule";
  const auto name = rule->file.rfind('/');
  return fmt::format("{}:{}: {}", name == std::string::npos ? rule->file : rule->file.substr(name + 1), rule->line,
                     RuleText(*rule));
}

Level LevelOfGroup(const sessions::UnencryptedGroup& group, const ServerFacts& facts) {
  if (group.allowed) return Level::kNote;
  return group.network == Network::kLoopback ? LevelOf(audit::LoopbackPlaintext(facts.snapshot.loopback))
                                             : LevelOf(audit::kRemotePlaintext);
}

BoundedList<UnencryptedRow> UnencryptedRows(const std::vector<ServerFacts>& servers, std::size_t limit) {
  TopN<Group, decltype(&Worse)> worst(limit, &Worse);
  for (const auto& server : servers) {
    if (!server.sessions) continue;
    for (const auto& group : server.sessions->unencrypted) worst.Add({&server, &group});
  }
  const BoundedList<Group> kept = worst.Take();
  BoundedList<UnencryptedRow> rows{{}, kept.left_out};
  for (const auto& one : kept.rows) {
    const auto& group = *one.group;
    rows.rows.push_back({one.server->snapshot.name, group.user, group.client.ToString(), group.database,
                         group.application_name, group.network == Network::kLoopback, group.allowed,
                         LevelOfGroup(group, *one.server), group.connections, RuleOf(one)});
  }
  return rows;
}

// ---- What each sslmode gets

Remark CellOf(tls::SslMode mode, const tls::Verdict& verdict, const ServerFacts& facts) {
  if (!verdict.connects) return {Level::kUnknown, "not known"};
  const tls::EndpointFacts& endpoint = *facts.endpoint;
  const bool by_libpq =
      mode < endpoint.client.weakest || (mode == tls::SslMode::kDisable && endpoint.plaintext_accepted == true);
  if (!*verdict.connects && by_libpq) return {Level::kUnknown, "refused by libpq"};
  if (!*verdict.connects) return {mode == tls::SslMode::kDisable ? Level::kGood : Level::kWarning, "refused"};
  if (!verdict.encrypted) return {Level::kUnknown, "connects"};
  if (*verdict.encrypted) return {Level::kGood, "encrypted"};
  return {LevelOf(audit::EndpointPlaintext(facts)), "plaintext"};
}

// ---- The whole

template <typename T>
void Add(BoundedList<T>& list, T item, std::size_t limit) {
  if (list.rows.size() < limit) {
    list.rows.push_back(std::move(item));
  } else {
    ++list.left_out;
  }
}

void AddModes(const ServerFacts& facts, const StatusLimits& limits, StatusView& view) {
  std::string why = facts.WhyUnknown("endpoint");
  if (why.empty() && (!facts.endpoint || !facts.endpoint->reachable)) why = "the port is not reachable";
  if (!why.empty()) {
    Add(view.modes_unknown, {facts.snapshot.name, why}, limits.names);
    return;
  }
  ModeRow row{facts.snapshot.name, {}};
  for (std::size_t i = 0; i < tls::kSslModes.size(); ++i)
    row.cells[i] = CellOf(tls::kSslModes[i], facts.endpoint->sslmodes[i], facts);
  Add(view.modes, std::move(row), limits.rows);
}

void AddUnknown(const ServerFacts& facts, const StatusLimits& limits, StatusView& view) {
  const std::string sessions = facts.WhyUnknown("sessions");
  if (!sessions.empty()) Add(view.sessions_unknown, {facts.snapshot.name, sessions}, limits.names);
  std::string certificates = facts.WhyUnknown("certificates");
  if (certificates.empty() && (!facts.certificates || facts.certificates->served.empty()))
    certificates = "the server sent no certificate";
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
        {facts.snapshot.name, collector.name, std::move(state), std::move(why), audit::AgeOf(collector, facts.now),
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

  const std::vector<Ranked> ranked = Rank(all, limits, view.servers);
  for (const auto& [level, facts] : ranked) {
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
      view.counts_level = std::max(view.counts_level, LevelOf(counts, *facts));
    }
    AddUnknown(*facts, limits, view);
    AddModes(*facts, limits, view);
    if (servers.size() <= limits.detailed) AddCollectors(*facts, limits, view);
  }
  for (std::size_t i = view.servers.rows.size(); i < ranked.size(); ++i) {
    Add(view.other_servers, {ranked[i].facts->snapshot.name, ranked[i].level}, limits.other_servers);
  }
  view.unencrypted_rows = UnencryptedRows(all, limits.rows);
  view.paths = PathRows(all, limits.rows);
  view.certificates = CertificateRows(all, limits.rows);
  view.unseen = UnseenRows(all, limits.rows, limits.names);
  return view;
}

}  // namespace pgtls::status
