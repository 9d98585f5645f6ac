// Which controls a server meets: by hand-made facts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "exporter/config/command_line.h"
#include "exporter/report/verdict.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::report {
namespace {

using audit::kNow;
using audit::SnapshotBuilder;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

ProfileReport Assessed(const Profile& profile, SnapshotBuilder& server) {
  const sampling::Snapshots servers = {std::make_shared<const sampling::ServerSnapshot>(server.snapshot())};
  return Assess(profile, servers, audit::Check(servers, kNow), kNow);
}

Judged Of(std::string_view profile, std::string_view id, const SnapshotBuilder& server) {
  SnapshotBuilder copy = server;
  const auto report = Assessed(ProfileOf(profile), copy);
  for (const Judged& judged : report.servers.front().controls) {
    if (judged.control->id == id) return judged;
  }
  ADD_FAILURE() << "no control " << id;
  return {};
}
std::string VerdictOf(std::string_view profile, std::string_view id, const SnapshotBuilder& server) {
  return std::string(ToString(Of(profile, id, server).verdict));
}

SnapshotBuilder WithSettings(const std::string& name, const std::string& value) {
  SnapshotBuilder server;
  server.Publish(audit::Settings({{name, value}}));
  return server;
}
SnapshotBuilder WithRules(const std::vector<std::string>& lines) {
  SnapshotBuilder server;
  server.Publish(audit::Posture(lines));
  return server;
}

std::string TextOf(const std::filesystem::path& path) {
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

TEST(ProfileTest, TheCommandLineHasTheirNames) {
  EXPECT_EQ(ProfileNames(), std::vector<std::string>(config::kProfiles.begin(), config::kProfiles.end()));
}

// A misspelled id would never fail a control.
TEST(ProfileTest, EveryIdIsThatOfAFinding) {
  const std::string known = TextOf("exporter/audit/check.schema.json") + TextOf("exporter/report/profile_findings.cc");
  for (const Profile& profile : Profiles()) {
    for (const Control& control : profile.controls) {
      for (const auto* ids : {&control.fails, &control.notes, &control.passes, &control.pooler_passes}) {
        for (const std::string_view id : *ids) {
          EXPECT_NE(known.find('"' + std::string(id) + '"'), std::string::npos) << control.id << ": " << id;
        }
      }
    }
  }
}

TEST(ProfileTest, NothingPassesForWantOfEvidence) {
  const SnapshotBuilder nothing;
  for (const Profile& profile : Profiles()) {
    std::set<std::string_view> ids;
    for (const Control& control : profile.controls) {
      EXPECT_TRUE(ids.insert(control.id).second) << control.id;
      EXPECT_EQ(VerdictOf(profile.name, control.id, nothing), "not looked at") << control.id;
      EXPECT_TRUE(!control.passes.empty() || !control.outside.empty()) << control.id;
      EXPECT_FALSE(Of(profile.name, control.id, nothing).evidence.empty()) << control.id;
    }
  }
}

TEST(ProfileTest, AFindingNamesItsControls) {
  EXPECT_THAT(ControlsOf("ssl_off"),
              testing::IsSupersetOf({"CIS 6.8", "STIG CD16-00-008800", "PCI DSS 4.2.1", "HIPAA 164.312(e)(1)"}));
  EXPECT_THAT(ControlsOf("data_stale"), testing::IsEmpty());
}

TEST(VerdictTest, Logging) {
  EXPECT_EQ(VerdictOf("cis", "3.1.20", WithSettings("log_connections", "off")), "fail");
  for (const char* on : {"on", "true", "all", "Receipt, Authorization"}) {
    EXPECT_EQ(VerdictOf("cis", "3.1.20", WithSettings("log_connections", on)), "pass") << on;
  }
  EXPECT_EQ(VerdictOf("cis", "3.1.20", WithSettings("log_connections", "receipt,authorization")), "pass");
  EXPECT_EQ(VerdictOf("cis", "3.1.20", WithSettings("log_connections", "receipt,authentication")), "fail")
      << "who was admitted is not logged";
  EXPECT_EQ(VerdictOf("cis", "3.1.21", WithSettings("log_disconnections", "off")), "fail");
  EXPECT_EQ(VerdictOf("cis", "3.1.21", WithSettings("log_disconnections", "on")), "pass");
}

hba::PrivilegedRole Replicates(std::vector<std::string> others = {}) {
  return {.name = "repl", .replication = true, .others = std::move(others)};
}
SnapshotBuilder WithRoles(const hba::PrivilegedRoles& roles, std::vector<hba::Catalog::Membership> memberships = {}) {
  links::Links links;
  links.replication = {{.application_name = "standby1", .client_addr = "10.0.0.2", .user = "repl"}};
  SnapshotBuilder server;
  server.Publish(std::move(links));
  server.Publish(audit::Posture({"local all all peer"}, {{"repl", "postgres"}, std::move(memberships), {}, roles}));
  return server;
}

TEST(VerdictTest, ReplicationRoles) {
  const hba::PrivilegedRole superuser = {.name = "postgres", .superuser = true, .replication = true};
  EXPECT_EQ(VerdictOf("cis", "7.1", WithRoles({{superuser, Replicates()}, 2})), "pass");
  const Judged more = Of("cis", "7.1", WithRoles({{superuser, Replicates({"CREATEDB"})}, 2}));
  EXPECT_EQ(more.verdict, Verdict::kFail);
  EXPECT_THAT(more.evidence, Contains("  role repl: CREATEDB"));
  EXPECT_THAT(Of("cis", "7.1", WithRoles({{superuser, Replicates()}, 2}, {{"repl", "staff"}})).evidence,
              Contains("  role repl: member of staff"));
  const Judged as_superuser =
      Of("cis", "7.1", WithRoles({{{.name = "repl", .superuser = true, .replication = true}}, 1}));
  EXPECT_EQ(as_superuser.verdict, Verdict::kFail);
  EXPECT_THAT(as_superuser.evidence, Contains("  standby1 from 10.0.0.2 replicates as the superuser repl"));
  EXPECT_EQ(VerdictOf("cis", "7.1", WithRoles({{superuser}, 1})), "not looked at");
  EXPECT_EQ(VerdictOf("cis", "7.1", WithRoles({{superuser, Replicates()}, 101})), "not looked at")
      << "some roles were not read";
  SnapshotBuilder partly = WithRoles({{superuser, Replicates()}, 2});
  partly.Change("links", [](auto& result) { result.incomplete.push_back({"replication", "insufficient_privilege"}); });
  EXPECT_EQ(VerdictOf("cis", "7.1", partly), "not looked at");
}

TEST(VerdictTest, ReplicationCommands) {
  EXPECT_EQ(VerdictOf("cis", "7.2", WithSettings("log_replication_commands", "off")), "fail");
  EXPECT_EQ(VerdictOf("cis", "7.2", WithSettings("log_replication_commands", "on")), "pass");
}

TEST(VerdictTest, Addresses) {
  for (const char* all : {"*", "0.0.0.0", "::", "localhost, 0.0.0.0", "::,127.0.0.1"}) {
    EXPECT_EQ(VerdictOf("cis", "5.2", WithSettings("listen_addresses", all)), "fail") << all;
  }
  for (const char* some : {"", "localhost", "10.0.0.1, fd00::1"}) {
    EXPECT_EQ(VerdictOf("cis", "5.2", WithSettings("listen_addresses", some)), "pass") << some;
  }
}

TEST(VerdictTest, LocalTrust) {
  const Judged trusted = Of("cis", "5.3", WithRules({"local all all trust", "local all all peer"}));
  EXPECT_EQ(trusted.verdict, Verdict::kFail);
  EXPECT_THAT(trusted.evidence, Contains(HasSubstr("local all all trust")));
  EXPECT_EQ(VerdictOf("cis", "5.3", WithRules({"local all all peer", "local all all trust"})), "pass")
      << "no connection reaches the second rule";
  EXPECT_EQ(VerdictOf("cis", "5.3", WithRules({"hostssl all all all scram-sha-256"})), "pass");
}

TEST(VerdictTest, MapsOfPgIdentConf) {
  const auto with = [](std::optional<hba::IdentMaps> maps, bool knows_options = true) {
    hba::Posture posture = audit::Posture({"local all all peer map=os", "hostssl all all all cert map=os"});
    posture.maps = std::move(maps);
    posture.knows_options = knows_options;
    SnapshotBuilder server;
    return server.Publish(posture);
  };
  hba::IdentMaps maps = {160000, {{"/data/pg_ident.conf", 7, "os", "bob", "app"}}, {}, true};
  EXPECT_EQ(VerdictOf("cis", "5.3", with(maps)), "pass");
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004200", with(maps)), "pass");
  EXPECT_EQ(VerdictOf("cis", "5.3", with(std::nullopt)), "not looked at");
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004200", with(std::nullopt)), "not looked at");
  EXPECT_EQ(VerdictOf("cis", "5.3", with(maps, false)), "not looked at");
  maps.in_force = false;
  EXPECT_EQ(VerdictOf("cis", "5.3", with(maps)), "not looked at");
  maps.lines[0].any_user = true;
  EXPECT_EQ(VerdictOf("cis", "5.3", with(maps)), "fail");
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004200", with(maps)), "fail");
  EXPECT_EQ(VerdictOf("hipaa", "164.312(d)", with(maps)), "fail");
}

TEST(VerdictTest, CertificatesThatAreNotCompared) {
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004200", WithRules({"hostssl all all all cert"})), "pass");
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004200", WithRules({"hostssl all all all scram-sha-256 clientcert=verify-ca"})),
            "fail");
}

TEST(VerdictTest, RulesThatMayNotBeInForceProveNothing) {
  hba::Posture posture = audit::Posture({"local all all peer"});
  posture.in_force.pending = std::nullopt;
  SnapshotBuilder server;
  server.Publish(posture);
  EXPECT_EQ(VerdictOf("cis", "5.3", server), "not looked at");
}

TEST(VerdictTest, PlaintextFromOtherMachines) {
  SnapshotBuilder server = WithRules({"host all all 10.0.0.0/8 scram-sha-256"});
  const Judged judged = Of("pci", "4.2.1", server);
  EXPECT_EQ(judged.verdict, Verdict::kFail);
  EXPECT_THAT(judged.evidence, Contains(HasSubstr("[hba_plaintext_admitted]")));
  EXPECT_THAT(judged.evidence, Contains(HasSubstr("host all all 10.0.0.0/8 scram-sha-256")));
}

// What this program was told to allow is still no encryption.
TEST(VerdictTest, AnExemptionIsNoPass) {
  sessions::Summary summary;
  summary.unencrypted.push_back({.user = "erp", .network = Network::kRemote, .allowed = true, .connections = 1});
  SnapshotBuilder server;
  server.Publish(summary);
  EXPECT_EQ(VerdictOf("hipaa", "164.312(e)(1)", server), "fail");
}

TEST(VerdictTest, Passwords) {
  SnapshotBuilder server = WithSettings("password_encryption", "scram-sha-256");
  EXPECT_EQ(VerdictOf("stig", "CD16-00-003800", server), "not looked at") << "those that are stored already";
  server.Publish(settings::RolePasswords{.scram = 3});
  EXPECT_EQ(VerdictOf("stig", "CD16-00-003800", server), "pass");
  server.Publish(settings::RolePasswords{.scram = 3, .md5 = 1, .md5_roles = {"old"}});
  EXPECT_EQ(VerdictOf("stig", "CD16-00-003800", server), "fail");
}

// Clients of another process are not among the sessions.
TEST(VerdictTest, SessionsThatWereNotAllSeenProveNothing) {
  SnapshotBuilder server = WithRules({"hostssl all all all scram-sha-256"});
  server.Publish(audit::Settings({{"ssl", "on"}})).Publish(audit::Endpoint()).Publish(sessions::Summary{});
  EXPECT_EQ(VerdictOf("hipaa", "164.312(e)(1)", server), "pass");
  server.Change("sessions", [](auto& result) { result.incomplete.push_back({"processes", "so_reuseport"}); });
  EXPECT_EQ(VerdictOf("hipaa", "164.312(e)(1)", server), "not looked at");
}

TEST(VerdictTest, Revocation) {
  const std::vector<std::string> rules = {"hostssl all all all cert clientcert=verify-full"};
  SnapshotBuilder none = WithRules(rules);
  none.Publish(audit::Settings({{"ssl_crl_file", ""}, {"ssl_crl_dir", ""}}));
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004000", none), "fail");
  SnapshotBuilder lists = WithRules(rules);
  lists.Publish(audit::Settings({{"ssl_crl_file", "root.crl"}, {"ssl_crl_dir", ""}}));
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004000", lists), "not looked at") << "nobody has read the lists";
  tls::CertificateInventory inventory;
  inventory.files = {{"ca", "/data/root.crt", "", {}}};
  inventory.clients = tls::ClientTrust{.checks_revocation = true,
                                       .authorities = {{.subject = "CN=CA", .not_after = kNow + std::chrono::days(90)}},
                                       .lists = {{"/data/root.crl", "CN=CA", kNow + std::chrono::days(9)}}};
  lists.Publish(inventory);
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004000", lists), "pass");
  EXPECT_THAT(Of("stig", "CD16-00-004000", lists).evidence,
              Contains("  /data/root.crl: CN=CA, next update 2027-01-24 08:00:00 UTC"));
  inventory.clients->authorities[0].refusals = {{"crl_expired", "CN=CA"}};
  lists.Publish(inventory);
  EXPECT_NE(VerdictOf("stig", "CD16-00-004000", lists), "pass");
  SnapshotBuilder without = WithRules({"hostssl all all all scram-sha-256"});
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004000", without), "fail");
}

TEST(VerdictTest, DirectoriesAboveTheKey) {
  const auto with = [](std::optional<std::vector<tls::SharedDirectory>> shared) {
    tls::CertificateInventory inventory;
    inventory.key = tls::KeyReport{"/etc/ssl/server.key", true, true, true, true, std::move(shared)};
    SnapshotBuilder server;
    return server.Publish(inventory);
  };
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004100", with(std::vector<tls::SharedDirectory>{})), "pass");
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004100", with(std::nullopt)), "not looked at");
  const Judged shared = Of("stig", "CD16-00-004100", with({{{"/etc/ssl", 0775}}}));
  EXPECT_EQ(shared.verdict, Verdict::kFail);
  EXPECT_THAT(shared.evidence, Contains("  directory /etc/ssl: mode 0775"));
}

TEST(VerdictTest, WhatDoesNotConcernTheServer) {
  SnapshotBuilder server;
  server.Publish(links::Links{});
  EXPECT_EQ(VerdictOf("cis", "7.5", server), "not applicable");
  server.Change("links", [](auto& result) { result.incomplete.push_back({"subscriptions", "malformed"}); });
  EXPECT_EQ(VerdictOf("cis", "7.5", server), "not looked at") << "there may be one that was not seen";
  EXPECT_EQ(VerdictOf("stig", "CD16-00-004200", WithRules({"hostssl all all all scram-sha-256"})), "not applicable");
  SnapshotBuilder alone = WithSettings("log_replication_commands", "off");
  alone.Publish(links::Links{});
  EXPECT_EQ(VerdictOf("cis", "7.2", alone), "not applicable") << "nothing replicates";
}

TEST(VerdictTest, APoolerIsNoPostgresqlServer) {
  SnapshotBuilder server;
  server.snapshot().kind = settings::kPgBouncer;
  EXPECT_EQ(VerdictOf("cis", "6.8", server), "not applicable");
  EXPECT_EQ(VerdictOf("pci", "4.2.1", server), "not looked at");
}

TEST(VerdictTest, WhatIsUnknownIsNamed) {
  SnapshotBuilder server;
  server.Change("hba", [](auto& result) {
    result.failure = sampling::Failure{FailureReason::kInsufficientPrivilege, "permission denied"};
  });
  EXPECT_THAT(Of("cis", "5.4", server).evidence, Contains(HasSubstr("The hba collector failed [collector_failed]")));
}

TEST(VerdictTest, ExitCodes) {
  const auto report = [](const SnapshotBuilder& server) {
    SnapshotBuilder copy = server;
    return ExitCode(Assessed(ProfileOf("cis"), copy));
  };
  EXPECT_EQ(report(WithSettings("log_connections", "off")), 2);
  EXPECT_EQ(report(SnapshotBuilder()), 3);
  EXPECT_EQ(ExitCode(ProfileReport{&ProfileOf("cis"), {}}), 0);
}

}  // namespace
}  // namespace pgtls::report
