#include "exporter/wire/enforcement.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>

#include "exporter/tls/client_hello.h"

namespace pgtls::wire {
namespace {

using tls::Answer;
using tls::Handshake;

// nullopt: the attempt proves nothing about the version.
std::optional<bool> Accepts(const tls::TlsResult& result) {
  if (result.handshake == Handshake::kFinished) return true;
  // A closed connection does not prove that the version is refused: to count it as a refusal would be a false
  // all-clear.
  if (result.handshake == Handshake::kRefusedByServer) return false;
  return std::nullopt;
}

// Registers the exporter's login until the probe has let go of it.
std::function<void(int)> OnBackend(const WireClient& client, sampling::OwnBackends& own) {
  const sampling::LoginPlace place{client.cluster, client.database};
  return
      [login = std::make_shared<sampling::OwnBackends::Login>(own, client.user, place)](int pid) { login->Known(pid); };
}

asio::awaitable<std::map<std::string_view, bool>> AskGroups(const WireClient& client,
                                                            const ServerHandshakes& handshakes, Deadline deadline) {
  const tls::WireTarget& target = client.places[handshakes.place].target;
  const tls::TlsFacts& shown = handshakes.shown.facts;
  const auto negotiated = shown.version == "TLSv1.3" ? tls::KeyExchangeGroup(shown.group) : std::nullopt;
  int steps = static_cast<int>(std::size(tls::kKeyExchangeGroups));
  std::map<std::string_view, bool> groups;
  for (const std::string_view group : tls::kKeyExchangeGroups) {
    const Deadline end = SplitDeadline(deadline, steps--);
    if (group == negotiated) {
      groups[group] = true;
      continue;
    }
    const std::optional<bool> accepts = co_await tls::ProbeGroup(target, group, end, client.on_connect);
    if (accepts) groups[group] = *accepts;
  }
  co_return groups;
}

}  // namespace

EnforcementInputs InputsOf(const WireClient& client, const ServerHandshakes& handshakes) {
  EnforcementInputs inputs{.target = client.places[handshakes.place].target,
                           .user = client.user,
                           .database = client.database,
                           .context = client.context,
                           .direct = client.direct,
                           .usable = client.usable};
  if (client.identity != nullptr) inputs.certificates = client.identity->certificates();
  return inputs;
}

asio::awaitable<Enforcement> Enforce(const WireClient& client, const ServerHandshakes& handshakes,
                                     sampling::OwnBackends& own, Deadline deadline) {
  Enforcement result{.inputs = InputsOf(client, handshakes), .answer = handshakes.answer};
  const tls::WireTarget& target = result.inputs.target;
  const auto& versions = tls::TriableVersions();
  int steps = static_cast<int>(versions.size()) + 4;
  {
    const tls::Login login = {client.user, client.database, OnBackend(client, own),
                              [&result](std::uint32_t request, const auto&) { result.plaintext_request = request; }};
    result.plaintext = co_await tls::ProbePlaintext(target, login, SplitDeadline(deadline, steps--), client.on_connect);
  }
  if (client.usable && (client.direct || result.answer == Answer::kYes)) {
    const tls::Login login = {client.user, client.database, OnBackend(client, own),
                              [&result](std::uint32_t request, const auto& mechanisms) {
                                result.tls_request = request;
                                result.tls_mechanisms = mechanisms;
                              }};
    const tls::TlsProbe probe = {
        .context = client.context, .identity = client.identity, .direct = client.direct, .login = login};
    result.tls = co_await tls::ProbeTls(target, probe, SplitDeadline(deadline, steps--), client.on_connect);
  }
  if (result.answer != Answer::kYes) co_return result;
  result.protocols_asked = true;
  // With TLS 1.3 this OpenSSL may know none of the server's groups: then it is not the version that is refused.
  bool nothing_in_common = false;
  for (const std::string_view version : versions) {
    if (handshakes.shown.handshake == Handshake::kFinished && handshakes.shown.facts.version == version) {
      result.protocols[version] = true;
      continue;
    }
    const tls::TlsProbe probe = {.context = tls::PinnedContext(version)};
    const auto attempt = co_await tls::ProbeTls(target, probe, SplitDeadline(deadline, steps--), client.on_connect);
    if (const auto accepts = Accepts(attempt)) result.protocols[version] = *accepts;
    nothing_in_common = version == "TLSv1.3" && attempt.alert == SSL_AD_HANDSHAKE_FAILURE;
  }
  // 16 and older log it as an invalid packet; those that know it echo the protocol in every handshake.
  result.direct_asked = handshakes.shown.facts.alpn == tls::kAlpn;
  if (result.direct_asked) {
    const tls::TlsProbe probe = {.context = tls::PermissiveContext(), .direct = true};
    const auto attempt = co_await tls::ProbeTls(target, probe, SplitDeadline(deadline, steps--), client.on_connect);
    if (attempt.handshake) result.direct = attempt.handshake == Handshake::kFinished;
  }
  const bool accepts_tls13 = result.protocols.contains("TLSv1.3") && result.protocols.at("TLSv1.3");
  if (!accepts_tls13 && !nothing_in_common) co_return result;
  result.groups = co_await AskGroups(client, handshakes, SplitDeadline(deadline, steps));
  const bool accepts_some = std::ranges::any_of(result.groups, [](const auto& group) { return group.second; });
  if (accepts_some) result.protocols["TLSv1.3"] = true;
  result.groups_asked = accepts_tls13 || accepts_some;
  if (!result.groups_asked) result.groups.clear();  // something else than the group is missing
  co_return result;
}

}  // namespace pgtls::wire
