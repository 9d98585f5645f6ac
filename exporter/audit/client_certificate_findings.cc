#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/date.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using std::chrono::sys_seconds;
using tls::ListScope;

constexpr std::size_t kMostNames = 10;

constexpr const char* kNewAuthority =
    "Put the authority's new certificate into ssl_ca_file, beside the old one while clients have certificates of both, "
    "then SELECT pg_reload_conf(); If no client has a certificate of this authority any more, remove it from the file.";
constexpr const char* kNewList =
    "Get the authority's current revocation list, put it into ssl_crl_file and SELECT pg_reload_conf(); or into "
    "ssl_crl_dir under the name that `openssl rehash` gives it, where the next connection finds it.";
constexpr const char* kClosedList =
    "The server may not read a list in ssl_crl_dir (see the finding crl_dir_unusable): let its OS user read the file, "
    "and the next connection uses it. If the authority's list is another one: ";

// What the file ssl_ca_file says, and where.
struct Verifier {
  const tls::ClientTrust& trust;
  std::string file;
  bool lists_closed;  // the server may not read a list in ssl_crl_dir
  sys_seconds now;
  Findings& findings;

  bool IsAlone() const { return trust.NoneAccepted(); }
  Severity Of(Severity severity) const { return OfAuthority(trust, severity); }
};

// A collection's authorities in one finding, those of a short file in one each.
void AddGroups(std::vector<std::string> lines, const Verifier& verifier, const Finding& model) {
  if (lines.empty()) return;
  const std::size_t count = lines.size();
  const std::size_t size = verifier.trust.IsCollection() ? count : 1;
  for (std::size_t begin = 0; begin < count; begin += size) {
    Finding& finding = verifier.findings.emplace_back(model);
    finding.evidence.insert(finding.evidence.begin(), "file " + Printable(verifier.file));
    const std::size_t shown = std::min(size, kMostNames);
    for (std::size_t i = begin; i < begin + shown; ++i) finding.evidence.push_back(Printable(lines[i]));
    if (shown < size) finding.evidence.push_back(fmt::format("and {} more", size - shown));
  }
}

void AddExpiry(const Verifier& verifier) {
  std::vector<std::string> expired;
  std::vector<std::string> expiring;
  Severity worst = Severity::kFine;
  std::optional<sys_seconds> last;
  for (const auto& authority : verifier.trust.authorities) last = std::max(last, authority.not_after);
  for (const auto& authority : verifier.trust.authorities) {
    if (!authority.not_after) continue;
    const bool early = authority.not_before > verifier.now;  // AddNotYetValid's matter
    const Severity severity =
        SeverityOfEnd(early ? std::nullopt : authority.not_before, *authority.not_after, verifier.now);
    if (severity == Severity::kFine) continue;
    const std::string line = authority.subject + ": accepted until " + Date(*authority.not_after);
    if (*authority.not_after <= verifier.now) {
      expired.push_back(line);
    } else if (!verifier.trust.IsCollection() || authority.not_after == last) {
      expiring.push_back(line);
      worst = std::min(worst, severity);
    }
  }
  AddGroups(std::move(expired), verifier,
            {verifier.Of(Severity::kCritical),
             "ca_expired",
             "An authority of client certificates has expired",
             {},
             verifier.IsAlone() ? "The server refuses every client that presents a certificate."
                                : "The server refuses every client certificate that this authority issued.",
             kNewAuthority});
  AddGroups(std::move(expiring), verifier,
            {worst,
             "ca_expiring",
             "An authority of client certificates expires soon",
             {},
             "From then on the server refuses every client certificate that this authority issued.",
             kNewAuthority});
}

// One that begins later was put there in time, as long as another one is accepted.
void AddNotYetValid(const Verifier& verifier) {
  if (!verifier.IsAlone()) return;
  std::vector<std::string> lines;
  for (const auto& authority : verifier.trust.authorities) {
    for (const auto& [reason, name] : authority.refusals) {
      if (reason != "not_yet_valid") continue;
      lines.push_back(name == authority.subject ? authority.subject
                                                : fmt::format("{} (issued by {})", authority.subject, name));
    }
  }
  AddGroups(std::move(lines), verifier,
            {Severity::kCritical,
             "certificate_not_yet_valid",
             "An authority of client certificates is not valid yet",
             {},
             "The server refuses every client that presents a certificate.",
             "Check the server's clock, and that of the machine that issued the authority's certificate. If both are "
             "right, put the previous certificate back into ssl_ca_file, beside this one, and SELECT "
             "pg_reload_conf();"});
}

