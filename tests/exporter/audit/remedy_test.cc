// Every reason for which something is not known has a remedy of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "exporter/audit/file_remedies.h"
#include "exporter/audit/wire_remedies.h"
#include "exporter/tls/verify.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// What a remedy for a reason must name, whatever the part.
const std::map<std::string_view, const char*>& MustName() {
  static const std::map<std::string_view, const char*> words = {
      {"authentication", "login|password"},
      {"certificate", "next_start_server"},
      {"changed_with_load", "pg_reload_conf"},
      {"connection", "listen_addresses|no_login|server log|resolve"},
      {"contents", "monitoring_role\\.sql"},
      {"ambiguous", "jsonlog"},
      {"data_directory", "data_directory"},
      {"device", "regular file"},
      {"error", "server log|pg_stat_ssl"},
      {"encryption_unknown", "pg_stat_ssl"},
      {"fifo", "write a file"},
      {"foreign_server", "foreign servers"},
      {"insufficient_privilege", "GRANT |monitoring_role\\.sql"},
      {"key_algorithm", "OpenSSL"},
      {"issuer_cut", "client_issuers"},
      {"lc_messages", "lc_messages = 'C'"},
      {"log_destination", "log_destination"},
      {"log_hostname", "log_hostname = off"},
      {"log_line_prefix", "log_line_prefix = "},
      {"log_min_messages", "log_min_messages = "},
      {"listed_twice", "unix_socket_dir"},
      {"lost", "collectors\\.log\\.max_bytes"},
      {"max_databases", "collectors\\.links\\.max_databases"},
      {"max_series", "collectors\\.certificates\\.max_series"},
      {"missing", "does not exist|disappeared"},
      {"malformed",
       "ssl_ca_file|`roots`|client_inventory|pg_hosts\\.conf|primary_conninfo|ALTER SUBSCRIPTION|logs of this server"},
      {"no_address", "log_connections = on"},
      {"no_answer", "server log"},
      {"no_certificate", "ssl_ca_file|`roots`|client_inventory"},
      {"no_crl", "ssl_crl_file"},
      {"no_file", "log_directory"},
      {"no_peers", "peer_id"},
      {"no_records", "collectors\\.log\\.files"},
      {"no_sessions", "collectors\\.sessions\\.enabled"},
      {"not_connected", "primary_conninfo"},
      {"not_listed", "servers\\[\\]\\.processes"},
      {"not_modelled", "one directory"},
      {"not_served", "endpoint:"},
      {"not_read", "monitoring_role\\.sql"},
      {"not_shown", "client_issuers"},
      {"off", "log_connections = on|logging_collector = on"},
      {"openssl_version", "[Vv]ersion"},
      {"other_file_system", "read_via: sql"},
      {"passphrase", "openssl pkey"},
      {"pending_reload", "pg_reload_conf"},
      {"pending_restart", "hba_file|Restart the server"},
      {"outdated", "monitoring_role\\.sql"},
      {"path_changed", "link.*pg_reload_conf"},
      {"permission_denied", "OS user"},
      {"pooler", "the server itself|PgBouncer"},
      {"pooler_elsewhere", "read_via: local"},
      {"relative_path", "absolute paths"},
      {"reload_pending", "pg_reload_conf"},
      {"reload_refused", "pg_tls_next_start_failure_info"},
      {"reloaded", "session"},
      {"security_level", "RSA 2048"},
      {"server_version", "pg_ident\\.conf"},
      {"server_access", "getfacl"},
      {"setting_not_visible", "pg_read_all_settings"},
      {"so_reuseport", "unix_socket_dir"},
      {"role_setting", "ALTER ROLE tls_exporter RESET"},
      {"sni", "pg_hosts\\.conf"},
      {"sql", "read_via: local"},
      {"sslmode_unknown", "Set sslmode"},
      {"timeout", "collectors\\..*\\.timeout"},
      {"tls", "sslmode|s_client|no_login"},
      {"too_large", "pg_hba\\.conf|16 MB"},
      {"too_many", "--no-collector|endpoint_names"},
      {"too_many_certificates", "split"},
      {"too_many_entries", "endpoint_names"},
      {"too_many_lines", "pg_ident\\.conf"},
      {"unreachable", "servers\\[\\]\\.processes"},
      {"unreadable", "`ls|openssl"},
      {"unsupported", "auth_hba_file|collectors\\.certificates\\.files"},
      {"unsupported_encryption", "PKCS#12"},
      {"unwritable", "StateDirectory="},
      {"wrong_password", "PKCS#12"},
  };
  return words;
}

