#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "exporter/audit/thresholds.h"
#include "exporter/audit/wire_remedies.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using tls::Answer;
using tls::EndpointFacts;

// What the causes show, behind `lines`, and all that there is to do.
Cause Joined(std::vector<std::string> lines, const std::vector<Cause>& causes) {
  Cause all = {std::move(lines), ""};
  for (const Cause& cause : causes) {
    std::ranges::copy(cause.evidence, std::back_inserter(all.evidence));
    if (!all.remedy.empty()) all.remedy += ' ';
    all.remedy += cause.remedy;
  }
  return all;
}

void AddAnswer(const EndpointFacts& endpoint, const Evidence& evidence, Findings& findings) {
  const std::string at = "at " + Printable(endpoint.address);
  const auto ssl = evidence.settings ? evidence.settings->Get("ssl") : std::nullopt;
  // Of a pooler, AddPooler() says it.
  const bool known = ssl == "off" || (evidence.pooler && evidence.pooler->Get("client_tls_sslmode") == "disable");
  if (endpoint.ssl_answer == Answer::kNo && evidence.is_pooler() && !known) {
    findings.push_back(
        {Severity::kCritical,
         "wire_no_tls",
         "The pooler refuses TLS",
         {at + ": the answer to SSLRequest is N"},
         "Every connection to this address is unencrypted, or fails.",
         "Check PgBouncer's log for the reason, fix client_tls_cert_file and client_tls_key_file, then run "
         "RELOAD on the console."});
  } else if (endpoint.ssl_answer == Answer::kNo && !known) {
    std::vector<std::string> lines = {at + ": the answer to SSLRequest is N"};
    if (ssl) lines.push_back("ssl = " + Printable(*ssl));
    findings.push_back(
        {Severity::kCritical, "wire_no_tls", "The server refuses TLS", std::move(lines),
         "Every connection to this address is unencrypted, or fails. The setting ssl does not show it: after a reload "
         "with a bad certificate or key it stays on, while TLS is off.",
         ssl ? "Check the server log for the reason, fix ssl_cert_file and ssl_key_file, then SELECT pg_reload_conf(); "
               "If a pooler answers at this address, enable TLS there (PgBouncer: client_tls_sslmode)."
             : "Install a certificate and its key at the paths that ssl_cert_file and ssl_key_file name, then ALTER "
               "SYSTEM SET ssl = on; SELECT pg_reload_conf(); If ssl is on already, the server log shows why the files "
               "were not loaded. If a pooler answers at this address, enable TLS there (PgBouncer: "
               "client_tls_sslmode)."});
  }
  if (endpoint.ssl_answer == Answer::kYes && endpoint.handshake == false) {
    Cause cause = Joined({at}, WhyTlsFails(evidence));
    if (cause.remedy.empty()) cause.remedy = LoginRemedy(db::LoginProblem::kTlsFailed, WordsOf(evidence));
    findings.push_back({Severity::kCritical, "handshake_failed", "No TLS handshake succeeds", std::move(cause.evidence),
                        "Clients that require TLS cannot connect, and the others connect unencrypted.",
                        std::move(cause.remedy)});
  }
}

void AddPlaintext(const EndpointFacts& endpoint, const Evidence& evidence, Findings& findings) {
  if (!endpoint.plaintext_accepted) return;
  const std::string at = "at " + Printable(endpoint.address) + ", as this exporter's user and database";
  if (!*endpoint.plaintext_accepted) {
    findings.push_back({Severity::kFine,
                        "wire_plaintext_refused",
                        "An unencrypted connection from this machine is refused",
                        {at},
                        "",
                        ""});
    return;
  }
  findings.push_back(
      {EndpointPlaintext(evidence),
       "wire_plaintext_accepted",
       "An unencrypted connection from this machine reaches authentication",
       {at},
       "The exporter tried it: only the client's own sslmode protects its password and data on the network.",
       FirstTls(evidence) + RefuseUnencrypted(evidence)});
}

