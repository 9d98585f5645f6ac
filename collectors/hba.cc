#include "collectors/hba.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collectors/folded.h"
#include "collectors/hba_parts.h"
#include "collectors/hba_reader.h"
#include "exporter/config/collector_schema.h"
#include "exporter/hba/posture.h"
#include "exporter/metrics/series_cap.h"
#include "exporter/metrics/tally.h"
#include "exporter/postgres/driver.h"
#include "exporter/sessions/open_connections.h"
#include "exporter/sessions/shown_client.h"

namespace pgtls::collectors {
namespace {

using hba::Encryption;
using hba::Network;
using hba::Posture;
using hba::Rule;
using metrics::Desc;
using metrics::Sink;
using metrics::Type;
using Labels = std::vector<std::string>;

// ---- SQL: hba_sql.h, hba_reader.h

// ---- Descriptors

constexpr Desc kRules = {"pg_tls_hba_rules",
                         Type::kGauge,
                         "Rules of pg_hba.conf by type and authentication method.",
                         {"server", "type", "auth_method"}};
constexpr Desc kRuleErrors = {
    "pg_tls_hba_rule_errors", Type::kGauge, "Lines of pg_hba.conf that make PostgreSQL refuse the file.", {"server"}};
constexpr Desc kPlaintextAdmitted = {
    "pg_tls_hba_plaintext_admitted",
    Type::kGauge,
    "Whether the rules of pg_hba.conf may admit an unencrypted TCP connection (1) or not (0); absent if unknown.",
    {"server", "network"}};
constexpr Desc kPlaintextCertain = {"pg_tls_hba_plaintext_certain",
                                    Type::kGauge,
                                    "Whether the rules of pg_hba.conf in force admit some unencrypted TCP connection "
                                    "for certain (1) or not (0); absent if unknown.",
                                    {"server", "network"}};
constexpr Desc kPlaintextRuleInfo = {
    "pg_tls_hba_plaintext_rule_info",
    Type::kGauge,
    "A rule that can admit an unencrypted TCP connection; always 1.",
    {"server", "file", "line", "type", "database", "user", "address", "auth_method", "certainty"}};
constexpr Desc kShadowedRules = {
    "pg_tls_hba_shadowed_rules", Type::kGauge, "Rules of pg_hba.conf that no connection can reach.", {"server"}};
constexpr Desc kRuleConnections = {"pg_tls_hba_rule_connections",
                                   Type::kGauge,
                                   "Open connections by the rule that would admit them now; file and line are empty if "
                                   "it may be one of several rules.",
                                   {"server", "file", "line", "encryption"}};
constexpr Desc kPlaintextConnections = {"pg_tls_hba_plaintext_connections",
                                        Type::kGauge,
                                        "Open unencrypted TCP connections by the rule that would admit them now.",
                                        {"server", "file", "line", "database", "user", "client_addr"}};
constexpr Desc kPendingReload = {"pg_tls_hba_pending_reload",
                                 Type::kGauge,
                                 "Whether pg_hba.conf or a file that it includes changed after the last load or cannot "
                                 "be loaded (1), or is in force (0).",
                                 {"server"}};

constexpr std::array kDescs = {
    &kRules,         &kRuleErrors,      &kPlaintextAdmitted,    &kPlaintextCertain, &kPlaintextRuleInfo,
    &kShadowedRules, &kRuleConnections, &kPlaintextConnections, &kPendingReload};

// ---- Judging, on the pool

using SharedOpen = std::shared_ptr<const sessions::OpenConnections>;

// An open connection, and the rule that would admit it now; null: no single rule.
struct AdmittedConnection {
  const Rule* rule;
  const sessions::OpenConnection* open;
};

struct Judged {
  std::shared_ptr<const Posture> posture;
  std::optional<std::vector<AdmittedConnection>> connections;  // into `posture` and the open ones; absent: not known
};

using SharedRules = std::shared_ptr<const hba::RuleSet>;

bool SameRules(const SharedRules& one, const SharedRules& other) {
  return one == other || (one && other && *one == *other);
}

// As `previous` (may be null) found it for the same rules of the same cluster, a refusal included; else anew.
std::optional<hba::Analysis> AnalysisOf(const SharedRules& rules, const Posture& posture, const Posture* previous) {
  if (!rules) return std::nullopt;
  const bool same_cluster = previous != nullptr && previous->analysed && previous->catalog == posture.catalog &&
                            previous->regexes == posture.regexes;
  if (same_cluster && SameRules(previous->file, rules)) return previous->file_analysis;
  if (same_cluster && SameRules(previous->in_force.rules, rules)) return previous->in_force_analysis;
  return Analyse(*rules, posture.catalog, posture.regexes);
}

bool IsPlaintext(const sessions::OpenConnection& open) {
  return open.encryption == sessions::Encryption::kNone && open.network != sessions::Network::kLocal;
}

// REQUIRES: its encryption is known.
hba::Connection ConnectionOf(const sessions::OpenConnection& open) {
  hba::Connection connection{.user = open.user, .database = open.database, .address = open.address};
  if (open.encryption == sessions::Encryption::kTls) connection.encryption = Encryption::kTls;
  if (open.encryption == sessions::Encryption::kGss) connection.encryption = Encryption::kGss;
  connection.replication = open.replication;
  connection.client_certificate = open.client_certificate;
  connection.address_known = open.network == sessions::Network::kLocal || open.address;
  // An address that is not known is still none of the Unix socket's.
  if (!connection.address_known) connection.address = IpAddress::V4(0);
  return connection;
}

std::vector<AdmittedConnection> Admitted(const Posture& posture, const sessions::OpenConnections& open) {
  std::vector<AdmittedConnection> admitted;
  admitted.reserve(open.connections.size());
  for (const auto& one : open.connections) {
    const bool known = one.encryption != sessions::Encryption::kUnknown;
    admitted.push_back({known ? AdmittingRule(posture, ConnectionOf(one)) : nullptr, &one});
  }
  return admitted;
}

std::map<hba::PlaintextClients, const Rule*> PlaintextRulesOf(const std::vector<AdmittedConnection>& connections) {
  std::map<hba::PlaintextClients, const Rule*> rules;
  for (const auto& [rule, open] : connections) {
    if (!IsPlaintext(*open)) continue;
    const auto [known, is_new] = rules.try_emplace({open->user, open->database, open->client.range}, rule);
    if (known->second != rule) known->second = nullptr;
  }
  return rules;
}

// `previous` may be null; what it found for the same rules of the same cluster is taken over. `open` may be null.
Judged Judge(std::shared_ptr<Posture> posture, const SharedOpen& open, const Posture* previous, bool catalog_complete) {
  Judged judged;
  if (catalog_complete) {
    posture->file_analysis = AnalysisOf(posture->file, *posture, previous);
    posture->in_force_analysis = SameRules(posture->in_force.rules, posture->file)
                                     ? posture->file_analysis
                                     : AnalysisOf(posture->in_force.rules, *posture, previous);
    posture->analysed = true;
    if (open) {
      judged.connections = Admitted(*posture, *open);
      posture->plaintext = PlaintextRulesOf(*judged.connections);
    }
  }
  judged.posture = std::move(posture);
  return judged;
}

// ---- Render

void RenderRules(const Posture& posture, Sink& sink) {
  std::map<std::pair<std::string_view, std::string_view>, int> kinds;
  for (const Rule& rule : posture.file->rules) ++kinds[{ToString(rule.type), rule.method}];
  for (const auto& [kind, count] : kinds) sink.Add(kRules, {kind.first, kind.second}, count);
  sink.Add(kRuleErrors, {}, static_cast<double>(posture.file->errors.size()));
  if (posture.in_force.pending) sink.Add(kPendingReload, {}, *posture.in_force.pending ? 1 : 0);
  if (posture.file_analysis) sink.Add(kShadowedRules, {}, static_cast<double>(posture.file_analysis->shadowed.size()));
}

void RenderPlaintext(const Posture& posture, std::size_t max_series, Sink& sink) {
  constexpr std::pair<Network, std::string_view> kNetworks[] = {{Network::kLoopback, "loopback"},
                                                                {Network::kRemote, "remote"}};
  for (const auto& [network, name] : kNetworks) {
    if (const auto admitted = posture.PlaintextAdmitted(network))
      sink.Add(kPlaintextAdmitted, {name}, *admitted ? 1 : 0);
    if (const auto certain = posture.PlaintextCertain(network)) sink.Add(kPlaintextCertain, {name}, *certain ? 1 : 0);
  }
  // Rules that differ only in what is no label are one series. Past the cap the last of those that are less certain are
  // folded into one.
  std::map<Labels, bool> certain;
  std::vector<Labels> order;
  for (const auto& [rule, is_certain, paths] : PlaintextRules(posture)) {
    Labels labels = {rule.file,
                     std::to_string(rule.line),
                     std::string(ToString(rule.type)),
                     DatabaseText(rule),
                     UserText(rule),
                     AddressText(rule),
                     rule.method};
    const auto [known, is_new] = certain.try_emplace(std::move(labels), is_certain);
    known->second = known->second || is_certain;
    if (is_new) order.push_back(known->first);
  }
  std::size_t kept = 0;
  std::set<Labels> folded;
  for (const bool wanted : {true, false}) {
    for (Labels labels : order) {
      if (certain.at(labels) != wanted) continue;
      const bool keeps = kept++ < max_series;
      if (!keeps) std::ranges::fill(labels, std::string(metrics::kOther));
      labels.emplace_back(wanted ? "certain" : "possible");
      if (keeps || folded.insert(labels).second) sink.Add(kPlaintextRuleInfo, labels, 1);
    }
  }
}

// The rule that admits a connection, as the labels file and line.
struct RuleKey {
  std::string_view file;
  int line = 0;         // 0: no single rule
  bool folded = false;  // any rule: the cap on series folded this one

