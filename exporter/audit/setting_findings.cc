#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "exporter/audit/findings.h"
#include "exporter/audit/next_start_findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using settings::ServerSettings;

constexpr const char* kReload = "; SELECT pg_reload_conf();";

void AddSsl(const ServerSettings& settings, const Evidence& evidence, Findings& findings) {
  const auto ssl = settings.Get("ssl");
  if (!ssl) return;
  if (*ssl == "off") {
    const bool tcp = !settings.Get("listen_addresses").value_or("*").empty();
    findings.push_back(
        {tcp ? Severity::kCritical : Severity::kNote,
         "ssl_off",
         "TLS is off",
         {"ssl = off"},
         "Passwords and data of every connection over the network can be read and changed on the network path.",
         "Install a certificate and its key (mode 0600) at the paths that ssl_cert_file and "
         "ssl_key_file name, then: ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf();"});
  } else if (evidence.endpoint && evidence.endpoint->ssl_answer == tls::Answer::kYes) {
    findings.push_back({Severity::kFine, "ssl_on", "TLS is on, and the server offers it", {"ssl = on"}, "", ""});
  }
}

void AddMinimum(const ServerSettings& settings, Findings& findings) {
  const auto minimum = settings.Get("ssl_min_protocol_version");
  if (!minimum || settings.Get("ssl") == "off") return;
  if (*minimum == "TLSv1.2" || *minimum == "TLSv1.3") {
    findings.push_back({Severity::kFine,
                        "tls_minimum",
                        "TLS 1.0 and 1.1 are disabled",
                        {"ssl_min_protocol_version = " + *minimum},
                        "",
                        ""});
    return;
  }
  findings.push_back({Severity::kWarning,
                      "tls_minimum_low",
                      "TLS 1.0 or 1.1 is allowed by the configuration",
                      {fmt::format("ssl_min_protocol_version = '{}'", *minimum)},
                      "These versions rely on MD5 and SHA-1 and are deprecated (RFC 8996).",
                      std::string("ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'") + kReload});
}

// Cipher suites by words of OpenSSL's cipher strings: without authentication, without encryption, or broken.
std::vector<std::string> WeakWords(std::string_view ciphers) {
  constexpr std::array<std::string_view, 19> kWeak = {
      "NULL", "eNULL", "aNULL", "ADH",  "AECDH", "EXP", "EXPORT",          "LOW",   "RC4",  "DES",
      "3DES", "MD5",   "RC2",   "IDEA", "SEED",  "ALL", "COMPLEMENTOFALL", "SSLv2", "SSLv3"};
  std::vector<std::string> weak;
  for (std::size_t begin = 0; begin < ciphers.size();) {
    const std::size_t end = std::min(ciphers.find_first_of(":, ", begin), ciphers.size());
    const std::string_view word = ciphers.substr(begin, end - begin);
    begin = end + 1;
    if (word.starts_with("@SECLEVEL=0") || word.starts_with("DEFAULT@SECLEVEL=0")) weak.emplace_back(word);
    // "!x" and "-x" take away, "+x" only moves to the end.
    if (word.empty() || word[0] == '!' || word[0] == '-' || word[0] == '+') continue;
    const bool suite = word.find("RC4") != std::string_view::npos || word.find("DES-CB") != std::string_view::npos ||
                       word.find("NULL") != std::string_view::npos || word.ends_with("-MD5");
    if (suite || std::ranges::find(kWeak, word) != kWeak.end()) weak.emplace_back(word);
  }
  return weak;
}