void AddVersions(const EndpointFacts& endpoint, const Evidence& evidence, Findings& findings) {
  std::vector<std::string> old;
  for (const auto& [version, accepted] : endpoint.protocols) {
    if (accepted && (version == "TLSv1" || version == "TLSv1.1")) old.push_back(std::string(version) + " was accepted");
  }
  if (old.empty()) return;
  findings.push_back({Severity::kWarning, "old_tls_accepted", "TLS 1.0 or 1.1 is accepted", std::move(old),
                      "These versions rely on MD5 and SHA-1 and are deprecated (RFC 8996).",
                      evidence.is_pooler()
                          ? "Set client_tls_protocols = secure in pgbouncer.ini, then run RELOAD on the console."
                          : "ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'; SELECT pg_reload_conf();"});
}

// A PgBouncer, whose console answered, never has channel binding.
void AddChannelBinding(const EndpointFacts& endpoint, const Evidence& evidence, Findings& findings) {
  const auto plus = endpoint.mechanisms.find(tls::kScramPlus);
  if (plus == endpoint.mechanisms.end() || plus->second || evidence.is_pooler()) return;
  findings.push_back(
      {Severity::kNote,
       "channel_binding_missing",
       "A proxy or pooler ends TLS before the server",
       {"at " + Printable(endpoint.address) + ": over TLS SCRAM-SHA-256 is offered, and SCRAM-SHA-256-PLUS is not"},
       "PostgreSQL offers channel binding on every TLS connection of its own. Without it TLS ends at whatever answers "
       "at this address: how the connection goes on to the server is not known here, and a client with "
       "channel_binding=require cannot log in.",
       "Have the proxy pass TLS through to PostgreSQL. If it has to end TLS, check that it uses TLS to the server: "
       "there its connections are in pg_stat_ssl, and in the sessions collector."});
}

void AddVerification(const EndpointFacts& endpoint, const Evidence& evidence, Findings& findings) {
  if (endpoint.handshake != true) return;
  if (endpoint.hostname_ok == false) {
    Cause cause = WhyWrongHost(endpoint.host, endpoint, WordsOf(evidence));
    findings.push_back(WrongHost(std::move(cause.evidence), std::move(cause.remedy)));
  }
  if (!endpoint.chain_errors) return;
  if (endpoint.chain_errors->empty()) {
    const std::string root = RootLine(endpoint);
    findings.push_back({Severity::kFine, "chain_verified", "The certificate chain is verified",
                        root.empty() ? std::vector<std::string>() : std::vector<std::string>{root}, "", ""});
    return;
  }
  Cause cause = WhyNotVerified(evidence);
  findings.push_back(ChainNotVerified(std::move(cause.evidence), std::move(cause.remedy)));
}

std::string Describe(std::string_view mode, const tls::Verdict& verdict) {
  if (!verdict.connects) return fmt::format("sslmode={}: not known", mode);
  if (!*verdict.connects) return fmt::format("sslmode={}: does not connect", mode);
  if (!verdict.encrypted) return fmt::format("sslmode={}: connects, encrypted or not", mode);
  return fmt::format("sslmode={}: connects, {}", mode, *verdict.encrypted ? "encrypted" : "NOT encrypted");
}

// Why verify-full fails, or is not known, where require works: the chain is verified for both, or for neither.
std::vector<Cause> WhyNotFull(const EndpointFacts& endpoint, const Words& words) {
  std::vector<Cause> causes;
  if (endpoint.hostname_ok == false) causes.push_back(WhyWrongHost(endpoint.host, endpoint, words));
  if (endpoint.root == tls::RootCertificate::kNone) {
    causes.push_back({{"no root certificate file is configured (sslrootcert)"},
                      "Give clients the CA's certificate: sslmode=verify-full sslrootcert=FILE."});
  }
  if (causes.empty()) causes.push_back({{}, "Check the findings about the certificate, then use sslmode=verify-full."});
  return causes;
}

bool LacksBindingDigest(const Evidence& evidence) {
  if (!evidence.certificates || evidence.certificates->served.empty()) return false;
  return !HasBindingDigest(evidence.certificates->served.front());
}

// Why weaker sslmodes do not connect, whatever the server does.
std::vector<std::string> RefusedByLibpq(const tls::ClientTls& client) {
  switch (client.weakest) {
    case tls::SslMode::kVerifyFull:
      return {"sslrootcert=system: libpq refuses every sslmode but verify-full"};
    case tls::SslMode::kRequire:
      return {"sslnegotiation=direct: libpq refuses an sslmode weaker than require"};
    default:
      return {};
  }
}

