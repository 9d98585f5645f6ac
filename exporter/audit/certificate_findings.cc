#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "exporter/audit/file_remedies.h"
#include "exporter/audit/findings.h"
#include "exporter/audit/next_start_findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/audit/words.h"
#include "exporter/base/date.h"
#include "exporter/base/text.h"
#include "exporter/tls/probe.h"

namespace pgtls::audit {
namespace {

using std::chrono::days;
using std::chrono::sys_seconds;
using tls::CertificateFacts;

constexpr const char* kRenew =
    "Issue a new certificate for the same names, put it into {certificate} (a new key into {key}), {reload} and check "
    "again that it is served.";

// Where a certificate or list was seen, and what breaks with it.
struct Place {
  std::string where;  // "served", "file /etc/…"
  bool is_leaf;       // the server's own, as clients meet it
  std::string_view what;
  std::string_view prefix;  // of the finding's id: certificate, ca
  const Words& words;
  std::string renew;
  bool in_force = true;  // false: a file that the server may load at its next reload or start only
};

std::string Why(const Place& place) {
  if (place.is_leaf) {
    return Fill("Clients that verify the server refuse it outside this time; {product} serves it without a warning.",
                place.words);
  }
  if (!place.in_force) return "The server may use this file as it is now only after the next reload or restart.";
  return "Certificates that it signed are refused outside this time.";
}

// "3 days", "11 hours".
std::string Left(std::chrono::seconds left) {
  const auto whole_days = std::chrono::floor<days>(left).count();
  if (whole_days > 0) return Counted(static_cast<std::size_t>(whole_days), "day");
  return Counted(static_cast<std::size_t>(std::chrono::floor<std::chrono::hours>(left).count()), "hour");
}

Severity At(const Place& place, Severity severity) { return place.in_force ? severity : BeforeLoading(severity); }

void AddValidity(const CertificateFacts& certificate, const Place& place, sys_seconds now, Findings& findings) {
  const std::string subject = Printable(fmt::format("{}: {}", place.where, certificate.subject));
  const bool early = certificate.not_before && *certificate.not_before > now;
  if (certificate.not_after) {
    const std::vector<std::string> lines = {subject, "valid until " + Date(*certificate.not_after)};
    const auto left = *certificate.not_after - now;
    const bool ca = place.prefix == "ca";
    // One that is not valid yet has a finding of its own.
    const Severity severity =
        At(place, SeverityOfEnd(early ? std::nullopt : certificate.not_before, *certificate.not_after, now));
    if (left <= std::chrono::seconds(0)) {
      findings.push_back({severity, ca ? "ca_expired" : "certificate_expired",
                          fmt::format("{} has expired", place.what), lines, Why(place), place.renew});
    } else if (severity != Severity::kFine) {
      findings.push_back({severity, ca ? "ca_expiring" : "certificate_expiring",
                          fmt::format("{} expires in {}", place.what, Left(left)), lines, Why(place), place.renew});
    } else if (place.is_leaf && !early) {
      findings.push_back({Severity::kFine, "certificate_valid",
                          fmt::format("{} is valid for {} days", place.what, std::chrono::floor<days>(left).count()),
                          lines, "", ""});
    }
  }
  if (early) {
    findings.push_back(
        {At(place, Severity::kCritical),
         "certificate_not_yet_valid",
         fmt::format("{} is not valid yet", place.what),
         {subject, "valid from " + Date(*certificate.not_before), "this machine's clock: " + Date(now)},
         Why(place),
         Fill("Check this machine's clock, and that of the machine that issued it. If both are right, put the "
              "previous certificate back until this one is valid, and {reload_end}",
              place.words)});
  }
}

bool WeakKey(const CertificateFacts& certificate) {
  int bits = 0;
  const auto& size = certificate.key_size;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), bits);
  if (error != std::errc()) return false;
  const std::string& algorithm = certificate.key_algorithm;
  if (algorithm == "RSA" || algorithm == "RSA-PSS" || algorithm == "DSA") return bits < 2048;
  return algorithm == "EC" && bits < 224;
}

bool WeakSignature(const CertificateFacts& certificate) {
  const std::string name = Lower(certificate.signature_algorithm);
  return name.find("md5") != std::string::npos || name.find("sha1") != std::string::npos ||
         name.find("md4") != std::string::npos;
}

