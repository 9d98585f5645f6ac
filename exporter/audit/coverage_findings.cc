#include <fmt/format.h>

#include <array>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

constexpr const char* kRoleFile =
    "Run deploy/sql/monitoring_role.sql as a superuser in the database that the exporter connects to, and connect as "
    "tls_exporter.";

constexpr const char* kNoAnswer =
    "Look into the server's log: it hung up, or answered with an error that says nothing about this (too many "
    "connections, starting up). It is asked again after enforcement_interval.";

// What would let the exporter see a part.
struct Remedy {
  std::string_view collector, part, what, remedy;
};
constexpr std::array kRemedies = {
    Remedy{"settings", "settings", "settings of files and TLS", "GRANT pg_read_all_settings TO the exporter's role;"},
    Remedy{"settings", "configuration_files", "what the configuration files say", kRoleFile},
    Remedy{"settings", "wal_receiver", "the link to the upstream server",
           "GRANT pg_read_all_stats TO the exporter's role;"},
    Remedy{"hba", "rules", "the rules of pg_hba.conf", kRoleFile},
    Remedy{"hba", "raw_text", "the quotes in pg_hba.conf", kRoleFile},
    Remedy{"hba", "file_times", "whether pg_hba.conf changed after its last load", kRoleFile},
    Remedy{"hba", "connections", "open connections", "GRANT pg_read_all_stats TO the exporter's role;"},
    Remedy{"hba", "rules_in_force", "the rules in force: those before the change that waits",
           "SELECT pg_reload_conf();"},
    Remedy{"hba", "roles", "roles and memberships: too many", "No remedy: the cluster is too large to be judged."},
    Remedy{"hba", "analysis", "what the rules admit: too many combinations", "Simplify pg_hba.conf."},
    Remedy{"hba", "regular_expressions", "what the regular expressions of pg_hba.conf match",
           "Look into the server's log."},
    Remedy{"endpoint", "plaintext", "whether plaintext is accepted", kNoAnswer},
    Remedy{"endpoint", "protocol_versions", "which TLS versions are accepted", kNoAnswer},
    Remedy{"endpoint", "sslmode", "what each sslmode gets", kNoAnswer},
    Remedy{"endpoint", "direct_tls", "whether TLS without SSLRequest is taken", kNoAnswer},
    Remedy{"endpoint", "sslrootcert", "the chain: the authority's certificate cannot be used",
           "Put the file that sslrootcert names where the exporter's user may read it."},
    Remedy{"certificates", "private_key", "all of the server's private key",
           "Let the exporter's user see the key and its directory, where the key may be read by others at all."},
    Remedy{"certificates", "files", "the certificate files of the server", kRoleFile},
    Remedy{"certificates", "served", "the certificate on the wire",
           "Let the exporter reach the server's port, and switch TLS on."},
};

constexpr const char* kWhyUnknown = "What was not looked at is not fine: it is not known.";

void AddPart(const std::string& collector, const sampling::IncompletePart& part, Findings& findings) {
  std::string what = part.part;
  std::string remedy = "See the exporter's log.";
  for (const Remedy& known : kRemedies) {
    if (known.collector != collector || known.part != part.part) continue;
    what = known.what;
    remedy = known.remedy;
  }
  findings.push_back({Severity::kNote,
                      "not_looked_at",
                      "Could not look at " + what,
                      {fmt::format("collector {}, part {}: {}", collector, part.part, part.reason)},
                      kWhyUnknown,
                      remedy,
                      true});
}

void AddFailure(const sampling::CollectorState& collector, const sampling::Failure& failure, Findings& findings) {
  std::string remedy = "See the message.";
  if (failure.reason == FailureReason::kInsufficientPrivilege) remedy = kRoleFile;
  findings.push_back({Severity::kWarning,
                      "collector_failed",
                      fmt::format("Could not look: {}", collector.name),
                      {fmt::format("{}: {}", ToString(failure.reason), Printable(failure.message))},
                      kWhyUnknown,
                      remedy,
                      true});
}

// It takes connections, and what it speaks is not known.
void AddSilence(const tls::EndpointFacts& endpoint, Findings& findings) {
  const tls::Answer answer = endpoint.ssl_answer.value_or(tls::Answer::kNone);
  if (!endpoint.reachable || answer == tls::Answer::kYes || answer == tls::Answer::kNo) return;
  const char* how = answer == tls::Answer::kError ? "an error" : "nothing, or nothing that means anything";
  findings.push_back({Severity::kWarning,
                      "wire_no_answer",
                      "The server does not say whether it speaks TLS",
                      {fmt::format("at {}: the answer to SSLRequest is {}", Printable(endpoint.address), how)},
                      kWhyUnknown,
                      "Look into the server's log. Is PostgreSQL, or a pooler that knows TLS, behind this port?",
                      true});
}

}  // namespace

void AddCoverage(const Evidence& evidence, Findings& findings) {
  const auto& snapshot = evidence.snapshot;
  if (snapshot.connection_failure) {
    const auto& failure = *snapshot.connection_failure;
    findings.push_back({Severity::kWarning,
                        "no_login",
                        "Could not log in: only the wire was looked at",
                        {fmt::format("{}: {}", ToString(failure.reason), Printable(failure.message))},
                        kWhyUnknown,
                        "Mend the conninfo, the password or pg_hba.conf for the exporter's role.",
                        true});
  }
  for (const auto& collector : snapshot.collectors) {
    if (!collector.result || collector.result->unsupported) continue;
    for (const auto& part : collector.result->incomplete) AddPart(collector.name, part, findings);
    const auto& failure = collector.result->failure;
    const bool said =
        failure && snapshot.connection_failure && failure->message == snapshot.connection_failure->message;
    if (failure && !said) AddFailure(collector, *failure, findings);
  }
  for (const std::string_view name : {"sessions", "settings", "hba", "endpoint", "certificates"}) {
    bool enabled = false;
    bool unsupported = false;
    for (const auto& collector : snapshot.collectors) {
      enabled = enabled || collector.name == name;
      unsupported = unsupported || (collector.name == name && collector.result && collector.result->unsupported);
    }
    if (!enabled) {
      findings.push_back({Severity::kNote,
                          "collector_disabled",
                          fmt::format("Not looked at: {} is switched off", name),
                          {},
                          kWhyUnknown,
                          fmt::format("Leave out --no-collector.{}, or enable it in the configuration.", name),
                          true});
    } else if (unsupported) {
      findings.push_back({Severity::kNote,
                          "collector_unsupported",
                          fmt::format("Not looked at: {} has nothing to see over a Unix socket", name),
                          {},
                          kWhyUnknown,
                          "Connect over TCP (host=…) to look at the wire.",
                          true});
    }
  }
  if (evidence.endpoint) AddSilence(*evidence.endpoint, findings);
  if (evidence.endpoint && !evidence.endpoint->reachable) {
    findings.push_back({Severity::kWarning,
                        "endpoint_unreachable",
                        "The server's port cannot be reached from here",
                        {Printable(evidence.endpoint->address)},
                        kWhyUnknown,
                        "Mend the endpoint, or the network in between.",
                        true});
  }
}

}  // namespace pgtls::audit