  std::string_view FileLabel() const { return folded ? metrics::kOther : file; }
  std::string LineLabel() const {
    return folded ? std::string(metrics::kOther) : line == 0 ? "" : std::to_string(line);
  }
  auto Fields() const { return std::tie(file, line, folded); }
  friend auto operator<=>(const RuleKey&, const RuleKey&) = default;
};

struct ByRuleKey {
  RuleKey rule;
  sessions::Encryption encryption;

  ByRuleKey Folded() const { return {{.folded = true}, encryption}; }
  auto Fields() const { return std::tie(rule, encryption); }
  friend auto operator<=>(const ByRuleKey&, const ByRuleKey&) = default;
};

struct PlaintextKey {
  RuleKey rule;
  std::string_view database;
  std::string_view user;
  sessions::ShownClient client;

  PlaintextKey Folded() const { return {rule, metrics::kOther, metrics::kOther, client.Folded()}; }
  auto Fields() const { return std::tie(rule, database, user, client); }
  friend auto operator<=>(const PlaintextKey&, const PlaintextKey&) = default;
};

struct Caps {
  metrics::SeriesCap<ByRuleKey> by_rule;
  metrics::SeriesCap<PlaintextKey> plaintext;
};

void RenderConnections(const std::vector<AdmittedConnection>& connections, std::size_t max_series, Caps& caps,
                       Sink& sink) {
  metrics::Tally<ByRuleKey> by_rule;
  metrics::Tally<PlaintextKey> plaintext;
  for (const auto& [rule, open] : connections) {
    const RuleKey key = rule != nullptr ? RuleKey{.file = rule->file, .line = rule->line} : RuleKey{};
    by_rule.Add({key, open->encryption}, open->connections);
    if (!IsPlaintext(*open)) continue;
    // Each address alone, whatever range the sessions collector shows it in.
    const sessions::ShownClient client = sessions::ShownClientOf({open->network, open->address}, {});
    plaintext.Add({key, open->database, open->user, client}, open->connections);
  }
  const auto rules = caps.by_rule.Apply(by_rule, max_series);
  for (const auto& [key, count] : rules.series) {
    sink.Add(kRuleConnections, {key.rule.FileLabel(), key.rule.LineLabel(), ToString(key.encryption)},
             static_cast<double>(count));
  }
  sink.Add(kFolded, {kRuleConnections.name}, static_cast<double>(rules.folded));
  const auto clients = caps.plaintext.Apply(plaintext, max_series);
  for (const auto& [key, count] : clients.series) {
    sink.Add(kPlaintextConnections,
             {key.rule.FileLabel(), key.rule.LineLabel(), key.database, key.user, key.client.ToString()},
             static_cast<double>(count));
  }
  sink.Add(kFolded, {kPlaintextConnections.name}, static_cast<double>(clients.folded));
}

// Why the rules in force are not known; null where they are, or where nothing can be known of them.
const char* WhyNotInForce(const hba::InForceView& in_force) {
  using Doubt = hba::InForceView::Doubt;
  if (in_force.rules) return nullptr;
  if (in_force.pending == true) return "reload_pending";
  if (in_force.doubt == Doubt::kSameSecond) return "changed_with_load";
  return in_force.doubt == Doubt::kPath ? "path_changed" : nullptr;
}

// ---- Factory

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    // What was seen on another host is no history of this one.
    if (context.peer && host_ && !host_->IsAt(*context.peer)) {
      tracker_ = {};
      last_ = nullptr;
      ++looks_;
    }
    host_ = context.peer;
    HbaAnswers answers = co_await AskHba(*context.session, access_, context.deadline);
    access_ = answers.access;
    if (SharedOpen open = OpenOn(context, answers.postmaster_start_us); open != open_) {
      open_ = std::move(open);
      ++looks_;
    }
    // Where every answer is last time's, so is all that follows from them.
    output.basis = Basis(context, answers);
    if (output.basis && output.basis == context.basis) {
      output.unchanged = true;
      co_return;
    }
    ++looks_;
    output.basis = Basis(context, answers);
    HbaQuestion question = {context.config.options.As<HbaOptions>().names, tracker_.last_loaded()};
    auto read = ReadHba(*context.session, std::move(answers), std::move(question), context.deadline);
    HbaReading reading = co_await std::move(read);
    output.incomplete = std::move(reading.incomplete);
    if (!reading.has_rules) co_return;
    if (const char* why = WhyConnectionsAreMissing()) output.incomplete.push_back({"connections", why});

