// What a server does about encryption where it must refuse, tried out: these attempts leave lines in its log.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/base/digest.h"
#include "exporter/wire/wire_client.h"

namespace pgtls::wire {

// Whom the server judged, where and with what: what it says to one it need not say to another.
struct Applicant {
  tls::WireTarget target;
  std::string user;
  std::string database;
  tls::ContextPtr context;  // one object for each choice of TLS versions
  std::optional<Digest> certificates;
  bool direct = false;
  bool usable;
  friend bool operator==(const Applicant&, const Applicant&) = default;
};
Applicant ApplicantOf(const WireClient& client, const WireLook& look);

struct Enforcement {
  Applicant applicant;
  std::optional<tls::Answer> answer;  // what SSLRequest was answered when this was tried
  std::optional<tls::Admission> plaintext;
  std::optional<std::uint32_t> plaintext_request;  // see AuthDemands
  std::optional<tls::TlsResult> tls;               // the StartupMessage over TLS, with the client's certificate
  std::optional<std::uint32_t> tls_request;
  std::map<std::string_view, bool> protocols;  // without those of which nothing was learned
  bool protocols_asked = false;
  std::optional<bool> direct;
  bool direct_asked = false;
};

// The exporter's own backends, where the server lets one in, are in `own` while they live.
asio::awaitable<Enforcement> Enforce(const WireClient& client, const WireLook& look, sampling::OwnBackends& own,
                                     Deadline deadline);

}  // namespace pgtls::wire
