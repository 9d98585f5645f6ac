// The results of a server's handshakes and login attempts, as a fact for the audit and the pages.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/negotiation.h"
#include "exporter/tls/sslmode.h"
#include "exporter/tls/tls_session.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {

// PLUS is bound to the TLS session: a proxy that ends TLS cannot pass it on.
inline constexpr std::string_view kScram = "SCRAM-SHA-256";
inline constexpr std::string_view kScramPlus = "SCRAM-SHA-256-PLUS";
inline constexpr std::string_view kScramMechanisms[] = {kScram, kScramPlus};

// How TLS works for a libpq client with the server's conninfo: the reasons for the results by sslmode.
struct ClientTls {
  bool usable = true;           // false: libpq fails before it sends a byte of TLS, because of `problem`
  bool versions_usable = true;  // ssl_min_protocol_version and ssl_max_protocol_version
  std::string problem;          // names the file
  std::string root_file;        // sslrootcert, or its default, if that exists; else empty
  bool root_is_default = false;
  bool direct = false;                  // sslnegotiation=direct
  SslMode weakest = SslMode::kDisable;  // libpq refuses a weaker sslmode with the other options
  std::string certificate_file;         // empty: no client certificate is sent
  std::optional<bool> handshake;
  std::string failure;  // of the handshake: OpenSSL's words
  std::optional<int>
      alert;              // the server's fatal alert, in the handshake or, with TLS 1.3, right after it (RFC 8446, 6)
  bool declined = false;  // by libpq, after pg_hba.conf admitted it: require_auth, sslcertmode=require
  std::optional<Admission> admission;  // the answer to the StartupMessage over TLS
};

// The verification of a served certificate by libpq's rules. Absent: not known.
struct Verification {
  std::optional<std::vector<std::string_view>> chain_errors;  // empty: verified; see VerifyChain
  std::optional<CertificateFacts> certificate;                // the server's; only if a check of it failed
  std::optional<bool> hostname_ok;
  std::string_view hostname_error;  // see VerifyHostName
};

// The result for a client that asks for another name than the server's own. Absent: not known.
struct NameFacts : Verification {
  std::string host;  // kWithoutSni: the client sends no name
  std::optional<bool> handshake;
  std::string failure;       // of the handshake: OpenSSL's words
  std::optional<int> alert;  // the server's fatal alert (RFC 8446, 6)
};

// Absent: not known.
struct EndpointFacts : Verification {
  std::string host;     // the name that clients use, as certificates are checked against it; may be empty
  std::string address;  // "127.0.0.1:5432", to which the probes connected
  bool reachable = false;
  std::optional<Answer> ssl_answer;
  std::optional<bool> handshake;
  std::optional<TlsFacts> tls;  // of the handshake, without its chain
  RootCertificate root = RootCertificate::kNone;
  std::vector<NameFacts> names;
  std::optional<bool> gss_offered;
  std::optional<bool> plaintext_accepted;
  std::optional<bool> direct_tls;
  std::map<std::string_view, bool> protocols;  // of kProtocolVersions
  // Of kScramMechanisms, over TLS. Empty: not known, or the server asks for another method.
  std::map<std::string_view, bool> mechanisms;
  std::map<std::string_view, bool> groups;  // of kKeyExchangeGroups
  std::array<Verdict, kSslModes.size()> sslmodes;
  ClientTls client;
};

// Whether `address` is a loopback address: the result then does not apply to other machines.
bool IsLoopback(const EndpointFacts& endpoint);

}  // namespace pgtls::tls