Finding FindingFor(const sampling::CollectorType& type, const sampling::IncompletePart& missing) {
  SnapshotBuilder builder;
  builder.Change(std::string(type.name), [&](auto& result) { result.incomplete = {missing}; });
  const Findings findings = builder.Check();
  EXPECT_EQ(findings.size(), 1U);
  return findings.at(0);
}

TEST(Remedies, EveryReasonOfEveryPartHasItsOwn) {
  for (const sampling::CollectorType* type : collectors::All()) {
    std::set<std::string_view> parts;
    for (const sampling::DeclaredPart& part : type->parts) {
      SCOPED_TRACE(std::string(type->name) + " " + std::string(part.name));
      EXPECT_TRUE(parts.insert(part.name).second) << "declared twice";
      EXPECT_FALSE(part.what.empty());
      EXPECT_FALSE(part.remedies.empty());
      std::set<std::string_view> reasons, texts;
      for (const sampling::Remedy& remedy : part.remedies) {
        SCOPED_TRACE(remedy.reason);
        EXPECT_TRUE(reasons.insert(remedy.reason).second) << "declared twice";
        EXPECT_TRUE(texts.insert(remedy.text).second) << "the text of another reason";
        const Finding finding = FindingFor(*type, {std::string(part.name), std::string(remedy.reason)});
        EXPECT_THAT(finding.title, HasSubstr(std::string(part.what.substr(1)) + " could not be checked"));
        EXPECT_EQ(finding.remedy, remedy.text);
        EXPECT_NE(finding.remedy, kNoRemedy);
        ASSERT_TRUE(MustName().contains(remedy.reason)) << "add to MustName() what a remedy for this reason names";
        EXPECT_THAT(finding.remedy, ContainsRegex(MustName().at(remedy.reason)));
      }
    }
  }
}

TEST(Remedies, EveryFailureOfEveryCollectorHasItsOwn) {
  for (const sampling::CollectorType* type : collectors::All()) {
    std::set<std::string> texts;
    for (int i = 0; i <= static_cast<int>(FailureReason::kError); ++i) {
      const auto reason = static_cast<FailureReason>(i);
      SCOPED_TRACE(std::string(type->name) + " " + std::string(ToString(reason)));
      SnapshotBuilder builder;
      builder.Change(std::string(type->name), [&](auto& result) { result.failure = {reason, "what happened"}; });
      const Findings findings = builder.Check();
      ASSERT_EQ(findings.size(), 1U);
      EXPECT_EQ(findings[0].id, "collector_failed");
      EXPECT_THAT(findings[0].evidence, ElementsAre(std::string(ToString(reason)) + ": what happened"));
      EXPECT_TRUE(texts.insert(findings[0].remedy).second) << "the text of another reason";
      EXPECT_THAT(findings[0].remedy, ContainsRegex(MustName().at(ToString(reason))));
    }
  }
}

TEST(Remedies, WhatIsNotDeclaredIsShownAllTheSame) {
  for (const sampling::IncompletePart& missing :
       {sampling::IncompletePart{"nothing", "timeout"}, sampling::IncompletePart{"raw_text", "nothing"}}) {
    const Finding finding = FindingFor(*collectors::All()[2], missing);
    EXPECT_EQ(finding.remedy, kNoRemedy);
    EXPECT_THAT(finding.evidence.at(0), HasSubstr(missing.part + ": " + missing.reason));
  }
}

TEST(Remedies, EvidenceNamesWhatThePartIsAbout) {
  const Finding finding = FindingFor(*collectors::All()[5], {"files", "permission_denied", "/data/crl\n"});
  EXPECT_THAT(finding.evidence, ElementsAre("collector certificates, part files: permission_denied", "/data/crl\\x0a"));
}

