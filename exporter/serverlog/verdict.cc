#include "exporter/serverlog/verdict.h"

namespace pgtls::serverlog {

Verdict Judge(const LoggedSession& session, const Evidence& evidence) {
  // hostnossl admits a connection that GSS encrypts.
  const bool says_nothing = evidence.rule == Encryption::kNone && session.said == Encryption::kGss;
  const std::optional<Encryption> rule = says_nothing ? std::nullopt : evidence.rule;
  const std::optional<Encryption> proven = evidence.sampled ? evidence.sampled : rule;
  if (proven && *proven != session.said) {
    // Only a client that is not encrypted gains by a forged record. The other contradictions are nobody's lie that is
    // known.
    const bool forged = !session.certain && *proven == Encryption::kNone;
    return {forged ? proven : std::nullopt, true};
  }
  if (proven || session.certain) return {session.said, false};
  return {};
}

}  // namespace pgtls::serverlog
