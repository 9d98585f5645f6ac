#include "collectors/endpoint.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "collectors/endpoint_judgement.h"
#include "collectors/endpoint_parts.h"
#include "exporter/base/log.h"
#include "exporter/base/random.h"
#include "exporter/config/collector_schema.h"
#include "exporter/tls/endpoint_facts.h"
#include "exporter/wire/enforcement.h"

namespace pgtls::collectors {
namespace {

using metrics::Desc;
using metrics::Sink;
using metrics::Type;
using tls::Answer;
using tls::EndpointFacts;

// ---- Descriptors

constexpr Desc kReachable = {
    "pg_tls_endpoint_reachable", Type::kGauge, "Whether a TCP connection to the endpoint succeeded.", {"server"}};
constexpr Desc kLoopback = {"pg_tls_endpoint_loopback",
                            Type::kGauge,
                            "Whether the endpoint is a loopback address (1) or not (0). What is accepted there may be "
                            "refused from other machines.",
                            {"server"}};
constexpr Desc kAnswer = {
    "pg_tls_ssl_request_answer",
    Type::kGauge,
    "The server's answer to SSLRequest (S, N, E or none): 1 for the answer received, 0 for the others.",
    {"server", "answer"}};
constexpr Desc kHandshake = {"pg_tls_handshake_success",
                             Type::kGauge,
                             "Whether the TLS handshake finished, whether or not the certificate was verified.",
                             {"server", "host"},
                             "host"};
constexpr Desc kDuration = {"pg_tls_handshake_duration_seconds",
                            Type::kGauge,
                            "Duration of the phases of the last TLS handshake.",
                            {"server", "phase"}};
constexpr Desc kNegotiated = {"pg_tls_negotiated_info",
                              Type::kGauge,
                              "What the last TLS handshake negotiated; always 1.",
                              {"server", "version", "cipher", "group", "alpn"}};
constexpr Desc kVerified = {"pg_tls_certificate_verified",
                            Type::kGauge,
                            "Whether the served certificate passes libpq's check of the chain and of the host name.",
                            {"server", "check", "host"},
                            "host"};
constexpr Desc kVerifyError = {
    "pg_tls_certificate_verify_error_info",
    Type::kGauge,
    "Why the served certificate fails libpq's check of the chain or of the host name; always 1.",
    {"server", "check", "reason", "host"},
    "host"};
constexpr Desc kCertificateRequested = {"pg_tls_client_certificate_requested",
                                        Type::kGauge,
                                        "Whether the server asked for a client certificate.",
                                        {"server"}};
constexpr Desc kDirect = {"pg_tls_direct_tls_supported",
                          Type::kGauge,
                          "Whether the server accepts TLS without SSLRequest (PostgreSQL 17 and later).",
                          {"server"}};
constexpr Desc kGss = {
    "pg_tls_gss_encryption_offered", Type::kGauge, "Whether the server offers GSS encryption.", {"server"}};
constexpr Desc kPlaintext = {
    "pg_tls_plaintext_accepted",
    Type::kGauge,
    "Whether an unencrypted connection by the exporter's user, from the exporter's address, reaches authentication.",
    {"server"}};
constexpr Desc kProtocol = {
    "pg_tls_protocol_accepted", Type::kGauge, "Whether the server accepts this TLS version.", {"server", "version"}};
constexpr Desc kMechanism = {"pg_tls_sasl_mechanism_offered",
                             Type::kGauge,
                             "Whether the server offers the exporter's user this SASL mechanism over TLS (1) or not "
                             "(0). Absent if it asks for something else, such as md5.",
                             {"server", "mechanism"}};
constexpr Desc kGroup = {"pg_tls_key_exchange_accepted",
                         Type::kGauge,
                         "Whether the server accepts this group for the key exchange of TLS 1.3.",
                         {"server", "group"}};
constexpr Desc kConnects = {
    "pg_tls_sslmode_connects",
    Type::kGauge,
    "Whether a libpq client with this sslmode, with the exporter's user and address, reaches authentication.",
    {"server", "sslmode"}};
constexpr Desc kEncrypted = {"pg_tls_sslmode_encrypted",
                             Type::kGauge,
                             "Whether the connection of a libpq client with this sslmode is encrypted.",
                             {"server", "sslmode"}};

constexpr std::array kDescs = {&kReachable, &kLoopback,    &kAnswer,
                               &kHandshake, &kDuration,    &kNegotiated,
                               &kVerified,  &kVerifyError, &kCertificateRequested,
                               &kDirect,    &kGss,         &kPlaintext,
                               &kProtocol,  &kGroup,       &kMechanism,
                               &kConnects,  &kEncrypted};

// ---- Render

std::string_view AnswerLabel(std::optional<Answer> answer) {
  switch (answer.value_or(Answer::kNone)) {
    case Answer::kYes:
      return "S";
    case Answer::kNo:
      return "N";
    case Answer::kError:
      return "E";
    case Answer::kNone:
      break;
  }
  return "none";
}

void AddKnown(const Desc& desc, std::initializer_list<std::string_view> labels, std::optional<bool> value, Sink& sink) {
  if (value) sink.Add(desc, labels, *value ? 1 : 0);
}

// `host`: empty for the server's own name.
void RenderVerification(const tls::Verification& facts, std::string_view host, Sink& sink) {
  if (facts.chain_errors) {
    sink.Add(kVerified, {"chain", host}, facts.chain_errors->empty() ? 1 : 0);
    for (const std::string_view reason : *facts.chain_errors) sink.Add(kVerifyError, {"chain", reason, host}, 1);
  }
  AddKnown(kVerified, {"hostname", host}, facts.hostname_ok, sink);
  if (facts.hostname_ok == false) sink.Add(kVerifyError, {"hostname", facts.hostname_error, host}, 1);
}

void Render(const EndpointResult& endpoint, Sink& sink) {
  const EndpointFacts& facts = endpoint.facts;
  sink.Add(kReachable, {}, facts.reachable ? 1 : 0);
  if (!facts.reachable) return;
  sink.Add(kLoopback, {}, IsLoopback(facts) ? 1 : 0);
  for (const std::string_view answer : {"S", "N", "E", "none"}) {
    sink.Add(kAnswer, {answer}, answer == AnswerLabel(facts.ssl_answer) ? 1 : 0);
  }
  AddKnown(kHandshake, {""}, facts.handshake, sink);
  const auto duration = [&](std::string_view phase, std::optional<std::chrono::nanoseconds> time) {
    if (time) sink.Add(kDuration, {phase}, metrics::Seconds(*time));
  };
  duration("connect", endpoint.connect_time);
  duration("negotiate", endpoint.negotiate_time);
  duration("handshake", endpoint.handshake_time);
  if (facts.tls) {
    sink.Add(kNegotiated, {facts.tls->version, facts.tls->cipher, facts.tls->group, facts.tls->alpn}, 1);
    sink.Add(kCertificateRequested, {}, facts.tls->client_certificate_requested ? 1 : 0);
  }
  RenderVerification(facts, "", sink);
  for (const tls::NameFacts& name : facts.names) {
    AddKnown(kHandshake, {name.host}, name.handshake, sink);
    RenderVerification(name, name.host, sink);
  }
  AddKnown(kDirect, {}, facts.direct_tls, sink);
  AddKnown(kGss, {}, facts.gss_offered, sink);
  AddKnown(kPlaintext, {}, facts.plaintext_accepted, sink);
  for (const auto& [version, accepted] : facts.protocols) AddKnown(kProtocol, {version}, accepted, sink);
  for (const auto& [group, accepted] : facts.groups) AddKnown(kGroup, {group}, accepted, sink);
  for (const auto& [mechanism, offered] : facts.mechanisms) AddKnown(kMechanism, {mechanism}, offered, sink);
  for (std::size_t i = 0; i < tls::kSslModes.size(); ++i) {
    const std::string_view mode = ToString(tls::kSslModes[i]);
    AddKnown(kConnects, {mode}, facts.sslmodes[i].connects, sink);
    AddKnown(kEncrypted, {mode}, facts.sslmodes[i].encrypted, sink);
  }
}

// ---- Factory

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    const std::optional<wire::WireClient> client = co_await wire::MakeWireClient(context);
    if (!client) {
      output.unsupported = {"over a Unix socket", "Connect over TCP (host=…) to check what network clients get."};
      co_return;
    }
    if (client->problem != problem_) {
      problem_ = client->problem;
      if (!problem_.empty())
        log::Warn("TLS files of the client", {{"server", context.server.name}, {"error", problem_}});
    }
    if (client->root == tls::RootCertificate::kUnusable) output.incomplete.push_back({"sslrootcert", "unreadable"});
    if (!client->root_problem.empty()) output.incomplete.push_back({"sslrootcert", client->root_problem});
    if (client->more_names) output.incomplete.push_back({"names", "too_many"});
    wire::ServerHandshakes handshakes =
        co_await wire::MakeHandshakes(*client, wire::SplitDeadline(context.deadline, 2));
    const bool due = IsDue(context, *client, handshakes);
    names_ = co_await wire::MakeNameHandshakes(*client, handshakes, due ? nullptr : &names_,
                                               wire::SplitDeadline(context.deadline, 2));
    handshakes.names = names_;
    const Deadline made = std::chrono::steady_clock::now();
    std::optional<Answer> gss;
    if (handshakes.as_libpq.reachable) {
      gss = co_await tls::ProbeGss(client->places[handshakes.place].target, wire::SplitDeadline(context.deadline, 6),
                                   client->on_connect);
      if (due) {
        enforced_ = co_await wire::Enforce(*client, handshakes, context.own_backends, context.deadline);
        const auto interval =
            context.config.options.As<EndpointOptions>().enforcement_interval * RandomFactor(0.9, 1.1);
        due_ = After(std::chrono::duration_cast<std::chrono::nanoseconds>(interval));
      }
    }
    const EndpointResult endpoint = Judge(*client, handshakes, gss, enforced_);
    if (endpoint.facts.reachable)
      std::ranges::move(Unanswered(endpoint.facts, *enforced_), std::back_inserter(output.incomplete));
    Render(endpoint, output.sink);
    output.facts.Publish(std::make_shared<const EndpointFacts>(endpoint.facts));
    output.facts.Publish(
        std::make_shared<const wire::WireObservation>(client->places[handshakes.place].target, handshakes, made));
  }

