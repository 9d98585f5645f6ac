#include "exporter/audit/thresholds.h"

#include <algorithm>

namespace pgtls::audit {

using std::chrono::seconds;
using std::chrono::sys_seconds;

Severity SeverityOfEnd(std::optional<sys_seconds> not_before, sys_seconds not_after, sys_seconds now) {
  const auto limit = [&](int share, seconds longest) {
    if (!not_before) return longest;
    return std::clamp<seconds>((not_after - *not_before) / share, kCertificateEndsShortest, longest);
  };
  if (not_before && *not_before > now) return Severity::kCritical;
  const seconds left = not_after - now;
  if (left <= limit(kEndsSoonShare, kCertificateEndsSoon)) return Severity::kCritical;
  return left <= limit(kEndsAheadShare, kCertificateEndsAhead) ? Severity::kWarning : Severity::kFine;
}

Severity SeverityOfEnd(const tls::ListInForce& list, sys_seconds now) {
  if (!list.next_update || *list.next_update - now > kListEndsAhead) return Severity::kFine;
  // Whether clients depend on it is not known if its issuer is not.
  const bool depended_on = list.scope != tls::ListScope::kUnknownIssuer;
  return *list.next_update <= now && depended_on ? Severity::kCritical : Severity::kWarning;
}

std::optional<seconds> AgeOf(const sampling::CollectorState& collector, sys_seconds now) {
  if (!collector.last_success) return std::nullopt;
  return std::max(seconds(0), now - std::chrono::floor<seconds>(*collector.last_success));
}

bool IsStale(const sampling::CollectorState& collector, sys_seconds now) {
  const auto age = AgeOf(collector, now);
  // Short intervals get the time that a busy machine takes.
  return age && *age > std::max<std::chrono::milliseconds>(kIntervalsUntilStale * collector.interval, seconds(30));
}

Severity LoopbackPlaintext(config::LoopbackSeverity policy) {
  switch (policy) {
    case config::LoopbackSeverity::kNote:
      return Severity::kNote;
    case config::LoopbackSeverity::kWarning:
      return Severity::kWarning;
    case config::LoopbackSeverity::kCritical:
      break;
  }
  return Severity::kCritical;
}

}  // namespace pgtls::audit
