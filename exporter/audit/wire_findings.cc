#include <fmt/format.h>
#include <fmt/ranges.h>

#include "exporter/audit/findings.h"
#include "exporter/base/net_address.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using tls::Answer;
using tls::EndpointFacts;

bool IsLoopback(const EndpointFacts& endpoint) {
  const auto colon = endpoint.address.rfind(':');
  std::string host = endpoint.address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::Parse(host);
  return address && address->IsLoopback();
}

void AddAnswer(const EndpointFacts& endpoint, const Evidence& evidence, Findings& findings) {
  const std::string at = "at " + Printable(endpoint.address);
  if (endpoint.ssl_answer == Answer::kNo && (!evidence.settings || evidence.settings->Get("ssl") != "off")) {
    findings.push_back(
        {Severity::kCritical,
         "wire_no_tls",
         "The server refuses TLS on the wire",
         {at + ": the answer to SSLRequest is N"},
         "The setting ssl says nothing of it: a reload with a bad certificate or key leaves it on, and TLS off.",
         "Look into the server's log for the reason, mend certificate and key, then SELECT pg_reload_conf();"});
  }
  if (endpoint.ssl_answer == Answer::kYes && endpoint.handshake == false) {
    findings.push_back({Severity::kCritical,
                        "handshake_failed",
                        "No TLS handshake succeeds",
                        {at},
                        "Clients that insist on TLS cannot connect, and the others go on in clear text.",
                        "Try: openssl s_client -starttls postgres -connect …, and look into the server's log."});
  }
}

void AddPlaintext(const EndpointFacts& endpoint, Findings& findings) {
  if (!endpoint.plaintext_accepted) return;
  const std::string at = "at " + Printable(endpoint.address) + ", as this exporter's user and database";
  if (!*endpoint.plaintext_accepted) {
    findings.push_back(
        {Severity::kFine, "wire_plaintext_refused", "An unencrypted connection from here is refused", {at}, "", ""});
    return;
  }
  const bool loopback = IsLoopback(endpoint);
  findings.push_back(
      {loopback ? Severity::kWarning : Severity::kCritical,
       "wire_plaintext_accepted",
       "An unencrypted connection from here gets to authentication",
       {at},
       "It was tried: nothing but the client's own sslmode keeps its password and data from the network.",
       "Put 'hostnossl all,replication all all reject' at the top of pg_hba.conf (behind 'hostgssenc' lines, where "
       "clients use GSS encryption: it matches them too), then SELECT pg_reload_conf();"});
}

void AddVersions(const EndpointFacts& endpoint, Findings& findings) {
  std::vector<std::string> old;
  for (const auto& [version, accepted] : endpoint.protocols) {
    if (accepted && (version == "TLSv1" || version == "TLSv1.1")) old.push_back(std::string(version) + " was accepted");
  }
  if (old.empty()) return;
  findings.push_back({Severity::kWarning, "old_tls_accepted", "TLS 1.0 or 1.1 is accepted on the wire", std::move(old),
                      "These versions rest on MD5 and SHA-1 and have been given up (RFC 8996).",
                      "ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'; SELECT pg_reload_conf();"});
}

void AddVerification(const EndpointFacts& endpoint, Findings& findings) {
  if (endpoint.handshake != true) return;
  if (endpoint.hostname_ok == false) {
    findings.push_back({Severity::kWarning,
                        "wrong_host",
                        "The certificate is for another host",
                        {Printable(fmt::format("clients ask for {}: {}", endpoint.host, endpoint.hostname_error))},
                        "sslmode=verify-full fails, so clients are told to do without.",
                        "Issue a certificate whose subjectAltName names this host, and reload the server."});
  }
  if (!endpoint.chain_errors) return;
  if (endpoint.chain_errors->empty()) {
    findings.push_back(
        {Severity::kFine, "chain_verified", "The certificate's chain is verified by sslrootcert", {}, "", ""});
    return;
  }
  bool critical = false;
  for (const auto& error : *endpoint.chain_errors)
    critical = critical || error == "revoked" || error == "expired" || error == "bad_signature";
  findings.push_back({critical ? Severity::kCritical : Severity::kWarning,
                      "chain_not_verified",
                      "The certificate's chain is not verified by sslrootcert",
                      {fmt::format("{}", fmt::join(*endpoint.chain_errors, ", "))},
                      "Clients that verify cannot connect; the others cannot tell the server from an impostor.",
                      "unknown_ca: give clients the authority's certificate as sslrootcert, or the server its "
                      "intermediate certificates "
                      "in ssl_cert_file. Otherwise: renew the certificate and reload the server."});
}

std::string Describe(std::string_view mode, const tls::Verdict& verdict) {
  if (!verdict.connects) return fmt::format("sslmode={}: cannot be told", mode);
  if (!*verdict.connects) return fmt::format("sslmode={}: does not connect", mode);
  if (!verdict.encrypted) return fmt::format("sslmode={}: connects, encrypted or not", mode);
  return fmt::format("sslmode={}: connects, {}", mode, *verdict.encrypted ? "encrypted" : "NOT encrypted");
}

// Which sslmode protects a client that connects from here as this user.
void AddModes(const EndpointFacts& endpoint, Findings& findings) {
  std::vector<std::string> lines;
  bool full = false;
  bool encrypted_by_force = false;
  bool known = false;
  for (std::size_t i = 0; i < tls::kSslModes.size(); ++i) {
    const tls::SslMode mode = tls::kSslModes[i];
    const tls::Verdict& verdict = endpoint.sslmodes[i];
    lines.push_back(Describe(ToString(mode), verdict));
    known = known || verdict.connects.has_value();
    const bool works = verdict.connects == true && verdict.encrypted == true;
    full = full || (mode == tls::SslMode::kVerifyFull && works);
    encrypted_by_force = encrypted_by_force || (mode >= tls::SslMode::kRequire && works);
  }
  if (!known) return;
  if (full) {
    findings.push_back({Severity::kFine, "client_protection",
                        "sslmode=verify-full connects, and protects a client here", std::move(lines), "", ""});
    return;
  }
  if (encrypted_by_force) {
    findings.push_back({Severity::kNote, "client_protection_partial",
                        "Clients here can be encrypted, but not sure whom they talk to", std::move(lines),
                        "Without verify-full an attacker on the way can pose as the server.",
                        endpoint.root == tls::RootCertificate::kNone
                            ? "Give clients the authority's certificate: sslmode=verify-full sslrootcert=…"
                            : "Mend what is said of the certificate, then use sslmode=verify-full."});
    return;
  }
  findings.push_back({Severity::kWarning, "client_protection_none", "No sslmode protects a client here",
                      std::move(lines),
                      "A client that insists on TLS cannot connect, or what it would get cannot be told.",
                      "Switch TLS on at the server and admit it in pg_hba.conf (hostssl)."});
}

}  // namespace

void AddWire(const Evidence& evidence, Findings& findings) {
  if (!evidence.endpoint || !evidence.endpoint->reachable) return;
  const EndpointFacts& endpoint = *evidence.endpoint;
  AddAnswer(endpoint, evidence, findings);
  AddPlaintext(endpoint, findings);
  AddVersions(endpoint, findings);
  AddVerification(endpoint, findings);
  AddModes(endpoint, findings);
}

}  // namespace pgtls::audit
