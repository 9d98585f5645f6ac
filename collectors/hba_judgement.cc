#include "collectors/hba_judgement.h"

#include <map>
#include <utility>

#include "exporter/hba/evaluator.h"

namespace pgtls::collectors {
namespace {

using hba::Posture;
using hba::Rule;
using SharedRules = std::shared_ptr<const hba::RuleSet>;

bool SameRules(const SharedRules& one, const SharedRules& other) {
  return one == other || (one && other && *one == *other);
}

// As `previous` (may be null) found it for the same rules of the same cluster, a refusal included; otherwise it is
// judged again.
std::optional<hba::Analysis> AnalysisOf(const SharedRules& rules, const Posture& posture, const Posture* previous) {
  if (!rules) return std::nullopt;
  const bool same_cluster = previous != nullptr && previous->analysed && previous->catalog == posture.catalog &&
                            previous->regexes == posture.regexes;
  if (same_cluster && SameRules(previous->file, rules)) return previous->file_analysis;
  if (same_cluster && SameRules(previous->in_force.rules, rules)) return previous->in_force_analysis;
  return Analyse(*rules, posture.catalog, posture.regexes);
}

hba::Connection ConnectionOf(const sessions::OpenConnection& open, Encryption encryption) {
  hba::Connection connection{
      .user = open.user, .database = open.database, .address = open.address, .encryption = encryption};
  connection.replication = open.replication;
  connection.client_certificate = open.client_certificate;
  connection.address_known = open.network == Network::kLocal || open.address;
  // An address that is not known is still none of the Unix socket's.
  if (!connection.address_known) connection.address = IpAddress::V4(0);
  return connection;
}

std::vector<AdmittedConnection> Admitted(const Posture& posture, const sessions::OpenConnections& open) {
  std::vector<AdmittedConnection> admitted;
  admitted.reserve(open.connections.size());
  for (const auto& one : open.connections) {
    const auto& encryption = one.encryption;
    admitted.push_back({encryption ? AdmittingRule(posture, ConnectionOf(one, *encryption)) : nullptr, &one});
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

}  // namespace

bool IsPlaintext(const sessions::OpenConnection& open) {
  return open.encryption == Encryption::kNone && open.network != Network::kLocal;
}

HbaJudgement JudgeHba(std::shared_ptr<Posture> posture, const sessions::OpenConnections* open, const Posture* previous,
                      bool catalog_complete) {
  HbaJudgement judged;
  if (catalog_complete) {
    posture->file_analysis = AnalysisOf(posture->file, *posture, previous);
    posture->in_force_analysis = SameRules(posture->in_force.rules, posture->file)
                                     ? posture->file_analysis
                                     : AnalysisOf(posture->in_force.rules, *posture, previous);
    posture->analysed = true;
    if (open != nullptr) {
      judged.connections = Admitted(*posture, *open);
      posture->plaintext = PlaintextRulesOf(*judged.connections);
    }
  }
  judged.posture = std::move(posture);
  return judged;
}

}  // namespace pgtls::collectors
