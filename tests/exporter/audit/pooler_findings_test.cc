#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using settings::PoolerSettings;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// One that is all right.
PoolerSettings Good() {
  return {.version = "1.26.1",
          .values = {{"client_tls_sslmode", "require"},
                     {"server_tls_sslmode", "verify-full"},
                     {"auth_type", "scram-sha-256"},
                     {"listen_addr", "*"}},
          .targets = {{"orders", "db.example"}}};
}

std::vector<std::string> IdsWith(const std::map<std::string, std::string>& values,
                                 std::vector<PoolerSettings::Target> targets = {{"orders", "db.example"}},
                                 config::LoopbackSeverity loopback = config::LoopbackSeverity::kNote) {
  PoolerSettings settings = Good();
  for (const auto& [name, value] : values) settings.values[name] = value;
  settings.targets = std::move(targets);
  SnapshotBuilder builder;
  builder.snapshot().kind = settings::kPgBouncer;
  builder.snapshot().loopback = loopback;
  return builder.Publish(std::move(settings)).Ids();
}

TEST(PoolerFindings, OneThatIsAllRightHasNone) {
  EXPECT_THAT(IdsWith({}), AllOf(Contains("fine pooler_client_tls"), Contains("fine pooler_server_tls"),
                                 Not(Contains(HasSubstr("warning"))), Not(Contains(HasSubstr("critical")))));
}

TEST(PoolerFindings, TheConfigurationOfOneProcessProvesNothingOfOthers) {
  EXPECT_THAT(IdsWith({{"so_reuseport", "1"}}), Not(Contains(HasSubstr("fine pooler_"))));
  EXPECT_THAT(IdsWith({{"so_reuseport", "1"}, {"client_tls_sslmode", "allow"}, {"server_tls_sslmode", "prefer"}}),
              AllOf(Contains("critical pooler_client_tls_optional"), Contains("critical pooler_server_tls_optional")));
}

TEST(PoolerFindings, ClientsMustUseTls) {
  EXPECT_THAT(IdsWith({{"client_tls_sslmode", "disable"}}), Contains("critical pooler_client_tls_off"));
  for (const char* mode : {"allow", "prefer"}) {
    EXPECT_THAT(IdsWith({{"client_tls_sslmode", mode}}), Contains("critical pooler_client_tls_optional")) << mode;
    EXPECT_THAT(IdsWith({{"client_tls_sslmode", mode}, {"auth_type", "hba"}}),
                Contains("warning pooler_client_tls_optional"))
        << mode;
  }
  for (const char* mode : {"verify-ca", "verify-full"}) {
    EXPECT_THAT(IdsWith({{"client_tls_sslmode", mode}}), Contains("fine pooler_client_tls")) << mode;
  }
}

TEST(PoolerFindings, OnlyWhatTheNetworkReachesIsAtRisk) {
  const auto with_address = [](const char* address) {
    return IdsWith({{"client_tls_sslmode", "disable"}, {"listen_addr", address}});
  };
  EXPECT_THAT(with_address("127.0.0.1"), Contains("note pooler_client_tls_off"));
  EXPECT_THAT(with_address("127.0.0.1, localhost , ::1"), Contains("note pooler_client_tls_off"));
  EXPECT_THAT(with_address("127.0.0.1,10.0.0.1"), Contains("critical pooler_client_tls_off"));
  EXPECT_THAT(with_address(""), Not(Contains(HasSubstr("pooler_client_tls"))));
  EXPECT_THAT(IdsWith({{"client_tls_sslmode", "disable"}, {"listen_addr", "127.0.0.1"}}, {},
                      config::LoopbackSeverity::kCritical),
              Contains("critical pooler_client_tls_off"));
}

TEST(PoolerFindings, ServersAreVerified) {
  for (const char* mode : {"disable", "allow", "prefer"}) {
    const auto to = [&](std::vector<PoolerSettings::Target> targets) {
      return IdsWith({{"server_tls_sslmode", mode}}, std::move(targets));
    };
    EXPECT_THAT(to({{"a", "/tmp"}, {"b", "db.example"}}), Contains("critical pooler_server_tls_optional")) << mode;
    EXPECT_THAT(to({{"a", "127.0.0.1,10.0.0.5"}}), Contains("critical pooler_server_tls_optional")) << mode;
    EXPECT_THAT(to({{"a", "localhost"}}), Contains("note pooler_server_tls_optional")) << mode;
    EXPECT_THAT(to({{"a", ""}, {"b", "/tmp"}}), Contains("note pooler_server_tls_optional")) << mode;
    // Where it leads is not known.
    EXPECT_THAT(to({}), Contains("warning pooler_server_tls_optional")) << mode;
  }
  for (const char* mode : {"require", "verify-ca"}) {
    EXPECT_THAT(IdsWith({{"server_tls_sslmode", mode}}), Contains("warning pooler_server_tls_unverified")) << mode;
    EXPECT_THAT(IdsWith({{"server_tls_sslmode", mode}}, {{"a", "127.0.0.1"}}),
                Not(Contains(HasSubstr("pooler_server_tls_"))))
        << mode;
  }
}

