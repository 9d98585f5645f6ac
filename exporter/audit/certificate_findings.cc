#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using std::chrono::days;
using std::chrono::sys_seconds;
using tls::CertificateFacts;

constexpr auto kSoon = days(7);
constexpr auto kAhead = days(30);
constexpr const char* kRenew =
    "Issue a new certificate for the same names, put it into ssl_cert_file, SELECT pg_reload_conf(); and look at the "
    "wire again.";

std::string Date(sys_seconds time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

// Where a certificate or list was seen, and what breaks with it.
struct Place {
  std::string where;  // "served", "file /etc/…"
  bool is_leaf;       // the server's own, as clients meet it
  std::string_view what;
  std::string_view prefix;  // of the finding's id: certificate, ca
};

void AddValidity(const CertificateFacts& certificate, const Place& place, sys_seconds now, Findings& findings) {
  const std::string subject = Printable(fmt::format("{}: {}", place.where, certificate.subject));
  const std::string why =
      place.is_leaf
          ? "Clients that verify the server cannot connect with it; PostgreSQL itself serves it on in silence."
          : "Certificates that it stands for are not accepted any more.";
  if (certificate.not_after) {
    const std::vector<std::string> lines = {subject, "valid until " + Date(*certificate.not_after)};
    const auto left = *certificate.not_after - now;
    const bool ca = place.prefix == "ca";
    if (left <= std::chrono::seconds(0)) {
      findings.push_back({Severity::kCritical, ca ? "ca_expired" : "certificate_expired",
                          fmt::format("{} has expired", place.what), lines, why, kRenew});
    } else if (left <= kAhead) {
      findings.push_back({left <= kSoon ? Severity::kCritical : Severity::kWarning,
                          ca ? "ca_expiring" : "certificate_expiring",
                          fmt::format("{} expires in {} days", place.what, std::chrono::floor<days>(left).count()),
                          lines, why, kRenew});
    } else if (place.is_leaf) {
      findings.push_back({Severity::kFine, "certificate_valid",
                          fmt::format("{} is valid for {} days", place.what, std::chrono::floor<days>(left).count()),
                          lines, "", ""});
    }
  }
  if (certificate.not_before && *certificate.not_before > now) {
    findings.push_back({Severity::kCritical,
                        "certificate_not_yet_valid",
                        fmt::format("{} is not valid yet", place.what),
                        {subject, "valid from " + Date(*certificate.not_before)},
                        why,
                        "Wait, or mend the clock of the authority or of this machine."});
  }
}

bool WeakKey(const CertificateFacts& certificate) {
  int bits = 0;
  const auto& size = certificate.key_size;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), bits);
  if (error != std::errc()) return false;
  if (certificate.key_algorithm == "RSA" || certificate.key_algorithm == "DSA") return bits < 2048;
  return certificate.key_algorithm == "EC" && bits < 224;
}

bool WeakSignature(const CertificateFacts& certificate) {
  std::string name = certificate.signature_algorithm;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("md5") != std::string::npos || name.find("sha1") != std::string::npos ||
         name.find("md4") != std::string::npos;
}

void AddStrength(const CertificateFacts& certificate, const Place& place, Findings& findings) {
  const std::string subject = Printable(fmt::format("{}: {}", place.where, certificate.subject));
  if (WeakKey(certificate)) {
    findings.push_back({Severity::kWarning,
                        "weak_key",
                        fmt::format("{} has a weak key", place.what),
                        {subject, Printable(certificate.key_algorithm + " " + certificate.key_size + " bits")},
                        "Such a key can be found with enough machines.",
                        "Make a new key (RSA 2048 or more, or EC P-256) and a certificate for it."});
  }
  // Nobody looks at the signature of a root.
  if (WeakSignature(certificate) && !certificate.self_signed) {
    findings.push_back({Severity::kWarning,
                        "weak_signature",
                        fmt::format("{} has a weak signature", place.what),
                        {subject, Printable(certificate.signature_algorithm)},
                        "Another certificate with the same signature can be made.",
                        kRenew});
  }
}

