#include "collectors/hba.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/folded.h"
#include "collectors/hba_parts.h"
#include "collectors/hba_reader.h"
#include "exporter/hba/posture.h"
#include "exporter/sessions/series_cap.h"
#include "exporter/sessions/tally.h"

namespace pgtls::collectors {
namespace {

using hba::Encryption;
using hba::Network;
using hba::Posture;
using hba::Rule;
using metrics::Desc;
using metrics::Sink;
using metrics::Type;
using sessions::Labels;

// ---- SQL: hba_sql.h, hba_reader.h

// ---- Descriptors

constexpr Desc kRules = {
    "pg_tls_hba_rules", Type::kGauge, "Rules of pg_hba.conf by kind.", {"server", "type", "auth_method"}};
constexpr Desc kRuleErrors = {
    "pg_tls_hba_rule_errors", Type::kGauge, "Lines of pg_hba.conf for which PostgreSQL refuses the file.", {"server"}};
constexpr Desc kPlaintextAdmitted = {
    "pg_tls_hba_plaintext_admitted",
    Type::kGauge,
    "Whether the rules in order may admit a connection over TCP that is not encrypted; absent where it cannot be told.",
    {"server", "network"}};
constexpr Desc kPlaintextRuleInfo = {
    "pg_tls_hba_plaintext_rule_info",
    Type::kGauge,
    "Rules that can still admit a connection that is not encrypted.",
    {"server", "file", "line", "type", "database", "user", "address", "auth_method", "certainty"}};
constexpr Desc kShadowedRules = {
    "pg_tls_hba_shadowed_rules", Type::kGauge, "Rules of pg_hba.conf that no connection can reach.", {"server"}};
constexpr Desc kRuleConnections = {
    "pg_tls_hba_rule_connections",
    Type::kGauge,
    "Open connections by the rule that would admit them now; without file and line where that is no single one.",
    {"server", "file", "line", "encryption"}};
constexpr Desc kPlaintextConnections = {
    "pg_tls_hba_plaintext_connections",
    Type::kGauge,
    "Open TCP connections that are not encrypted, by the rule that would admit them now.",
    {"server", "file", "line", "database", "user", "client_addr"}};
constexpr Desc kPendingReload = {
    "pg_tls_hba_pending_reload",
    Type::kGauge,
    "Whether pg_hba.conf or a file in it changed after the last load, or cannot be loaded.",
    {"server"}};

constexpr std::array kDescs = {&kRules,         &kRuleErrors,      &kPlaintextAdmitted,    &kPlaintextRuleInfo,
                               &kShadowedRules, &kRuleConnections, &kPlaintextConnections, &kPendingReload};

// ---- Judging, on the pool

// Open connections that one rule admits; null: no single rule.
struct ConnectionsOfRule {
  const Rule* rule;
  const hba::OpenConnections* open;
};

struct Judged {
  std::shared_ptr<const Posture> posture;
  std::optional<std::vector<hba::OpenConnections>> open;  // absent: the role may not see them
  std::vector<ConnectionsOfRule> by_rule;                 // into `posture` and `open`
};

bool SameRules(const std::shared_ptr<const hba::RuleSet>& one, const std::shared_ptr<const hba::RuleSet>& other) {
  return one == other || *one == *other;
}

bool IsPlaintext(const hba::Connection& connection) {
  return connection.encryption == Encryption::kNone && connection.address;
}

// `previous` may be null; what it found for the same rules of the same cluster is taken over.
Judged Judge(std::shared_ptr<Posture> posture, std::optional<std::vector<hba::OpenConnections>> open,
             const Posture* previous, bool catalog_complete) {
  Judged judged;
  if (catalog_complete) {
    const bool same_cluster =
        previous != nullptr && previous->catalog == posture->catalog && previous->regexes == posture->regexes;
    if (same_cluster && previous->file_analysis && SameRules(previous->file, posture->file)) {
      posture->file_analysis = previous->file_analysis;
    } else {
      posture->file_analysis = Analyse(*posture->file, posture->catalog, posture->regexes);
    }
    const auto& in_force = posture->in_force.rules;
    if (in_force) {
      posture->in_force_analysis = SameRules(in_force, posture->file)
                                       ? posture->file_analysis
                                       : Analyse(*in_force, posture->catalog, posture->regexes);
    }
    if (open) {
      judged.open = std::move(open);
      for (const auto& alike : *judged.open)
        judged.by_rule.push_back({AdmittingRule(*posture, alike.connection), &alike});
      posture->plaintext.emplace();
      std::ranges::copy_if(*judged.open, std::back_inserter(*posture->plaintext), IsPlaintext,
                           &hba::OpenConnections::connection);
    }
  }
  judged.posture = std::move(posture);
  return judged;
}

// ---- Render

std::string_view ToString(Encryption encryption) {
  switch (encryption) {
    case Encryption::kNone:
      return "none";
    case Encryption::kTls:
      return "tls";
    case Encryption::kGss:
      return "gss";
  }
  return "";
}

void RenderRules(const Posture& posture, Sink& sink) {
  std::map<std::pair<std::string_view, std::string_view>, int> kinds;
  for (const Rule& rule : posture.file->rules) ++kinds[{ToString(rule.type), rule.method}];
  for (const auto& [kind, count] : kinds) sink.Add(kRules, {kind.first, kind.second}, count);
  sink.Add(kRuleErrors, {}, static_cast<double>(posture.file->errors.size()));
  if (posture.in_force.pending) sink.Add(kPendingReload, {}, *posture.in_force.pending ? 1 : 0);
  if (posture.file_analysis) sink.Add(kShadowedRules, {}, static_cast<double>(posture.file_analysis->shadowed.size()));
}

void RenderPlaintext(const Posture& posture, Sink& sink) {
  constexpr std::pair<Network, std::string_view> kNetworks[] = {{Network::kLoopback, "loopback"},
                                                                {Network::kRemote, "remote"}};
  for (const auto& [network, name] : kNetworks) {
    if (const auto admitted = posture.PlaintextAdmitted(network))
      sink.Add(kPlaintextAdmitted, {name}, *admitted ? 1 : 0);
  }
  // Rules that differ only in what is no label are one series.
  std::map<Labels, bool> certain;
  for (const auto& [rule, is_certain, paths] : PlaintextRules(posture)) {
    bool& known = certain[{rule.file, std::to_string(rule.line), std::string(ToString(rule.type)), DatabaseText(rule),
                           UserText(rule), AddressText(rule), rule.method}];
    known = known || is_certain;
  }
  for (auto& [labels, is_certain] : certain) {
    Labels all = labels;
    all.emplace_back(is_certain ? "certain" : "possible");
    sink.Add(kPlaintextRuleInfo, all, 1);
  }
}

Labels FoldNames(const Labels& labels) {
  Labels folded = labels;
  for (const std::size_t name : {2u, 3u, 4u}) folded[name] = sessions::kOther;
  return folded;
}

void RenderConnections(const Judged& judged, std::size_t max_series, sessions::SeriesCap& cap, Sink& sink) {
  std::map<Labels, double> by_rule;
  sessions::Tally plaintext;
  for (const auto& [rule, open] : judged.by_rule) {
    const std::string file = rule != nullptr ? rule->file : "";
    const std::string line = rule != nullptr ? std::to_string(rule->line) : "";
    const hba::Connection& connection = open->connection;
    by_rule[{file, line, std::string(ToString(connection.encryption))}] += static_cast<double>(open->count);
    if (!IsPlaintext(connection)) continue;
    const std::string address = connection.address->Unmapped().ToString();
    for (std::size_t i = 0; i < open->count; ++i) {
      plaintext.Add({file, line, connection.database, connection.user, address});
    }
  }
  for (const auto& [labels, count] : by_rule) sink.Add(kRuleConnections, labels, count);
  const auto capped = cap.Apply(plaintext, max_series, FoldNames);
  for (const auto& [labels, count] : capped.series) {
    sink.Add(kPlaintextConnections, labels, static_cast<double>(count));
  }
  sink.Add(kFolded, {kPlaintextConnections.name}, static_cast<double>(capped.folded));
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
    HbaAnswers answers = co_await AskHba(*context.session, context.own_backends, access_, context.deadline);
    access_ = answers.access;
    // Where every answer is last time's, so is all that follows from them.
    output.basis = Basis(context, answers);
    if (output.basis && output.basis == context.basis) {
      output.unchanged = true;
      co_return;
    }
    ++looks_;
    output.basis = Basis(context, answers);
    HbaQuestion question = {context.own_backends, context.config.names, tracker_.last_loaded()};
    auto read = ReadHba(*context.session, std::move(answers), std::move(question), context.deadline);
    HbaReading reading = co_await std::move(read);
    output.incomplete = std::move(reading.incomplete);
    if (!reading.has_rules) co_return;

    auto posture = std::make_shared<Posture>();
    posture->in_force = tracker_.Look(reading.view);
    posture->file = tracker_.shown();
    posture->has_raw_text = reading.has_raw_text;
    posture->catalog = std::move(reading.catalog);
    posture->regexes = std::move(reading.regexes);
    if (posture->in_force.pending == true && !posture->in_force.rules) {
      output.incomplete.push_back({"rules_in_force", "reload_pending"});
    }

    auto work = [posture = std::move(posture), open = std::move(reading.connections), previous = last_,
                 complete = reading.catalog_complete]() mutable {
      return Judge(std::move(posture), std::move(open), previous.get(), complete);
    };
    auto running = context.blocking.Run(std::move(work));
    const Judged judged = co_await std::move(running);
    last_ = judged.posture;
    if (reading.catalog_complete && !last_->file_analysis) output.incomplete.push_back({"analysis", "too_large"});

    RenderRules(*last_, output.sink);
    RenderPlaintext(*last_, output.sink);
    if (judged.open) RenderConnections(judged, context.config.max_series, cap_, output.sink);
    output.facts.Publish(last_);
  }

 private:
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
  std::uint64_t looks_ = 0;
  hba::InForceTracker tracker_;
  std::shared_ptr<const Posture> last_;
  sessions::SeriesCap cap_;
};

constexpr sampling::CollectorType kType = {"hba",
                                           "Who may come in, by pg_hba.conf",
                                           sampling::ConnectionKind::kFresh,
                                           kDescs,
                                           [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
                                           kHbaParts};

}  // namespace

const sampling::CollectorType& HbaCollector() { return kType; }

}  // namespace pgtls::collectors
