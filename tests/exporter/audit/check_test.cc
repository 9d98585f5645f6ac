#include "exporter/audit/check.h"

#include <gmock/gmock.h>

#include "collectors/certificates.h"
#include "exporter/serverlog/summary.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

std::vector<std::string> WithSettings(std::map<std::string, std::string, std::less<>> values) {
  return SnapshotBuilder().Publish(Settings(std::move(values))).Ids();
}

TEST(CheckSettings, JudgesEachSetting) {
  EXPECT_THAT(WithSettings({{"ssl", "off"}, {"ssl_min_protocol_version", "TLSv1"}, {"ssl_ciphers", "RC4"}}),
              ElementsAre("critical ssl_off"));
  EXPECT_THAT(WithSettings({{"ssl", "off"}, {"listen_addresses", ""}}), ElementsAre("note ssl_off"));
  EXPECT_THAT(WithSettings({{"ssl", "on"}, {"ssl_min_protocol_version", "TLSv1.1"}}),
              ElementsAre("warning tls_minimum_low"));
  EXPECT_THAT(WithSettings({{"ssl", "on"}, {"ssl_min_protocol_version", ""}}), ElementsAre("warning tls_minimum_low"));
  EXPECT_THAT(WithSettings({{"ssl", "on"}, {"ssl_min_protocol_version", "TLSv1.3"}}), ElementsAre("fine tls_minimum"));
  EXPECT_THAT(WithSettings({{"password_encryption", "md5"}}), ElementsAre("warning password_encryption_md5"));
  EXPECT_THAT(WithSettings({{"password_encryption", "scram-sha-256"}}), ElementsAre("fine password_encryption"));
  EXPECT_THAT(WithSettings({}), IsEmpty());
}

TEST(CheckSettings, KnowsWeakCiphers) {
  const auto judge = [](const char* ciphers) { return WithSettings({{"ssl", "on"}, {"ssl_ciphers", ciphers}}); };
  for (const char* weak :
       {"ALL", "HIGH:RC4", "DES-CBC3-SHA", "HIGH:aNULL", "3DES:HIGH", "DEFAULT:@SECLEVEL=0", "RC4-SHA"}) {
    EXPECT_THAT(judge(weak), ElementsAre("warning weak_ciphers")) << weak;
  }
  EXPECT_THAT(judge("HIGH:MEDIUM:+3DES:!aNULL"), ElementsAre("note medium_ciphers"));
  EXPECT_THAT(judge("HIGH:!MEDIUM:!aNULL:-RC4"), ElementsAre("fine ciphers"));
}

TEST(CheckSettings, TellsWhatWaits) {
  settings::ServerSettings settings = Settings({{"hba_file", "/data/pg_hba.conf"}});
  settings.pending_restart = {"max_connections"};
  EXPECT_THAT(SnapshotBuilder().Publish(settings).Ids(), ElementsAre("note setting_pending_restart"));
  settings.pending_restart = {"hba_file"};
  settings.pending_reload = {"ssl"};
  settings.file_errors = {{"/data/postgresql.conf", 7, "ssl", "no"}};
  EXPECT_THAT(
      SnapshotBuilder().Publish(settings).Ids(),
      ElementsAre("warning setting_pending_restart", "warning setting_pending_reload", "warning config_file_errors"));
}

TEST(CheckSessions, NamesReplicationWithoutADatabase) {
  sessions::Summary summary;
  summary.unencrypted = {{"", "repl", {.range = Cidr::Parse("10.1.2.3/32")}, "", Network::kRemote, false, 1}};
  EXPECT_THAT(SnapshotBuilder().Publish(summary).Check()[0].evidence,
              ElementsAre("user repl, replication, from 10.1.2.3: 1 connection"));
}

TEST(CheckSessions, TellsWhoIsNotEncrypted) {
  sessions::Summary summary;
  EXPECT_THAT(SnapshotBuilder().Publish(summary).Ids(), ElementsAre("fine sessions_encrypted"));
  summary.unencrypted = {{"erp", "app", {.range = Cidr::Parse("10.1.2.3/32")}, "psql", Network::kRemote, false, 3},
                         {"erp", "old", {.range = Cidr::Parse("10.1.2.4/32")}, "", Network::kRemote, true, 1},
                         {"erp", "app", {.range = Cidr::Parse("127.0.0.1/32")}, "", Network::kLoopback, false, 1}};
  const SnapshotBuilder builder = SnapshotBuilder().Publish(summary);
  EXPECT_THAT(builder.Ids(), ElementsAre("critical plaintext_sessions", "note plaintext_sessions_loopback",
                                         "note plaintext_sessions_allowed"));
  EXPECT_THAT(builder.Check()[0].evidence, ElementsAre("user app, database erp, from 10.1.2.3 (psql): 3 connections"));
}