// What the remedy of a failed login must name.
const std::map<db::LoginProblem, const char*>& LoginMustName() {
  using enum db::LoginProblem;
  static const std::map<db::LoginProblem, const char*> words = {
      {kConninfo, "PGHOST"},
      {kNameNotResolved, "getent hosts"},
      {kRefused, "listen_addresses"},
      {kUnreachable, "pg_isready"},
      {kSocketMissing, "unix_socket_directories"},
      {kSocketDenied, "unix_socket_permissions"},
      {kClosed, "server log"},
      {kNotPostgres, "host and port"},
      {kErrorBeforeTls, "server log"},
      {kTargetSession, "target_session_attrs"},
      {kServerWithoutTls, "sslmode=prefer.*ssl = on"},
      {kRootMissing, "sslrootcert"},
      {kRootUnusable, "sslrootcert.*openssl x509"},
      {kNotVerified, "sslrootcert.*openssl s_client"},
      {kHostMismatch, "subjectAltName"},
      {kClientCertificateUnusable, "sslcert.*openssl x509"},
      {kClientKeyMissing, "sslkey"},
      {kClientKeyMode, "chmod 0600"},
      {kClientKeyPassphrase, "sslpassword"},
      {kClientKeyUnusable, "sslkey.*openssl pkey"},
      {kClientKeyMismatch, "sslcert and sslkey"},
      {kClientCaUnknown, "ssl_ca_file"},
      {kClientCertificateRequired, "sslcert, sslkey"},
      {kClientCertificateNotExchanged, "sslcertmode=require"},
      {kClientCertificateExpired, "-enddate"},
      {kClientCertificateRevoked, "ssl_crl_file"},
      {kClientCertificateRefused, "openssl verify"},
      {kTlsVersion, "ssl_max_protocol_version"},
      {kTlsCipher, "ssl_ciphers"},
      {kTlsTooWeak, "RSA 2048"},
      {kTlsName, "sslsni"},
      {kTlsFailed, "openssl s_client"},
      {kGss, "kinit.*gssencmode"},
      {kPasswordMissing, "password_file.*pgpass"},
      {kPasswordFile, "password_file"},
      {kPasswordWrong, "VALID UNTIL"},
      {kChannelBinding, "channel_binding"},
      {kAuthenticationMethod, "require_auth"},
      {kNotAdmitted, "pg_hba\\.conf.*pg_reload_conf"},
      {kMethodRefused, "pg_ident\\.conf"},
      {kRoleMissing, "ALTER ROLE"},
      {kServerWithoutRoot, "ssl_ca_file"},
      {kPooler, "auth_query"},
      {kConsoleDenied, "stats_users"},
      {kDatabaseMissing, "dbname"},
      {kDatabaseDenied, "GRANT CONNECT"},
      {kDatabaseClosed, "datallowconn"},
      {kTooManyConnections, "max_connections"},
      {kTooManyOfRole, "ALTER ROLE.*CONNECTION LIMIT"},
      {kTooManyOfDatabase, "ALTER DATABASE.*CONNECTION LIMIT"},
      {kNotReady, "hot_standby"},
      {kShutDown, "server log"},
      {kParameter, "PGOPTIONS"},
      {kServerError, "server log"},
      {kReloading, "received SIGHUP"},
  };
  return words;
}

Finding FindingFor(const sampling::Failure& failure) {
  SnapshotBuilder builder;
  builder.snapshot().up = false;
  builder.snapshot().connection_failure = failure;
  const Findings findings = builder.Check();
  EXPECT_EQ(findings.size(), 1U);
  return findings.at(0);
}

