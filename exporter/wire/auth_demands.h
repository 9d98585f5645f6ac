// What a libpq client requires of the server's authentication: require_auth and sslcertmode=require, of libpq 16 and
// newer. It gives up if the server asks for something else, even if pg_hba.conf admits it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "exporter/tls/sslmode.h"

namespace pgtls::wire {

struct AuthDemands {
  std::string require_auth;  // libpq's list; empty: any method
  bool certificate = false;  // sslcertmode=require
};

// Returns how libpq goes on from `start`. `request`: the code of the server's first authentication request, 0 for
// AuthenticationOk (PostgreSQL's "Message Formats"); nullopt: none arrived. `certificate_sent`: the server asked for a
// client certificate and got one. Pure.
tls::Start WithDemands(const AuthDemands& demands, tls::Start start, std::optional<std::uint32_t> request,
                       bool certificate_sent);

}  // namespace pgtls::wire