// ---- What sampling saw

SnapshotBuilder Seen(std::uint64_t established, std::uint64_t sampled, int minutes = 60) {
  SnapshotBuilder builder;
  return builder.Publish(sessions::SeenSessions{established, sampled, std::chrono::minutes(minutes)});
}

TEST(CheckSeenSessions, NamesTheShareAndTheRemedy) {
  const Finding finding = Seen(1000, 389).Of("sessions_missed");
  EXPECT_EQ(finding.severity, Severity::kNote);
  EXPECT_EQ(finding.title, "Sampling saw 38 % of the sessions of the last hour");
  EXPECT_THAT(finding.evidence, ElementsAre("1000 sessions by the server's statistics, 389 seen, 611 not seen"));
  EXPECT_THAT(finding.remedy, HasSubstr("collectors.log.enabled: true"));
  EXPECT_EQ(Seen(100, 49, 15).Of("sessions_missed").title, "Sampling saw 49 % of the sessions of the last 15 minutes");
}

TEST(CheckSeenSessions, AreFineWhereMostWereSeenAndUnknownWhereThereWereFew) {
  EXPECT_THAT(Seen(100, 50).Ids(), ElementsAre("fine sessions_seen"));
  EXPECT_EQ(Seen(1000, 999).Of("sessions_seen").title, "Sampling saw 99 % of the sessions of the last hour");
  EXPECT_EQ(Seen(100, 101).Of("sessions_seen").title, "Sampling saw 100 % of the sessions of the last hour");
  EXPECT_THAT(Seen(99, 0).Ids(), IsEmpty());
  EXPECT_THAT(Seen(5000, 0, 0).Ids(), IsEmpty()) << "`check` has not been running for long enough";
}

TEST(CheckSeenSessions, AreFineWhereTheLogHasThem) {
  SnapshotBuilder builder = Seen(1000, 3);
  // It works, and can count nothing (log_connections = off).
  EXPECT_EQ(builder.Of("sessions_missed").severity, Severity::kNote);
  builder.Change("log", [](auto& result) { result.failure = {FailureReason::kTimeout, "no answer"}; });
  EXPECT_EQ(builder.Of("sessions_missed").severity, Severity::kNote);
  EXPECT_EQ(Seen(1000, 3).Publish(serverlog::Summary()).Of("sessions_seen").severity, Severity::kFine);
}

TEST(CheckSessions, JudgesLoopbackByThePolicy) {
  sessions::Summary summary;
  summary.unencrypted = {{"erp", "app", {.range = Cidr::Parse("127.0.0.1")}, "", Network::kLoopback, false, 1}};
  tls::EndpointFacts endpoint;
  endpoint.address = "127.0.0.1:5432";
  endpoint.reachable = true;
  endpoint.plaintext_accepted = true;
  SnapshotBuilder builder =
      SnapshotBuilder().Publish(summary).Publish(endpoint).Publish(Posture({"host all app 127.0.0.0/8 scram-sha-256"}));
  builder.snapshot().connection = sampling::OwnConnection{"disable", "none", "", "", {}, IpAddress::Parse("::1")};
  const std::pair<config::LoopbackSeverity, std::string> severities[] = {
      {config::LoopbackSeverity::kNote, "note"},
      {config::LoopbackSeverity::kWarning, "warning"},
      {config::LoopbackSeverity::kCritical, "critical"}};
  for (const auto& [policy, severity] : severities) {
    builder.snapshot().loopback = policy;
    EXPECT_THAT(builder.Ids(),
                IsSupersetOf({severity + " plaintext_sessions_loopback", severity + " wire_plaintext_accepted",
                              severity + " hba_plaintext_loopback", severity + " exporter_unencrypted"}));
  }
}

TEST(CheckSessions, JudgesTheExportersOwnConnection) {
  const auto judge = [](const std::string& encryption, const std::optional<IpAddress>& address) {
    SnapshotBuilder builder;
    builder.snapshot().connection = sampling::OwnConnection{"prefer", encryption, "", "", {}, address};
    return builder.Ids();
  };
  EXPECT_THAT(judge("none", IpAddress::Parse("10.0.0.1")), ElementsAre("warning exporter_unencrypted"));
  EXPECT_THAT(judge("tls", IpAddress::Parse("10.0.0.1")), IsEmpty());
  EXPECT_THAT(judge("none", std::nullopt), IsEmpty()) << "a Unix socket";
}

std::vector<std::string> WithRules(const std::vector<std::string>& lines) {
  return SnapshotBuilder().Publish(Posture(lines)).Ids();
}