// Which sslmode protects a client that connects from here as this user.
void AddModes(const EndpointFacts& endpoint, const Evidence& evidence, Findings& findings) {
  std::vector<std::string> lines = RefusedByLibpq(endpoint.client);
  bool full = false;
  bool fails = false;
  bool encrypted_by_force = false;
  bool known = false;
  for (std::size_t i = 0; i < tls::kSslModes.size(); ++i) {
    const tls::SslMode mode = tls::kSslModes[i];
    const tls::Verdict& verdict = endpoint.sslmodes[i];
    lines.push_back(Describe(ToString(mode), verdict));
    const bool works = verdict.connects == true && verdict.encrypted == true;
    if (mode == tls::SslMode::kVerifyFull) {
      full = works;
      fails = verdict.connects == false;
    }
    if (mode < tls::SslMode::kRequire) continue;
    encrypted_by_force = encrypted_by_force || works;
    known = known || verdict.connects.has_value();
  }
  // What is not known is an incomplete part of the collector, and no finding about the server.
  if (!known) return;
  if (encrypted_by_force && LacksBindingDigest(evidence)) {
    lines.push_back("served: signed with " + evidence.certificates->served.front().signature_algorithm);
    findings.push_back({Severity::kWarning, "scram_impossible", "Clients cannot log in over TLS with a SCRAM password",
                        std::move(lines),
                        "Channel binding needs a digest, and this signature names none: libpq ends the login with "
                        "'could not find digest for NID UNDEF'.",
                        Fill("Have the certificate in {certificate} signed with an RSA or EC key; until then clients "
                             "need channel_binding=disable.",
                             WordsOf(evidence))});
    return;
  }
  if (full) {
    findings.push_back({Severity::kFine, "client_protection", "sslmode=verify-full connects and protects a client here",
                        std::move(lines), "", ""});
    return;
  }
  if (encrypted_by_force) {
    Cause cause = Joined(std::move(lines), WhyNotFull(endpoint, WordsOf(evidence)));
    // Without a root certificate it is not known whether verify-full would connect.
    findings.push_back({fails ? Severity::kWarning : Severity::kNote, "client_protection_partial",
                        "Clients here can be encrypted, but do not verify the server", std::move(cause.evidence),
                        "Without verify-full an attacker on the path can impersonate the server.",
                        std::move(cause.remedy)});
    return;
  }
  Cause cause = Joined(std::move(lines), WhyTlsFails(evidence));
  if (cause.remedy.empty()) cause.remedy = LoginRemedy(db::LoginProblem::kTlsFailed, WordsOf(evidence));
  findings.push_back({Severity::kWarning, "client_protection_none", "No sslmode protects a client here",
                      std::move(cause.evidence), "A client that requires TLS cannot connect.",
                      std::move(cause.remedy)});
}

}  // namespace

Finding WrongHost(std::vector<std::string> evidence, std::string remedy) {
  return {kWrongHost,
          "wrong_host",
          "The certificate is for another host",
          std::move(evidence),
          "Clients with sslmode=verify-full cannot connect by this name; with a weaker mode the host is not verified.",
          std::move(remedy)};
}

Finding ChainNotVerified(std::vector<std::string> evidence, std::string remedy) {
  return {kChainNotVerified,
          "chain_not_verified",
          "The certificate chain is not verified",
          std::move(evidence),
          "Clients that verify cannot connect; the others cannot tell the server from an impostor.",
          std::move(remedy)};
}

Severity EndpointPlaintext(const Evidence& evidence) {
  const bool loopback = evidence.endpoint && IsLoopback(*evidence.endpoint);
  return loopback ? LoopbackPlaintext(evidence.snapshot.loopback) : kRemotePlaintext;
}

void AddWire(const Evidence& evidence, Findings& findings) {
  if (!evidence.endpoint || !evidence.endpoint->reachable) return;
  const EndpointFacts& endpoint = *evidence.endpoint;
  AddAnswer(endpoint, evidence, findings);
  AddPlaintext(endpoint, evidence, findings);
  AddVersions(endpoint, evidence, findings);
  AddChannelBinding(endpoint, evidence, findings);
  AddVerification(endpoint, evidence, findings);
  AddModes(endpoint, evidence, findings);
}

}  // namespace pgtls::audit
