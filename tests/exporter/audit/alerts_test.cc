// The alert rules judge as the audit does: the same severities, and the numbers of exporter/audit/thresholds.h.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include "exporter/audit/thresholds.h"
#include "exporter/serverlog/summary.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using testing::HasSubstr;

struct Alert {
  std::string severity;
  std::string text;  // from its name to the next rule
};

// All rules by their names: alerts, and recording rules without a severity.
std::map<std::string, Alert> Rules() {
  std::map<std::string, Alert> rules;
  for (const auto& file : std::filesystem::directory_iterator("deploy/prometheus/rules")) {
    std::ifstream in(file.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    static const std::regex start(R"(- (alert|record): (\S+))");
    static const std::regex severity(R"(severity: (\w+))");
    for (std::sregex_iterator rule(text.begin(), text.end(), start), end; rule != end;) {
      const std::string name = (*rule)[2];
      const auto begin = rule->position();
      ++rule;
      const std::string body =
          text.substr(static_cast<std::size_t>(begin),
                      static_cast<std::size_t>(
                          (rule == end ? static_cast<std::ptrdiff_t>(text.size()) : rule->position()) - begin));
      std::smatch found;
      rules[name] = {std::regex_search(body, found, severity) ? found[1].str() : "", body};
    }
  }
  return rules;
}

// ---- Severities

struct Case {
  const char* alert;
  const char* finding;
  std::function<void(SnapshotBuilder&)> change;
};

template <typename F>
std::function<void(SnapshotBuilder&)> Endpoint(F change) {
  return [change](SnapshotBuilder& builder) {
    tls::EndpointFacts endpoint;
    endpoint.address = "10.0.0.1:5432";
    endpoint.reachable = true;
    endpoint.ssl_answer = tls::Answer::kYes;
    endpoint.handshake = true;
    change(endpoint);
    builder.Publish(endpoint);
  };
}

template <typename F>
std::function<void(SnapshotBuilder&)> Certificates(const F& change) {
  return [change](SnapshotBuilder& builder) {
    tls::CertificateInventory inventory;
    inventory.served.push_back({.not_before = kNow - days(200), .not_after = kNow + days(300), .subject = "CN=db"});
    change(inventory);
    builder.Publish(inventory);
  };
}

std::function<void(SnapshotBuilder&)> ServedUntil(seconds left) {
  return Certificates([left](auto& inventory) { inventory.served[0].not_after = kNow + left; });
}

std::function<void(SnapshotBuilder&)> Authority(tls::ClientAuthority authority) {
  return Certificates([authority](auto& inventory) {
    inventory.files = {{"ca", "/data/root.crt", "", {}}};
    inventory.clients.emplace().authorities = {authority};
  });
}

std::function<void(SnapshotBuilder&)> List(seconds left) {
  return Certificates([left](auto& inventory) { inventory.lists = {{"/data/root.crl", "CN=CA", kNow + left}}; });
}

std::function<void(SnapshotBuilder&)> Hba(const std::string& line) {
  return [line](SnapshotBuilder& builder) { builder.Publish(Posture({line})); };
}

template <typename F>
std::function<void(SnapshotBuilder&)> WithSettings(F change) {
  return [change](SnapshotBuilder& builder) {
    settings::ServerSettings settings = Settings({{"ssl", "on"}, {"hba_file", "/data/pg_hba.conf"}});
    change(settings);
    builder.Publish(settings);
  };
}

void RemotePlaintext(SnapshotBuilder& builder) {
  sessions::Summary summary;
  summary.unencrypted = {{"erp", "app", {.range = Cidr::Parse("10.1.2.3")}, "", Network::kRemote, false, 1}};
  builder.Publish(summary);
}

std::function<void(SnapshotBuilder&)> Failure(FailureReason reason) {
  return [reason](SnapshotBuilder& builder) {
    builder.Change("hba", [&](auto& result) { result.failure = {reason, "why"}; });
  };
}

std::function<void(SnapshotBuilder&)> WithClient(days left, bool revoked) {
  return [left, revoked](SnapshotBuilder& builder) {
    tls::CertificateInventory inventory;
    inventory.client_uses = {{.user = "bob",
                              .client_dn = "/CN=bob",
                              .issuer_dn = "/CN=CA",
                              .serial = "0A",
                              .found = true,
                              .not_after = kNow + left,
                              .revoked = revoked,
                              .connections = 1}};
    builder.Publish(std::move(inventory));
  };
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"PgTlsUnencryptedConnections", "plaintext_sessions", RemotePlaintext},
      {"PgTlsUnencryptedSessions", "plaintext_sessions", RemotePlaintext},
      {"PgTlsLoggedUnencryptedSessions", "logged_plaintext",
       [](SnapshotBuilder& builder) {
         builder.Publish(serverlog::Summary{.unencrypted = {{.user = "bob", .sessions = 1}}});
       }},
      {"PgTlsLogContradicted", "log_contradicted",
       [](SnapshotBuilder& builder) { builder.Publish(serverlog::Summary{.contradictions = 1}); }},
      {"PgTlsPolicyViolated", "policy_violated",
       [](SnapshotBuilder& builder) {
         sessions::Summary summary;
         summary.required = true;
         summary.violating = {{.reason = "version", .connections = 1}};
         builder.Publish(summary);
       }},
      {"PgTlsLinkUnprotected", "link_unprotected",
       [](SnapshotBuilder& builder) {
         builder.Publish(links::Links{.links = {links::LinkOf(links::kSubscription, "shop", "sub", {.host = "db2"})}});
       }},
      {"PgTlsLinkUnencrypted", "link_unencrypted",
       [](SnapshotBuilder& builder) {
         builder.Publish(links::Links{.outgoing = {{.encryption = Encryption::kNone}}});
       }},
      {"PgTlsReplicationUnencrypted", "replication_unencrypted",
       [](SnapshotBuilder& builder) {
         builder.Publish(links::Links{.replication = {{.encryption = Encryption::kNone}}});
       }},
      {"PgTlsCertificateExpiring", "certificate_expiring", ServedUntil(kCertificateEndsAhead)},
      {"PgTlsCertificateExpiringSoon", "certificate_expiring", ServedUntil(kCertificateEndsSoon)},
      {"PgTlsCertificateExpired", "certificate_expired", ServedUntil(seconds(0))},
      {"PgTlsCertificateNotYetValid", "certificate_not_yet_valid",
       Certificates([](auto& inventory) { inventory.served[0].not_before = kNow + seconds(1); })},
      {"PgTlsCertificateAuthorityExpiring", "ca_expiring",
       Authority({"CN=CA", "01", {}, kNow + kCertificateEndsAhead})},
      {"PgTlsCertificateAuthorityExpiringSoon", "ca_expiring",
       Authority({"CN=CA", "01", {}, kNow + kCertificateEndsSoon})},
      {"PgTlsCertificateAuthorityExpired", "ca_expired", Authority({"CN=CA", "01", {}, kNow})},
      {"PgTlsClientAuthorityRefused", "crl_missing", Authority({"CN=CA", "01", {{"crl_missing", "CN=CA"}}, {}})},
      {"PgTlsClientAuthorityRefused", "client_ca_refused", Authority({"CN=CA", "01", {{"unknown_ca", "CN=CA"}}, {}})},
      {"PgTlsCrlExpiring", "crl_expiring", List(kListEndsAhead)},
      {"PgTlsCrlExpired", "crl_expired", List(seconds(0))},
      {"PgTlsServedCertificateNotTheFile", "served_not_file",
       Certificates([](auto& inventory) { inventory.served_matches_file = false; })},
      {"PgTlsNextRestartFails", "next_start_missing", Certificates([](auto& inventory) {
         inventory.next_start = tls::NextStart{{{"key", "/data/key", "missing"}}, {}};
       })},
      {"PgTlsCertificateFileUnreadable", "certificate_file_unusable",
       Certificates([](auto& inventory) { inventory.files = {{"extra", "/etc/x.crt", "missing", {}}}; })},
      {"PgTlsEncryptionNotOffered", "wire_no_tls",
       Endpoint([](auto& endpoint) { endpoint.ssl_answer = tls::Answer::kNo; })},
      {"PgTlsSslSettingOff", "ssl_off", WithSettings([](auto& settings) { settings.values["ssl"] = "off"; })},
      {"PgTlsPlaintextAccepted", "wire_plaintext_accepted",
       Endpoint([](auto& endpoint) { endpoint.plaintext_accepted = true; })},
      {"PgTlsCertificateVerificationFailing", "chain_not_verified",
       Endpoint([](auto& endpoint) { endpoint.chain_errors = {"unknown_ca"}; })},
      {"PgTlsCertificateWrongHost", "wrong_host", Endpoint([](auto& endpoint) { endpoint.hostname_ok = false; })},
      {"PgTlsNameRefused", "name_refused", Endpoint([](auto& endpoint) {
         auto& name = endpoint.names.emplace_back();
         name.host = "a.example";
         name.handshake = false;
       })},
      {"PgTlsVerifyFullFails", "client_protection_partial", Endpoint([](auto& endpoint) {
         endpoint.sslmodes[3] = {true, true};
         endpoint.sslmodes[5] = {false, std::nullopt};
       })},
      {"PgTlsVerifyFullFails", "client_protection_none",
       Endpoint([](auto& endpoint) { endpoint.sslmodes.fill({false, std::nullopt}); })},
      {"PgTlsWeakProtocolAccepted", "old_tls_accepted",
       Endpoint([](auto& endpoint) { endpoint.protocols["TLSv1.1"] = true; })},
      {"PgTlsEndpointUnreachable", "endpoint_unreachable",
       Endpoint([](auto& endpoint) { endpoint.reachable = false; })},
      {"PgTlsSettingPending", "setting_pending_reload",
       WithSettings([](auto& settings) { settings.pending_reload = {"ssl_ciphers"}; })},
      {"PgTlsSettingPending", "setting_pending_restart",
       WithSettings([](auto& settings) { settings.pending_restart = {"hba_file"}; })},
      {"PgTlsMd5Passwords", "md5_roles",
       [](SnapshotBuilder& builder) { builder.Publish(settings::RolePasswords{.md5 = 1, .md5_roles = {"ann"}}); }},
      {"PgTlsHbaAdmitsPlaintext", "hba_plaintext_admitted", Hba("host all app 10.0.0.0/8 scram-sha-256")},
      {"PgTlsHbaMayAdmitPlaintext", "hba_plaintext_possible", Hba("host all app db.example.com scram-sha-256")},
      {"PgTlsClientCertificateExpiring", "client_certificate_expiring", WithClient(days(20), false)},
      {"PgTlsClientCertificateExpiringSoon", "client_certificate_expiring", WithClient(days(2), false)},
      {"PgTlsClientCertificateRevoked", "client_certificate_revoked", WithClient(days(90), true)},
      {"PgTlsHbaRefused", "hba_errors",
       [](SnapshotBuilder& builder) {
         hba::Posture posture = Posture({"local all all peer"});
         posture.file = hba::WithError(*posture.file, {"/data/pg_hba.conf", 9, "invalid connection type"});
         builder.Publish(posture);
       }},
      {"PgTlsHbaReloadPending", "hba_pending_reload",
       [](SnapshotBuilder& builder) {
         hba::Posture posture = Posture({"local all all peer"});
         posture.in_force.pending = true;
         builder.Publish(posture);
       }},
      {"PgTlsCollectorFailing", "collector_failed", Failure(FailureReason::kTimeout)},
      {"PgTlsCollectorBlind", "collector_failed", Failure(FailureReason::kInsufficientPrivilege)},
      {"PgTlsDataStale", "data_stale",
       [](SnapshotBuilder& builder) { builder.snapshot().collectors[0].last_success = kNow - seconds(31); }},
  };
  return cases;
}