TEST(Remedies, EveryFailedLoginHasItsOwn) {
  std::set<std::string> texts;
  for (int i = 1; i < db::kLoginProblems; ++i) {
    const auto problem = static_cast<db::LoginProblem>(i);
    SCOPED_TRACE(Describe(problem));
    const Finding finding = FindingFor({FailureReason::kConnection, "what libpq says", problem});
    EXPECT_EQ(finding.id, "no_login");
    EXPECT_EQ(finding.title, "Could not log in: " + std::string(Describe(problem)));
    EXPECT_THAT(finding.evidence, ElementsAre("connection: what libpq says"));
    EXPECT_TRUE(texts.insert(finding.remedy).second) << "the text of another problem";
    ASSERT_TRUE(LoginMustName().contains(problem)) << "add what the remedy must name";
    EXPECT_THAT(finding.remedy, ContainsRegex(LoginMustName().at(problem)));
    EXPECT_THAT(finding.remedy, testing::AnyOf(Not(HasSubstr("monitoring_role.sql")), HasSubstr("ALTER ROLE")));
  }
  for (int i = 0; i <= static_cast<int>(FailureReason::kError); ++i) {
    const auto reason = static_cast<FailureReason>(i);
    const Finding finding = FindingFor({reason, "what happened"});
    EXPECT_EQ(finding.title, "Could not log in, or lost the connection");
    EXPECT_TRUE(texts.insert(finding.remedy).second) << ToString(reason);
  }
}

tls::EndpointFacts Wire() {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.certificate = tls::CertificateFacts{.not_before = kNow - std::chrono::days(1),
                                               .not_after = kNow + std::chrono::days(1),
                                               .subject = "CN=old",
                                               .issuer = "CN=Our CA",
                                               .san = "DNS:old.example.com,IP:10.0.0.9"};
  endpoint.root = tls::RootCertificate::kLoaded;
  endpoint.client.root_file = "/home/x/.postgresql/root.crt";
  endpoint.client.root_is_default = true;
  endpoint.client.handshake = true;
  for (const std::size_t mode : {3U, 4U, 5U}) endpoint.sslmodes[mode].connects = false;
  return endpoint;
}

Finding WireFinding(const tls::EndpointFacts& endpoint, std::string_view id) {
  for (const Finding& finding : SnapshotBuilder().Publish(endpoint).Check()) {
    if (finding.id == id) return finding;
  }
  ADD_FAILURE() << "no " << id;
  return {};
}

TEST(Remedies, EveryErrorOfTheChainHasItsOwn) {
  std::set<std::string> texts;
  for (const std::string_view error : tls::kChainErrors) {
    tls::EndpointFacts endpoint = Wire();
    endpoint.chain_errors = {error};
    for (const char* id : {"chain_not_verified", "client_protection_none"}) {
      const Finding finding = WireFinding(endpoint, id);
      EXPECT_THAT(finding.evidence,
                  testing::IsSupersetOf(
                      {std::string(error), std::string("issued by CN=Our CA"),
                       std::string("CN=old: valid from 2027-01-14 08:00:00 UTC to 2027-01-16 08:00:00 UTC"),
                       std::string("verified with /home/x/.postgresql/root.crt (libpq's default, sslrootcert is not "
                                   "set)")}));
      EXPECT_THAT(finding.remedy,
                  testing::AllOf(HasSubstr(std::string(error) + ": "),
                                 ContainsRegex("ssl_cert_file|sslcrl|sslrootcert|openssl|subjectAltName|keyUsage")));
      EXPECT_FALSE(ChainRemedy(error).empty());
    }
    EXPECT_TRUE(texts.insert(std::string(ChainRemedy(error))).second) << error;
  }
  // Whatever OpenSSL says is one of them.
  for (int error = 1; error < 120; ++error) {
    EXPECT_FALSE(ChainRemedy(tls::ChainErrorFor(error)).empty()) << error;
  }
}

TEST(Remedies, EveryErrorOfTheHostNameHasItsOwn) {
  std::set<std::string> texts;
  for (const std::string_view error : tls::kHostNameErrors) {
    tls::EndpointFacts endpoint = Wire();
    endpoint.hostname_ok = false;
    endpoint.hostname_error = error;
    const Finding finding = WireFinding(endpoint, "wrong_host");
    EXPECT_TRUE(texts.insert(finding.remedy).second) << error;
    EXPECT_THAT(finding.remedy, ContainsRegex("subjectAltName|host=|ssl_cert_file"));
    EXPECT_THAT(finding.evidence, ElementsAre("clients ask for db.example.com: " + std::string(error),
                                              "the certificate's subjectAltName: DNS:old.example.com,IP:10.0.0.9",
                                              "the certificate's subject: CN=old"));
  }
}