void AddStrength(const CertificateFacts& certificate, const Place& place, Findings& findings) {
  const std::string subject = Printable(fmt::format("{}: {}", place.where, certificate.subject));
  if (WeakKey(certificate)) {
    findings.push_back({Severity::kWarning,
                        "weak_key",
                        fmt::format("{} has a weak key", place.what),
                        {subject, Printable(certificate.key_algorithm + " " + certificate.key_size + " bits")},
                        "A key this short can be broken.",
                        "Create a new key (RSA 2048 or more, or EC P-256) and a certificate for it."});
  }
  // The signature of a root is not verified.
  if (WeakSignature(certificate) && !certificate.self_signed) {
    findings.push_back({Severity::kWarning,
                        "weak_signature",
                        fmt::format("{} has a weak signature", place.what),
                        {subject, Printable(certificate.signature_algorithm)},
                        "An attacker may be able to create another certificate with the same signature.",
                        place.renew});
  }
}

// With a passphrase that only the server's command knows.
bool KeyIsEncrypted(const tls::CertificateInventory& inventory) {
  return inventory.next_start &&
         std::ranges::count(inventory.next_start->unknown, tls::StartUnknown{"key", "passphrase"}) > 0;
}

std::string Identity(const CertificateFacts& certificate) {
  return fmt::format("{}, serial {}, valid from {} to {}, SHA-256 {}", certificate.subject, certificate.serial,
                     certificate.not_before ? Date(*certificate.not_before) : "?",
                     certificate.not_after ? Date(*certificate.not_after) : "?", certificate.fingerprint_sha256);
}

std::string ReloadRemedy(const Evidence& evidence) {
  if (evidence.is_pooler()) {
    return "Run RELOAD on the console. If the old certificate is still served, PgBouncer's log shows why it was not "
           "loaded.";
  }
  const tls::CertificateInventory& inventory = *evidence.certificates;
  const std::string first = FirstWhatFails(inventory);
  const bool encrypted = KeyIsEncrypted(inventory);
  if (first.empty() && encrypted && !inventory.passphrase_at_reload) {
    return "Restart the server: the key has a passphrase, and with ssl_passphrase_command_supports_reload = off no "
           "reload loads it.";
  }
  std::string remedy =
      first +
      "SELECT pg_reload_conf(); If the old certificate is still served, the server log shows why the reload failed.";
  if (encrypted) {
    remedy += " The key has a passphrase: check that ssl_passphrase_command prints it.";
  } else if (!inventory.next_start || inventory.next_start->ok() != true) {
    remedy +=
        " A key with a passphrase is reloaded only with ssl_passphrase_command_supports_reload = on; otherwise "
        "restart the server.";
  }
  return remedy;
}

// `served`: what clients get, the server's certificate first. `files`: those of which it is none.
void AddNotInForce(const std::string& title, const CertificateFacts& served,
                   const std::vector<const tls::FileReport*>& files, const Evidence& evidence, Findings& findings) {
  std::vector<std::string> lines = {Printable("served: " + Identity(served))};
  for (const tls::FileReport* file : files) {
    if (file->content.certificates.empty()) continue;
    lines.push_back(Printable(file->path + ": " + Identity(file->content.certificates.front().facts)));
  }
  findings.push_back({Severity::kWarning, "served_not_file", title, std::move(lines),
                      "The file was replaced and not reloaded, or the reload was refused: the old certificate stays in "
                      "use until it expires, and the next restart may fail.",
                      ReloadRemedy(evidence)});
}

// The certificate file for this name; without pg_hosts.conf all that the server has.
std::vector<const tls::FileReport*> FilesFor(const tls::CertificateInventory& inventory, std::string_view host) {
  const bool has_hosts = inventory.hosts && inventory.hosts->in_use();
  const tls::HostEntry* const entry = has_hosts ? inventory.hosts->EntryFor(host) : nullptr;
  std::vector<const tls::FileReport*> files;
  for (const tls::FileReport& file : inventory.files) {
    if (file.role == "server" && (entry == nullptr || file.path == entry->certificate)) files.push_back(&file);
  }
  return files;
}

// No client's verification depends on it: its expiry has no effect, but some software does not find another path.
void AddUnneeded(const CertificateFacts& certificate, const Place& place, sys_seconds now, Findings& findings) {
  if (!certificate.not_after || *certificate.not_after > now) return;
  findings.push_back({Severity::kNote,
                      "chain_unneeded",
                      "The chain contains an expired certificate that clients do not need",
                      {Printable(fmt::format("{}: {}", place.where, certificate.subject)),
                       "valid until " + Date(*certificate.not_after)},
                      "Clients reach the root certificate without it. Software that cannot build another path fails.",
                      Fill("Remove it from {certificate} at the next renewal, then {reload_end}", place.words)});
}

// The exporter's root file is taken for that of the clients.
void AddAnchor(const tls::ServedPath& path, const Place& leaf, sys_seconds now, Findings& findings) {
  if (!path.anchor) return;
  const Place place = {"sslrootcert, for what is " + leaf.where,
                       false,
                       "A CA certificate in the clients' root file",
                       "ca",
                       leaf.words,
                       "Get the CA's new certificate and add it to the root certificate file (sslrootcert) of every "
                       "client and of the exporter, beside the old one, before the old one ends.",
                       leaf.in_force};
  AddValidity(*path.anchor, place, now, findings);
}

