#include <fmt/format.h>

#include <algorithm>

#include "exporter/audit/thresholds.h"
#include "exporter/audit/wire_remedies.h"
#include "exporter/base/text.h"
#include "exporter/tls/openssl.h"
#include "exporter/tls/probe.h"

namespace pgtls::audit {
namespace {

using tls::EndpointFacts;

constexpr std::size_t kMostLines = 10;

// "asked for a.example", "asked for no name (no SNI)".
std::string AskedFor(const tls::NameFacts& name) {
  return name.host == tls::kWithoutSni ? "asked for no name (no SNI)" : Printable("asked for " + name.host);
}

// What libpq's default does where TLS fails.
std::string_view FateOfPrefer(const EndpointFacts& endpoint) {
  if (!endpoint.plaintext_accepted) return "prefer falls back to plaintext, if the server admits it.";
  return *endpoint.plaintext_accepted
             ? "prefer, libpq's default, silently falls back to plaintext, which the server accepts."
             : "prefer falls back to plaintext, which the server refuses.";
}

void AddRefusedNames(const EndpointFacts& endpoint, bool pooler, Findings& findings) {
  std::vector<std::string> lines;
  for (const tls::NameFacts& name : endpoint.names) {
    if (name.host == tls::kWithoutSni || name.handshake != false) continue;
    lines.push_back(AskedFor(name) + ": " +
                    (name.alert == SSL_AD_UNRECOGNIZED_NAME ? "refused (unrecognized_name)" : OneLine(name.failure)));
  }
  if (lines.empty()) return;
  findings.push_back(
      {kNameRefused, "name_refused", "No TLS handshake succeeds for a name of the server", std::move(lines),
       fmt::format("Clients of this name with sslmode=require or higher cannot connect; {}", FateOfPrefer(endpoint)),
       pooler
           ? "PgBouncer has one certificate for all names: add a route and a certificate for this name to the proxy in "
             "front of it. If no client uses the name, remove it from endpoint_names."
           : "Add an entry with a certificate for this name to pg_hosts.conf, then SELECT pg_reload_conf(); (if a "
             "proxy ends TLS at this address: a route and a certificate there). If no client uses the name, remove "
             "it from endpoint_names."});
}

// Many servers refuse these on purpose.
void AddRefusedWithoutSni(const EndpointFacts& endpoint, bool pooler, Findings& findings) {
  const auto name = std::ranges::find(endpoint.names, tls::kWithoutSni, &tls::NameFacts::host);
  if (name == endpoint.names.end() || name->handshake != false) return;
  findings.push_back({endpoint.plaintext_accepted == true ? Severity::kWarning : Severity::kNote,
                      "no_sni_refused",
                      "Clients that ask for no name are refused TLS",
                      {AskedFor(*name) + ": " + OneLine(name->failure)},
                      fmt::format("libpq sends no name if host is an address, or with sslsni=0. For these clients "
                                  "sslmode=require fails, and {}",
                                  FateOfPrefer(endpoint)),
                      std::string("Let clients connect to a host name, with sslmode=verify-full. For those that "
                                  "cannot, ") +
                          (pooler ? "add a route for clients without SNI to the proxy in front of PgBouncer."
                                  : "add an entry for /no_sni/ (or *) to pg_hosts.conf, then SELECT "
                                    "pg_reload_conf();")});
}

// Of each other name: what wrong_host and chain_not_verified are for the server's own.
void AddVerification(const EndpointFacts& endpoint, const tls::NameFacts& name, const Words& words,
                     Findings& findings) {
  if (name.hostname_ok == false) {
    Cause cause = WhyWrongHost(name.host, name, words);
    findings.push_back(WrongHost(std::move(cause.evidence), std::move(cause.remedy)));
  }
  if (!name.chain_errors || name.chain_errors->empty()) return;
  std::vector<std::string> lines;
  for (const std::string_view error : *name.chain_errors) {
    lines.push_back(fmt::format("{}: {}", AskedFor(name), error));
  }
  if (name.certificate) lines.push_back(Printable("the certificate's subject: " + name.certificate->subject));
  const std::string root = RootLine(endpoint);
  if (!root.empty()) lines.push_back(root);
  findings.push_back(ChainNotVerified(std::move(lines), ChainRemedies(*name.chain_errors, words)));
}

// PostgreSQL loads all of pg_hosts.conf or nothing.
void AddHostsErrors(const tls::HostsFile& hosts, Findings& findings) {
  if (hosts.errors.empty()) return;
  std::vector<std::string> lines;
  for (const auto& [file, line, problem] : hosts.errors) {
    lines.push_back(
        Printable(line > 0 ? fmt::format("{}:{}: {}", file, line, problem) : fmt::format("{}: {}", file, problem)));
    if (lines.size() == kMostLines) break;
  }
  findings.push_back({Severity::kCritical, "hosts_errors", "pg_hosts.conf has errors", std::move(lines),
                      "PostgreSQL refuses the whole file: a reload keeps what was loaded before, and the next start "
                      "fails.",
                      "Correct these lines, then SELECT pg_reload_conf(); and check the server log."});
}

// A refusal by default may well be meant; what prefer does then is not.
void AddUncoveredNames(const tls::HostsFile& hosts, const EndpointFacts* endpoint, Findings& findings) {
  const bool known = hosts.errors.empty() && !hosts.truncated && hosts.in_use();
  if (!known || hosts.EntryFor(tls::kEveryName) != nullptr) return;
  const bool plaintext = endpoint != nullptr && endpoint->plaintext_accepted == true;
  findings.push_back(
      {plaintext ? Severity::kWarning : Severity::kNote,
       "names_uncovered",
       "Clients that ask for a name outside pg_hosts.conf are refused TLS",
       {fmt::format("{}, and none for *",
                    hosts.entries.size() == 1 ? "1 entry" : fmt::format("{} entries", hosts.entries.size()))},
       fmt::format(
           "The server answers them with the alert unrecognized_name: sslmode=require fails, and {}",
           endpoint == nullptr ? "prefer falls back to plaintext, if the server admits it." : FateOfPrefer(*endpoint)),
       "Let clients use sslmode=verify-full. To serve other names as well, add an entry for * to pg_hosts.conf, then "
       "SELECT pg_reload_conf();"});
}

// Which names were tried, with success.
void AddServedNames(const EndpointFacts& endpoint, Findings& findings) {
  std::vector<std::string> lines;
  for (const tls::NameFacts& name : endpoint.names) {
    if (name.handshake != true) continue;
    const bool verified = name.chain_errors && name.chain_errors->empty() && name.hostname_ok != false;
    lines.push_back(AskedFor(name) +
                    (verified ? ": handshake succeeded, certificate verified" : ": handshake succeeded"));
  }
  if (lines.empty()) return;
  findings.push_back(
      {Severity::kFine, "names_served", "The server has certificates for other names", std::move(lines), "", ""});
}

}  // namespace

void AddNames(const Evidence& evidence, Findings& findings) {
  if (evidence.hosts) {
    AddHostsErrors(*evidence.hosts, findings);
    AddUncoveredNames(*evidence.hosts, evidence.endpoint.get(), findings);
  }
  if (!evidence.endpoint) return;
  const EndpointFacts& endpoint = *evidence.endpoint;
  AddRefusedNames(endpoint, evidence.is_pooler(), findings);
  AddRefusedWithoutSni(endpoint, evidence.is_pooler(), findings);
  for (const tls::NameFacts& name : endpoint.names) AddVerification(endpoint, name, WordsOf(evidence), findings);
  AddServedNames(endpoint, findings);
}

}  // namespace pgtls::audit
