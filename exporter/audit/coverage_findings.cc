#include <fmt/format.h>

#include <utility>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/audit/wire_remedies.h"
#include "exporter/base/date.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

constexpr const char* kWhyUnknown = "Not checked does not mean OK.";

std::string Capitalized(std::string_view text) {
  std::string result(text);
  if (!result.empty() && result[0] >= 'a' && result[0] <= 'z') result[0] = static_cast<char>(result[0] - 'a' + 'A');
  return result;
}

void AddPart(const sampling::CollectorState& collector, const sampling::IncompletePart& missing, Findings& findings) {
  const sampling::DeclaredPart* const part =
      collector.type == nullptr ? nullptr : sampling::FindPart(collector.type->parts, missing.part);
  const sampling::Remedy* const remedy = part == nullptr ? nullptr : part->RemedyFor(missing.reason);
  std::vector<std::string> evidence = {
      fmt::format("collector {}, part {}: {}", collector.name, missing.part, missing.reason)};
  if (!missing.detail.empty()) evidence.push_back(Printable(missing.detail));
  findings.push_back({Severity::kNote, "not_looked_at",
                      Capitalized(part == nullptr ? missing.part : part->what) + " could not be checked",
                      std::move(evidence), kWhyUnknown, std::string(remedy == nullptr ? kNoRemedy : remedy->text),
                      missing.reason != "sql"});  // no grant makes SQL show it
}

// What PostgreSQL's remedies do not fit. Empty: they do.
std::string PoolerRemedy(FailureReason reason) {
  switch (reason) {
    case FailureReason::kInsufficientPrivilege:
      return "Add the exporter's user to stats_users in pgbouncer.ini, then run RELOAD on the console.";
    case FailureReason::kTimeout:
      return "Check PgBouncer's load and the network: its console answers at once unless the process hangs.";
    case FailureReason::kAuthentication:
    case FailureReason::kTls:
      return std::string(PoolerLoginRemedy(reason));
    case FailureReason::kConnection:
      return "Check PgBouncer's log: a restart, an administrator who ended the session, client_idle_timeout, or a "
             "firewall that closes connections.";
    case FailureReason::kError:
      return "Check PgBouncer's log. If another product answers at this address, or a release that this exporter does "
             "not know, watch it with the endpoint and certificates collectors only.";
  }
  return "";
}

std::string FailureRemedy(const sampling::CollectorState& collector, FailureReason reason) {
  if (collector.type != nullptr) {
    for (const sampling::Remedy& remedy : collector.type->failures) {
      if (remedy.reason == ToString(reason)) return std::string(remedy.text);
    }
  }
  switch (reason) {
    case FailureReason::kInsufficientPrivilege:
      return std::string(sampling::kRunRoleFile);
    case FailureReason::kAuthentication:
      return "Check user and password in the conninfo (or password_file), and the line of pg_hba.conf for this user.";
    case FailureReason::kTls:
      return "Check sslmode, sslrootcert, sslcert and sslkey in the conninfo, and the server log.";
    case FailureReason::kTimeout:
      return fmt::format(
          "Check the server's load and the network, and what the exporter's session waits for (wait_event in "
          "pg_stat_activity), or raise collectors.{}.timeout.",
          collector.name);
    case FailureReason::kConnection:
      return "Check the server log: a restart, pg_terminate_backend(), idle_session_timeout, or a pooler or firewall "
             "that closes connections.";
    case FailureReason::kError:
      break;
  }
  return "Check the server log for the statement that failed with this error. If a pooler or another product answers "
         "at this address, use PostgreSQL's own address in the conninfo.";
}

void AddFailure(const sampling::CollectorState& collector, const sampling::Failure& failure, bool pooler,
                Findings& findings) {
  const std::string of_pooler = pooler ? PoolerRemedy(failure.reason) : "";
  findings.push_back({Severity::kWarning,
                      "collector_failed",
                      fmt::format("The {} collector failed", collector.name),
                      {Printable(FailureText(failure))},
                      kWhyUnknown,
                      of_pooler.empty() ? FailureRemedy(collector, failure.reason) : of_pooler,
                      true,
                      fmt::format("The {} collector failed: {}", collector.name, ToString(failure.reason))});
}