TEST(CheckHba, JudgesWhatTheRulesAdmit) {
  EXPECT_THAT(WithRules({"local all all peer", "hostssl all app 10.0.0.0/8 scram-sha-256"}),
              ElementsAre("fine hba_plaintext", "fine hba_methods"));
  EXPECT_THAT(WithRules({"host all app 10.0.0.0/8 scram-sha-256"}),
              ElementsAre("critical hba_plaintext_admitted", "fine hba_methods"));
  EXPECT_THAT(WithRules({"host all app samenet scram-sha-256"}),
              ElementsAre("warning hba_plaintext_possible", "fine hba_methods"));
  EXPECT_THAT(WithRules({"host all app 127.0.0.0/8 trust"}),
              ElementsAre("note hba_plaintext_loopback", "fine hba_plaintext", "fine hba_methods"));
}

TEST(CheckHba, NamesPrivilegedRolesThatComeInUnencrypted) {
  const std::vector<hba::PrivilegedRole> roles = {{"ad\x01min", true, true, {}}, {"repl", false, true, {}}};
  const auto check = [&](const std::vector<std::string>& lines, hba::PrivilegedRoles privileged) {
    return SnapshotBuilder().Publish(
        Posture(lines, hba::Catalog({"ad\x01min", "repl", "app"}, {}, {"erp"}, std::move(privileged))));
  };
  const std::vector<std::string> lines = {"host erp,replication all 10.0.0.0/8 scram-sha-256"};
  const Finding finding = check(lines, {roles, 2}).Of("hba_plaintext_privileged");
  EXPECT_EQ(finding.severity, Severity::kCritical);
  EXPECT_THAT(finding.evidence, ElementsAre("/data/pg_hba.conf:1: host erp,replication all 10.0.0.0/8 scram-sha-256",
                                            "  superuser ad\\x01min, replication, from 10.0.0.0",
                                            "  replication role repl, replication, from 10.0.0.0"));
  EXPECT_THAT(check(lines, {roles, 7}).Of("hba_plaintext_privileged").evidence,
              Contains("5 more such roles were not checked"));
  EXPECT_EQ(check({"host all all samenet scram-sha-256"}, {roles, 2}).Of("hba_plaintext_privileged").severity,
            Severity::kWarning);
  EXPECT_THAT(check({"hostnossl all,replication repl,ad\x01min all reject", lines[0]}, {{roles[1]}, 1}).Ids(),
              AllOf(Contains("critical hba_plaintext_admitted"), Not(Contains(HasSubstr("privileged")))));
  EXPECT_THAT(check({"host all app 10.0.0.0/8 scram-sha-256"}, {roles, 2}).Ids(),
              Not(Contains(HasSubstr("privileged"))));
}

// What only the file admits is not in force.
TEST(CheckHba, PrivilegedRolesOfRulesThatMayNotBeInForceAreAWarning) {
  hba::Posture posture = Posture({"host all all 10.0.0.0/8 scram-sha-256"},
                                 hba::Catalog({"admin"}, {}, {}, hba::PrivilegedRoles{{{"admin", true, true, {}}}, 1}));
  posture.in_force = {};
  posture.in_force_analysis.reset();
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(), Contains("warning hba_plaintext_privileged"));
}

TEST(CheckHba, JudgesMethods) {
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 trust"}), Contains("critical hba_trust"));
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 trust clientcert=verify-full"}), Contains("fine hba_methods"));
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 password"}), Contains("warning hba_password"));
  EXPECT_THAT(WithRules({"host all app 10.0.0.0/8 password"}), Contains("critical hba_password"));
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 md5"}), Contains("warning hba_md5"));
  EXPECT_THAT(WithRules({"hostssl all app db.example.com ident"}), Contains("warning hba_ident"));
  EXPECT_THAT(WithRules({"hostssl all app ::1/128 trust", "hostssl all app localhost trust"}),
              Contains("fine hba_methods"));
  // Nobody reaches it.
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 cert", "hostssl all app 10.0.0.0/8 trust"}),
              AllOf(Contains("note hba_shadowed"), Contains("fine hba_methods")));
}

TEST(CheckHba, TellsWhetherPlaintextIsAdmittedApartFromByWhichRule) {
  EXPECT_THAT(WithRules({"host all app web1.example.com md5", "host all app 0.0.0.0/0 md5"}),
              Contains("critical hba_plaintext_admitted"));
  EXPECT_THAT(WithRules({"host all app samenet reject", "host all app all reject"}), Contains("fine hba_plaintext"));
  EXPECT_THAT(WithRules({"host all app samenet reject", "host all app all md5"}),
              AllOf(Contains("warning hba_plaintext_possible"), Not(Contains("critical hba_plaintext_admitted"))));
}

