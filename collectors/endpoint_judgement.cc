#include "collectors/endpoint_judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "exporter/tls/client_hello.h"

namespace pgtls::collectors {
namespace {

using tls::Admission;
using tls::Answer;
using tls::EndpointFacts;
using tls::Handshake;

std::optional<bool> FinishedOrFailed(const tls::TlsResult& result) {
  if (!result.handshake) return std::nullopt;
  return result.handshake == Handshake::kFinished;
}

// `host`: absent if no name is known that the certificate should have.
void Verify(const wire::WireClient& client, const tls::Chain& chain, const std::optional<std::string>& host,
            tls::Verification& facts) {
  if (chain.empty()) return;
  if (client.trust != nullptr) {
    facts.chain_errors = VerifyChain(chain, *client.trust, wire::SecurityLevel(client));
  }
  if (host) {
    const auto error = tls::VerifyHostName(chain.front().get(), *host);
    facts.hostname_ok = !error;
    facts.hostname_error = error.value_or("");
  }
  if (facts.hostname_ok != false && (!facts.chain_errors || facts.chain_errors->empty())) return;
  facts.certificate = tls::FactsOf(chain.front().get());
}

tls::NameFacts NameFactsOf(const wire::WireClient& client, const wire::NameHandshakes& handshakes) {
  tls::NameFacts facts;
  facts.host = handshakes.host;
  facts.handshake = FinishedOrFailed(handshakes.shown);
  if (facts.handshake == false) {
    facts.failure = handshakes.as_libpq.failure;
    facts.alert = handshakes.as_libpq.alert;
  }
  const bool named = handshakes.host != tls::kWithoutSni;
  Verify(client, handshakes.shown.facts.chain, named ? std::optional(handshakes.host) : std::nullopt, facts);
  return facts;
}

tls::Observations Observe(const wire::WireClient& client, const wire::ServerHandshakes& handshakes,
                          const EndpointFacts& facts, const wire::Enforcement& enforced) {
  tls::Observations seen;
  seen.weakest = client.weakest;
  if (enforced.plaintext) {
    const bool certificate_sent = false;
    seen.plaintext =
        WithDemands(client.demands, StartOf(*enforced.plaintext), enforced.plaintext_request, certificate_sent);
  }
  seen.ssl_answer = client.direct ? Answer::kYes : facts.ssl_answer;
  seen.client_usable = client.usable;
  seen.root = client.root;
  if (facts.chain_errors) seen.chain = facts.chain_errors->empty();
  seen.hostname = facts.hostname_ok;
  seen.handshake = FinishedOrFailed(handshakes.as_libpq);
  if (enforced.tls && enforced.tls->handshake) {
    // The later handshake decides if it got that far: the earlier one had no client certificate, so it may succeed
    // where a client fails.
    if (seen.handshake == true) seen.handshake = FinishedOrFailed(*enforced.tls);
    const bool certificate_sent = client.identity != nullptr && enforced.tls->facts.client_certificate_requested;
    if (enforced.tls->admission) {
      seen.tls = WithDemands(client.demands, StartOf(*enforced.tls->admission), enforced.tls_request, certificate_sent);
    }
    if (enforced.tls->cut_off) seen.tls = tls::Start::kCutOff;
  } else if (client.identity != nullptr && seen.handshake == true) {
    seen.handshake = std::nullopt;
  }
  return seen;
}

tls::ClientTls ClientTlsOf(const wire::WireClient& client, const tls::Observations& seen,
                           const wire::ServerHandshakes& handshakes, const wire::Enforcement& enforced) {
  tls::ClientTls result = {.usable = client.usable,
                           .versions_usable = client.context != nullptr,
                           .problem = client.problem,
                           .root_file = client.root_file,
                           .root_is_default = client.root_is_default,
                           .direct = client.direct,
                           .weakest = client.weakest,
                           .certificate_file = client.certificate_file,
                           .handshake = seen.handshake};
  // The handshake that decided.
  const bool early = FinishedOrFailed(handshakes.as_libpq) == false || !enforced.tls;
  const tls::TlsResult& decisive = early ? handshakes.as_libpq : *enforced.tls;
  if (seen.handshake == false) result.failure = decisive.failure;
  result.alert = decisive.alert;
  result.admission = decisive.admission;
  result.declined = seen.tls == tls::Start::kCutOff && decisive.admission == Admission::kAdmitted;
  return result;
}

// Empty if the server offers none of them, such as with OAuth.
std::map<std::string_view, bool> ScramAmong(const std::vector<std::string>& offered) {
  std::map<std::string_view, bool> mechanisms;
  bool any = false;
  for (const std::string_view mechanism : tls::kScramMechanisms) {
    mechanisms[mechanism] = std::ranges::find(offered, mechanism) != offered.end();
    any = any || mechanisms[mechanism];
  }
  if (!any) mechanisms.clear();
  return mechanisms;
}

}  // namespace

EndpointResult Judge(const wire::WireClient& client, const wire::ServerHandshakes& handshakes,
                     std::optional<Answer> gss, const std::optional<wire::Enforcement>& enforced) {
  EndpointResult endpoint{.connect_time = handshakes.shown.connect_time,
                          .negotiate_time = handshakes.shown.negotiate_time,
                          .handshake_time = handshakes.shown.handshake_time};
  EndpointFacts& facts = endpoint.facts;
  const wire::WireClient::Place& place = client.places[handshakes.place];
  facts.host = place.host;
  facts.address = fmt::format("{}:{}", place.target.address.address().to_string(), place.target.address.port());
  facts.reachable = handshakes.as_libpq.reachable;
  if (!facts.reachable) return endpoint;
  facts.ssl_answer = handshakes.answer;
  if (facts.ssl_answer == Answer::kYes || (client.direct && handshakes.shown.handshake))
    facts.handshake = handshakes.shown.handshake == Handshake::kFinished;
  if (facts.handshake == true) {
    facts.tls = handshakes.shown.facts;
    facts.tls->chain.clear();
  }
  facts.root = client.root;
  Verify(client, handshakes.shown.facts.chain, place.host, facts);
  for (const wire::NameHandshakes& name : handshakes.names) facts.names.push_back(NameFactsOf(client, name));
  if (gss && gss != Answer::kNone) facts.gss_offered = gss == Answer::kYes;
  if (!enforced) return endpoint;
  if (enforced->plaintext) {
    const Admission plaintext = *enforced->plaintext;
    if (plaintext == Admission::kAdmitted || plaintext == Admission::kAuthFailed) facts.plaintext_accepted = true;
    if (plaintext == Admission::kRefused) facts.plaintext_accepted = false;
  }
  facts.protocols = enforced->protocols;
  facts.groups = enforced->groups;
  facts.mechanisms = ScramAmong(enforced->tls_mechanisms);
  facts.direct_tls = enforced->direct;
  const tls::Observations seen = Observe(client, handshakes, facts, *enforced);
  for (std::size_t i = 0; i < tls::kSslModes.size(); ++i) facts.sslmodes[i] = VerdictFor(tls::kSslModes[i], seen);
  facts.client = ClientTlsOf(client, seen, handshakes, *enforced);
  return endpoint;
}

std::vector<sampling::IncompletePart> Unanswered(const EndpointFacts& facts, const wire::Enforcement& enforced) {
  std::vector<sampling::IncompletePart> parts;
  const auto add = [&parts](const char* part, bool unanswered) {
    if (unanswered) parts.push_back({part, "no_answer"});
  };
  add("plaintext", !facts.plaintext_accepted);
  add("protocol_versions", enforced.protocols_asked && facts.protocols.size() < tls::TriableVersions().size());
  add("key_exchange", enforced.groups_asked && facts.groups.size() < std::size(tls::kKeyExchangeGroups));
  bool unanswered = false;
  for (std::size_t i = 0; i < tls::kSslModes.size(); ++i) {
    const bool verifies = tls::kSslModes[i] >= tls::SslMode::kVerifyCa;
    if (verifies && facts.root == tls::RootCertificate::kNone) continue;
    const tls::Verdict& verdict = facts.sslmodes[i];
    unanswered = unanswered || !verdict.connects || (*verdict.connects && !verdict.encrypted);
  }
  add("sslmode", unanswered);
  add("direct_tls", enforced.direct_asked && !facts.direct_tls);
  add("names", std::ranges::any_of(facts.names, [](const tls::NameFacts& name) { return !name.handshake; }));
  return parts;
}

}  // namespace pgtls::collectors