// Why sslmode=require does not connect, and what to do about it.
TEST(Remedies, EveryCauseOfNoProtectionHasItsOwn) {
  struct Case {
    const char* what;
    std::function<void(tls::EndpointFacts&)> change;
    const char* evidence;
    const char* remedy;
  };
  using tls::Admission;
  const Case cases[] = {
      {"no TLS", [](auto& e) { e.ssl_answer = tls::Answer::kNo; }, "SSLRequest is N", "ssl = on"},
      {"an error", [](auto& e) { e.ssl_answer = tls::Answer::kError; }, "with an error", "starting up"},
      {"root file",
       [](auto& e) {
         e.root = tls::RootCertificate::kUnusable;
         e.client.usable = false;
         e.client.problem = "root certificate file /r: no certificate";
       },
       "/r", "sslrootcert"},
      {"versions",
       [](auto& e) {
         e.client.usable = e.client.versions_usable = false;
         e.client.problem = "protocol version TLSv9 cannot be used";
       },
       "TLSv9", "ssl_max_protocol_version"},
      {"key mode",
       [](auto& e) {
         e.client.usable = false;
         e.client.problem = "private key file /k has group or world access";
       },
       "/k", "chmod 0600"},
      {"client certificate",
       [](auto& e) {
         e.client.usable = false;
         e.client.problem = "client certificate file /c: no start line";
       },
       "/c", "sslcert"},
      {"version too low",
       [](auto& e) {
         e.client.handshake = false;
         e.client.alert = 70;
       },
       "no TLS version in common", "ssl_max_protocol_version"},
      {"key too small",
       [](auto& e) {
         e.client.handshake = false;
         e.client.failure = "ee key too small";
       },
       "ee key too small", "RSA 2048"},
      {"unknown CA of the client",
       [](auto& e) {
         e.client.admission = Admission::kLost;
         e.client.alert = 48;
         e.client.certificate_file = "/c.crt";
       },
       "client certificate: /c.crt", "ssl_ca_file"},
      {"certificate required",
       [](auto& e) {
         e.client.admission = Admission::kLost;
         e.client.alert = 116;
       },
       "requires a client certificate", "sslcert, sslkey"},
      {"pg_hba.conf", [](auto& e) { e.client.admission = Admission::kRefused; }, "over TLS", "hostssl"},
      {"declined", [](auto& e) { e.client.declined = true; }, "libpq gives up", "require_auth"},
      {"direct TLS",
       [](auto& e) {
         e.client.handshake = false;
         e.client.direct = true;
         e.client.failure = "closed";
       },
       "sslnegotiation=direct: closed", "Remove sslnegotiation=direct"},
      {"pooler", [](auto& e) { e.client.admission = Admission::kError; }, "an error", "pooler"},
      {"nothing known", [](auto& /*e*/) {}, "sslmode=require: does not connect", "openssl s_client"},
  };
  std::set<std::string> texts;
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    tls::EndpointFacts endpoint = Wire();
    one.change(endpoint);
    const Finding finding = WireFinding(endpoint, "client_protection_none");
    EXPECT_THAT(finding.evidence, testing::Contains(HasSubstr(one.evidence)));
    EXPECT_THAT(finding.remedy, HasSubstr(one.remedy));
    texts.insert(finding.remedy);
  }
  EXPECT_GE(texts.size(), std::size(cases) - 1) << "versions are refused here and there";
}

