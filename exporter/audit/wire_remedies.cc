#include "exporter/audit/wire_remedies.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "exporter/base/date.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using tls::Admission;
using tls::Answer;
using tls::CertificateFacts;
using tls::EndpointFacts;
using enum db::LoginProblem;

struct Entry {
  std::string_view error;
  std::string_view remedy;
};

constexpr Entry kChainRemedies[] = {
    {"expired",
     "Renew the certificate that has expired: the server's or an intermediate one in {certificate} (then "
     "{reload}), the root in the clients' sslrootcert."},
    {"not_yet_valid",
     "Check the clock of this machine, and of the one that issued the certificate. If both are right, put the previous "
     "certificate back into {certificate} and {reload} until this one is valid."},
    {"self_signed",
     "Give clients this certificate itself as sslrootcert, or let a CA sign the server's certificate and give clients "
     "the CA's certificate."},
    {"unknown_ca",
     "Add the CA that issued the chain to the root certificate file (sslrootcert; with sslrootcert=system to the "
     "system's store: update-ca-certificates), or the intermediate certificates that are missing to the server's "
     "{certificate}, after its own, then {reload_end}"},
    {"revoked",
     "Issue a new certificate with a new key, put both into {certificate} and {key}, {reload} "
     "and find out why the CA revoked this one."},
    {"crl_missing",
     "Clients have a revocation list (sslcrl, sslcrldir, by default ~/.postgresql/root.crl), and then need the list of "
     "every CA in the chain, intermediates included: add the missing list, or remove the file."},
    {"crl_expired",
     "Fetch the CA's current revocation list into the clients' sslcrl or sslcrldir (by default "
     "~/.postgresql/root.crl)."},
    {"too_weak",
     "Issue the certificates of the chain again with a key of at least RSA 2048 or EC P-256, and SHA-256: this "
     "machine's OpenSSL (SECLEVEL in openssl.cnf) accepts nothing weaker."},
    {"wrong_purpose",
     "Issue the certificate again: the server's with extendedKeyUsage = serverAuth (anyExtendedKeyUsage alone is "
     "refused) and keyUsage = digitalSignature, that of a CA in the chain without extendedKeyUsage or with serverAuth "
     "in it."},
    {"invalid_ca",
     "Issue the intermediate or root certificate again with basicConstraints = CA:TRUE, a sufficient pathlen, and "
     "keyUsage = keyCertSign: one in the chain may not sign certificates."},
    {"bad_signature",
     "Put the chain that belongs to the server's certificate into {certificate}: a certificate in it is not signed by "
     "the key of its issuer (a CA with the same name and another key, a damaged file, or an attack)."},
    {"name_constraint",
     "Use a CA whose nameConstraints permit the names in the server's certificate (subjectAltName), or other names."},
    {"no_certificate",
     "Check {certificate}: the server sent no certificate that can be decoded. `openssl s_client -starttls postgres "
     "-connect HOST:PORT -showcerts` shows what it sends."},
    {"other",
     "`openssl s_client -starttls postgres -connect HOST:PORT -CAfile ROOT` prints OpenSSL's own error ('Verify return "
     "code'). Issue the certificate again without the property that it names."},
};

constexpr Entry kHostNameRemedies[] = {
    {"mismatch",
     "Issue a certificate whose subjectAltName has the name that clients use (IP:… for an address), put it into "
     "{certificate} and {reload} or let clients use one of the names it has (`host`; hostaddr for the "
     "address)."},
    {"no_host_name",
     "Add host= to the conninfo, in addition to hostaddr: sslmode=verify-full compares it with the certificate, and an "
     "address alone is not enough for libpq."},
    {"malformed_name",
     "Issue the certificate again: a name in its subjectAltName contains a null byte, or an address of the wrong "
     "length, "
     "which libpq refuses as an attack."},
    {"no_certificate",
     "Check {certificate}: the server sent no certificate that can be decoded. `openssl s_client -starttls postgres "
     "-connect HOST:PORT -showcerts` shows what it sends."},
};

