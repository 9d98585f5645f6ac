#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/audit/words.h"
#include "exporter/base/text.h"
#include "exporter/tls/probe.h"

namespace pgtls::audit {
namespace {

using tls::CertificateFacts;

// A chain, and how it is served.
struct Place {
  std::string where;  // "served", "file /etc/…"
  bool in_force;      // false: a file that the server loads at its next reload or start only
  std::string_view install;
};

constexpr std::string_view kInstallFile = "put it into {certificate} and {reload_end}";
constexpr std::string_view kInstallName =
    "put it into the certificate file of the name's entry in pg_hosts.conf, then SELECT pg_reload_conf(); If a proxy "
    "ends TLS at this address, install it there.";

std::string UsageLine(const CertificateFacts& certificate) {
  if (!certificate.extended_key_usage) return "no extendedKeyUsage; keyUsage or another extension excludes it";
  return fmt::format("extendedKeyUsage: {}", certificate.extended_key_usage->empty()
                                                 ? "not readable"
                                                 : fmt::format("{}", fmt::join(*certificate.extended_key_usage, ", ")));
}

void AddWrongPurpose(const CertificateFacts& certificate, std::size_t position, const Place& place, const Words& words,
                     Findings& findings) {
  const bool leaf = position == 0;
  findings.push_back(
      {place.in_force ? kWrongPurpose : BeforeLoading(kWrongPurpose),
       "certificate_usage",
       leaf ? "The server's certificate was not issued for a server"
            : "A CA certificate in the server's chain excludes server certificates",
       {Printable(fmt::format("{}: {} (position {})", place.where, certificate.subject, position)),
        Printable(UsageLine(certificate))},
       place.in_force ? "Clients that verify the server refuse it. With sslmode=prefer and a root certificate file "
                        "libpq then connects without TLS, if pg_hba.conf admits it."
                      : "The server does not use this file yet. After the next reload or restart, clients that verify "
                        "the server refuse it.",
       leaf ? Fill(fmt::format("Issue the certificate with extendedKeyUsage = serverAuth (anyExtendedKeyUsage alone is "
                               "refused) and keyUsage = digitalSignature, {}",
                               place.install),
                   words)
            : Fill(fmt::format("Have this CA's certificate issued with CA:TRUE and keyUsage = keyCertSign, and without "
                               "extendedKeyUsage or with serverAuth in it; {}",
                               place.install),
                   words)});
}

// PostgreSQL refuses it: OpenSSL requires this purpose of a client, and no other one implies it.
void AddUpstream(const tls::FileReport& file, Findings& findings) {
  if (file.role != "upstream" || file.content.certificates.empty()) return;
  const CertificateFacts& certificate = file.content.certificates.front().facts;
  const auto& usages = certificate.extended_key_usage;
  if (!usages || std::ranges::count(*usages, "clientAuth") > 0) return;
  findings.push_back(
      {kWrongPurpose,
       "certificate_usage",
       "The certificate with which the server replicates was not issued for a client",
       {Printable(fmt::format("file {}: {}", file.path, certificate.subject)), Printable(UsageLine(certificate))},
       "A server that verifies client certificates (ssl_ca_file) refuses it: replication stops at the next connection.",
       "Issue the certificate with extendedKeyUsage = clientAuth, alone or beside serverAuth, and put it into this "
       "file: the next connection uses it."});
}

bool IsReported(const tls::Verification& verification) {
  return verification.chain_errors && std::ranges::count(*verification.chain_errors, "wrong_purpose") > 0;
}

// With the exporter's root file, chain_not_verified has it.
bool IsReported(const tls::EndpointFacts* endpoint, const std::string& host) {
  if (endpoint == nullptr) return false;
  if (host.empty()) return IsReported(*endpoint);
  return std::ranges::any_of(endpoint->names,
                             [&](const tls::NameFacts& name) { return name.host == host && IsReported(name); });
}

}  // namespace

void AddUsages(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates) return;
  const tls::CertificateInventory& inventory = *evidence.certificates;
  const Words& words = WordsOf(evidence);
  if (inventory.served_path && !IsReported(evidence.endpoint.get(), "")) {
    for (const std::size_t position : inventory.served_path->wrong_purpose) {
      AddWrongPurpose(inventory.served[position], position, {"served", true, kInstallFile}, words, findings);
    }
  }
  for (const tls::ServedName& name : inventory.names) {
    if (!name.served_path || IsReported(evidence.endpoint.get(), name.host)) continue;
    const std::string clients = name.host == tls::kWithoutSni ? "clients without SNI" : name.host;
    for (const std::size_t position : name.served_path->wrong_purpose) {
      AddWrongPurpose(name.served[position], position, {"served to " + clients, true, kInstallName}, words, findings);
    }
  }
  for (const tls::FileReport& file : inventory.files) AddUpstream(file, findings);
  for (const tls::FileReport& file : inventory.files) {
    // What is served was judged there.
    const auto is_served = IsServed(inventory, file);
    if (!file.chain_path || is_served == true) continue;
    const bool of_name = inventory.hosts && inventory.hosts->in_use();
    for (const std::size_t position : file.chain_path->wrong_purpose) {
      AddWrongPurpose(file.content.certificates[position].facts, position,
                      {"file " + file.path, is_served != false, of_name ? kInstallName : kInstallFile}, words,
                      findings);
    }
  }
}

}  // namespace pgtls::audit
