// The numbers and severities that `check`, the status page and the alert rules (deploy/prometheus/rules) share. Check
// and page use them from here; tests/exporter/audit/alerts_test.cc compares the rules with them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "exporter/audit/finding.h"
#include "exporter/sampling/result.h"
#include "exporter/tls/revocation_lists.h"

namespace pgtls::audit {

// ---- Times

// A certificate is expiring when a third of its lifetime is left, and expires soon (critical) when a tenth is left: so
// that one for 6 days is renewed in time, and one for 10 years is not reported for months. Within these limits, which
// are also what holds if the lifetime is not known.
inline constexpr int kEndsAheadShare = 3;
inline constexpr int kEndsSoonShare = 10;
inline constexpr std::chrono::days kCertificateEndsAhead{30};
inline constexpr std::chrono::days kCertificateEndsSoon{7};
inline constexpr std::chrono::hours kCertificateEndsShortest{12};
// Authorities renew their revocation lists days, not weeks, ahead: an earlier warning would never go away.
inline constexpr std::chrono::days kListEndsAhead{2};
// Number of a collector's intervals without a success after which its data are outdated.
inline constexpr int kIntervalsUntilStale = 3;

// ---- Sessions that sampling missed

// Of the sessions of the last hour: if sampling saw less, most of what happened is not known.
inline constexpr double kShareSeen = 0.5;
// With fewer sessions the share means little.
inline constexpr std::uint64_t kEnoughSessions = 100;
// How long they must have been counted.
inline constexpr std::chrono::minutes kObservedLongEnough{15};

// Of a certificate that verifications depend on. kFine: neither is near.
Severity SeverityOfEnd(std::optional<std::chrono::sys_seconds> not_before, std::chrono::sys_seconds not_after,
                       std::chrono::sys_seconds now);
// Of a revocation list; kFine without a next update.
Severity SeverityOfEnd(const tls::ListInForce& list, std::chrono::sys_seconds now);

// Time since the last success; absent without one.
std::optional<std::chrono::seconds> AgeOf(const sampling::CollectorState& collector, std::chrono::sys_seconds now);
bool IsStale(const sampling::CollectorState& collector, std::chrono::sys_seconds now);

// ---- Severities

// Plaintext from another machine: open, accepted on the wire, or admitted by pg_hba.conf for certain.
inline constexpr Severity kRemotePlaintext = Severity::kCritical;
// It depends on host names, on the server's own addresses or on a reload whether pg_hba.conf admits it.
inline constexpr Severity kPossiblePlaintext = Severity::kWarning;
// Plaintext over loopback, by the policy.
Severity LoopbackPlaintext(config::LoopbackSeverity policy);
// Where the operator gave a root certificate, a server that fails it is broken, or another one.
inline constexpr Severity kChainNotVerified = Severity::kCritical;
// The exporter has no root certificate: whether clients verify is not known.
inline constexpr Severity kWrongPurpose = Severity::kWarning;
// Not critical: the exporter may use another name or an address, where clients use the certificate's name.
inline constexpr Severity kWrongHost = Severity::kWarning;
// A name that clients use, by the configuration, and that has no TLS.
inline constexpr Severity kNameRefused = Severity::kCritical;
// A certificate file that the server has not loaded yet does no harm before the next reload.
constexpr Severity BeforeLoading(Severity severity) {
  return severity == Severity::kCritical ? Severity::kWarning : severity;
}
// Somebody whose certificate was revoked is connected.
inline constexpr Severity kRevokedInUse = Severity::kCritical;
// An encryption setting that was changed: the operator relies on a value that is not in force.
inline constexpr Severity kSettingPending = Severity::kWarning;

}  // namespace pgtls::audit