template <std::size_t N>
std::string Find(const Entry (&entries)[N], std::string_view error, const Words& words) {
  const auto found = std::ranges::find(entries, error, &Entry::error);
  return found == std::end(entries) ? "" : Fill(found->remedy, words);
}

// libpq's own words, or OpenSSL's, as a login would show them.
db::LoginProblem ProblemInWords(const std::string& words) {
  return db::ReadConnectError("SSL error: " + words, false).problem();
}

Cause Of(const std::string& evidence, std::string_view remedy) { return {{Printable(evidence)}, std::string(remedy)}; }

Cause Of(db::LoginProblem problem, const std::string& detail, const Words& words) {
  std::string line(Describe(problem));
  if (!detail.empty()) line += ": " + detail;
  return Of(line, LoginRemedy(problem, words));
}

std::string Validity(const CertificateFacts& certificate) {
  return fmt::format("{}: valid from {} to {}", certificate.subject,
                     certificate.not_before ? Date(*certificate.not_before) : "?",
                     certificate.not_after ? Date(*certificate.not_after) : "?");
}

}  // namespace

std::string ChainRemedy(std::string_view error, const Words& words) { return Find(kChainRemedies, error, words); }

std::string ChainRemedies(const std::vector<std::string_view>& errors, const Words& words) {
  std::string remedies;
  for (const std::string_view error : errors) {
    if (!remedies.empty()) remedies += ' ';
    remedies += fmt::format("{}: {}", error, ChainRemedy(error, words));
  }
  return remedies;
}

db::LoginProblem ProblemOfAlert(int alert) {
  switch (alert) {
    case 40:  // handshake_failure
    case 71:  // insufficient_security
      return kTlsCipher;
    case 42:  // bad_certificate
    case 43:  // unsupported_certificate
    case 46:  // certificate_unknown
    case 51:  // decrypt_error
      return kClientCertificateRefused;
    case 44:
      return kClientCertificateRevoked;
    case 45:
      return kClientCertificateExpired;
    case 48:
      return kClientCaUnknown;
    case 70:
      return kTlsVersion;
    case 112:
      return kTlsName;
    case 116:
      return kClientCertificateRequired;
    default:
      return kTlsFailed;
  }
}

std::string RootLine(const EndpointFacts& endpoint) {
  const tls::ClientTls& client = endpoint.client;
  if (client.root_file.empty()) return "";
  const char* const why = client.root_is_default ? "libpq's default, sslrootcert is not set" : "sslrootcert";
  return Printable(fmt::format("verified with {} ({})", client.root_file, why));
}

Cause WhyNotVerified(const Evidence& evidence) {
  const EndpointFacts& endpoint = *evidence.endpoint;
  Cause cause;
  cause.evidence.push_back(fmt::format("{}", fmt::join(*endpoint.chain_errors, ", ")));
  if (endpoint.certificate) {
    cause.evidence.push_back(Printable(Validity(*endpoint.certificate)));
    cause.evidence.push_back(Printable("issued by " + endpoint.certificate->issuer));
  }
  if (evidence.certificates) {
    const auto& served = evidence.certificates->served;
    for (std::size_t i = 1; i < served.size(); ++i) {
      cause.evidence.push_back(Printable("sent with it: " + Validity(served[i]) + ", issued by " + served[i].issuer));
    }
  }
  const std::string root = RootLine(endpoint);
  if (!root.empty()) cause.evidence.push_back(root);
  cause.remedy = ChainRemedies(*endpoint.chain_errors, WordsOf(evidence));
  if (endpoint.client.root_is_default) {
    cause.remedy +=
        Printable(fmt::format(" If {} is not meant for this server, name another root with sslrootcert: libpq uses it "
                              "by default, with sslmode=require too.",
                              endpoint.client.root_file));
  }
  return cause;
}