TEST(CheckHba, TellsARuleForNobodyFromOneThatComesTooLate) {
  EXPECT_THAT(WithRules({"hostssl all +admins 127.0.0.1/32 pam"}),
              AllOf(Contains("note hba_for_nobody"), Not(Contains("note hba_shadowed"))));
  EXPECT_THAT(WithRules({"hostssl all all all md5", "hostssl all app all md5"}),
              AllOf(Contains("note hba_shadowed"), Not(Contains("note hba_for_nobody"))));
}

TEST(CheckHba, JudgesRulesWithTheSettingsThatTheyNeed) {
  hba::Posture posture = Posture({"hostssl all app 10.0.0.0/8 cert", "hostssl all all 0.0.0.0/0 trust"});
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(),
              AllOf(Contains("critical hba_trust"), Contains("note hba_open_to_all")));
  posture.abilities.client_certificates = false;
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(), Contains("warning hba_no_client_ca"));
  posture.abilities.tls = false;
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(),
              AllOf(Not(Contains(HasSubstr("hba_trust"))), Not(Contains(HasSubstr("hba_open_to_all"))),
                    Not(Contains(HasSubstr("hba_no_client_ca")))));
}

TEST(CheckHba, KnowsWhatAClientCertificateProves) {
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 trust clientcert=verify-ca"}),
              AllOf(Contains("warning hba_trust_any_certificate"), Not(Contains("critical hba_trust"))));
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 scram-sha-256 clientcert=verify-full"}),
              Contains("note hba_certificate_name"));
  EXPECT_THAT(WithRules({"hostssl all app 10.0.0.0/8 cert"}), Not(Contains("note hba_certificate_name")));
}

TEST(CheckHba, NamesAFileThatIsRefusedAsAWhole) {
  hba::Posture posture;
  posture.file = std::make_shared<const hba::RuleSet>(hba::ParseRules({}, 180000, "/data/pg_hba.conf"));
  posture.in_force.pending = true;
  const SnapshotBuilder builder = SnapshotBuilder().Publish(posture);
  EXPECT_THAT(builder.Ids(), ElementsAre("critical hba_errors"));
  EXPECT_THAT(builder.Check()[0].evidence,
              ElementsAre("/data/pg_hba.conf: the file contains no entries, and PostgreSQL refuses that"));
}

TEST(CheckHba, SeesDoorsWideOpen) {
  EXPECT_THAT(WithRules({"host all all 0.0.0.0/0 scram-sha-256"}), Contains("warning hba_open_to_all"));
  EXPECT_THAT(WithRules({"hostssl all all all scram-sha-256"}), Contains("note hba_open_to_all"));
  EXPECT_THAT(WithRules({"hostssl all all all reject", "hostssl all app 0.0.0.0/0 md5"}),
              Not(Contains(HasSubstr("open_to_all"))));
}

TEST(CheckHba, CallsNothingFineThatIsNotKnown) {
  hba::Posture posture = Posture({"hostssl all app 10.0.0.0/8 scram-sha-256"});
  posture.in_force = {std::nullopt, nullptr};
  posture.in_force_analysis.reset();
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(), IsEmpty());
  posture.in_force.pending = true;
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(), ElementsAre("warning hba_pending_reload"));
  posture.file = hba::WithError(*posture.file, {"/data/pg_hba.conf", 9, "invalid connection type"});
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(), ElementsAre("critical hba_errors"));
}

TEST(CheckHba, SaysThatItAssumed) {
  hba::Posture posture = Posture({"local all all peer"});
  posture.file =
      std::make_shared<const hba::RuleSet>(hba::ParseRules(hba::RowsOf({"local all all peer"}, false), 180000));
  EXPECT_THAT(SnapshotBuilder().Publish(posture).Ids(), Contains("note hba_assumed"));
}

TEST(CheckWire, JudgesWhatAClientMeets) {
  tls::EndpointFacts endpoint = Endpoint();
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Publish(Settings({{"ssl", "on"}})).Ids(), ElementsAre("fine ssl_on"));
  endpoint.plaintext_accepted = true;
  endpoint.protocols = {{"TLSv1", true}, {"TLSv1.2", true}};
  endpoint.chain_errors = {"unknown_ca"};
  endpoint.hostname_ok = false;
  endpoint.hostname_error = "mismatch";
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(),
              ElementsAre("critical wire_plaintext_accepted", "critical chain_not_verified", "warning old_tls_accepted",
                          "warning wrong_host"));
  endpoint.address = "127.0.0.1:5432";
  endpoint.chain_errors = {"expired", "revoked"};
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(),
              IsSupersetOf({"note wire_plaintext_accepted", "critical chain_not_verified"}));
  endpoint = Endpoint();
  endpoint.plaintext_accepted = false;
  endpoint.chain_errors.emplace();
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(),
              ElementsAre("fine wire_plaintext_refused", "fine chain_verified"));
}