    const bool is_local = context.peer && (!context.peer->address || context.peer->address->IsLoopback());
    if (is_local && !reading.files.empty()) {
      auto looking = context.blocking.Run([files = std::move(reading.files)] { return files::LookAtHbaFiles(files); });
      if (const auto times = co_await std::move(looking)) {
        reading.view.changed = times->changed;
        reading.view.moved = times->moved;
        reading.view.exact = true;
      }
    }

    auto posture = std::make_shared<Posture>();
    posture->in_force = tracker_.Look(reading.view);
    posture->file = tracker_.shown();
    posture->has_raw_text = reading.has_raw_text;
    posture->abilities = reading.abilities;
    posture->catalog = std::move(reading.catalog);
    posture->regexes = std::move(reading.regexes);
    if (const char* why = WhyNotInForce(posture->in_force)) output.incomplete.push_back({"rules_in_force", why});

    auto work = [posture = std::move(posture), open = open_, previous = last_,
                 complete = reading.catalog_complete]() mutable {
      return Judge(std::move(posture), open, previous.get(), complete);
    };
    auto running = context.blocking.Run(std::move(work));
    const Judged judged = co_await std::move(running);
    last_ = judged.posture;
    if (reading.catalog_complete && !last_->file_analysis) output.incomplete.push_back({"analysis", "too_large"});

