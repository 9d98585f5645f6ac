#include "exporter/serverlog/verdict.h"

namespace pgtls::serverlog {

Verdict Judge(const LoggedSession& session, const Evidence& evidence) {
  // hostnossl admits a connection that GSS encrypts.
  const bool says_nothing = evidence.rule == Encryption::kNone && session.said == Encryption::kGss;
  const std::optional<Encryption> rule = says_nothing ? std::nullopt : evidence.rule;
  const std::optional<Encryption> proven = evidence.sampled ? evidence.sampled : rule;
  // Plaintext prevails: a client may forge a record that says encryption, and has no reason to forge the other.
  if (proven && *proven != session.said) {
    const bool plaintext = session.said == Encryption::kNone || *proven == Encryption::kNone;
    return {plaintext ? std::optional(Encryption::kNone) : std::nullopt, true};
  }
  if (proven || session.certain) return {session.said, false};
  return {};
}

}  // namespace pgtls::serverlog