TEST(CheckWire, WithoutChannelBindingAProxyEndsTls) {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.mechanisms = {{tls::kScram, true}, {tls::kScramPlus, true}};
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(), IsEmpty());
  endpoint.mechanisms[tls::kScramPlus] = false;
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(), ElementsAre("note channel_binding_missing"));
  SnapshotBuilder pooler;
  pooler.snapshot().kind = settings::kPgBouncer;
  EXPECT_THAT(pooler.Publish(endpoint).Ids(), IsEmpty()) << "it is known to end TLS";
}

TEST(CheckWire, BelievesTheWireMoreThanTheSetting) {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.ssl_answer = tls::Answer::kNo;
  endpoint.handshake.reset();
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Publish(Settings({{"ssl", "on"}})).Ids(),
              ElementsAre("critical wire_no_tls"));
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Publish(Settings({{"ssl", "off"}})).Ids(),
              ElementsAre("critical ssl_off"));
  endpoint.ssl_answer = tls::Answer::kYes;
  endpoint.handshake = false;
  EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(), ElementsAre("critical handshake_failed"));
}

TEST(CheckWire, AServerThatDoesNotAnswerIsNoServerThatIsFine) {
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.handshake.reset();
  for (const std::optional<tls::Answer> answer :
       {std::optional<tls::Answer>(), std::optional(tls::Answer::kError), std::optional(tls::Answer::kNone)}) {
    endpoint.ssl_answer = answer;
    EXPECT_THAT(SnapshotBuilder().Publish(endpoint).Ids(), ElementsAre("warning wire_no_answer"));
  }
}

TEST(CheckWire, TellsWhichModeProtectsAClient) {
  const auto judge = [](tls::Verdict require, tls::Verdict full) {
    tls::EndpointFacts endpoint = Endpoint();
    endpoint.sslmodes = {};
    endpoint.sslmodes[3] = require;
    endpoint.sslmodes[5] = full;
    return SnapshotBuilder().Publish(endpoint).Ids();
  };
  EXPECT_THAT(judge({true, true}, {true, true}), ElementsAre("fine client_protection"));
  EXPECT_THAT(judge({true, true}, {false, {}}), ElementsAre("warning client_protection_partial"));
  EXPECT_THAT(judge({true, true}, {}), ElementsAre("note client_protection_partial")) << "without a root certificate";
  EXPECT_THAT(judge({false, {}}, {false, {}}), ElementsAre("warning client_protection_none"));
  EXPECT_THAT(judge({}, {}), IsEmpty());
}

// A signature that names no digest: libpq ends each SCRAM login, so that no mode gets further than authentication.
TEST(CheckWire, TellsThatScramHasNoDigestToBindTo) {
  const auto judge = [](const std::string& signature) {
    tls::EndpointFacts endpoint = Endpoint();
    endpoint.sslmodes[3] = endpoint.sslmodes[5] = {true, true};
    tls::CertificateInventory inventory;
    inventory.served = {{.subject = "CN=db1", .key_algorithm = "RSA", .signature_algorithm = signature}};
    return SnapshotBuilder().Publish(endpoint).Publish(inventory).Ids();
  };
  for (const char* signature : {"ED25519", "ED448"}) {
    EXPECT_THAT(judge(signature), testing::Contains("warning scram_impossible")) << signature;
    EXPECT_THAT(judge(signature), Not(testing::Contains("fine client_protection"))) << signature;
  }
  for (const char* signature : {"sha256WithRSAEncryption", "ecdsa-with-SHA256", "rsassaPss"}) {
    EXPECT_THAT(judge(signature), testing::Contains("fine client_protection")) << signature;
  }
}

tls::CertificateFacts Certificate(seconds left) {
  tls::CertificateFacts facts;
  facts.subject = "CN=db";
  facts.not_before = kNow - days(400);
  facts.not_after = kNow + left;
  facts.key_algorithm = "EC";
  facts.key_size = "256";
  facts.signature_algorithm = "ecdsa-with-SHA256";
  return facts;
}

std::vector<std::string> WithServed(const tls::CertificateFacts& served) {
  tls::CertificateInventory inventory;
  inventory.served = {served};
  inventory.key.emplace();
  return SnapshotBuilder().Publish(inventory).Ids();
}

TEST(CheckCertificates, JudgesValidity) {
  EXPECT_THAT(WithServed(Certificate(days(100))), ElementsAre("fine certificate_valid"));
  EXPECT_THAT(WithServed(Certificate(days(30))), ElementsAre("warning certificate_expiring"));
  EXPECT_THAT(WithServed(Certificate(days(7))), ElementsAre("critical certificate_expiring"));
  EXPECT_THAT(WithServed(Certificate(seconds(0))), ElementsAre("critical certificate_expired"));
  tls::CertificateFacts later = Certificate(days(100));
  later.not_before = kNow + seconds(1);
  EXPECT_THAT(WithServed(later), ElementsAre("critical certificate_not_yet_valid"));
  tls::CertificateFacts unreadable = Certificate(days(100));
  unreadable.not_after.reset();
  EXPECT_THAT(WithServed(unreadable), IsEmpty());
}

