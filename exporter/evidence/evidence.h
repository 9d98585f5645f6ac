// What is known of the sessions of a server in a period, and what that proves.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/evidence/queries.h"
#include "exporter/evidence/time_range.h"

namespace pgtls::evidence {

// Why a server was not observed. Exporter and labels are empty where they say nothing.
struct Reason {
  std::string why;  // a word that does not change
  Exporter exporter;
  std::string part;    // of a collector that succeeded without it
  std::string detail;  // the label `reason` of a failure or part

  bool operator==(const Reason&) const = default;
};

// In words, without the exporter.
std::string Words(const Reason& reason);

struct Gap {
  TimeRange range;
  std::vector<Reason> reasons;
};

// Sessions by network, and by encryption or by whether the policy allows them.
using Counts = std::map<std::pair<std::string, std::string>, std::uint64_t>;

struct ExporterEvidence {
  Exporter exporter;
  TimeRanges observed;
  std::optional<std::uint64_t> established;  // by the server's own count
  std::uint64_t missed = 0;                  // of these, in no sample
  std::uint64_t losses = 0;                  // how often that count may have lost some
  Counts seen;                               // {network, encryption}
  Counts unencrypted;                        // {network, allowed}
  std::uint64_t most_open = 0;               // connections from other hosts, unencrypted and not allowed, at a time
  bool follows_log = false;                  // the whole log, whenever it observed the server
  std::optional<std::uint64_t> logged;
  std::uint64_t logged_unknown = 0;  // with an encryption that the log does not prove
  Counts logged_unencrypted;         // {network, allowed}

  // Whether every session of the time in `observed` is known.
  bool KnowsAll() const;
  // Whether the log alone has all of them.
  bool LogHasAll() const;
};

// Unencrypted sessions of one client.
struct Client {
  bool logged = false;  // in the server's log; else in samples of its sessions
  std::string database, user, address, network;
  bool allowed = false;
  std::uint64_t most = 0;  // at a time, or within the log collector's window
  TimeRange seen;          // within these times, as precise as the parts of the period that were asked about
};

struct Certificate {
  std::string host, subject, issuer, serial, fingerprint, key;
  std::optional<Time> not_before;  // absent if Prometheus has no sample of it
  Time not_after;
  TimeRange seen;  // as in Client
};

struct Exemption {
  std::string name;
  Time end;
};

// Unencrypted connections of one client that an exemption allowed, in samples.
struct ExemptedClient {
  std::string database, user, address;
  std::uint64_t most = 0;  // at a time
  TimeRange seen;          // as in Client
};

// An exemption that was in force at some time of the period.
struct ExemptionInForce {
  std::string name;
  std::optional<Time> end;              // absent if it has none
  TimeRange in_force;                   // as in Client
  std::vector<ExemptedClient> clients;  // empty if it was used in no sample
};

enum class Verdict { kProven, kUnencrypted, kNotProven };
std::string_view ToString(Verdict verdict);

struct ServerEvidence {
  std::string server;
  TimeRange period;
  bool known = false;  // Prometheus has samples of it
  Duration resolution{0};
  TimeRanges observed;  // by any exporter
  std::vector<Gap> gaps;
  std::vector<ExporterEvidence> exporters;
  std::vector<Client> clients;
  std::vector<Exemption> exemptions;  // those with an end
  std::vector<ExemptionInForce> in_force;
  std::vector<Certificate> certificates;
};

// Unencrypted sessions from other hosts that no exemption allows decide, whatever else is missing.
Verdict Judge(const ServerEvidence& server);
// Whether the server's log had every session while it was observed.
bool IsLogged(const ServerEvidence& server);
// In sentences: why it is not proven, and what the unencrypted sessions are.
std::vector<std::string> Grounds(const ServerEvidence& server);

struct Evidence {
  Time made;
  std::string source;  // Prometheus' URL
  TimeRange period;
  std::vector<ServerEvidence> servers;
};

// 1 where a server has unencrypted sessions that are not allowed; else 3 where one is not proven; else 0.
int ExitCode(const Evidence& evidence);

}  // namespace pgtls::evidence