// A collection waits, or the server does not answer.
void AddAge(const sampling::CollectorState& collector, std::chrono::sys_seconds now, Findings& findings) {
  if (!collector.result) {
    findings.push_back({Severity::kWarning,
                        "not_collected_yet",
                        fmt::format("The {} collector has not run yet", collector.name),
                        {},
                        kWhyUnknown,
                        "Wait for its first run. If it does not start, the exporter's log shows what it waits for.",
                        true});
  } else if (!collector.result->failure && IsStale(collector, now)) {
    findings.push_back({Severity::kWarning,
                        "data_stale",
                        fmt::format("The data of the {} collector are outdated", collector.name),
                        {fmt::format("last success {} ago", AgeText(*AgeOf(collector, now)))},
                        "What has changed since then is not known.",
                        fmt::format("Check the server's load and the exporter's (pg_tls_exporter_overloaded), or raise "
                                    "collectors.{}.interval.",
                                    collector.name),
                        true});
  }
}

// Of a collector that is on by default.
void AddDisabled(std::string_view name, Findings& findings) {
  findings.push_back({Severity::kNote,
                      "collector_disabled",
                      fmt::format("Not checked: the {} collector is disabled", name),
                      {},
                      kWhyUnknown,
                      fmt::format("Remove --no-collector.{0} from the command line, or set collectors.{0}.enabled: "
                                  "true in the configuration file.",
                                  name),
                      true});
}

void AddUnsupported(std::string_view name, const sampling::Unsupported& unsupported, Findings& findings) {
  findings.push_back({Severity::kNote,
                      "collector_unsupported",
                      fmt::format("Not checked: the {} collector has nothing to check {}", name, unsupported.where),
                      {},
                      kWhyUnknown,
                      unsupported.remedy,
                      true});
}

// It accepts connections, and whether it speaks TLS is not known.
void AddSilence(const tls::EndpointFacts& endpoint, bool pooler, Findings& findings) {
  const tls::Answer answer = endpoint.ssl_answer.value_or(tls::Answer::kNone);
  if (!endpoint.reachable || answer == tls::Answer::kYes || answer == tls::Answer::kNo) return;
  const bool error = answer == tls::Answer::kError;
  findings.push_back({Severity::kWarning,
                      "wire_no_answer",
                      "The server does not answer the request for TLS",
                      {fmt::format("at {}: the answer to SSLRequest is {}", Printable(endpoint.address),
                                   error ? "an error (E)" : "none, or not PostgreSQL's protocol")},
                      kWhyUnknown,
                      error ? fmt::format("Check {} log: starting up, no free connection slot, or out of memory.",
                                          pooler ? "PgBouncer's" : "the server")
                            : "Check that PostgreSQL, or a pooler that speaks TLS, listens on this port (not a proxy "
                              "without a server behind it, or another service), and check its log.",
                      true});
}

}  // namespace

std::string FailureText(const sampling::Failure& failure) {
  return fmt::format("{}: {}", ToString(failure.reason), OneLine(failure.message));
}

void AddCoverage(const Evidence& evidence, Findings& findings) {
  const auto& snapshot = evidence.snapshot;
  for (const auto& collector : snapshot.collectors) {
    if (collector.result && collector.result->unsupported) {
      AddUnsupported(collector.name, *collector.result->unsupported, findings);
      continue;
    }
    // Before the first attempt to connect, nothing is late.
    if (collector.result || snapshot.up) AddAge(collector, evidence.now, findings);
    if (!collector.result) continue;
    for (const auto& missing : collector.result->incomplete) AddPart(collector, missing, findings);
    const auto& failure = collector.result->failure;
    // AddLogin() reports the connection's failure once for all.
    const bool reported = snapshot.connection_failure && collector.result->failed_with_connection;
    if (failure && !reported) AddFailure(collector, *failure, evidence.is_pooler(), findings);
  }
  for (const sampling::CollectorType* type : snapshot.disabled) {
    if (type->schema.enabled) AddDisabled(type->name, findings);
  }
  if (evidence.endpoint) AddSilence(*evidence.endpoint, evidence.is_pooler(), findings);
  if (evidence.endpoint && !evidence.endpoint->reachable) {
    findings.push_back({Severity::kWarning,
                        "endpoint_unreachable",
                        "No TCP connection to the server from this machine",
                        {Printable(evidence.endpoint->address)},
                        kWhyUnknown,
                        fmt::format("Check that the server listens there ({}), that no firewall is in between, and "
                                    "that `endpoint:` in the configuration, if set, is the address that clients use.",
                                    evidence.is_pooler() ? "listen_addr, listen_port" : "listen_addresses, port"),
                        true});
  }
}

}  // namespace pgtls::audit
