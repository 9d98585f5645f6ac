// What a server refuses in order to enforce encryption, found out by trying: the attempts leave lines in its log.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/wire/wire_client.h"

namespace pgtls::wire {

// What the server's answers depend on: a result holds for the same inputs only.
struct EnforcementInputs {
  tls::WireTarget target;
  std::string user;
  std::string database;
  tls::ContextPtr context;  // one object for each choice of TLS versions
  std::optional<Digest> certificates;
  bool direct = false;
  bool usable;
  friend bool operator==(const EnforcementInputs&, const EnforcementInputs&) = default;
};
EnforcementInputs InputsOf(const WireClient& client, const ServerHandshakes& handshakes);

struct Enforcement {
  EnforcementInputs inputs;
  std::optional<tls::Answer> answer;  // to SSLRequest, when this was tried
  std::optional<tls::Admission> plaintext;
  std::optional<std::uint32_t> plaintext_request;  // see AuthDemands
  std::optional<tls::TlsResult> tls;               // the StartupMessage over TLS, with the client's certificate
  std::optional<std::uint32_t> tls_request;
  std::vector<std::string> tls_mechanisms;     // that a SASL request over TLS named
  std::map<std::string_view, bool> protocols;  // without those whose attempts proved nothing
  bool protocols_asked = false;
  std::optional<bool> direct;
  bool direct_asked = false;
  std::map<std::string_view, bool> groups;  // of tls::kKeyExchangeGroups, without those whose attempts proved nothing
  bool groups_asked = false;
};

// If the server admits a login, its backend is registered in `own` while it lives, also if that is after the deadline
// (tls::kFollowed). REQUIRES: `own` outlives what is on the executor.
asio::awaitable<Enforcement> Enforce(const WireClient& client, const ServerHandshakes& handshakes,
                                     sampling::OwnBackends& own, Deadline deadline);

}  // namespace pgtls::wire
