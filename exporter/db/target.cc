#include "exporter/db/target.h"

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "exporter/base/error.h"
#include "exporter/base/host_port.h"
#include "exporter/base/text.h"
#include "exporter/db/default_sslmode.h"
#include "exporter/db/keywords.h"
#include "exporter/db/linked_libpq.h"
#include "exporter/db/pq_handle.h"

namespace pgtls::db {
namespace {

bool MayHoldSecret(const std::string& conninfo) {
  return conninfo.find("password") != std::string::npos || conninfo.find('@') != std::string::npos;
}

// The value of an option for a message. In a malformed string, any piece may belong to the password.
std::string Shown(const std::string& value, const std::string& conninfo) {
  return MayHoldSecret(conninfo) ? "…" : Printable(value, 60);
}

// Returns the option that libpq's message is about if libpq does not know it; else "". It may be a piece of a password.
std::string UnknownOption(const std::string& text) {
  for (const std::string_view complaint : {"invalid connection option \"", "invalid URI query parameter: \""}) {
    if (text.starts_with(complaint) && text.ends_with('"'))
      return text.substr(complaint.size(), text.size() - complaint.size() - 1);
  }
  return "";
}

// Whether it begins like one of libpq's options: a typing error, not a piece of a password.
bool IsMistyped(const std::string& name) {
  constexpr std::size_t kAlike = 3;
  if (name.size() < kAlike || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != std::string::npos) return false;
  const ConninfoHandle known(PQconndefaults());
  for (const PQconninfoOption* option = known.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (name.compare(0, kAlike, option->keyword, std::min<std::size_t>(kAlike, std::strlen(option->keyword))) == 0)
      return true;
  }
  return false;
}

// libpq quotes pieces of the string in its messages, and after an unquoted space in a password such a piece may be part
// of it.
std::string WithoutSecrets(const std::string& message, const std::string& conninfo) {
  std::string text = OneLine(message);
  const bool may_hold_secret = MayHoldSecret(conninfo);
  if (IsMistyped(UnknownOption(text))) return Printable(text);
  // From the first quote to the last: with a quote in the password, pairs cannot be recognized.
  const auto first = text.find('"');
  const auto last = text.rfind('"');
  if (may_hold_secret && first != std::string::npos) {
    text = text.substr(0, first) + "\"…\"" + (last > first ? text.substr(last + 1) : "");
  }
  return Printable(text);
}

void CheckSyntax(const std::string& conninfo) {
  char* message = nullptr;
  const ConninfoHandle parsed(PQconninfoParse(conninfo.c_str(), &message));
  if (parsed) return;
  const std::string text = OneLine(message != nullptr ? message : "out of memory");
  PQfreemem(message);
  const std::string unknown = UnknownOption(text);
  if (const auto first = FirstLibpqWith(unknown)) throw ConfigError("conninfo: " + NeedsLibpq(unknown, *first));
  throw ConfigError("conninfo: " + WithoutSecrets(text, conninfo));
}

void CheckOneOf(const Target& target, const std::string& conninfo, std::string_view name,
                const std::vector<std::string_view>& values) {
  const std::string& value = target.option(name);
  if (value.empty() || std::find(values.begin(), values.end(), value) != values.end()) return;
  throw ConfigError(
      fmt::format("conninfo: {} '{}' is none of {}", name, Shown(value, conninfo), fmt::join(values, ", ")));
}

// "postgresql://…" or "user:password@…" in a value: to libpq, two URIs not separated by a comma are one, and the
// second, with its password, would be a database or host name in error messages.
void CheckNoUri(const Target& target) {
  for (const auto& [name, value] : target.options) {
    const auto colon = value.find(':');
    const bool credentials =
        name == "dbname" && colon != std::string::npos && value.find('@', colon) != std::string::npos;
    if (!credentials && value.find("postgresql://") == std::string::npos &&
        value.find("postgres://") == std::string::npos) {
      continue;
    }
    throw ConfigError(
        "conninfo: " + name +
        " holds another connection URI; several servers are separated by commas, each with postgresql://");
  }
}

// libpq reads ports only when it connects. An empty one is the default.
void CheckPorts(const std::string& ports, const std::string& conninfo) {
  for (std::size_t at = 0; at <= ports.size();) {
    const std::string port = ports.substr(at, ports.find(',', at) - at);
    const bool digits = port.find_first_not_of("0123456789") == std::string::npos && port.size() <= 5;
    if (!digits || (!port.empty() && (std::stoi(port) < 1 || std::stoi(port) > 65535))) {
      throw ConfigError("conninfo: port '" + Shown(port, conninfo) + "' is not a number from 1 to 65535");
    }
    at += port.size() + 1;
  }
}

// Returns libpq's message about the merged options if `name` has an impossible value. libpq checks that last, before it
// resolves a name or opens a socket.
std::string ComplaintAfterMerge(const ConnHandle& conn, const std::string& name) {
  if (!conn) return "out of memory";
  const std::string message = PQerrorMessage(conn.get());
  return message.find(name) == std::string::npos ? message : "";
}

// `sslmode`: overrides all others; may be null.
ConnHandle Merged(const std::string& conninfo, const char* impossible, const char* sslmode = nullptr) {
  const std::array<const char*, 4> keywords = {"dbname", impossible, "sslmode", nullptr};
  const std::array<const char*, 4> values = {conninfo.c_str(), "none of them", sslmode, nullptr};
  return ConnHandle(PQconnectStartParams(keywords.data(), values.data(), 1));
}

// The service file that the operator names; "": none.
std::string ServiceFile(const std::string& conninfo) {
  std::string own = OwnValue(conninfo, "servicefile");
  if (!own.empty()) return own;
  const char* const file = std::getenv("PGSERVICEFILE");  // NOLINT(concurrency-mt-unsafe): nothing writes it
  return file != nullptr ? file : "";
}

// libpq reports the service file, and it does not exist: its file system may be mounted later.
bool LacksServiceFile(const std::string& complaint, const std::string& conninfo) {
  const std::string file = ServiceFile(conninfo);
  return !file.empty() && complaint.contains(file) && access(file.c_str(), F_OK) != 0;
}

// libpq before 16 would look for a file of this name, and encrypt without verification if there is none.
void CheckSystemRoot(const Target& target) {
  if (LibpqMajor() >= kFirstLibpqWithSystemRoot || target.option("sslrootcert") != "system") return;
  throw ConfigError("conninfo: " + NeedsLibpq("sslrootcert=system", kFirstLibpqWithSystemRoot));
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
  return JoinHostPort(host(), port());
}

Target ResolveTarget(const std::string& conninfo) {
  CheckSyntax(conninfo);
  // An impossible channel_binding makes libpq merge everything (string, service, environment, defaults) and then stop,
  // before it resolves a name or opens a socket (fe-connect.c, connectOptions2).
  const ConnHandle conn = Merged(conninfo, "channel_binding");
  const std::string complaint = ComplaintAfterMerge(conn, "channel_binding");
  const ConninfoHandle merged(conn ? PQconninfo(conn.get()) : nullptr);
  if (LacksServiceFile(complaint, conninfo)) throw UnavailableError("conninfo: " + WithoutSecrets(complaint, conninfo));
  if (!complaint.empty() || !merged) throw ConfigError("conninfo: " + WithoutSecrets(complaint, conninfo));
  Target target;
  for (const PQconninfoOption* option = merged.get(); option->keyword != nullptr; ++option) {
    const bool secret = option->dispchar != nullptr && option->dispchar[0] == '*';
    const bool unset = option->val == nullptr || *option->val == '\0';
    if (secret || unset || std::string_view(option->keyword) == "channel_binding") continue;
    target.options[option->keyword] = option->val;
  }
  const bool to_verify = DefaultsToVerifyFull(conninfo, merged.get());
  if (to_verify) target.options["sslmode"] = "verify-full";
  // The default socket directory is compiled into libpq and is in no option.
  if (target.host().empty()) target.options["host"] = PQhost(conn.get());
  CheckNoUri(target);
  CheckOneOf(target, conninfo, "sslmode", {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"});
  CheckOneOf(target, conninfo, "target_session_attrs",
             {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"});
  CheckSystemRoot(target);
  CheckPorts(target.option("port"), conninfo);
  CheckOneOf(target, conninfo, "load_balance_hosts", {"disable", "random"});
  // The other values, which libpq checks after the merge (TLS versions, gssencmode …).
  const char* const last = target.option("load_balance_hosts").empty() ? "target_session_attrs" : "load_balance_hosts";
  const ConnHandle checked = Merged(conninfo, last, to_verify ? "verify-full" : nullptr);
  const std::string rest = ComplaintAfterMerge(checked, last);
  if (!rest.empty()) throw ConfigError("conninfo: " + WithoutSecrets(rest, conninfo));
  return target;
}

}  // namespace pgtls::db
