#include <fmt/format.h>

#include <algorithm>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

constexpr const char* kWhyLoopback =
    "Loopback traffic does not leave the machine, but a proxy on it may have clients elsewhere.";

std::string Line(const sessions::UnencryptedGroup& group) {
  // Physical replication has no database.
  const std::string database = group.database.empty() ? "replication" : "database " + group.database;
  std::string line = fmt::format("user {}, {}, from {}", group.user, database, group.client.ToString());
  if (!group.application_name.empty()) line += fmt::format(" ({})", group.application_name);
  return Printable(fmt::format("{}: {}", line, Counted(group.connections, "connection")));
}

struct Groups {
  std::vector<std::string> lines;
  std::size_t connections = 0;
  void Add(const sessions::UnencryptedGroup& group) {
    lines.push_back(Line(group));
    connections += group.connections;
  }
};

// Over a Unix socket there is nothing to protect.
void AddOwnConnection(const Evidence& evidence, Findings& findings) {
  const auto& own = evidence.snapshot.connection;
  if (!own || own->encryption != "none" || !own->address) return;
  const bool loopback = own->address->IsLoopback();
  findings.push_back({loopback ? LoopbackPlaintext(evidence.snapshot.loopback) : Severity::kWarning,
                      "exporter_unencrypted",
                      "The exporter's own connection is not encrypted",
                      {Printable("sslmode=" + own->sslmode)},
                      loopback ? kWhyLoopback
                               : fmt::format("Anyone on the network path can read what it reads (users, addresses{}).",
                                             evidence.is_pooler() ? "" : ", rules of pg_hba.conf"),
                      FirstTls(evidence) + "Put sslmode=verify-full (at least require) into the conninfo."});
}

// In a run of a few seconds (`check`, `collect`) nothing is known of it.
void AddSeenShare(const Evidence& evidence, Findings& findings) {
  if (!evidence.seen || evidence.seen->observed < kObservedLongEnough) return;
  const auto [established, sampled, observed] = *evidence.seen;
  if (established < kEnoughSessions) return;
  const std::uint64_t seen = std::min(sampled, established);
  const std::string share =
      fmt::format("Sampling saw {} % of the sessions of the last {}", seen * 100 / established,
                  observed < std::chrono::hours(1) ? fmt::format("{} minutes", observed.count()) : std::string("hour"));
  std::vector<std::string> lines = {fmt::format("{} by the server's statistics, {} seen, {} not seen",
                                                Counted(established, "session"), seen, established - seen)};
  const bool is_low = static_cast<double>(seen) < kShareSeen * static_cast<double>(established);
  // What the log collector counts has every session.
  if (!is_low || evidence.log) {
    findings.push_back({Severity::kFine, "sessions_seen", share, std::move(lines), "", ""});
    return;
  }
  findings.push_back({Severity::kNote, "sessions_missed", share, std::move(lines),
                      "The others began and ended between two samples: whether they were encrypted is not known.",
                      "Enable the log collector (collectors.log.enabled: true): the server's log has every session. "
                      "Where its log cannot be read, set a shorter collectors.sessions.interval."});
}

}  // namespace

void AddSessions(const Evidence& evidence, Findings& findings) {
  AddOwnConnection(evidence, findings);
  AddSeenShare(evidence, findings);
  if (!evidence.sessions) return;
  Groups remote, loopback, allowed;
  for (const auto& group : evidence.sessions->unencrypted) {
    (group.allowed ? allowed : group.network == Network::kRemote ? remote : loopback).Add(group);
  }
  if (remote.lines.empty() && loopback.lines.empty() && allowed.lines.empty() && !evidence.sessions->HasUnknown()) {
    findings.push_back(
        {Severity::kFine, "sessions_encrypted", "No open connection over TCP is unencrypted", {}, "", ""});
  }
  const auto add = [&](Groups& groups, std::string_view from, Finding finding) {
    if (groups.lines.empty()) return;
    finding.brief = fmt::format("{} {}", Counted(groups.connections, "unencrypted connection"), from);
    finding.evidence = std::move(groups.lines);
    findings.push_back(std::move(finding));
  };
  add(remote, "from other machines",
      {kRemotePlaintext,
       "plaintext_sessions",
       "Connections from other machines are not encrypted",
       {},
       "Anyone on the network path can read and change what they send, and a password sent in clear text.",
       FirstTls(evidence) + "Give these clients sslmode=verify-full (at least require). " +
           RefuseUnencrypted(evidence) + " An exception that has been agreed on belongs in policy.allow_unencrypted."});
  add(loopback, "over loopback",
      {LoopbackPlaintext(evidence.snapshot.loopback),
       "plaintext_sessions_loopback",
       "Loopback connections are not encrypted",
       {},
       kWhyLoopback,
       FirstTls(evidence) + "Give these clients sslmode=require, or let them use the Unix socket."});
  add(allowed, "that the policy allows",
      {Severity::kNote,
       "plaintext_sessions_allowed",
       "Unencrypted connections that the policy allows",
       {},
       "An exemption is a decision, not protection.",
       "Remove the entry from policy.allow_unencrypted once the client uses TLS."});
}

}  // namespace pgtls::audit