// What the audit does not judge, or only notes: whether anything can be known at all, agreements of the policy, how
// many sessions were seen, and how often within an hour clients were refused.
const std::set<std::string> kNotJudged = {"PgTlsServerDown",         "PgTlsExporterDown",
                                          "PgTlsExporterAbsent",     "PgTlsConfigReloadFailed",
                                          "PgTlsExporterOverloaded", "PgTlsExemptionEnding",
                                          "PgTlsLogNotRead",         "PgTlsLogGap",
                                          "PgTlsPlaintextAttempts",  "PgTlsClientCertificateExpired",
                                          "PgTlsSessionsMissed",     "PgTlsShardMissing"};

TEST(Alerts, HaveTheSeveritiesOfTheAudit) {
  const auto rules = Rules();
  std::set<std::string> judged = kNotJudged;
  for (const auto& [alert, id, change] : Cases()) {
    SCOPED_TRACE(alert);
    judged.insert(alert);
    SnapshotBuilder builder;
    change(builder);
    ASSERT_TRUE(rules.contains(alert));
    EXPECT_EQ(rules.at(alert).severity, ToString(builder.Of(id).severity));
  }
  std::set<std::string> alerts;
  for (const auto& [name, rule] : rules) {
    if (!rule.severity.empty()) alerts.insert(name);
  }
  EXPECT_EQ(alerts, judged) << "an alert is judged by the audit, or named in kNotJudged";
}