Cause WhyWrongHost(const std::string& host, const tls::Verification& verification, const Words& words) {
  Cause cause;
  cause.evidence.push_back(host.empty()
                               ? "the conninfo has an address (hostaddr) and no host name"
                               : Printable(fmt::format("clients ask for {}: {}", host, verification.hostname_error)));
  if (verification.certificate) {
    const CertificateFacts& certificate = *verification.certificate;
    cause.evidence.push_back(
        Printable("the certificate's subjectAltName: " + (certificate.san.empty() ? "none" : certificate.san)));
    cause.evidence.push_back(Printable("the certificate's subject: " + certificate.subject));
  }
  cause.remedy = Find(kHostNameRemedies, verification.hostname_error, words);
  return cause;
}

std::vector<Cause> WhyTlsFails(const Evidence& evidence) {
  const EndpointFacts& endpoint = *evidence.endpoint;
  const tls::ClientTls& client = endpoint.client;
  const Words& words = WordsOf(evidence);
  std::vector<Cause> causes;
  if (endpoint.ssl_answer == Answer::kNo) {
    return {Of("the answer to SSLRequest is N: the server has no TLS",
               evidence.is_pooler()
                   ? "Set client_tls_cert_file and client_tls_key_file to a certificate and its key, and "
                     "client_tls_sslmode = require, in pgbouncer.ini, then run RELOAD on the console."
                   : "Install a certificate and its key at the paths that ssl_cert_file and ssl_key_file name, then "
                     "ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf(); (PgBouncer: client_tls_sslmode = require, "
                     "with its own certificate). If ssl is on already, the server log shows why the files were not "
                     "loaded.")};
  }
  if (endpoint.ssl_answer == Answer::kError) return {Of(kErrorBeforeTls, "", words)};
  if (!client.usable) {
    if (endpoint.root == tls::RootCertificate::kUnusable) return {Of(kRootUnusable, client.problem, words)};
    if (!client.versions_usable) return {Of(kTlsVersion, client.problem, words)};
    const db::LoginProblem problem = ProblemInWords(client.problem);
    return {Of(problem, client.problem, words)};
  }
  if (client.handshake == false && client.direct && endpoint.direct_tls != true) {
    causes.push_back({{Printable("sslnegotiation=direct: " + client.failure)},
                      "The server does not accept TLS without SSLRequest. PostgreSQL 17 and newer do, and proxies that "
                      "select the ALPN protocol postgresql. Remove sslnegotiation=direct from the conninfo."});
  } else if (client.handshake == false) {
    causes.push_back(
        Of(client.alert ? ProblemOfAlert(*client.alert) : ProblemInWords(client.failure), client.failure, words));
  } else if (endpoint.root == tls::RootCertificate::kLoaded && endpoint.chain_errors &&
             !endpoint.chain_errors->empty()) {
    causes.push_back(WhyNotVerified(evidence));
  } else if (client.declined) {
    causes.push_back({{"the server admits the client, and libpq gives up (require_auth, sslcertmode)"},
                      std::string(LoginRemedy(kAuthenticationMethod, words)) +
                          " sslcertmode=require needs a client certificate (sslcert, "
                          "sslkey) and a server that asks for it (" +
                          std::string(words.ca) + ")."});
  } else if (client.admission == Admission::kRefused) {
    causes.push_back(Of(kNotAdmitted, "over TLS, as the exporter's user and database", words));
  } else if (client.admission == Admission::kLost && client.alert) {
    causes.push_back(
        Of(ProblemOfAlert(*client.alert), fmt::format("TLS alert {} after the handshake", *client.alert), words));
  } else if (client.admission == Admission::kError) {
    causes.push_back(
        Of(fmt::format("over TLS the server answers the StartupMessage with an error that is not {}'s", words.rules),
           "Check the server log (too many connections, starting up). A pooler gives this answer for a user or "
           "database that it does not know: add the exporter's to it, or set `endpoint:` to PostgreSQL's address."));
  }
  if (!causes.empty() && !client.certificate_file.empty() && client.alert) {
    causes.back().evidence.push_back(Printable("client certificate: " + client.certificate_file));
  }
  return causes;
}

bool HasBindingDigest(const tls::CertificateFacts& certificate) {
  return certificate.signature_algorithm != "ED25519" && certificate.signature_algorithm != "ED448";
}

}  // namespace pgtls::audit
