#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/net_address.h"
#include "exporter/base/text.h"
#include "exporter/links/link.h"

namespace pgtls::audit {
namespace {

using settings::PoolerSettings;

constexpr std::string_view kReload = "then run RELOAD on the console.";

// From where clients can come. With sockets of systemd PgBouncer ignores listen_addr; then the exporter's own
// connection shows that it listens on the network.
Network NetworkOfClients(const Evidence& evidence) {
  const Network listens = links::NetworkOf(evidence.pooler->Get("listen_addr"));
  const auto& own = evidence.snapshot.connection;
  return own && own->address ? std::max(listens, links::NetworkOf(*own->address)) : listens;
}

Severity SeverityOf(Network network, Severity remote, const Evidence& evidence) {
  if (network == Network::kRemote) return remote;
  return network == Network::kLoopback ? LoopbackPlaintext(evidence.snapshot.loopback) : Severity::kNote;
}

std::string Line(const PoolerSettings& settings, std::string_view name) {
  return Printable(fmt::format("{} = {}", name, settings.Get(name)));
}

// Other processes on the same port have a configuration of their own: this one proves nothing of them.
bool IsOneOfSeveral(const PoolerSettings& settings) { return settings.Get("so_reuseport") == "1"; }

void AddClientTls(const PoolerSettings& settings, const Evidence& evidence, Findings& findings) {
  const std::vector<std::string> lines = {Line(settings, "client_tls_sslmode"), Line(settings, "listen_addr")};
  if (settings.RequiresTls()) {
    // What is configured need not be in force: a certificate that cannot be loaded keeps the old settings.
    const bool refuted = evidence.endpoint && (evidence.endpoint->plaintext_accepted == true ||
                                               evidence.endpoint->ssl_answer == tls::Answer::kNo);
    if (!refuted && !IsOneOfSeveral(settings)) {
      findings.push_back(
          {Severity::kFine, "pooler_client_tls", "PgBouncer is configured to require TLS from clients", lines, "", ""});
    }
    return;
  }
  const Network network = NetworkOfClients(evidence);
  if (network == Network::kLocal) return;
  if (settings.Get("client_tls_sslmode") == "disable") {
    findings.push_back(
        {SeverityOf(network, Severity::kCritical, evidence), "pooler_client_tls_off", "TLS is off for clients", lines,
         "Passwords and data of every client can be read and changed on the network path, however well PgBouncer's own "
         "connections to PostgreSQL are protected.",
         fmt::format("Set client_tls_cert_file and client_tls_key_file to a certificate and its key, and "
                     "client_tls_sslmode = allow, in pgbouncer.ini, {} When all clients use TLS, set it to require.",
                     kReload)});
    return;
  }
  // A file of rules may have hostssl lines only.
  const bool by_rules = settings.Get("auth_type") == "hba";
  findings.push_back({SeverityOf(network, by_rules ? kPossiblePlaintext : kRemotePlaintext, evidence),
                      "pooler_client_tls_optional", "Clients may connect without TLS", lines,
                      "A client with sslmode=disable, or with prefer through a proxy that removes TLS, sends passwords "
                      "and data in plain text.",
                      fmt::format("When all clients use TLS, set client_tls_sslmode = require in pgbouncer.ini, {}{}",
                                  kReload, by_rules ? " Or change the host lines of auth_hba_file to hostssl." : "")});
}

// Where it leads: also what no line of [databases] names, once a client has used it.
void AddServerTls(const PoolerSettings& settings, const Evidence& evidence, Findings& findings) {
  constexpr std::size_t kMostLines = 20;
  const std::string_view mode = settings.Get("server_tls_sslmode");
  std::vector<std::string> lines = {Line(settings, "server_tls_sslmode")};
  if (mode == "verify-full") {
    if (IsOneOfSeveral(settings)) return;
    findings.push_back({Severity::kFine, "pooler_server_tls",
                        "PgBouncer is configured to encrypt connections to servers and to verify them",
                        std::move(lines), "", ""});
    return;
  }
  Network farthest = Network::kLocal;
  for (const auto& [database, host, port] : settings.targets) {
    const Network network = links::NetworkOf(host);
    farthest = std::max(farthest, network);
    if (network == Network::kRemote && lines.size() <= kMostLines)
      lines.push_back(Printable(fmt::format("database {} on {}", database, host)));
  }
  if (farthest != Network::kRemote) {
    lines.emplace_back("no known database is on another machine; the host of `*` is known once a client has used it");
  }
  const std::string full = fmt::format(
      "Set server_tls_sslmode = verify-full and server_tls_ca_file to the CA of the servers' certificates in "
      "pgbouncer.ini, {}",
      kReload);
  if (mode == "require" || mode == "verify-ca") {
    if (farthest != Network::kRemote) return;
    const bool any_server = mode == "require";
    findings.push_back(
        {Severity::kWarning, "pooler_server_tls_unverified",
         any_server ? "Connections to servers are encrypted, but the servers are not verified"
                    : "Connections to servers are encrypted, but the host names are not verified",
         std::move(lines),
         any_server ? "An attacker on the network path can impersonate the server."
                    : "A server with any certificate of this CA can impersonate another one.",
         any_server ? full : fmt::format("Set server_tls_sslmode = verify-full in pgbouncer.ini, {}", kReload)});
    return;
  }
  const bool off = mode == "disable";
  const Severity severity =
      settings.targets.empty() ? kPossiblePlaintext : SeverityOf(farthest, kRemotePlaintext, evidence);
  findings.push_back(
      {severity, "pooler_server_tls_optional",
       off ? "Connections to servers are not encrypted" : "Connections to servers may be unencrypted", std::move(lines),
       off ? "PgBouncer forwards to the server in plain text what clients send to it encrypted."
           : "If the server does not offer TLS, or an attacker removes it, PgBouncer forwards in plain text what "
             "clients send to it encrypted.",
       full});
}

void AddAuthentication(const PoolerSettings& settings, const Evidence& evidence, Findings& findings) {
  const std::string_view type = settings.Get("auth_type");
  const std::vector<std::string> lines = {Line(settings, "auth_type"), Line(settings, "client_tls_sslmode")};
  const std::string remedy = fmt::format(
      "Give auth_file (or auth_query) SCRAM secrets, not MD5 ones; then set auth_type = scram-sha-256 in "
      "pgbouncer.ini, "
      "{}",
      kReload);
  if (type == "trust" || type == "any") {
    const bool network = NetworkOfClients(evidence) == Network::kRemote;
    findings.push_back({network ? Severity::kCritical : Severity::kWarning, "pooler_trust",
                        "Clients are not authenticated", lines,
                        "Anyone who can reach the port can log in as any user; TLS does not prevent this.", remedy});
  } else if (type == "plain" || type == "pam" || type == "ldap") {
    findings.push_back(
        {settings.RequiresTls() ? Severity::kNote : Severity::kWarning, "pooler_password_plain",
         "Clients send their passwords in clear text", lines,
         "PgBouncer receives every password in clear text, and without TLS so does anyone on the network path.",
         settings.RequiresTls() ? remedy
                                : fmt::format("Set client_tls_sslmode = require in pgbouncer.ini, {}", kReload)});
  } else if (type == "md5") {
    findings.push_back({Severity::kNote, "pooler_password_md5", "Passwords may be checked by MD5", lines,
                        "Anyone who reads an MD5 secret in auth_file can log in with it. Users with a SCRAM secret "
                        "already authenticate with SCRAM.",
                        remedy});
  }
}

}  // namespace

void AddPooler(const Evidence& evidence, Findings& findings) {
  if (!evidence.pooler) return;
  AddClientTls(*evidence.pooler, evidence, findings);
  AddServerTls(*evidence.pooler, evidence, findings);
  AddAuthentication(*evidence.pooler, evidence, findings);
}

}  // namespace pgtls::audit
