#include "exporter/db/target.h"

#include <algorithm>
#include <array>

#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/db/pq_handle.h"

namespace pgtls::db {
namespace {

// libpq quotes pieces of the string in its complaints, and an unquoted space in a password makes a piece of it such a
// quote.
std::string WithoutSecrets(const std::string& message, const std::string& conninfo) {
  std::string text = Printable(message);
  while (!text.empty() && (text.ends_with("\\x0a") || text.ends_with(' ')))
    text.resize(text.size() - (text.ends_with(' ') ? 1 : 4));
  const bool may_hold_secret =
      conninfo.find("password") != std::string::npos || conninfo.find('@') != std::string::npos;
  if (!may_hold_secret) return text;
  std::string result;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      if (!quoted) result += "\"…\"";
      quoted = !quoted;
    } else if (!quoted) {
      result += c;
    }
  }
  return result;
}

void CheckSyntax(const std::string& conninfo) {
  char* message = nullptr;
  const ConninfoHandle parsed(PQconninfoParse(conninfo.c_str(), &message));
  if (parsed) return;
  const std::string text = message != nullptr ? message : "out of memory";
  PQfreemem(message);
  throw ConfigError("conninfo: " + WithoutSecrets(text, conninfo));
}

void CheckSslmode(const Target& target) {
  static constexpr std::array<std::string_view, 6> kModes = {"disable", "allow",     "prefer",
                                                             "require", "verify-ca", "verify-full"};
  const std::string& mode = target.option("sslmode");
  if (!mode.empty() && std::find(kModes.begin(), kModes.end(), mode) == kModes.end()) {
    throw ConfigError("conninfo: sslmode '" + Printable(mode, 60) +
                      "' is none of disable, allow, prefer, require, verify-ca, verify-full");
  }
}

}  // namespace

const std::string& Target::option(std::string_view name) const {
  static const std::string kNone;
  const auto found = options.find(name);
  return found == options.end() ? kNone : found->second;
}

std::string Target::host() const {
  const std::string& hosts = option("host").empty() ? option("hostaddr") : option("host");
  return hosts.substr(0, hosts.find(','));
}

std::string Target::port() const {
  const std::string& ports = option("port");
  return ports.substr(0, ports.find(','));
}

bool Target::is_unix_socket() const {
  if (!option("hostaddr").empty()) return false;
  const std::string first = host();
  return first.starts_with('/') || first.starts_with('@');
}

std::string Target::DisplayName() const {
  if (is_unix_socket()) return host();
  const std::string first = host();
  return (first.find(':') != std::string::npos ? "[" + first + "]" : first) + ":" + port();
}

Target ResolveTarget(const std::string& conninfo) {
  CheckSyntax(conninfo);
  // An impossible channel_binding makes libpq merge everything (string, service, environment, defaults) and then stop,
  // before it resolves a name or opens a socket (fe-connect.c, connectOptions2).
  const std::array<const char*, 3> keywords = {"dbname", "channel_binding", nullptr};
  const std::array<const char*, 3> values = {conninfo.c_str(), "none of them", nullptr};
  const ConnHandle conn(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!conn) throw ConfigError("conninfo: out of memory");
  const std::string message = PQerrorMessage(conn.get());
  const ConninfoHandle merged(PQconninfo(conn.get()));
  if (message.find("channel_binding") == std::string::npos || !merged) {
    throw ConfigError("conninfo: " + WithoutSecrets(message, conninfo));
  }
  Target target;
  for (const PQconninfoOption* option = merged.get(); option->keyword != nullptr; ++option) {
    const bool secret = option->dispchar != nullptr && option->dispchar[0] == '*';
    if (secret || option->val == nullptr || std::string_view(option->keyword) == "channel_binding") continue;
    target.options[option->keyword] = option->val;
  }
  // The default socket directory is compiled into libpq and stands in no option.
  if (target.host().empty()) target.options["host"] = PQhost(conn.get());
  CheckSslmode(target);
  return target;
}

}  // namespace pgtls::db