 private:
  bool IsDue(const sampling::Context& context, const wire::WireClient& client,
             const wire::ServerHandshakes& handshakes) const {
    if (context.once || !enforced_ || std::chrono::steady_clock::now() >= due_) return true;
    const auto answer = handshakes.answer;
    const bool changed = (answer == Answer::kYes || answer == Answer::kNo) && answer != enforced_->answer;
    return changed || enforced_->inputs != wire::InputsOf(client, handshakes);
  }

  std::optional<wire::Enforcement> enforced_;
  std::vector<wire::NameHandshakes> names_;  // of the last run
  Deadline due_;
  std::string problem_;
};

constexpr config::OptionKey kKeys[] = {
    config::Key<&EndpointOptions::enforcement_interval, config::ReadInterval>("enforcement_interval"),
};

constexpr sampling::CollectorType kType = {
    .name = "endpoint",
    .help = "What a client meets on the wire",
    .connection = sampling::ConnectionKind::kNone,
    .descs = kDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kEndpointParts,
    .failures = kEndpointFailures,
    .schema = {.interval = std::chrono::minutes(5),
               .timeout = std::chrono::seconds(30),
               .options = [] { return config::CollectorOptions(EndpointOptions()); },
               .keys = kKeys},
};

}  // namespace

const sampling::CollectorType& EndpointCollector() { return kType; }

}  // namespace pgtls::collectors