TEST(PoolerFindings, PasswordsAreAskedFor) {
  for (const char* type : {"trust", "any"}) {
    EXPECT_THAT(IdsWith({{"auth_type", type}}), Contains("critical pooler_trust")) << type;
    EXPECT_THAT(IdsWith({{"auth_type", type}, {"listen_addr", ""}}), Contains("warning pooler_trust")) << type;
  }
  for (const char* type : {"plain", "pam", "ldap"}) {
    EXPECT_THAT(IdsWith({{"auth_type", type}}), Contains("note pooler_password_plain")) << type;
    EXPECT_THAT(IdsWith({{"auth_type", type}, {"client_tls_sslmode", "allow"}}),
                Contains("warning pooler_password_plain"))
        << type;
  }
  EXPECT_THAT(IdsWith({{"auth_type", "md5"}}), Contains("note pooler_password_md5"));
  for (const char* type : {"scram-sha-256", "cert"}) {
    EXPECT_THAT(IdsWith({{"auth_type", type}}), Not(Contains(HasSubstr("pooler_password")))) << type;
  }
}

// The console shows what was read, which need not be in force.
TEST(PoolerFindings, WhatTheWireRefutesIsNotFine) {
  SnapshotBuilder builder;
  builder.snapshot().kind = settings::kPgBouncer;
  builder.Publish(Good());
  tls::EndpointFacts endpoint;
  endpoint.plaintext_accepted = true;
  builder.Publish(std::move(endpoint));
  EXPECT_THAT(builder.Ids(), Not(Contains("fine pooler_client_tls")));
}

// systemd may have given it the sockets.
TEST(PoolerFindings, TheExportersOwnConnectionShowsThatItListens) {
  SnapshotBuilder builder;
  builder.snapshot().kind = settings::kPgBouncer;
  PoolerSettings settings = Good();
  settings.values["client_tls_sslmode"] = "allow";
  settings.values["listen_addr"] = "";
  builder.Publish(settings);
  EXPECT_THAT(builder.Ids(), Not(Contains(HasSubstr("pooler_client_tls"))));
  builder.snapshot().connection = {
      .sslmode = "prefer", .encryption = "none", .version = "", .cipher = "", .address = IpAddress::Parse("192.0.2.1")};
  EXPECT_THAT(builder.Ids(), Contains("critical pooler_client_tls_optional"));
}

TEST(PoolerFindings, AFailedCollectorHasPgBouncersRemedy) {
  SnapshotBuilder builder;
  builder.snapshot().kind = settings::kPgBouncer;
  builder.Change("sessions", [](auto& result) { result.failure = {FailureReason::kError, "no column tls"}; });
  EXPECT_THAT(builder.Of("collector_failed").remedy, HasSubstr("PgBouncer's log"));
}

// Remedies for certificates and plaintext name PgBouncer's settings.
TEST(PoolerFindings, RemediesAreOfPgBouncer) {
  SnapshotBuilder builder;
  builder.snapshot().kind = settings::kPgBouncer;
  builder.Publish(Good());
  sessions::Summary summary;
  summary.unencrypted.push_back({.user = "app", .connections = 1});
  builder.Publish(std::move(summary));
  tls::CertificateInventory inventory;
  inventory.served_matches_file = false;
  builder.Publish(std::move(inventory));
  EXPECT_THAT(builder.Of("plaintext_sessions").remedy,
              AllOf(HasSubstr("client_tls_sslmode = require"), Not(HasSubstr("hostnossl"))));
  for (const Finding& finding : builder.Check()) {
    EXPECT_THAT(finding.remedy, AllOf(Not(HasSubstr("pg_reload_conf")), Not(HasSubstr(" ssl_cert_file"))))
        << finding.id;
  }
}

}  // namespace
}  // namespace pgtls::audit
