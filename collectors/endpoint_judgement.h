// What a server's handshakes and refusals prove about it, and what is left unknown. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "exporter/sampling/part.h"
#include "exporter/tls/endpoint_facts.h"
#include "exporter/wire/enforcement.h"

namespace pgtls::collectors {

struct EndpointResult {
  tls::EndpointFacts facts;
  std::optional<std::chrono::nanoseconds> connect_time, negotiate_time, handshake_time;
};

// `gss`, `enforced`: absent if they were not tried.
EndpointResult Judge(const wire::WireClient& client, const wire::ServerHandshakes& handshakes,
                     std::optional<tls::Answer> gss, const std::optional<wire::Enforcement>& enforced);

// The attempts that got no answer: their results are unknown until they are repeated.
std::vector<sampling::IncompletePart> Unanswered(const tls::EndpointFacts& facts, const wire::Enforcement& enforced);

}  // namespace pgtls::collectors
