#include "exporter/serverlog/counts.h"

#include <utility>

#include "exporter/base/net_address.h"
#include "exporter/base/text.h"
#include "exporter/sessions/session.h"

namespace pgtls::serverlog {
namespace {

constexpr std::string_view kLocal = "[local]";
// Text of the log has no limit of its own.
constexpr std::size_t kMostBytes = 200;

std::string Shown(std::string_view text) { return Bounded(ValidUtf8(text), kMostBytes); }

std::string ShownAddress(const Connection& connection) {
  return connection.host == kLocal ? "" : Shown(connection.host);
}

sessions::Session SessionOf(const LoggedSession& logged) {
  const Connection& connection = logged.connection;
  const bool local = connection.host == kLocal;
  return {.database = connection.database,
          .user = connection.user,
          .application_name = logged.application_name,
          .client_addr = local ? std::string_view() : std::string_view(connection.host),
          .client_port = local ? -1 : connection.port};
}

// By each of the names that the session may have.
bool IsAllowed(LoggedSession session, const sessions::Exemptions& exemptions) {
  const Connection& connection = session.connection;
  const sessions::Origin origin{NetworkOf(connection), IpAddress::Parse(connection.host)};
  if (exemptions.AllowedBy(SessionOf(session), origin) == nullptr) return false;
  if (session.application_certain) return true;
  // Replication has no database.
  std::string& name = connection.database.empty() ? session.connection.user : session.connection.database;
  name += " application_name=" + std::exchange(session.application_name, "");
  return exemptions.AllowedBy(SessionOf(session), origin) != nullptr;
}

}  // namespace

Network NetworkOf(const Connection& connection) {
  if (connection.host == kLocal) return Network::kLocal;
  const auto address = IpAddress::Parse(connection.host);
  return address && address->IsLoopback() ? Network::kLoopback : Network::kRemote;
}

Counts::Counts() {
  for (const std::string_view reason : kHandshakeFailures) handshake_failures[reason] = 0;
}

void CountSession(const LoggedSession& session, std::optional<Encryption> encryption,
                  const sessions::Exemptions& exemptions, const CountLimits& limits, Counts& counts) {
  const Connection& connection = session.connection;
  const Network network = NetworkOf(connection);
  const SessionKey key = {Shown(connection.database), Shown(connection.user), network, encryption};
  counts.sessions.Add(key, limits.now, limits.max_series);
  counts.recent.Add({std::string(), std::string(), network, encryption}, limits.at, limits.now, limits.window,
                    limits.max_series);
  if (encryption != Encryption::kNone || network == Network::kLocal) return;
  const bool allowed = session.names_certain && IsAllowed(session, exemptions);
  ++counts.unencrypted[{network, allowed}];
  counts.unencrypted_clients.Add(
      {key.database, key.user, ShownAddress(connection), Shown(session.application_name), network, allowed}, limits.at,
      limits.now, limits.window, limits.max_series);
}

void CountRejection(const LoggedRejection& rejection, const CountLimits& limits, Counts& counts) {
  const Connection& connection = rejection.connection;
  counts.rejections.Add({Shown(connection.database), Shown(connection.user), ShownAddress(connection),
                         rejection.encryption, rejection.no_entry},
                        limits.now, limits.max_series);
}

void CountAuthentication(const LoggedAuthentication& authentication, const CountLimits& limits, Counts& counts) {
  const Authenticated& rule = authentication.rule;
  counts.authentications.Add({Shown(rule.method), Shown(rule.file), rule.line}, limits.now, limits.max_series);
}

}  // namespace pgtls::serverlog