TEST(CheckCertificates, JudgesStrength) {
  tls::CertificateFacts weak = Certificate(days(100));
  weak.key_algorithm = "RSA";
  weak.key_size = "1024";
  weak.signature_algorithm = "sha1WithRSAEncryption";
  EXPECT_THAT(WithServed(weak), IsSupersetOf({"warning weak_key", "warning weak_signature"}));
  weak.key_algorithm = "RSA-PSS";
  EXPECT_THAT(WithServed(weak), testing::Contains("warning weak_key"));
  weak.self_signed = true;
  weak.key_size = "2048";
  EXPECT_THAT(WithServed(weak), ElementsAre("warning self_signed", "fine certificate_valid"));
}

// A collection of authorities, of whom some have expired; then all.
TEST(CheckCertificates, AuthoritiesOfClientsByWhoDependsOnThem) {
  tls::CertificateInventory inventory;
  inventory.files = {{"ca", "/data/root.crt", "", {}}};
  const auto findings = [&](const std::vector<tls::ClientAuthority>& authorities) {
    inventory.clients = tls::ClientTrust{.authorities = authorities, .needed = {}, .lists = {}, .not_found = {}};
    return SnapshotBuilder().Publish(inventory).Ids();
  };
  const tls::ClientAuthority good{"CN=good", "01", {}, kNow + days(90)};
  const tls::ClientAuthority over{"CN=over", "02", {{"expired", "CN=over"}}, kNow - days(1)};
  const tls::ClientAuthority ending{"CN=ending", "03", {}, kNow + days(20)};
  const tls::ClientAuthority listless{"CN=listless", "04", {{"crl_missing", "CN=listless"}}, kNow + days(90)};
  EXPECT_THAT(findings({good}), ElementsAre());
  EXPECT_THAT(findings({good, over, over}), ElementsAre("critical ca_expired", "critical ca_expired"));
  EXPECT_THAT(findings({good, ending}), ElementsAre("warning ca_expiring"));
  EXPECT_THAT(findings({good, listless}), ElementsAre("critical crl_missing"));
  // The limits are shares of the lifetime of the certificate that ends first.
  const auto lasting = [](days lifetime, std::chrono::hours left) {
    return tls::ClientAuthority{"CN=brief", "05", {}, kNow + left, kNow + left - lifetime};
  };
  EXPECT_THAT(findings({lasting(days(6), days(3))}), ElementsAre());
  EXPECT_THAT(findings({lasting(days(6), days(2))}), ElementsAre("warning ca_expiring"));
  EXPECT_THAT(findings({lasting(days(6), std::chrono::hours(14))}), ElementsAre("critical ca_expiring"));
  // It will be replaced in time, by one that is not valid yet.
  EXPECT_THAT(findings({{"CN=next", "07", {}, kNow + days(90), kNow + days(1)}}), ElementsAre());
  // One that begins later is of interest if no other is accepted.
  const tls::ClientAuthority early{"CN=early", "06", {{"not_yet_valid", "CN=early"}}, kNow + days(90), kNow + days(1)};
  EXPECT_THAT(findings({good, early}), ElementsAre());
  EXPECT_THAT(findings({early}), ElementsAre("critical certificate_not_yet_valid"));
  EXPECT_THAT(findings({early, over}), ElementsAre("critical ca_expired", "critical certificate_not_yet_valid"));
  std::vector<tls::ClientAuthority> many(30, over);
  EXPECT_THAT(findings(many), ElementsAre("critical ca_expired"));
  many.push_back(good);
  many.push_back(ending);
  EXPECT_THAT(findings(many), ElementsAre("note ca_expired"));
  many.push_back(listless);
  EXPECT_THAT(findings(many), ElementsAre("note ca_expired", "note crl_missing"));
  EXPECT_THAT(findings(std::vector<tls::ClientAuthority>(30, ending)), ElementsAre("warning ca_expiring"));
}

TEST(CheckCertificates, AnExpiredCertificateThatNobodyNeedsIsANote) {
  tls::CertificateInventory inventory;
  inventory.served = {Certificate(days(100)), Certificate(days(50)), Certificate(-days(50))};
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(), testing::Contains("critical ca_expired"));
  inventory.served_path = tls::ServedPath{{true, true, false}, kNow + days(50)};
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(),
              AllOf(testing::Contains("note chain_unneeded"), Not(testing::Contains("critical ca_expired"))));
}

