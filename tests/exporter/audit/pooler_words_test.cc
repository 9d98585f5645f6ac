// What is said about a PgBouncer is said in its words, not in PostgreSQL's.
#include <gmock/gmock.h>

#include "exporter/audit/wire_remedies.h"
#include "exporter/tls/probe.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using enum db::LoginProblem;

const char* const kOfPostgres =
    "pg_reload_conf|pg_hba|pg_ident|pg_hosts|pg_stat|ALTER |GRANT |monitoring_role|postgresql\\.conf|listen_addresses|"
    "(^|[^_])ssl_(cert|key|ca|crl|ciphers|groups|dh_|passphrase)|unix_socket_(directories|permissions)|the server log";

SnapshotBuilder Pooler() {
  SnapshotBuilder builder;
  builder.snapshot().kind = settings::kPgBouncer;
  builder.snapshot().product = "PgBouncer 1.26.1";
  return builder;
}

// Those that a console does not answer with.
bool IsOfPostgres(db::LoginProblem problem) {
  constexpr std::array kOnlyThere = {kUnknown,  kConninfo,       kTargetSession, kGss,
                                     kPooler,   kDatabaseDenied, kTooManyOfRole, kTooManyOfDatabase,
                                     kNotReady, kParameter,      kReloading,     kDatabaseClosed};
  return std::ranges::find(kOnlyThere, problem) != kOnlyThere.end();
}

TEST(PoolerWords, OfAFailedLogin) {
  for (int i = 0; i < db::kLoginProblems; ++i) {
    const auto problem = static_cast<db::LoginProblem>(i);
    if (IsOfPostgres(problem)) continue;
    SnapshotBuilder builder = Pooler();
    builder.snapshot().connection_failure = sampling::Failure{FailureReason::kConnection, "it failed", problem};
    const Finding finding = builder.Of("no_login");
    EXPECT_THAT(finding.remedy, Not(ContainsRegex(kOfPostgres))) << i;
    EXPECT_FALSE(finding.remedy.empty()) << i;
  }
}

TEST(PoolerWords, OfAFailureWithoutAKnownCause) {
  for (const FailureReason reason :
       {FailureReason::kConnection, FailureReason::kAuthentication, FailureReason::kTls, FailureReason::kTimeout,
        FailureReason::kInsufficientPrivilege, FailureReason::kError}) {
    SnapshotBuilder login = Pooler();
    login.snapshot().connection_failure = sampling::Failure{reason, "it failed"};
    EXPECT_THAT(login.Of("no_login").remedy, Not(ContainsRegex(kOfPostgres))) << ToString(reason);
    SnapshotBuilder collector = Pooler();
    collector.Change("settings", [&](auto& result) { result.failure = sampling::Failure{reason, "it failed"}; });
    EXPECT_THAT(collector.Of("collector_failed").remedy, Not(ContainsRegex(kOfPostgres))) << ToString(reason);
    EXPECT_FALSE(collector.Of("collector_failed").remedy.empty());
  }
}

TEST(PoolerWords, OfPostgresTheyArePostgres) {
  SnapshotBuilder builder;
  builder.snapshot().connection_failure = sampling::Failure{FailureReason::kConnection, "", kNotAdmitted};
  EXPECT_THAT(builder.Of("no_login").remedy, HasSubstr("pg_hba.conf"));
}

TEST(PoolerWords, OfWhatTheWireShows) {
  tls::EndpointFacts endpoint;
  endpoint.address = "pool:6432";
  endpoint.reachable = true;
  endpoint.ssl_answer = tls::Answer::kYes;
  endpoint.handshake = false;
  endpoint.plaintext_accepted = true;
  endpoint.protocols = {{"TLSv1", true}};
  endpoint.names = {{.host = "a.example"}, {.host = std::string(tls::kWithoutSni)}};
  for (tls::NameFacts& name : endpoint.names) name.handshake = false;
  endpoint.client.usable = true;
  endpoint.client.handshake = false;
  for (const int alert : {40, 42, 44, 45, 48, 70, 80, 112, 116}) {
    endpoint.client.alert = alert;
    SnapshotBuilder builder = Pooler();
    builder.Publish(endpoint);
    for (const Finding& finding : builder.Check()) {
      EXPECT_THAT(finding.remedy, Not(ContainsRegex(kOfPostgres))) << finding.id << " " << alert;
      EXPECT_THAT(finding.why, Not(ContainsRegex(kOfPostgres))) << finding.id << " " << alert;
      EXPECT_FALSE(finding.remedy.starts_with("Then")) << finding.id;
    }
  }
}

TEST(PoolerWords, OfCertificates) {
  tls::CertificateInventory inventory;
  tls::CertificateFacts expired;
  expired.subject = "CN=old";
  expired.issuer = "CN=ca";
  expired.not_before = kNow - std::chrono::days(400);
  expired.not_after = kNow - std::chrono::days(1);
  expired.key_algorithm = "RSA";
  expired.key_size = "1024";
  expired.signature_algorithm = "RSA-SHA1";
  inventory.served = {expired, expired};
  inventory.served_matches_file = false;
  for (const char* role : {"server", "ca"}) {
    tls::FileReport& file = inventory.files.emplace_back();
    file.role = role;
    file.path = std::string("/etc/pgbouncer/") + role;
    file.content.certificates.push_back({.facts = expired});
  }
  for (const char* problem :
       {"missing", "permission_denied", "no_certificate", "malformed", "too_large", "directory"}) {
    for (const char* role : {"server", "ca"}) {
      tls::FileReport& file = inventory.files.emplace_back();
      file.role = role;
      file.path = "/etc/pgbouncer/x";
      file.problem = problem;
    }
  }
  SnapshotBuilder builder = Pooler();
  builder.Publish(std::move(inventory));
  std::size_t findings = 0;
  for (const Finding& finding : builder.Check()) {
    EXPECT_THAT(finding.remedy, Not(ContainsRegex(kOfPostgres))) << finding.id;
    for (const std::string& line : finding.evidence) EXPECT_THAT(line, Not(ContainsRegex(kOfPostgres))) << finding.id;
    findings += finding.id == "certificate_file_unusable" || finding.id == "certificate_expired";
  }
  EXPECT_GE(findings, 12U);
}

}  // namespace
}  // namespace pgtls::audit
