// What the wire showed of a server, as a fact for the audit and the pages.
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

namespace pgtls::tls {

// Absent: not known.
struct EndpointFacts {
  std::string host;     // the name that clients use, as certificates are checked against it; may be empty
  std::string address;  // "127.0.0.1:5432", where the probes went
  bool reachable = false;
  std::optional<Answer> ssl_answer;
  std::optional<bool> handshake;
  std::optional<TlsFacts> tls;  // of the handshake, without its chain
  RootCertificate root = RootCertificate::kNone;
  std::optional<std::vector<std::string_view>> chain_errors;  // empty: verified; see VerifyChain
  std::optional<bool> hostname_ok;
  std::string_view hostname_error;  // see VerifyHostName
  std::optional<bool> gss_offered;
  std::optional<bool> plaintext_accepted;
  std::optional<bool> direct_tls;
  std::map<std::string_view, bool> protocols;  // of kProtocolVersions
  std::array<Verdict, kSslModes.size()> sslmodes;
};

}  // namespace pgtls::tls