// ---- Numbers

TEST(Alerts, HaveTheThresholdsOfTheAudit) {
  const auto rules = Rules();
  const auto text = [&](const std::string& rule) { return rules.contains(rule) ? rules.at(rule).text : "no " + rule; };
  const auto limit = [](int share, std::chrono::days longest) {
    return fmt::format("lifetime_seconds:last_known / {}, {} * 3600, {} * 86400)", share,
                       kCertificateEndsShortest.count(), longest.count());
  };
  EXPECT_THAT(text("pg_tls_certificate_lifetime_seconds:expiring"),
              HasSubstr(limit(kEndsAheadShare, kCertificateEndsAhead)));
  EXPECT_THAT(text("pg_tls_certificate_lifetime_seconds:expiring_soon"),
              HasSubstr(limit(kEndsSoonShare, kCertificateEndsSoon)));
  EXPECT_THAT(text("pg_tls_client_certificate_lifetime_seconds:expiring"),
              HasSubstr(limit(kEndsAheadShare, kCertificateEndsAhead)));
  EXPECT_THAT(text("pg_tls_client_certificate_lifetime_seconds:expiring_soon"),
              HasSubstr(limit(kEndsSoonShare, kCertificateEndsSoon)));
  EXPECT_THAT(text("PgTlsClientCertificateExpiring"),
              testing::AllOf(HasSubstr("- time() < pg_tls_client_certificate_lifetime_seconds:expiring\n"),
                             HasSubstr("- time() >= pg_tls_client_certificate_lifetime_seconds:expiring_soon")));
  EXPECT_THAT(text("PgTlsClientCertificateExpiringSoon"),
              HasSubstr("- time() < pg_tls_client_certificate_lifetime_seconds:expiring_soon"));
  for (const std::string name : {"PgTlsCertificate", "PgTlsCertificateAuthority"}) {
    EXPECT_THAT(text(name + "Expiring"),
                testing::AllOf(HasSubstr("- time() < pg_tls_certificate_lifetime_seconds:expiring\n"),
                               HasSubstr("- time() >= pg_tls_certificate_lifetime_seconds:expiring_soon")));
    EXPECT_THAT(text(name + "ExpiringSoon"), HasSubstr("- time() < pg_tls_certificate_lifetime_seconds:expiring_soon"));
    EXPECT_THAT(text(name + "Expired"), HasSubstr(">= 0"));
  }
  EXPECT_THAT(text("PgTlsCrlExpiring"), HasSubstr(fmt::format("- time() < {} * 86400", kListEndsAhead.count())));
  EXPECT_THAT(text("PgTlsClientAuthorityRefused"), HasSubstr(fmt::format("<= {}\n", tls::kFewAuthorities)));
  EXPECT_THAT(text("server:pg_tls_seen_sessions_low:last_known"), HasSubstr(fmt::format("ratio1h < {}\n", kShareSeen)));
  EXPECT_THAT(text("server:pg_tls_seen_sessions_low:last_known"), HasSubstr(fmt::format(">= {}\n", kEnoughSessions)));
  EXPECT_THAT(text("pg_tls_collector_age_seconds:last_known"),
              HasSubstr(fmt::format("{} * pg_tls_collector_interval_seconds", kIntervalsUntilStale)));
}