TEST(Remedies, EveryProblemOfAFileHasItsOwn) {
  const std::pair<const char*, const char*> roles[] = {{"server", "ssl_cert_file"},
                                                       {"ca", "ssl_ca_file"},
                                                       {"crl", "ssl_crl_file"},
                                                       {"upstream", "primary_conninfo"},
                                                       {"extra", "certificates.files"}};
  const std::pair<const char*, const char*> problems[] = {{"missing", "correct"},
                                                          {"permission_denied", "namei -l /data/x.pem"},
                                                          {"unreadable", "ls -l /data/x.pem"},
                                                          {"no_certificate", "openssl x509 -inform DER"},
                                                          {"no_crl", "openssl crl -inform DER"},
                                                          {"malformed", "openssl storeutl"}};
  for (const auto& [role, setting] : roles) {
    std::set<std::string> texts;
    EXPECT_THAT(std::string(SettingOfRole(role)), HasSubstr(setting));
    for (const auto& [problem, word] : problems) {
      const std::string remedy = FileRemedy(role, problem, "/data/x.pem");
      EXPECT_TRUE(texts.insert(remedy).second) << role << " " << problem;
      EXPECT_THAT(remedy, HasSubstr(word));
      EXPECT_EQ(remedy.find("pg_reload_conf") == std::string::npos,
                std::string_view(role) == "extra" || std::string_view(role) == "upstream")
          << remedy;
      if (std::string_view(problem) == "permission_denied") continue;  // the exporter's, and no finding yet
      tls::CertificateInventory inventory;
      inventory.files = {{role, "/data/x.pem", problem, {}}};
      const Findings findings = SnapshotBuilder().Publish(inventory).Check();
      ASSERT_EQ(findings.size(), 1U);
      EXPECT_EQ(findings[0].remedy, remedy);
      EXPECT_THAT(findings[0].evidence, testing::Contains(HasSubstr(setting)));
    }
  }
}

TEST(Remedies, APkcs12FileThatCannotBeOpenedHasItsOwn) {
  const std::pair<const char*, const char*> problems[] = {{"wrong_password", "pkcs12_password_file"},
                                                          {"unsupported_encryption", "openssl pkcs12 -legacy"}};
  for (const auto& [problem, word] : problems) {
    tls::CertificateInventory inventory;
    inventory.files = {{"extra", "/data/x.p12", problem, {}}};
    const Findings findings = SnapshotBuilder().Publish(inventory).Check();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_THAT(findings[0].remedy, testing::AllOf(HasSubstr(word), HasSubstr("/data/x.p12")));
  }
}

// PostgreSQL starts without a list directory: only what ssl_crl_file names must be there.
TEST(Remedies, EveryProblemOfAListDirectoryHasItsOwn) {
  std::set<std::string> texts;
  for (const char* problem : {"missing", "unreadable", "no_crl"}) {
    tls::CertificateInventory inventory;
    inventory.files = {{.role = "crl", .path = "/data/crls", .problem = problem, .of_list_directory = true}};
    const Findings findings = SnapshotBuilder().Publish(inventory).Check();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].id, "crl_dir_unusable");
    EXPECT_EQ(findings[0].severity, Severity::kWarning);
    EXPECT_THAT(findings[0].evidence, ElementsAre("file /data/crls: " + std::string(problem), "ssl_crl_dir"));
    EXPECT_THAT(findings[0].why, testing::AllOf(HasSubstr("starts"), HasSubstr("refuses every client")));
    EXPECT_THAT(findings[0].remedy, HasSubstr("/data/crls"));
    EXPECT_TRUE(texts.insert(findings[0].remedy).second) << problem;
  }
  tls::CertificateInventory inventory;
  inventory.files = {
      {.role = "ca", .path = "/data/root.crt", .problem = ""},
      {.role = "crl", .path = "/data/crls/1a2b3c4d.r0", .problem = "permission_denied", .of_list_directory = true}};
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Check(), testing::IsEmpty()) << "closed to the exporter";
  inventory.files[1].server_may_read = false;
  const tls::ClientAuthority listless{"CN=a", "01", {{"crl_missing", "CN=a"}}, std::nullopt};
  inventory.clients = tls::ClientTrust{.authorities = {listless}, .needed = {}, .lists = {}, .not_found = {}};
  std::map<std::string, std::string> remedies;
  for (const Finding& finding : SnapshotBuilder().Publish(inventory).Check())
    remedies[std::string(finding.id)] = finding.remedy;
  EXPECT_THAT(remedies["crl_dir_unusable"], HasSubstr("namei -l /data/crls/1a2b3c4d.r0"));
  EXPECT_THAT(remedies["crl_missing"], HasSubstr("crl_dir_unusable"));
  EXPECT_THAT(ListDirectoryRemedy("malformed", "/data/crls/1a2b3c4d.r0"), HasSubstr("X509 CRL"));
  EXPECT_THAT(ListDirectoryRemedy("permission_denied", "/data/crls"), HasSubstr("namei -l /data/crls"));
}

