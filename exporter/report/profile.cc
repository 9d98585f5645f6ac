#include "exporter/report/profile.h"

#include <algorithm>

namespace pgtls::report {
namespace {

using audit::KnownFacts;
using Ids = std::vector<std::string_view>;

// ---- What several guidelines ask

const Ids kPlaintext = {"ssl_off",
                        "wire_no_tls",
                        "wire_plaintext_accepted",
                        "hba_plaintext_admitted",
                        "hba_plaintext_possible",
                        "hba_plaintext_privileged",
                        "plaintext_sessions",
                        "logged_plaintext",
                        "link_unprotected",
                        "link_unencrypted",
                        "replication_unencrypted",
                        "pooler_client_tls_off",
                        "pooler_client_tls_optional",
                        "pooler_server_tls_optional"};
// Allowed by the configuration of this program is not allowed by the guideline.
const Ids kPlaintextNotes = {"plaintext_sessions_allowed"};
const Ids kNoPlaintext = {"ssl_on", "hba_plaintext", "sessions_remote_encrypted"};
const Ids kPoolerNoPlaintext = {"pooler_client_tls", "sessions_remote_encrypted", "pooler_server_tls"};

const Ids kWeakCryptography = {"tls_minimum_low", "old_tls_accepted", "weak_ciphers",  "weak_tls13_ciphers",
                               "weak_groups",     "weak_key",         "weak_signature"};

const Ids kBadCertificate = {
    "certificate_expired",    "certificate_not_yet_valid", "self_signed", "chain_not_verified", "wrong_host",
    "client_protection_none", "client_protection_partial"};
const Ids kGoodCertificate = {"certificate_valid", "chain_verified", "client_protection"};

const Ids kBadKey = {
    "key_mode", "key_owner", "key_mismatch", "key_directory_writable", "next_start_key", "next_start_key_too_small"};

const Ids kBadList = {"crl_expired",      "crl_missing", "crl_unusable",     "crl_not_found",
                      "crl_dir_unusable", "ca_expired",  "client_ca_refused"};

const Ids kNoAuthentication = {"hba_trust", "hba_trust_any_certificate", "hba_ident", "ident_map_any_user",
                               "pooler_trust"};

Ids Joined(std::initializer_list<Ids> lists) {
  Ids all;
  for (const Ids& ids : lists) all.insert(all.end(), ids.begin(), ids.end());
  return all;
}

// ---- Where a control does not apply

std::optional<std::string> NoLinks(const KnownFacts& facts) {
  const bool none = facts.links && facts.links->links.empty() && facts.links->replication.empty();
  if (!none || !IsWhole(facts, "links")) return std::nullopt;
  return "The server connects to no other one, and none replicates from it.";
}

std::optional<std::string> NoClientCertificates(const KnownFacts& facts) {
  if (!facts.hba || !facts.hba->in_force.rules || facts.hba->in_force.pending != false) return std::nullopt;
  const bool used = std::ranges::any_of(facts.hba->in_force.rules->rules, [](const hba::Rule& rule) {
    return rule.client_cert != hba::ClientCert::kOff;
  });
  if (used) return std::nullopt;
  return "No rule of pg_hba.conf asks for a client certificate.";
}

// ---- The guidelines

constexpr const char* kFips = "whether the server's OpenSSL is a validated module and runs in FIPS mode.";

std::vector<Control> Cis() {
  return {
      {.id = "3.1.20",
       .title = "log_connections is on",
       .source = "SQL",
       .fails = {},
       .notes = {"log_connections_off"},
       .passes = {"log_connections"}},
      {.id = "3.1.21",
       .title = "log_disconnections is on",
       .source = "SQL",
       .fails = {},
       .notes = {"log_disconnections_off"},
       .passes = {"log_disconnections"}},
      {.id = "5.2",
       .title = "The server listens on named addresses",
       .source = "SQL",
       .fails = {},
       .notes = {"listen_everywhere"},
       .passes = {"listen_addresses"}},
      {.id = "5.3",
       .title = "Logins over the Unix socket are authenticated",
       .source = "SQL",
       .fails = {"ident_map_any_user"},
       .notes = {"hba_local_trust"},
       .passes = {"hba_local", "ident_maps"}},
      {.id = "5.4",
       .title = "Logins over TCP are authenticated safely, and encrypted",
       .source = "SQL",
       .fails = Joined({kNoAuthentication,
                        {"hba_password", "hba_md5", "hba_plaintext_admitted", "hba_plaintext_possible",
                         "hba_plaintext_privileged"}}),
       .notes = {"hba_host_trust"},
       .passes = {"hba_methods", "hba_plaintext", "ident_maps"}},
      {.id = "6.7",
       .title = "FIPS 140 validated cryptography is used",
       .source = "none",
       .fails = {},
       .outside = kFips},
      {.id = "6.8",
       .title = "TLS is on, with a certificate that clients can verify",
       .source = "SQL, wire, file",
       .fails = Joined({{"ssl_off", "wire_no_tls"}, kBadCertificate, kBadKey}),
       .passes = Joined({{"ssl_on"}, kGoodCertificate})},
      {.id = "6.9",
       .title = "TLS 1.0 and 1.1 are disabled",
       .source = "SQL, wire",
       .fails = {"tls_minimum_low", "old_tls_accepted", "ssl_off"},
       .passes = {"tls_minimum"}},
      {.id = "6.10",
       .title = "Weak cipher suites are disabled",
       .source = "SQL",
       .fails = {"weak_ciphers", "weak_tls13_ciphers", "ssl_off"},
       .notes = {"medium_ciphers"},
       .passes = {"ciphers"}},
      {.id = "7.1",
       .title = "Replication uses a role of its own",
       .source = "SQL",
       .fails = {},
       .notes = {"replication_role_privileged"},
       .passes = {"replication_role"},
       .not_applicable = NoLinks},
      {.id = "7.2",
       .title = "Replication commands are logged",
       .source = "SQL",
       .fails = {},
       .notes = {"log_replication_commands_off"},
       .passes = {"log_replication_commands"},
       .not_applicable = NoLinks},
      {.id = "7.5",
       .title = "Replication is encrypted, and standbys verify their upstream",
       .source = "SQL",
       .fails = {"replication_unencrypted", "link_unprotected", "link_unencrypted", "link_unverified"},
       .passes = {"links_verified"},
       .not_applicable = NoLinks},
  };
}

std::vector<Control> Stig() {
  return {
      {.id = "CD16-00-003600",
       .title = "Every user is identified and authenticated",
       .source = "SQL",
       .fails = kNoAuthentication,
       .notes = {"hba_local_trust", "hba_host_trust"},
       .passes = {"hba_methods", "hba_local", "ident_maps"}},
      {.id = "CD16-00-003800",
       .title = "Passwords are stored as salted hashes only",
       .source = "SQL",
       .fails = {"password_encryption_md5", "md5_roles"},
       .passes = {"password_encryption", "role_passwords"}},
      {.id = "CD16-00-003900",
       .title = "Passwords are sent encrypted only",
       .source = "SQL, wire",
       .fails = Joined({{"hba_password", "hba_md5"}, kPlaintext}),
       .notes = kPlaintextNotes,
       .passes = Joined({{"hba_methods"}, kNoPlaintext})},
      {.id = "CD16-00-004000",
       .title = "Client certificates are validated along their path, with revocation lists",
       .source = "SQL, file",
       .fails = kBadList,
       .notes = {"crl_none", "hba_no_client_certificate"},
       .passes = {"hba_client_certificates", "crl_configured", "crl_current"}},
      {.id = "CD16-00-004100",
       .title = "Private keys are protected",
       .source = "file",
       .fails = kBadKey,
       .passes = {"key", "key_directories"}},
      {.id = "CD16-00-004200",
       .title = "The identity in a client certificate is mapped to a role",
       .source = "SQL",
       .fails = {"hba_trust_any_certificate", "ident_map_any_user"},
       .notes = {"hba_certificate_not_mapped", "ident_map_superuser"},
       .passes = {"hba_certificate_mapped", "ident_maps"},
       .not_applicable = NoClientCertificates},
      {.id = "CD16-00-004400",
       .title = "Validated cryptographic modules are used",
       .source = "none",
       .fails = {},
       .outside = kFips},
      {.id = "CD16-00-004900",
       .title = "Sessions are protected against a machine in the middle",
       .source = "SQL, wire, file",
       .fails = Joined({{"ssl_off", "wire_no_tls"}, kBadCertificate}),
       .passes = Joined({{"ssl_on"}, kGoodCertificate})},
      {.id = "CD16-00-008400",
       .title = "Only certificates of approved authorities are accepted",
       .source = "SQL",
       .fails = {},
       .notes = {"hba_no_client_certificate"},
       .outside = "which authorities are approved; the authorities in ssl_ca_file are to be compared with the list."},
      {.id = "CD16-00-008800",
       .title = "Data are protected while they are sent",
       .source = "SQL, wire",
       .fails = Joined({kPlaintext, kWeakCryptography}),
       .notes = kPlaintextNotes,
       .passes = Joined({kNoPlaintext, {"tls_minimum", "ciphers"}})},
      {.id = "CD16-00-008900",
       .title = "Data are protected while they are received",
       .source = "SQL, wire",
       .fails = Joined({kPlaintext, kWeakCryptography}),
       .notes = kPlaintextNotes,
       .passes = Joined({kNoPlaintext, {"tls_minimum", "ciphers"}})},
      {.id = "CD16-00-011200",
       .title = "Successful logins are recorded",
       .source = "SQL",
       .fails = {},
       .notes = {"log_connections_off"},
       .passes = {"log_connections"}},
      {.id = "CD16-00-011300",
       .title = "Failed logins are recorded",
       .source = "SQL",
       .fails = {},
       .notes = {"log_connections_off"},
       .passes = {"log_connections"}},
      {.id = "CD16-00-011700",
       .title = "Concurrent logins can be told from the records",
       .source = "SQL",
       .fails = {},
       .notes = {"log_connections_off", "log_disconnections_off"},
       .passes = {"log_connections", "log_disconnections"}},
      {.id = "CD16-00-012300",
       .title = "Validated modules protect data in transit",
       .source = "none",
       .fails = {},
       .outside = kFips},
  };
}

std::vector<Control> Pci() {
  return {
      {.id = "2.2.7",
       .title = "Administrators' access over the network is encrypted",
       .source = "SQL, wire",
       .fails = kPlaintext,
       .notes = kPlaintextNotes,
       .passes = kNoPlaintext,
       .pooler_passes = kPoolerNoPlaintext},
      {.id = "4.2.1",
       .title = "Strong cryptography, with valid and trusted certificates, and no fallback to plaintext",
       .source = "SQL, wire, file",
       .fails = Joined(
           {kPlaintext, kWeakCryptography, kBadCertificate, {"link_unverified", "pooler_server_tls_unverified"}}),
       .notes = kPlaintextNotes,
       .passes = Joined({kNoPlaintext, kGoodCertificate, {"tls_minimum", "ciphers"}}),
       .pooler_passes = Joined({kPoolerNoPlaintext, kGoodCertificate})},
      {.id = "4.2.1.1",
       .title = "There is an inventory of keys and certificates",
       .source = "wire, file",
       .fails = {},
       .pooler_passes = {"certificate_valid"},
       .outside = "whether your inventory has the certificates that pg_tls_certificate_* shows."},
      {.id = "8.3.2",
       .title = "Passwords cannot be read in transit or where they are stored",
       .source = "SQL, wire",
       .fails = Joined({{"hba_password", "hba_md5", "hba_trust", "password_encryption_md5", "md5_roles",
                         "pooler_password_md5", "pooler_password_plain", "pooler_trust"},
                        kPlaintext}),
       .notes = kPlaintextNotes,
       .passes = Joined({{"hba_methods", "password_encryption", "role_passwords"}, kNoPlaintext}),
       .pooler_passes = kPoolerNoPlaintext},
      {.id = "12.3.3",
       .title = "Cipher suites and protocols are documented and reviewed",
       .source = "SQL, wire",
       .fails = kWeakCryptography,
       .notes = {"medium_ciphers"},
       .pooler_passes = {"certificate_valid"},
       .outside = "your review, at least every twelve months; pg_tls_cipher_connections shows what is in use."},
  };
}

std::vector<Control> Hipaa() {
  return {
      {.id = "164.312(d)",
       .title = "A person or program that connects is who it claims to be",
       .source = "SQL",
       .fails = kNoAuthentication,
       .notes = {"hba_local_trust", "hba_host_trust"},
       .passes = {"hba_methods", "hba_local", "ident_maps"}},
      {.id = "164.312(e)(1)",
       .title = "Data on the network are protected against access",
       .source = "SQL, wire",
       .fails = kPlaintext,
       .notes = kPlaintextNotes,
       .passes = kNoPlaintext,
       .pooler_passes = kPoolerNoPlaintext},
      {.id = "164.312(e)(2)(i)",
       .title = "Data on the network cannot be changed without notice",
       .source = "SQL, wire, file",
       .fails = Joined({kPlaintext, kBadCertificate}),
       .notes = kPlaintextNotes,
       .passes = Joined({kNoPlaintext, kGoodCertificate}),
       .pooler_passes = Joined({kPoolerNoPlaintext, kGoodCertificate})},
      {.id = "164.312(e)(2)(ii)",
       .title = "Data on the network are encrypted",
       .source = "SQL, wire",
       .fails = Joined({kPlaintext, kWeakCryptography}),
       .notes = kPlaintextNotes,
       .passes = Joined({kNoPlaintext, {"tls_minimum", "ciphers"}}),
       .pooler_passes = kPoolerNoPlaintext},
  };
}

const std::vector<Profile>& All() {
  static const std::vector<Profile> profiles = {
      {"cis", "CIS PostgreSQL 16, 17 and 18 Benchmarks", "CIS", Cis()},
      {"stig", "Crunchy Data Postgres 16 Security Technical Implementation Guide", "STIG", Stig()},
      {"pci", "PCI DSS 4.0.1", "PCI DSS", Pci()},
      {"hipaa", "HIPAA Security Rule, 45 CFR 164.312", "HIPAA", Hipaa()},
  };
  return profiles;
}

bool Answers(const Control& control, std::string_view finding_id) {
  return std::ranges::any_of(
      std::initializer_list<const Ids*>{&control.fails, &control.notes, &control.passes, &control.pooler_passes},
      [&](const Ids* ids) { return std::ranges::count(*ids, finding_id) > 0; });
}

}  // namespace

bool IsWhole(const KnownFacts& facts, std::string_view collector) {
  return std::ranges::any_of(facts.snapshot.collectors, [&](const sampling::CollectorState& state) {
    return state.name == collector && state.result && !state.result->failure && state.result->incomplete.empty();
  });
}

std::span<const Profile> Profiles() { return All(); }

const Profile& ProfileOf(std::string_view name) { return *std::ranges::find(All(), name, &Profile::name); }

std::vector<std::string> ProfileNames() {
  std::vector<std::string> names;
  for (const Profile& profile : All()) names.emplace_back(profile.name);
  return names;
}

std::vector<std::string> ControlsOf(std::string_view finding_id) {
  std::vector<std::string> controls;
  for (const Profile& profile : All()) {
    for (const Control& control : profile.controls) {
      if (Answers(control, finding_id))
        controls.push_back(std::string(profile.short_title) + " " + std::string(control.id));
    }
  }
  return controls;
}

}  // namespace pgtls::report
