#include "exporter/sessions/requirements.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

#include "exporter/sessions/exemptions.h"

namespace pgtls::sessions {
namespace {

enum class Answer { kMet, kViolated, kNotShown, kCut };

// pg_stat_ssl cuts a name at NAMEDATALEN - 1 bytes.
constexpr std::size_t kNameShown = 63;

Answer OfVersion(std::string_view version, const std::string& minimum) {
  const auto* const shown = std::ranges::find(config::kTlsVersions, version);
  if (shown == std::end(config::kTlsVersions)) return Answer::kNotShown;
  return shown < std::ranges::find(config::kTlsVersions, minimum) ? Answer::kViolated : Answer::kMet;
}

Answer OfCipher(std::string_view cipher, const std::vector<std::string>& ciphers) {
  if (cipher.empty()) return Answer::kNotShown;
  return std::ranges::find(ciphers, cipher) == ciphers.end() ? Answer::kViolated : Answer::kMet;
}

Answer OfIssuer(const Session& session, const std::vector<std::string>& issuers, bool shows_certificates) {
  if (!shows_certificates) return Answer::kNotShown;
  if (!session.client_certificate) return Answer::kViolated;
  if (std::ranges::find(issuers, session.issuer_dn) != issuers.end()) return Answer::kMet;
  const bool cut =
      session.issuer_dn.size() == kNameShown && std::ranges::any_of(issuers, [&session](const std::string& issuer) {
        return issuer.starts_with(session.issuer_dn);
      });
  return cut ? Answer::kCut : Answer::kViolated;
}

}  // namespace

Violations ViolationsOf(const Session& session, const Origin& origin, std::span<const config::Requirement> entries,
                        bool shows_certificates) {
  Violations violations;
  const auto judge = [&violations](std::size_t reason, Answer answer) {
    if (answer == Answer::kViolated) violations.reasons[reason] = true;
    if (answer == Answer::kNotShown) violations.not_shown = true;
    if (answer == Answer::kCut) violations.issuer_cut = true;
  };
  for (const config::Requirement& entry : entries) {
    if (!Selects(entry, session, origin)) continue;
    if (entry.min_version) judge(0, OfVersion(session.version, *entry.min_version));
    if (!entry.ciphers.empty()) judge(1, OfCipher(session.cipher, entry.ciphers));
    if (!entry.client_issuers.empty()) judge(2, OfIssuer(session, entry.client_issuers, shows_certificates));
  }
  return violations;
}

}  // namespace pgtls::sessions