void AddServed(const tls::CertificateInventory& inventory, sys_seconds now, Findings& findings) {
  for (std::size_t i = 0; i < inventory.served.size(); ++i) {
    const CertificateFacts& certificate = inventory.served[i];
    const Place place = i == 0 ? Place{"served", true, "The server's certificate", "certificate"}
                               : Place{"served", false, "An authority's certificate that the server sends", "ca"};
    AddValidity(certificate, place, now, findings);
    AddStrength(certificate, place, findings);
  }
  if (!inventory.served.empty() && inventory.served[0].self_signed) {
    findings.push_back({Severity::kWarning,
                        "self_signed",
                        "The server's certificate is self-signed",
                        {Printable("served: " + inventory.served[0].subject)},
                        "Clients can verify it only by a copy of it, and with every renewal they need a new one.",
                        "Have an authority sign it, and give clients that authority's certificate as sslrootcert."});
  }
  if (inventory.served_matches_file == false) {
    findings.push_back({Severity::kWarning,
                        "served_not_file",
                        "The server serves another certificate than stands in its file",
                        {},
                        "It was replaced and not reloaded, or the reload was refused (a wrong key, too open a mode): "
                        "the old one goes on until it expires, or until the next restart fails.",
                        "SELECT pg_reload_conf(); then look into the server's log if nothing changes."});
  }
}

void AddFile(const tls::FileReport& file, sys_seconds now, Findings& findings) {
  const std::string where = "file " + file.path;
  const bool of_server = file.role != "extra";
  if (!file.problem.empty() && file.problem != "permission_denied") {
    findings.push_back({of_server ? Severity::kCritical : Severity::kWarning,
                        "certificate_file_unusable",
                        "A certificate file cannot be used",
                        {Printable(where + ": " + file.problem)},
                        of_server ? "A reload refuses it, and the next start of the server fails."
                                  : "What it should say is not known.",
                        "Put the right file there, readable by the server."});
  }
  for (const auto& entry : file.content.certificates) {
    const bool ca = file.role == "ca" || entry.position > 0;
    const Place place = {where, false, ca ? "An authority's certificate" : "A certificate on disk",
                         ca ? "ca" : "certificate"};
    AddValidity(entry.facts, place, now, findings);
    if (!ca) AddStrength(entry.facts, place, findings);
  }
  for (const auto& crl : file.content.crls) {
    if (!crl.next_update || *crl.next_update - now > kSoon) continue;
    const bool over = *crl.next_update <= now;
    findings.push_back(
        {over ? Severity::kCritical : Severity::kWarning,
         over ? "crl_expired" : "crl_expiring",
         over ? "A certificate revocation list has expired" : "A certificate revocation list expires soon",
         {Printable(where + ": " + crl.issuer), "next update " + Date(*crl.next_update)},
         "With an expired list the server refuses every client that presents a certificate.",
         "Fetch the authority's new list into the file, then SELECT pg_reload_conf();"});
  }
}

void AddKey(const tls::KeyReport& key, Findings& findings) {
  const std::vector<std::string> lines = {Printable(key.path)};
  const std::string why = "The reload refused it in silence, or will: the next start of the server fails.";
  if (key.mode == false) {
    findings.push_back({Severity::kCritical, "key_mode", "The private key's file is open to others", lines, why,
                        Printable("chmod 0600 " + key.path) + " (0640 is allowed where root owns it)"});
  }
  if (key.owner == false) {
    findings.push_back({Severity::kCritical, "key_owner", "The private key's file belongs to somebody else", lines, why,
                        Printable("chown to the server's user, or to root with mode 0640: " + key.path)});
  }
  if (key.matches_certificate == false) {
    findings.push_back(
        {Severity::kCritical, "key_mismatch", "The private key does not belong to the certificate", lines, why,
         "Put the pair that belongs together into ssl_cert_file and ssl_key_file, then SELECT pg_reload_conf();"});
  }
  if (key.mode == true && key.owner == true && key.matches_certificate == true) {
    findings.push_back({Severity::kFine, "key", "The private key's file is as the server wants it", lines, "", ""});
  }
}

}  // namespace

void AddCertificates(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates) return;
  const tls::CertificateInventory& inventory = *evidence.certificates;
  AddServed(inventory, evidence.now, findings);
  for (const auto& file : inventory.files) {
    // What is served was judged there already.
    const bool same = file.role == "server" && !inventory.served.empty() && inventory.served_matches_file == true;
    if (!same) AddFile(file, evidence.now, findings);
  }
  if (inventory.key) {
    AddKey(*inventory.key, findings);
  } else if (!inventory.served.empty()) {
    findings.push_back({Severity::kNote,
                        "key_not_looked_at",
                        "The private key's file cannot be looked at from here",
                        {},
                        "Whether the next start of the server takes it (mode, owner, certificate) is not known.",
                        "Run the exporter on the server's machine, over the Unix socket or with read_via: local."});
  }
}

}  // namespace pgtls::audit