TEST(CheckCertificates, JudgesFilesAndTheKey) {
  tls::CertificateInventory inventory;
  inventory.served = {Certificate(days(100))};
  inventory.served_matches_file = false;
  inventory.key = tls::KeyReport{"/data/server.key", false, false, false};
  inventory.next_start = tls::NextStart{{{"key", "/data/server.key", "mode"},
                                         {"key", "/data/server.key", "owner"},
                                         {"key", "/data/server.key", "key_mismatch"},
                                         {"server", "/data/server.crt", "missing"}},
                                        {}};
  tls::FileReport ca{"ca", "/data/root.crt", "", {}};
  ca.content.certificates = {{0, Certificate(days(3))}};
  inventory.lists = {{"/data/root.crl", "CN=CA", kNow - seconds(1)},
                     {"/data/soon.crl", "CN=CA", kNow + days(2)},
                     {"/data/later.crl", "CN=CA", kNow + days(2) + std::chrono::hours(1)},
                     {"/data/soon.crl", "CN=other", std::nullopt}};
  inventory.files = {ca, {"server", "/data/server.crt", "missing", {}}, {"ca", "/x", "permission_denied", {}}};
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(),
              ElementsAre("critical ca_expiring", "critical key_mode", "critical key_owner", "critical key_mismatch",
                          "critical next_start_missing", "critical crl_expired", "warning served_not_file",
                          "warning crl_expiring", "fine certificate_valid"));
  inventory.served_matches_file = true;
  inventory.files.clear();
  inventory.lists.clear();
  inventory.key = tls::KeyReport{"/data/server.key", true, true, true};
  inventory.next_start.reset();
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(), ElementsAre("fine certificate_valid", "fine key"));
  // What is not known of the key is a part of the collector's.
  inventory.key.reset();
  EXPECT_THAT(SnapshotBuilder().Publish(inventory).Ids(), ElementsAre("fine certificate_valid"));
  inventory.key = tls::KeyReport{.path = "/data/server.key", .readable = true};
  EXPECT_THAT(SnapshotBuilder()
                  .Publish(inventory)
                  .Change("certificates", [](auto& result) { result.incomplete = {{"next_start_key", "sql"}}; })
                  .Ids(),
              ElementsAre("note not_looked_at", "fine certificate_valid"));
}

TEST(CheckCertificates, ShowsWhichCertificateIsServedAndWhichIsInTheFile) {
  tls::CertificateInventory inventory;
  inventory.served = {Certificate(days(100))};
  inventory.served[0].serial = "01";
  inventory.served[0].fingerprint_sha256 = "aaaa";
  tls::FileReport file{"server", "/data/server.crt", "", {}};
  file.content.certificates = {{0, Certificate(seconds(-1))}};
  file.content.certificates[0].facts.serial = "02";
  file.content.certificates[0].facts.fingerprint_sha256 = "bbbb";
  inventory.files = {file};
  inventory.served_matches_file = false;
  const auto finding = [&] { return SnapshotBuilder().Publish(inventory).Of("served_not_file"); };
  EXPECT_THAT(finding().evidence,
              ElementsAre("served: CN=db, serial 01, valid from 2025-12-11 08:00:00 UTC to 2027-04-25 08:00:00 UTC, "
                          "SHA-256 aaaa",
                          "/data/server.crt: CN=db, serial 02, valid from 2025-12-11 08:00:00 UTC to 2027-01-15 "
                          "07:59:59 UTC, SHA-256 bbbb"));
}

// It does no harm before the next reload.
TEST(CheckCertificates, AFileThatIsNotInForceIsNotCritical) {
  tls::CertificateInventory inventory;
  inventory.served = {Certificate(days(100))};
  tls::FileReport file{"server", "/data/server.crt", "", {}};
  file.content.certificates = {{0, Certificate(seconds(-1))}};
  inventory.files = {file};
  inventory.key.emplace();
  inventory.served_matches_file = false;
  const Finding finding = SnapshotBuilder().Publish(inventory).Of("certificate_expired");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.why, HasSubstr("after the next reload or restart"));
  inventory.served_matches_file.reset();
  EXPECT_EQ(SnapshotBuilder().Publish(inventory).Of("certificate_expired").severity, Severity::kCritical);
}

TEST(CheckCertificates, SaysThatTheNextStartSucceeds) {
  tls::CertificateInventory fine;
  fine.next_start.emplace();
  EXPECT_THAT(SnapshotBuilder().Publish(fine).Ids(), ElementsAre("fine next_start"));
  fine.next_start->unknown = {{"key", "passphrase"}};
  EXPECT_THAT(SnapshotBuilder().Publish(fine).Ids(), ElementsAre("warning key_passphrase_reload"));
}

