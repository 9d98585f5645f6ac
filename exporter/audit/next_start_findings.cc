#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "exporter/audit/findings.h"
#include "exporter/audit/next_start_findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

constexpr const char* kWhy =
    "The server keeps running with what it has loaded. A reload is refused, and its next start fails.";

// What to call a file, and the setting that names it.
struct Role {
  std::string_view role, what, setting;
};
constexpr std::array kRoles = {
    Role{"server", "The server's certificate file", "ssl_cert_file"},
    Role{"key", "The private key file", "ssl_key_file"},
    Role{"ca", "The file of client CA certificates", "ssl_ca_file"},
    Role{"crl", "The certificate revocation list", "ssl_crl_file"},
    Role{"dh", "The DH parameters file", "ssl_dh_params_file"},
    Role{"hba", "pg_hba.conf", "hba_file"},
    Role{"setting", "A setting", "the setting"},
};

struct Reason {
  std::string_view role;  // empty: any other
  std::string_view reason, id, title, remedy;
};
// {0}: the path. {1}: the setting.
constexpr Reason kNotSet = {"", "missing", "next_start_missing", "is not set",
                            "Set {1} to the path of the file (ALTER SYSTEM SET {1} = '…';), or ssl to off, then SELECT "
                            "pg_reload_conf();"};
constexpr Reason kUndeclared = {"", "", "next_start_other", "stops the next start", kNoRemedy};
constexpr std::array kReasons = {
    Reason{"", "missing", "next_start_missing", "does not exist", "Put the file back to {0}, or correct {1}."},
    Reason{
        "", "permission_denied", "next_start_permission", "cannot be read by the server",
        "Give the server's OS user read permission on {0} and search permission on every directory above it (namei -l "
        "{0}), for example by a group that it is in."},
    Reason{"key", "mode", "key_mode", "is accessible to others", "chmod 0600 {0} (0640 is allowed if root owns it)"},
    Reason{"key", "owner", "key_owner", "belongs to another user",
           "chown {0} to the server's OS user, or to root with mode 0640 and the server's group"},
    Reason{"key", "key_mismatch", "key_mismatch", "does not belong to the certificate",
           "Put the pair that belongs together into ssl_cert_file and ssl_key_file, then SELECT pg_reload_conf();"},
    Reason{"key", "malformed", "next_start_malformed", "has no usable private key",
           "Restore the key in PEM format (openssl pkey -in {0} -noout must succeed). A file that was cut short or is "
           "empty comes from a full disk or an interrupted renewal."},
    Reason{"key", "other", "next_start_key", "cannot be loaded at a start",
           "If the key is encrypted, set ssl_passphrase_command, or store the key without a passphrase (openssl pkey). "
           "{0} must be a regular file."},
    Reason{"crl", "no_certificate", "next_start_no_certificate", "has no list that PostgreSQL reads",
           "Write it in PEM format with lines BEGIN X509 CRL (openssl crl -in FILE -inform DER -out {0} converts DER), "
           "or reset {1} if no list is wanted."},
    Reason{
        "", "no_certificate", "next_start_no_certificate", "has no certificate that PostgreSQL reads",
        "Write it in PEM format with lines BEGIN CERTIFICATE (openssl x509 -in FILE -inform DER -out {0} converts DER; "
        "openssl x509 without -trustout converts a TRUSTED CERTIFICATE). A CRL belongs in ssl_crl_file."},
    Reason{"hba", "malformed", "next_start_hba", "has a line that PostgreSQL refuses",
           "SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL; shows the line. Correct it, then SELECT "
           "pg_reload_conf();"},
    Reason{"hba", "other", "next_start_hba", "has no entries",
           "Write at least one rule into {0}, or correct the include directives in it."},
    Reason{"dh", "malformed", "next_start_malformed", "has no usable DH parameters",
           "Write new ones (openssl dhparam -out {0} 2048), or reset {1}: PostgreSQL has its own."},
    Reason{"dh", "key_too_small", "next_start_key_too_small", "has parameters that OpenSSL refuses as too small",
           "Write larger ones (openssl dhparam -out {0} 2048), or reset {1}: PostgreSQL has its own."},
    Reason{"", "malformed", "next_start_malformed", "is damaged",
           "Restore {0}. Files that were joined need a line end between them: the END line of one block and the BEGIN "
           "line of the next must not be on one line."},
    Reason{"", "key_too_small", "next_start_key_too_small", "has a key that OpenSSL refuses as too small",
           "Use RSA 2048 or EC P-256 or larger for the certificate and its chain."},
    Reason{"setting", "other", "next_start_setting", "has a value that is refused",
           "Correct {0} in postgresql.conf (or ALTER SYSTEM RESET {0};), then SELECT pg_reload_conf(); and check the "
           "server log. SELECT * FROM pg_file_settings WHERE error IS NOT NULL; shows errors in the files."},
    Reason{
        "server", "other", "next_start_other", "cannot be loaded",
        "{0} must be a regular file (no directory, no FIFO, no loop of links), and OpenSSL must accept its signature "
        "(SHA-256 or better) and know the algorithm of its key."},
    Reason{"", "other", "next_start_other", "cannot be loaded",
           "{0} must be a regular file: no directory, no FIFO, no loop of links."},
};