// What one name gets: `leaf` is how the first certificate is judged, `chain` how the others are.
void AddChain(const std::vector<CertificateFacts>& served, const std::optional<tls::ServedPath>& path,
              const Place& leaf, const Place& chain, sys_seconds now, Findings& findings) {
  for (std::size_t i = 0; i < served.size(); ++i) {
    const Place& place = i == 0 ? leaf : chain;
    if (path && !path->needed[i]) {
      AddUnneeded(served[i], place, now, findings);
      continue;
    }
    AddValidity(served[i], place, now, findings);
    AddStrength(served[i], place, findings);
  }
  if (path) AddAnchor(*path, leaf, now, findings);
  if (!served.empty() && served[0].self_signed) {
    findings.push_back({Severity::kWarning,
                        "self_signed",
                        fmt::format("{} is self-signed", leaf.what),
                        {Printable(leaf.where + ": " + served[0].subject)},
                        "Clients can verify it only with a copy of it, and need a new copy at every renewal.",
                        "Let a CA sign it, and give clients the CA's certificate as sslrootcert."});
  }
}

void AddServed(const Evidence& evidence, Findings& findings) {
  const tls::CertificateInventory& inventory = *evidence.certificates;
  const Words& words = WordsOf(evidence);
  const Place leaf = {"served", true, "The server's certificate", "certificate", words, Fill(kRenew, words)};
  const Place chain = {"served",
                       false,
                       "A CA certificate that the server sends",
                       "ca",
                       words,
                       Fill("Get the current certificate of this CA and replace the old block in {certificate} with it "
                            "(or remove it, if no client needs it), then {reload_end}",
                            words)};
  AddChain(inventory.served, inventory.served_path, leaf, chain, evidence.now, findings);
  if (inventory.served_matches_file != false || inventory.served.empty()) return;
  std::vector<const tls::FileReport*> files = FilesFor(inventory, "");
  std::erase_if(files, [&](const tls::FileReport* file) { return IsServed(inventory, *file) != false; });
  AddNotInForce("The served certificate is not the one in the server's file", inventory.served.front(), files, evidence,
                findings);
}

// What clients of the other names get.
void AddServedNames(const Evidence& evidence, Findings& findings) {
  const tls::CertificateInventory& inventory = *evidence.certificates;
  const Words& words = WordsOf(evidence);
  for (const tls::ServedName& name : inventory.names) {
    const std::string clients = name.host == tls::kWithoutSni ? "clients without SNI" : name.host;
    const std::string where = "served to " + clients;
    const std::string what = Printable("The certificate for " + clients);
    const Place leaf = {
        where,
        true,
        what,
        "certificate",
        words,
        evidence.is_pooler()
            ? "Issue a new certificate for this name, and install it and its key where TLS ends: at the "
              "proxy in front of PgBouncer, which has one certificate for all names."
            : "Issue a new certificate for this name, put it and its key into the files of the name's "
              "entry in pg_hosts.conf, then SELECT pg_reload_conf(); and check again that it is "
              "served. If a proxy ends TLS at this address, install them there."};
    const Place chain = {where,
                         false,
                         "A CA certificate that the server sends",
                         "ca",
                         words,
                         evidence.is_pooler()
                             ? "Get the current certificate of this CA and replace the old block with it (or remove "
                               "it, if no client needs it) where TLS ends: at the proxy in front of PgBouncer."
                             : "Get the current certificate of this CA and replace the old block in the certificate "
                               "file of the name's entry in pg_hosts.conf with it (or remove it, if no client needs "
                               "it), then SELECT pg_reload_conf(); If a proxy ends TLS at this address, do so there."};
    AddChain(name.served, name.served_path, leaf, chain, evidence.now, findings);
    if (name.matches_file != false) continue;
    AddNotInForce(Printable("The certificate for " + clients + " is not the one in its file"), name.served.front(),
                  FilesFor(inventory, name.host), evidence, findings);
  }
}

std::string RenewFile(const tls::FileReport& file, const Words& words) {
  const std::string path = Printable(file.path);
  if (file.role == "server") return Fill(kRenew, words);
  if (file.role == "ca") {
    return "Add the CA's new certificate to " + path +
           Fill(" ({ca}), remove the old one once no client uses a certificate that it issued, then {reload_end}",
                words);
  }
  if (file.role == "upstream") {
    return "Issue a new certificate for the role with which this server replicates from the other one, and put it "
           "into " +
           path + " (its key into the sslkey of the same conninfo): the next connection uses it.";
  }
  return "Replace the certificate in " + path + ", and let the program that uses it read it again.";
}