    RenderRules(*last_, output.sink);
    const std::size_t max_series = context.config.options.As<HbaOptions>().max_series;
    RenderPlaintext(*last_, max_series, output.sink);
    if (judged.connections) RenderConnections(*judged.connections, max_series, caps_, output.sink);
    output.facts.Publish(last_);
  }

 private:
  // What the sessions collector found last on the server that answers now; null: nothing, or it was another server.
  static SharedOpen OpenOn(const sampling::Context& context, std::int64_t postmaster_start_us) {
    SharedOpen open = context.facts().Get<sessions::OpenConnections>();
    return open && open->postmaster_start_us == postmaster_start_us ? open : nullptr;
  }

  // Null: none are missing.
  const char* WhyConnectionsAreMissing() const {
    if (open_ == nullptr) return access_->sees_stats ? "no_sessions" : "insufficient_privilege";
    const bool unknown = std::ranges::any_of(open_->connections, [](const sessions::OpenConnection& open) {
      return open.encryption == sessions::Encryption::kUnknown;
    });
    return unknown ? "encryption_unknown" : nullptr;
  }

  // All that a result follows from; nullopt where the answers are none to build on. Also what was seen before, which
  // each look may move on, even one that was not stored.
  std::optional<Digest> Basis(const sampling::Context& context, const HbaAnswers& answers) const {
    const auto answered = answers.digest();
    if (!answered) return std::nullopt;
    Digester digester;
    digester.Number(context.config_version);
    digester.Number(context.session->server_version());
    digester.Number(looks_);
    digester.Part(*answered);
    return digester.Finish();
  }

  std::optional<db::Peer> host_;  // of the last look
  std::optional<HbaAccess> access_;
  SharedOpen open_;
  std::uint64_t looks_ = 0;
  hba::InForceTracker tracker_;
  std::shared_ptr<const Posture> last_;
  Caps caps_;
};

constexpr config::OptionKey kKeys[] = {
    config::Key<&HbaOptions::max_series, config::ReadMaxSeries>("max_series"),
};

constexpr sampling::CollectorType kType = {
    .name = "hba",
    .help = "Who may come in, by pg_hba.conf",
    .connection = sampling::ConnectionKind::kFresh,
    .descs = kDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kHbaParts,
    .schema = {.interval = std::chrono::seconds(60),
               .timeout = std::chrono::seconds(10),
               .options = [] { return config::CollectorOptions(HbaOptions()); },
               .keys = kKeys},
    .kinds = postgres::kOnlyThis,
    .explain = [](std::vector<std::string> names,
                  config::CollectorOptions& options) { options.As<HbaOptions>().names = std::move(names); },
};

}  // namespace

const sampling::CollectorType& HbaCollector() { return kType; }

}  // namespace pgtls::collectors
