#include "exporter/wire/enforcement.h"

namespace pgtls::wire {
namespace {

using tls::Answer;
using tls::Handshake;

// nullopt: the attempt says nothing about the version.
std::optional<bool> Accepts(const tls::TlsResult& result) {
  if (result.handshake == Handshake::kFinished) return true;
  // An end of the connection is no refusal of the version: calling it one would be an all-clear nobody has seen.
  if (result.handshake == Handshake::kRefusedByServer) return false;
  return std::nullopt;
}

}  // namespace

Applicant ApplicantOf(const WireClient& client, const WireLook& look) {
  Applicant applicant{.target = client.places[look.place].target,
                      .user = client.user,
                      .database = client.database,
                      .context = client.context,
                      .direct = client.direct,
                      .usable = client.usable};
  if (client.identity != nullptr) applicant.certificates = client.identity->certificates();
  return applicant;
}

asio::awaitable<Enforcement> Enforce(const WireClient& client, const WireLook& look, sampling::OwnBackends& own,
                                     Deadline deadline) {
  Enforcement result{.applicant = ApplicantOf(client, look), .answer = look.answer};
  const tls::WireTarget& target = result.applicant.target;
  const auto& versions = tls::TriableVersions();
  int steps = static_cast<int>(versions.size()) + 4;
  {
    sampling::OwnBackends::Login own_login(own, client.user);
    const tls::Login login = {client.user, client.database, [&own_login](int pid) { own_login.Known(pid); },
                              [&result](std::uint32_t request) { result.plaintext_request = request; }};
    result.plaintext = co_await tls::ProbePlaintext(target, login, Share(deadline, steps--));
  }
  if (client.usable && (client.direct || result.answer == Answer::kYes)) {
    sampling::OwnBackends::Login own_login(own, client.user);
    const tls::Login login = {client.user, client.database, [&own_login](int pid) { own_login.Known(pid); },
                              [&result](std::uint32_t request) { result.tls_request = request; }};
    const tls::TlsProbe probe = {
        .context = client.context, .identity = client.identity, .direct = client.direct, .login = login};
    result.tls = co_await tls::ProbeTls(target, probe, Share(deadline, steps--));
  }
  if (result.answer != Answer::kYes) co_return result;
  result.protocols_asked = true;
  for (const std::string_view version : versions) {
    if (look.shown.handshake == Handshake::kFinished && look.shown.facts.version == version) {
      result.protocols[version] = true;
      continue;
    }
    const tls::TlsProbe probe = {.context = tls::PinnedContext(version)};
    const auto attempt = co_await tls::ProbeTls(target, probe, Share(deadline, steps--));
    if (const auto accepts = Accepts(attempt)) result.protocols[version] = *accepts;
  }
  // 16 and older log it as an invalid packet; those that know it echo the protocol in every handshake.
  result.direct_asked = look.shown.facts.alpn == tls::kAlpn;
  if (result.direct_asked) {
    const tls::TlsProbe probe = {.context = tls::PermissiveContext(), .direct = true};
    const auto attempt = co_await tls::ProbeTls(target, probe, Share(deadline, steps--));
    if (attempt.handshake) result.direct = attempt.handshake == Handshake::kFinished;
  }
  co_return result;
}

}  // namespace pgtls::wire