// What else than time and lists stops a path.
void AddPaths(const Verifier& verifier) {
  std::vector<std::string> lines;
  std::vector<std::string> wrong_purpose;
  for (const auto& authority : verifier.trust.authorities) {
    for (const auto& [reason, name] : authority.refusals) {
      if (reason.starts_with("crl_") || reason == "expired" || reason == "not_yet_valid") continue;
      auto& of_reason = reason == "wrong_purpose" ? wrong_purpose : lines;
      of_reason.push_back(fmt::format("{}: {} ({})", authority.subject, reason, name));
    }
  }
  AddGroups(std::move(lines), verifier,
            {verifier.Of(Severity::kCritical),
             "client_ca_refused",
             "Client certificates of an authority are refused",
             {},
             "The path from such a certificate to a root in ssl_ca_file is broken: unknown_ca means that the "
             "authority's own issuer is not in the file.",
             "Put every authority up to the self-signed root into ssl_ca_file, then SELECT pg_reload_conf();"});
  AddGroups(std::move(wrong_purpose), verifier,
            {verifier.Of(Severity::kCritical),
             "client_ca_refused",
             "Client certificates of an authority are refused",
             {},
             "The named certificate has an extendedKeyUsage without clientAuth, or may not sign certificates. The "
             "server refuses every client certificate whose path contains it.",
             "Have that certificate issued again, without extendedKeyUsage or with clientAuth in it, put it into "
             "ssl_ca_file in place of the old one, then SELECT pg_reload_conf();"});
}

void AddLists(const Verifier& verifier) {
  std::vector<std::string> missing;
  std::vector<std::string> unusable;
  for (const auto& authority : verifier.trust.authorities) {
    for (const auto& [reason, name] : authority.refusals) {
      const std::string line =
          name == authority.subject ? authority.subject : fmt::format("{} (list of {})", authority.subject, name);
      if (reason == "crl_missing") missing.push_back(line);
      if (reason == "crl_not_yet_valid" || reason == "crl_bad_signature" || reason == "crl_unusable") {
        unusable.push_back(fmt::format("{}: {}", line, reason));
      }
    }
  }
  AddGroups(
      std::move(missing), verifier,
      {verifier.Of(Severity::kCritical),
       "crl_missing",
       "An authority of client certificates has no revocation list",
       {},
       "With ssl_crl_file or ssl_crl_dir set, every authority on a client's path needs its list, the root "
       "included: without it the server refuses every client certificate of that authority and of the authorities "
       "below it.",
       (verifier.lists_closed ? kClosedList : std::string()) + kNewList});
  AddGroups(std::move(unusable), verifier,
            {verifier.Of(Severity::kCritical),
             "crl_unusable",
             "The revocation list of an authority cannot be used",
             {},
             "The server refuses every client certificate that the authority issued. crl_bad_signature: the list was "
             "signed by another key; crl_not_yet_valid: it begins later, or the server's clock is wrong; crl_unusable: "
             "it has a critical extension that OpenSSL does not know.",
             kNewList});
  for (const auto& list : verifier.trust.not_found) {
    verifier.findings.push_back(
        {Severity::kWarning,
         "crl_not_found",
         "A revocation list in ssl_crl_dir is not used",
         {Printable("file " + list.path + ": " + list.issuer), "OpenSSL looks for " + list.expected_name},
         "OpenSSL finds a list by its file's name alone: the hash of the issuer's name and a number, without gaps.",
         Printable(fmt::format("Rename it to {}, or run `openssl rehash` on the directory.", list.expected_name))});
  }
}

void AddEndOfList(const tls::ListInForce& list, sys_seconds now, Findings& findings) {
  const Severity severity = SeverityOfEnd(list, now);
  if (severity == Severity::kFine) return;
  const bool over = *list.next_update <= now;
  const bool refuses = list.scope == ListScope::kAuthority;
  const std::string_view why =
      refuses ? "With an expired list the server refuses every client certificate that this authority issued."
      : list.scope == ListScope::kUnknownIssuer
          ? "Its issuer is not in ssl_ca_file. If clients send the issuer's certificate along, the server refuses them "
            "once the list has expired; otherwise the list is not used."
          : "Programs that use this list refuse the certificates of its issuer once it has expired.";
  findings.push_back({severity,
                      over ? "crl_expired" : "crl_expiring",
                      over ? "A certificate revocation list has expired" : "A certificate revocation list expires soon",
                      {Printable("file " + list.path + ": " + list.issuer), "next update " + Date(*list.next_update)},
                      std::string(why),
                      list.scope == ListScope::kConfigured ? "Replace the file with the authority's current list."
                      : refuses                            ? kNewList
                                : "Put the authority's current list there, or remove the list if no client has a "
                                  "certificate of this authority any more."});
}

}  // namespace

Severity OfAuthority(const tls::ClientTrust& trust, Severity severity) {
  return trust.IsCollection() && !trust.NoneAccepted() ? std::max(severity, Severity::kNote) : severity;
}

void AddClientCertificates(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates) return;
  const tls::CertificateInventory& inventory = *evidence.certificates;
  for (const auto& list : inventory.lists) AddEndOfList(list, evidence.now, findings);
  const auto file = std::ranges::find(inventory.files, "ca", &tls::FileReport::role);
  if (!inventory.clients || file == inventory.files.end()) return;
  const bool lists_closed = std::ranges::any_of(inventory.files, [](const tls::FileReport& list) {
    return list.of_list_directory && list.problem == "permission_denied" && list.server_may_read == false;
  });
  const Verifier verifier{*inventory.clients, file->path, lists_closed, evidence.now, findings};
  AddExpiry(verifier);
  AddNotYetValid(verifier);
  AddPaths(verifier);
  AddLists(verifier);
}

}  // namespace pgtls::audit
