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
#include <variant>
#include <vector>

#include "collectors/folded.h"
#include "collectors/hba_judgement.h"
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
  for (const Network network : {Network::kLoopback, Network::kRemote}) {
    const std::string_view name = ToString(network);
    if (const auto admitted = posture.PlaintextAdmitted(network))
      sink.Add(kPlaintextAdmitted, {name}, *admitted ? 1 : 0);
    if (const auto certain = posture.PlaintextCertain(network)) sink.Add(kPlaintextCertain, {name}, *certain ? 1 : 0);
  }
  // Rules that differ only in fields that are not labels are one series. Beyond the cap the rest is folded: the certain
  // ones are kept first.
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
  std::optional<Encryption> encryption;

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
    sink.Add(kRuleConnections, {key.rule.FileLabel(), key.rule.LineLabel(), sessions::EncryptionLabel(key.encryption)},
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

// Why the rules in force are not known; null if they are, or if there is no reason to name.
const char* WhyNotInForce(const hba::InForceView& in_force) {
  using Doubt = hba::InForceView::Doubt;
  if (in_force.rules) return nullptr;
  if (in_force.pending == true) return "reload_pending";
  if (in_force.doubt == Doubt::kSameSecond) return "changed_with_load";
  return in_force.doubt == Doubt::kPath ? "path_changed" : nullptr;
}

// Sets the maps that rules name. Returns why they are not known, if that matters.
std::optional<std::string> TakeMaps(std::variant<hba::IdentMaps, std::string> maps, Posture& posture) {
  if (posture.knows_options && MapsOf(*posture.file).empty() && MapsOf(posture.judging()).empty()) return std::nullopt;
  if (auto* why = std::get_if<std::string>(&maps)) return std::move(*why);
  posture.maps = std::get<hba::IdentMaps>(std::move(maps));
  return std::nullopt;
}

// ---- Factory

using SharedOpen = std::shared_ptr<const sessions::OpenConnections>;

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    // What another host showed says nothing about this one.
    if (context.peer && host_ && !host_->IsAt(*context.peer)) {
      tracker_ = {};
      last_ = nullptr;
      ++changes_;
    }
    host_ = context.peer;
    HbaAnswers answers = co_await AskHba(*context.session, access_, context.deadline);
    access_ = answers.access;
    if (SharedOpen open = OpenOn(context, answers.postmaster_start_us); open != open_) {
      open_ = std::move(open);
      ++changes_;
    }
    // The same answers as in the last run give the same result.
    output.basis = Basis(context, answers);
    if (output.basis && output.basis == context.basis) {
      output.unchanged = true;
      co_return;
    }
    ++changes_;
    output.basis = Basis(context, answers);
    HbaQuestion question = {context.config.options.As<HbaOptions>().names, tracker_.last_loaded()};
    auto read = ReadHba(*context.session, std::move(answers), std::move(question), context.deadline);
    HbaReading reading = co_await std::move(read);
    output.incomplete = std::move(reading.incomplete);
    if (!reading.has_rules) co_return;
    if (const char* why = WhyConnectionsAreMissing()) output.incomplete.push_back({"connections", why});

    const bool is_local = context.peer && (!context.peer->address || context.peer->address->IsLoopback());
    if (is_local && !reading.files.empty()) {
      auto reading_times =
          context.blocking.Run([files = std::move(reading.files)] { return files::StatHbaFiles(files); });
      if (const auto times = co_await std::move(reading_times)) {
        reading.view.changed = times->changed;
        reading.view.moved = times->moved;
        reading.view.exact = true;
      }
    }

    auto posture = std::make_shared<Posture>();
    posture->in_force = tracker_.Update(reading.view);
    posture->file = tracker_.shown();
    posture->has_raw_text = reading.has_raw_text;
    posture->abilities = reading.abilities;
    posture->catalog = std::move(reading.catalog);
    posture->regexes = std::move(reading.regexes);
    if (const char* why = WhyNotInForce(posture->in_force)) output.incomplete.push_back({"rules_in_force", why});
    posture->knows_options = reading.knows_options;
    if (auto why = TakeMaps(std::move(reading.maps), *posture)) output.incomplete.push_back({"ident_maps", *why});

    auto work = [posture = std::move(posture), open = open_, previous = last_,
                 complete = reading.catalog_complete]() mutable {
      return JudgeHba(std::move(posture), open.get(), previous.get(), complete);
    };
    auto running = context.blocking.Run(std::move(work));
    const HbaJudgement judged = co_await std::move(running);
    last_ = judged.posture;
    if (reading.catalog_complete && !last_->file_analysis) output.incomplete.push_back({"analysis", "too_large"});

    RenderRules(*last_, output.sink);
    const std::size_t max_series = context.config.options.As<HbaOptions>().max_series;
    RenderPlaintext(*last_, max_series, output.sink);
    if (judged.connections) RenderConnections(*judged.connections, max_series, caps_, output.sink);
    output.facts.Publish(last_);
  }

 private:
  // What the sessions collector found last; null if it found nothing, or another server answered it.
  static SharedOpen OpenOn(const sampling::Context& context, std::int64_t postmaster_start_us) {
    SharedOpen open = context.facts().Get<sessions::OpenConnections>();
    return open && open->postmaster_start_us == postmaster_start_us ? open : nullptr;
  }

  // Null: none are missing.
  const char* WhyConnectionsAreMissing() const {
    if (open_ == nullptr) return access_->sees_stats ? "no_sessions" : "insufficient_privilege";
    const bool unknown =
        std::ranges::any_of(open_->connections, [](const sessions::OpenConnection& open) { return !open.encryption; });
    return unknown ? "encryption_unknown" : nullptr;
  }

  // Digest of everything that a result depends on; nullopt if the answers are incomplete. `changes_` stands for the
  // state that earlier runs left, which a run changes even if its result was not stored.
  std::optional<Digest> Basis(const sampling::Context& context, const HbaAnswers& answers) const {
    const auto answered = answers.digest();
    if (!answered) return std::nullopt;
    Digester digester;
    digester.Number(context.config_version);
    digester.Number(context.session->server_version());
    digester.Number(changes_);
    digester.Part(*answered);
    return digester.Finish();
  }

  std::optional<db::Peer> host_;  // of the last run
  std::optional<HbaAccess> access_;
  SharedOpen open_;
  std::uint64_t changes_ = 0;
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