const Reason& ReasonOf(const tls::StartFailure& failure) {
  if (failure.path.empty() && failure.reason == "missing") return kNotSet;
  const auto fits = [&](const Reason& one) {
    return one.reason == failure.reason && (one.role.empty() || one.role == failure.role);
  };
  const auto found = std::ranges::find_if(kReasons, fits);
  return found == kReasons.end() ? kUndeclared : *found;
}

// An undeclared role is shown by its own name.
Role RoleOf(const tls::StartFailure& failure) {
  const auto found = std::ranges::find(kRoles, failure.role, &Role::role);
  return found == kRoles.end() ? Role{failure.role, failure.role, failure.role} : *found;
}

// For a reader. A setting that is empty has no path: then the setting's name.
std::string PathOf(const tls::StartFailure& failure) {
  return Printable(failure.path.empty() ? RoleOf(failure).setting : std::string_view(failure.path));
}

}  // namespace

std::string FirstWhatFails(const tls::CertificateInventory& inventory) {
  if (!inventory.next_start) return "";
  std::vector<std::string> files;
  for (const tls::StartFailure& failure : inventory.next_start->failures) {
    // A reload loads the rules by themselves.
    if (failure.role == "hba") continue;
    files.push_back(fmt::format("{} ({})", PathOf(failure), failure.reason));
  }
  if (files.empty()) return "";
  return fmt::format("First fix {}: until then a reload leaves TLS as it is. Then ", fmt::join(files, ", "));
}

void AddNextStart(const tls::CertificateInventory& inventory, bool hba_errors_known, Findings& findings) {
  if (!inventory.next_start) return;
  for (const tls::StartFailure& failure : inventory.next_start->failures) {
    // The rules have a finding of their own, with the line.
    if (failure.role == "hba" && failure.reason == "malformed" && hba_errors_known) continue;
    const Role role = RoleOf(failure);
    const Reason& reason = ReasonOf(failure);
    const std::string path = Printable(failure.path);
    findings.push_back({Severity::kCritical,
                        reason.id,
                        fmt::format("{} {}", role.what, reason.title),
                        {fmt::format("{}: {} ({})", role.setting, path.empty() ? "not set" : path, failure.reason)},
                        kWhy,
                        fmt::format(fmt::runtime(reason.remedy), PathOf(failure), role.setting),
                        false,
                        fmt::format("The next start of the server fails: {} ({})", PathOf(failure), failure.reason)});
  }
  if (inventory.next_start->ok() == true) {
    findings.push_back({Severity::kFine,
                        "next_start",
                        "The server would start again with its TLS files, TLS settings and pg_hba.conf",
                        {},
                        "",
                        ""});
  }
}

}  // namespace pgtls::audit