void AddCiphers(const ServerSettings& settings, Findings& findings) {
  const auto ciphers = settings.Get("ssl_ciphers");
  if (!ciphers || *ciphers == "none" || settings.Get("ssl") == "off") return;
  const auto weak = WeakWords(*ciphers);
  const std::string line = "ssl_ciphers = '" + Printable(*ciphers) + "'";
  const std::string remedy = std::string("ALTER SYSTEM SET ssl_ciphers = 'HIGH:!aNULL:!3DES'") + kReload;
  if (!weak.empty()) {
    findings.push_back({Severity::kWarning,
                        "weak_ciphers",
                        "Weak cipher suites are allowed",
                        {line, Printable(fmt::format("weak: {}", fmt::join(weak, ", ")))},
                        "Such suites do not encrypt, do not authenticate, or can be broken.",
                        remedy});
  } else if (ciphers->find("MEDIUM") != std::string::npos && ciphers->find("!MEDIUM") == std::string::npos) {
    findings.push_back({Severity::kNote,
                        "medium_ciphers",
                        "Cipher suites of medium strength are allowed",
                        {line},
                        "The server's OpenSSL defines MEDIUM; older versions include RC4 and 3DES in it.",
                        remedy});
  } else {
    findings.push_back({Severity::kFine, "ciphers", "No weak cipher suites in ssl_ciphers", {line}, "", ""});
  }
}

void AddPending(const ServerSettings& settings, const Evidence& evidence, Findings& findings) {
  if (!settings.pending_restart.empty()) {
    const bool relevant =
        std::ranges::any_of(settings.pending_restart, [&](const auto& name) { return settings.Get(name).has_value(); });
    findings.push_back({relevant ? kSettingPending : Severity::kNote, "setting_pending_restart",
                        "A changed setting needs a restart", settings.pending_restart,
                        "The server still uses the value before the change.",
                        "Restart the server: pg_ctl restart, or systemctl restart postgresql."});
  }
  if (settings.pending_reload && !settings.pending_reload->empty()) {
    const bool errors = settings.file_errors && !settings.file_errors->empty();
    const std::string first = evidence.certificates ? FirstWhatFails(*evidence.certificates) : "";
    findings.push_back({kSettingPending, "setting_pending_reload", "A changed setting needs a reload",
                        *settings.pending_reload, "The server still uses the values before the change.",
                        errors ? "First fix the lines of the finding config_file_errors: they can make a reload fail. "
                                 "Then SELECT pg_reload_conf();"
                               : first + "SELECT pg_reload_conf();"});
  }
  if (settings.file_errors && !settings.file_errors->empty()) {
    std::vector<std::string> lines;
    for (const auto& error : *settings.file_errors) {
      lines.push_back(Printable(fmt::format("{}:{}: {}: {}", error.file, error.line, error.name, error.error)));
    }
    findings.push_back(
        {Severity::kWarning, "config_file_errors", "Lines of the configuration files cannot be applied",
         std::move(lines), "A single invalid line can make the whole reload fail, and the next start.",
         "Fix these lines, then SELECT pg_reload_conf(); (a setting that needs a restart is listed here too)."});
  }
}

}  // namespace

std::string FirstTls(const Evidence& evidence) {
  if (evidence.is_pooler()) return "";
  const bool off = evidence.settings && evidence.settings->Get("ssl") == "off";
  const bool refused = evidence.endpoint && evidence.endpoint->ssl_answer == tls::Answer::kNo;
  return off || refused
             ? "First enable TLS on the server: without it, a rule that requires TLS refuses every network client. "
             : "";
}

std::string RefuseUnencrypted(const Evidence& evidence) {
  if (evidence.is_pooler()) {
    return "When all clients use TLS, set client_tls_sslmode = require (with client_tls_cert_file and "
           "client_tls_key_file) in pgbouncer.ini, and run RELOAD on the console: new connections without TLS are "
           "refused then, and open ones stay until they "
           "end.";
  }
  return "Put 'hostnossl all,replication all all reject' at the top of pg_hba.conf (after hostgssenc lines, if clients "
         "use GSS encryption, which it matches too), then SELECT pg_reload_conf();";
}

void AddSettings(const Evidence& evidence, Findings& findings) {
  if (!evidence.settings) return;
  const ServerSettings& settings = *evidence.settings;
  AddSsl(settings, evidence, findings);
  AddMinimum(settings, findings);
  AddCiphers(settings, findings);
  AddPending(settings, evidence, findings);
}

}  // namespace pgtls::audit