Finding NextStartFinding(const tls::StartFailure& failure) {
  tls::CertificateInventory inventory;
  inventory.next_start = tls::NextStart{{failure}, {}};
  const Findings findings = SnapshotBuilder().Publish(inventory).Check();
  EXPECT_EQ(findings.size(), 1U);
  return findings.at(0);
}

// What the remedy for a reason why the next start fails must name. One for "role reason" comes before one for "reason".
const char* NextStartMustName(const tls::StartFailureKind& kind) {
  static const std::map<std::string, const char*, std::less<>> words = {
      {"missing", "Put the file back to /x"},
      {"permission_denied", "namei -l /x"},
      {"mode", "chmod 0600 /x"},
      {"owner", "chown /x"},
      {"key_mismatch", "ssl_cert_file and ssl_key_file"},
      {"no_certificate", "openssl x509"},
      {"crl no_certificate", "openssl crl"},
      {"malformed", "line end"},
      {"key malformed", "openssl pkey"},
      {"dh malformed", "openssl dhparam -out /x.*ssl_dh_params_file"},
      {"hba malformed", "pg_hba_file_rules"},
      {"key_too_small", "RSA 2048"},
      {"dh key_too_small", "openssl dhparam -out /x.*ssl_dh_params_file"},
      {"other", "regular file"},
      {"server other", "SHA-256"},
      {"key other", "ssl_passphrase_command"},
      {"hba other", "one rule into /x"},
      {"setting other", "ALTER SYSTEM RESET /x"},
  };
  auto found = words.find(std::string(kind.role) + " " + std::string(kind.reason));
  if (found == words.end()) found = words.find(kind.reason);
  return found == words.end() ? nullptr : found->second;
}

TEST(Remedies, EveryReasonWhyTheNextStartFailsHasItsOwn) {
  std::set<std::string> titles;
  for (const auto& [role, reason] : tls::kStartFailureKinds) {
    SCOPED_TRACE(std::string(role) + " " + std::string(reason));
    const Finding finding = NextStartFinding({std::string(role), "/x", std::string(reason)});
    EXPECT_EQ(finding.severity, Severity::kCritical);
    EXPECT_TRUE(titles.insert(finding.title).second) << "the title of another reason";
    EXPECT_THAT(finding.evidence, ElementsAre(testing::EndsWith(": /x (" + std::string(reason) + ")")));
    EXPECT_THAT(finding.why, HasSubstr("next start fails"));
    EXPECT_NE(finding.remedy, kNoRemedy);
    const char* const words = NextStartMustName({role, reason});
    ASSERT_NE(words, nullptr) << "add what a remedy for this reason names";
    EXPECT_THAT(finding.remedy, ContainsRegex(words));
  }
  // A file that no setting names is put nowhere.
  EXPECT_THAT(NextStartFinding({"key", "", "missing"}).remedy, HasSubstr("ALTER SYSTEM SET ssl_key_file"));
}

TEST(Remedies, AFailureOfTheNextStartThatIsNotDeclaredIsShownAllTheSame) {
  const Finding finding = NextStartFinding({"nothing", "/x", "strange"});
  EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_EQ(finding.remedy, kNoRemedy);
  EXPECT_THAT(finding.evidence, ElementsAre("nothing: /x (strange)"));
}

TEST(Remedies, EveryAlertHasOne) {
  for (int alert = 0; alert < 256; ++alert) EXPECT_FALSE(LoginRemedy(ProblemOfAlert(alert)).empty()) << alert;
}

}  // namespace
}  // namespace pgtls::audit