TEST(CheckCoverage, CallsNothingUnknownFine) {
  SnapshotBuilder builder;
  EXPECT_THAT(builder.Ids(), IsEmpty());
  EXPECT_EQ(builder.ExitCode(), 0);
  builder.Change("hba", [](auto& result) { result.incomplete = {{"raw_text", "insufficient_privilege"}}; });
  EXPECT_THAT(builder.Ids(), ElementsAre("note not_looked_at"));
  EXPECT_THAT(builder.Check()[0].remedy, HasSubstr("monitoring_role.sql"));
  EXPECT_EQ(builder.ExitCode(), 3);
}

TEST(CheckCoverage, AQuestionWithoutAnAnswerIsNotLookedAt) {
  SnapshotBuilder builder;
  builder.Change("endpoint", [](auto& result) { result.incomplete = {{"plaintext", "no_answer"}}; });
  EXPECT_THAT(builder.Ids(), ElementsAre("note not_looked_at"));
  EXPECT_THAT(builder.Check()[0].title,
              HasSubstr("Whether an unencrypted connection is accepted could not be checked"));
  EXPECT_THAT(builder.Check()[0].remedy, HasSubstr("enforcement_interval"));
  EXPECT_EQ(builder.ExitCode(), 3);
}

TEST(CheckCoverage, NamesWhatWasNotLookedAt) {
  SnapshotBuilder builder;
  builder.Change("sessions", [](auto& result) {
    result.failure = {FailureReason::kInsufficientPrivilege, "GRANT pg_read_all_stats TO x"};
  });
  builder.Change("endpoint", [](auto& result) { result.unsupported = {"over a Unix socket", "Connect over TCP."}; });
  std::erase_if(builder.snapshot().collectors, [](const auto& state) { return state.name == "certificates"; });
  builder.snapshot().disabled = {&collectors::CertificatesCollector()};
  EXPECT_THAT(builder.Ids(),
              ElementsAre("warning collector_failed", "note collector_unsupported", "note collector_disabled"));
  EXPECT_EQ(builder.ExitCode(), 3);
}

TEST(CheckCoverage, DataThatAreOutdatedOrMissingAreNotKnown) {
  SnapshotBuilder builder;
  for (auto& state : builder.snapshot().collectors) {
    state.interval = seconds(60);
    state.last_success = kNow - seconds(180);
  }
  EXPECT_THAT(builder.Ids(), IsEmpty());
  builder.snapshot().collectors[0].last_success = kNow - seconds(181);
  builder.snapshot().collectors[1].result = nullptr;
  EXPECT_THAT(builder.Ids(), ElementsAre("warning data_stale", "warning not_collected_yet"));
  EXPECT_EQ(builder.ExitCode(), 3);
  builder.snapshot().up.reset();
  EXPECT_THAT(builder.Ids(), ElementsAre("warning data_stale")) << "nothing was tried yet";
}

TEST(CheckCoverage, SaysOnceThatNobodyCouldLogIn) {
  SnapshotBuilder builder;
  const sampling::Failure failure{FailureReason::kAuthentication, "password authentication failed"};
  builder.snapshot().up = false;
  builder.snapshot().connection_failure = failure;
  for (const char* name : {"sessions", "settings", "hba"}) {
    builder.Change(name, [&](auto& result) {
      result.failure = failure;
      result.failed_with_connection = true;
    });
  }
  EXPECT_THAT(builder.Ids(), ElementsAre("warning no_login"));
  EXPECT_EQ(builder.ExitCode(), 3);
  SnapshotBuilder wire = builder;
  wire.Change("endpoint", [&](auto& result) { result.failure = failure; });
  EXPECT_THAT(wire.Ids(), ElementsAre("warning no_login", "warning collector_failed"))
      << "its own failure, even if the text is the same";
  tls::EndpointFacts endpoint = Endpoint();
  endpoint.reachable = false;
  EXPECT_THAT(builder.Publish(endpoint).Ids(), Contains("warning endpoint_unreachable"));
}

TEST(ExitCode, IsTheWorst) {
  const auto code = [](Severity severity, bool up) {
    return ExitCode({{"db", "", "", true, {}}, {"db2", "", "", up, {{severity, "ssl_off", "x", {}, "x", "x"}}}});
  };
  EXPECT_EQ(code(Severity::kFine, true), 0);
  EXPECT_EQ(code(Severity::kNote, true), 0);
  EXPECT_EQ(code(Severity::kWarning, true), 1);
  EXPECT_EQ(code(Severity::kWarning, false), 3);
  EXPECT_EQ(code(Severity::kCritical, true), 2);
  EXPECT_EQ(code(Severity::kCritical, false), 2);
  EXPECT_EQ(ExitCode({}), 0);
}

}  // namespace
}  // namespace pgtls::audit