// OpenSSL reads the directory at each connection.
void AddListDirectory(const tls::FileReport& file, Findings& findings) {
  findings.push_back({Severity::kWarning,
                      "crl_dir_unusable",
                      "A revocation list, or the directory of them, cannot be used",
                      {Printable("file " + file.path + ": " + file.problem), "ssl_crl_dir"},
                      "The server starts and reloads without it, and refuses every client certificate whose authority "
                      "has no other list.",
                      ListDirectoryRemedy(file.problem, file.path)});
}

// `reported`: its problem has a finding already. `clients_judged`: the certificates of ssl_ca_file are
// AddClientCertificates' matter.
void AddFile(const tls::FileReport& file, bool in_force, bool reported, bool clients_judged, const Evidence& evidence,
             Findings& findings) {
  const Words& words = WordsOf(evidence);
  const std::string where = "file " + file.path;
  const bool of_server = IsOfSettings(file);
  // What the exporter may not read is no fault of the server's.
  const bool denied_to_server = file.of_list_directory && file.server_may_read == false;
  const bool denied = file.problem == "permission_denied" && !denied_to_server;
  const bool unusable = !file.problem.empty() && !denied && !reported;
  if (unusable && file.of_list_directory) {
    AddListDirectory(file, findings);
  } else if (unusable) {
    findings.push_back({of_server ? Severity::kCritical : Severity::kWarning,
                        "certificate_file_unusable",
                        "A certificate file cannot be used",
                        {Printable(where + ": " + file.problem),
                         fmt::format("role {}: {}", file.role, SettingOfRole(file.role, words))},
                        of_server ? "A reload is refused because of it, and the next start of the server fails."
                                  : "When its certificates expire is not known.",
                        FileRemedy(file.role, file.problem, file.path, words)});
  }
  for (const auto& entry : file.content.certificates) {
    const bool ca = file.role == "ca" || entry.position > 0;
    if (!entry.needed || (clients_judged && file.role == "ca")) continue;
    const Place place = {where,
                         false,
                         ca ? "A CA certificate" : "A certificate on disk",
                         ca ? "ca" : "certificate",
                         words,
                         RenewFile(file, words),
                         in_force};
    AddValidity(entry.facts, place, evidence.now, findings);
    if (!ca) AddStrength(entry.facts, place, findings);
  }
  if (file.chain_path) {
    const Place leaf = {"in " + file.path, false, "", "", words, "", in_force};
    AddAnchor(*file.chain_path, leaf, evidence.now, findings);
  }
}

// Why the server would not load it is a finding of AddNextStart.
void AddKey(const tls::KeyReport& key, Findings& findings) {
  if (key.mode == true && key.owner == true && key.readable != false && key.matches_certificate == true) {
    findings.push_back(
        {Severity::kFine, "key", "The private key file is as the server requires", {Printable(key.path)}, "", ""});
  }
}

// A reload does not ask for the passphrase unless a setting allows it.
void AddPassphrase(const tls::CertificateInventory& inventory, Findings& findings) {
  if (!KeyIsEncrypted(inventory) || inventory.passphrase_at_reload) return;
  findings.push_back(
      {Severity::kWarning,
       "key_passphrase_reload",
       "A reload does not load a new certificate",
       {"ssl_passphrase_command_supports_reload = off, and ssl_key_file is encrypted"},
       "The server keeps the certificate that it has until it is restarted, and one that was renewed in time expires "
       "on the wire.",
       "ALTER SYSTEM SET ssl_passphrase_command_supports_reload = on; SELECT pg_reload_conf(); if the command "
       "needs no terminal. Otherwise plan a restart for each renewal."});
}

}  // namespace

void AddCertificates(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates) return;
  const tls::CertificateInventory& inventory = *evidence.certificates;
  AddServed(evidence, findings);
  AddServedNames(evidence, findings);
  for (const auto& file : inventory.files) {
    // What is served was judged there already.
    const auto is_served = IsServed(inventory, file);
    const bool was_served = !inventory.served.empty() || !inventory.names.empty();
    const bool same = was_served && is_served == true;
    const bool in_force = is_served != false && (file.role != "ca" || file.is_served != false);
    const bool reported = inventory.next_start && IsOfSettings(file) &&
                          std::ranges::count(inventory.next_start->failures, file.path, &tls::StartFailure::path) > 0;
    if (!same) AddFile(file, in_force, reported, inventory.clients.has_value(), evidence, findings);
  }
  AddNextStart(inventory, evidence.hba != nullptr && !evidence.hba->file->errors.empty(), findings);
  AddPassphrase(inventory, findings);
  if (inventory.key) AddKey(*inventory.key, findings);
}

}  // namespace pgtls::audit