TEST(Alerts, AShareOfTheLifetimeWithinLimits) {
  using std::chrono::days;
  using std::chrono::hours;
  using std::chrono::minutes;
  struct Case {
    hours lifetime;
    hours ahead;
    hours soon;
  };
  for (const auto& [lifetime, ahead, soon] :
       {Case{days(1), hours(12), hours(12)}, Case{days(6), days(2), hours(14) + hours(0)},
        Case{days(47), hours(376), hours(112)}, Case{days(90), days(30), days(7)}, Case{days(365), days(30), days(7)},
        Case{days(3650), days(30), days(7)}}) {
    SCOPED_TRACE(lifetime.count());
    const auto at = [&](std::chrono::minutes left) { return SeverityOfEnd(kNow + left - lifetime, kNow + left, kNow); };
    EXPECT_EQ(at(soon), Severity::kCritical);
    EXPECT_EQ(at(ahead + hours(1)), Severity::kFine);
    if (ahead > soon + hours(2)) EXPECT_EQ(at(soon + hours(2)), Severity::kWarning);
    if (ahead > soon) EXPECT_EQ(at(ahead), Severity::kWarning);
  }
}

// Neither the rules nor the audit hold a threshold in days that is not compared here.
TEST(Alerts, HaveNoOtherThresholds) {
  constexpr int kExemptionEnding = 14;  // not judged by the audit
  const std::set<int> known = {static_cast<int>(kCertificateEndsAhead.count()),
                               static_cast<int>(kCertificateEndsSoon.count()), static_cast<int>(kListEndsAhead.count()),
                               kExemptionEnding};
  std::set<int> found;
  static const std::regex number(R"((\d+) \* 86400)");
  for (const auto& [name, rule] : Rules()) {
    for (std::sregex_iterator match(rule.text.begin(), rule.text.end(), number), end; match != end; ++match)
      found.insert(std::stoi((*match)[1]));
  }
  EXPECT_EQ(found, known);
}

}  // namespace
}  // namespace pgtls::audit
