#include "exporter/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/certificates.h"
#include "collectors/endpoint.h"
#include "collectors/hba.h"
#include "collectors/registry.h"
#include "collectors/sessions.h"
#include "exporter/base/error.h"
#include "exporter/config/collectors.h"
#include "tests/support/files.h"

namespace pgtls::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using support::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

using collectors::CertificatesOptions;
using collectors::EndpointOptions;
using collectors::HbaOptions;
using collectors::ReadVia;
using collectors::SessionsOptions;

std::vector<std::string> FilesOf(const CollectorConfig& certificates) {
  return certificates.options.As<CertificatesOptions>().files;
}

std::set<std::string> AcceptAll(const std::string& /*conninfo*/) { return {}; }

Config Read(const std::string& content) { return Parse("/nowhere/c.yml", content, collectors::Schemas(), AcceptAll); }

// The example of the documentation, with files that exist.
std::string Example(const TempDir& dir) {
  const std::string orders = dir.Write("orders", "x");
  dir.Write("readonly", "x");
  return R"(
servers:
  - name: orders                     # unique
    conninfo: host=db1 port=5432 dbname=postgres user=pg_tls_exporter sslmode=verify-full sslrootcert=/etc/ssl/db-ca.crt
    password_file: )" +
         orders + R"(   # read again at every connect
    endpoint: db.example.com:5432    # what clients use, where it differs
    endpoint_names: [a.example, b.example]   # for SNI
    collectors: {hba: {enabled: false}}  # overrides for this server
  - name: second
    conninfo: postgresql://u@[::1]:6432/db
collectors:                          # defaults for all; each has enabled, interval, timeout
  sessions: {interval: 20s, timeout: 7s, client_addr: true, ipv4_prefix: 24, ipv6_prefix: 64, max_series: 100}
  settings: {interval: 90s}
  hba: {interval: 70s, max_series: 50}
  endpoint: {interval: 6m, enforcement_interval: 2h}
  certificates: {interval: 1h, read_via: sql, files: [/etc/ssl/private-ca/*.crt, own/*.pem]}
policy:
  allow_unencrypted:
    - {name: legacy-erp, user: erp, database: erp, client_addr: 10.1.2.0/24, until: 2027-01-31}
    - {name: batch, user: batch, client_addr: '::1', application_name: nightly}
  loopback: warning
modules:                             # for /probe
  readonly:
    conninfo: user=pg_tls_exporter dbname=postgres sslmode=verify-full sslrootcert=/etc/ssl/db-ca.crt
    password_file: readonly
    collectors: [sessions, endpoint, certificates]
    allowed_targets: ['10.0.0.0/8:5432', '*.db.example.com:5432', 'db9:*', '[fd00::/8]:5433', '10.9.9.9:*']
)";
}

TEST(LoadTest, RootsForAllServersAndThoseOfOne) {
  const Config config = Read(R"(
servers:
  - {name: a}
  - {name: b, roots: {next: b.crt, after: /roots/after.crt}}
  - {name: c, roots: {}}
roots: {next: /roots/next.crt, old: old.crt}
)");
  const Roots all = {{"next", "/roots/next.crt"}, {"old", "/nowhere/old.crt"}};
  EXPECT_EQ(config.roots, all);
  EXPECT_EQ(config.servers[0].roots, all);
  EXPECT_EQ(config.servers[1].roots,
            (Roots{{"after", "/roots/after.crt"}, {"next", "/nowhere/b.crt"}, {"old", "/nowhere/old.crt"}}));
  EXPECT_EQ(config.servers[2].roots, all);
}

TEST(LoadTest, ReadsTheWholeExample) {
  const TempDir dir;
  std::vector<std::string> checked;
  const Config config =
      LoadFile(dir.Write("c.yml", Example(dir)), collectors::Schemas(), [&](const std::string& conninfo) {
        checked.push_back(conninfo);
        return AcceptAll(conninfo);
      });

  ASSERT_EQ(config.servers.size(), 2u);
  const ServerConfig& orders = config.servers[0];
  EXPECT_EQ(orders.name, "orders");
  EXPECT_EQ(orders.conninfo,
            "host=db1 port=5432 dbname=postgres user=pg_tls_exporter sslmode=verify-full "
            "sslrootcert=/etc/ssl/db-ca.crt");
  EXPECT_EQ(orders.password_file, dir.path() + "/orders");
  EXPECT_EQ(orders.endpoint, (HostPort{"db.example.com", 5432}));
  EXPECT_THAT(orders.endpoint_names, ElementsAre("a.example", "b.example"));
  EXPECT_EQ(config.servers[1].name, "second");
  EXPECT_EQ(config.servers[1].password_file, "");
  EXPECT_EQ(config.servers[1].endpoint, std::nullopt);

  const CollectorConfig sessions = {.interval = seconds(20),
                                    .timeout = seconds(7),
                                    .options = CollectorOptions(SessionsOptions{
                                        .client_addr = true, .ipv4_prefix = 24, .ipv6_prefix = 64, .max_series = 100})};
  EXPECT_EQ(config.collectors.at("sessions"), sessions);
  EXPECT_EQ(orders.collector("sessions"), sessions);
  EXPECT_EQ(orders.collector("settings").interval, seconds(90));
  EXPECT_FALSE(orders.collector("hba").enabled);
  EXPECT_EQ(orders.collector("hba").interval, seconds(70));
  EXPECT_EQ(orders.collector("hba").options.As<HbaOptions>().max_series, 50u);
  EXPECT_TRUE(config.servers[1].collector("hba").enabled);
  EXPECT_TRUE(config.collectors.at("hba").enabled);
  EXPECT_EQ(orders.collector("endpoint").interval, minutes(6));
  EXPECT_EQ(orders.collector("endpoint").options.As<EndpointOptions>().enforcement_interval, hours(2));
  EXPECT_EQ(orders.collector("certificates").interval, hours(1));
  EXPECT_EQ(orders.collector("certificates").options.As<CertificatesOptions>().read_via, ReadVia::kSql);
  EXPECT_THAT(FilesOf(orders.collector("certificates")),
              ElementsAre("/etc/ssl/private-ca/*.crt", dir.path() + "/own/*.pem"));

  ASSERT_EQ(config.policy.allow_unencrypted.size(), 2u);
  Exemption legacy;
  legacy.name = "legacy-erp";
  legacy.user = "erp";
  legacy.database = "erp";
  legacy.client_addr = Cidr::Parse("10.1.2.0/24");
  legacy.until = std::chrono::year(2027) / 1 / 31;
  EXPECT_EQ(config.policy.allow_unencrypted[0], legacy);
  // Inclusive: the whole of the last day, UTC.
  EXPECT_EQ(legacy.end(), std::chrono::sys_days(std::chrono::year(2027) / 2 / 1));
  const Exemption& batch = config.policy.allow_unencrypted[1];
  EXPECT_EQ(batch.client_addr, Cidr::Parse("::1/128"));
  EXPECT_EQ(batch.application_name, "nightly");
  EXPECT_EQ(batch.database, std::nullopt);
  EXPECT_EQ(batch.end(), std::nullopt);
  EXPECT_EQ(config.policy.loopback, LoopbackSeverity::kWarning);
  EXPECT_EQ(Policy().loopback, LoopbackSeverity::kNote);
  EXPECT_EQ(orders.policy, config.policy);

  ASSERT_EQ(config.modules.size(), 1u);
  const Module& module = config.modules[0];
  EXPECT_EQ(module.name, "readonly");
  EXPECT_EQ(module.password_file, dir.path() + "/readonly");
  EXPECT_THAT(module.collectors, ElementsAre("sessions", "endpoint", "certificates"));
  EXPECT_THAT(module.allowed_targets, ElementsAre(AllowedTarget{Cidr::Parse("10.0.0.0/8"), "", 5432},
                                                  AllowedTarget{std::nullopt, "*.db.example.com", 5432},
                                                  AllowedTarget{std::nullopt, "db9", std::nullopt},
                                                  AllowedTarget{Cidr::Parse("fd00::/8"), "", 5433},
                                                  AllowedTarget{Cidr::Parse("10.9.9.9/32"), "", std::nullopt}));

  EXPECT_THAT(checked, ElementsAre(orders.conninfo, "postgresql://u@[::1]:6432/db", module.conninfo));
}

// The defaults are documented values.
TEST(LoadTest, DefaultsAreTheDocumentedOnes) {
  const Config config = Read("servers: [{name: a, conninfo: host=a}]");
  const ServerConfig& server = config.servers[0];
  EXPECT_EQ(server.collectors, DefaultCollectors(collectors::Schemas()));
  EXPECT_EQ(server.collector("sessions").interval, seconds(15));
  EXPECT_EQ(server.collector("sessions").timeout, seconds(5));
  EXPECT_FALSE(server.collector("sessions").options.As<SessionsOptions>().client_addr);
  EXPECT_EQ(server.collector("sessions").options.As<SessionsOptions>().ipv4_prefix, 32);
  EXPECT_EQ(server.collector("sessions").options.As<SessionsOptions>().ipv6_prefix, 128);
  EXPECT_EQ(server.collector("sessions").options.As<SessionsOptions>().max_series, 200u);
  EXPECT_EQ(server.collector("settings").interval, seconds(60));
  EXPECT_EQ(server.collector("hba").interval, seconds(60));
  EXPECT_EQ(server.collector("endpoint").interval, minutes(5));
  EXPECT_EQ(server.collector("endpoint").options.As<EndpointOptions>().enforcement_interval, hours(1));
  EXPECT_EQ(server.collector("certificates").interval, minutes(10));
  EXPECT_EQ(server.collector("certificates").options.As<CertificatesOptions>().read_via, ReadVia::kAuto);
  for (const auto& [name, collector] : server.collectors) EXPECT_EQ(collector.enabled, name != "log") << name;
  EXPECT_THROW(server.collector("nonesuch"), std::out_of_range);
}

TEST(LoadTest, TheOrderOfSectionsDoesNotMatter) {
  const Config config = Read(
      "servers: [{name: a, collectors: {sessions: {timeout: 1s}}}, {name: b}]\n"
      "policy: {allow_unencrypted: [{name: e, user: u}]}\n"
      "collectors: {sessions: {interval: 30s, timeout: 2s}, hba: {enabled: false}}\n");
  EXPECT_EQ(config.servers[0].collector("sessions").interval, seconds(30));
  EXPECT_EQ(config.servers[0].collector("sessions").timeout, seconds(1));
  EXPECT_EQ(config.servers[1].collector("sessions").timeout, seconds(2));
  EXPECT_FALSE(config.servers[0].collector("hba").enabled);
  EXPECT_EQ(config.servers[0].policy.allow_unencrypted.size(), 1u);
}

TEST(LoadTest, AServersOwnSettingWinsOverTheGlobalOne) {
  const Config config = Read(
      "collectors: {hba: {enabled: false}, certificates: {files: [/a, /b]}}\n"
      "servers: [{name: a, collectors: {hba: {enabled: true}, certificates: {files: [/c]}}}]\n");
  EXPECT_TRUE(config.servers[0].collector("hba").enabled);
  EXPECT_FALSE(config.collectors.at("hba").enabled);
  EXPECT_THAT(FilesOf(config.servers[0].collector("certificates")), ElementsAre("/c"));
  EXPECT_THAT(FilesOf(config.collectors.at("certificates")), ElementsAre("/a", "/b"));
}

// The files are this machine's: a fleet of a thousand servers does not read them a thousand times.
TEST(LoadTest, FilesForAllServersAreReadOnce) {
  const auto files = [](const std::string& servers) {
    const Config config = Read("collectors: {certificates: {files: [/a]}}\n" + servers);
    std::string text;
    for (const auto& server : config.servers) {
      text += server.name + ":";
      for (const std::string& file : FilesOf(server.collector("certificates"))) text += file;
      text += " ";
    }
    for (const std::string& file : FilesOf(config.collectors.at("certificates"))) text += "/probe:" + file;
    return text;
  };
  EXPECT_EQ(files("servers: [{name: a}, {name: b}, {name: c}]"), "a:/a b: c: ");
  // What a server is given for itself it keeps, be it nothing.
  EXPECT_EQ(files("servers: [{name: a, collectors: {certificates: {files: [/x]}}}, {name: b}, {name: c}]"),
            "a:/x b:/a c: ");
  EXPECT_EQ(files("servers: [{name: a, collectors: {certificates: {files: []}}}, {name: b}]"), "a: b:/a ");
  EXPECT_EQ(files("servers: [{name: a, collectors: {certificates: {enabled: false}}}, {name: b}]"), "a: b:/a ");
  EXPECT_EQ(files("modules: {m: {collectors: [certificates], allowed_targets: ['h:*']}}"), "/probe:/a");
}

// The numbers are those of Prometheus' `action: hashmod`, tried with a real one.
TEST(LoadTest, AShardHasTheServersThatPrometheusNames) {
  const auto names = [](const Shard& shard) {
    const Config config =
        Parse("/nowhere/c.yml",
              "collectors: {certificates: {files: [/a]}}\nservers: [{name: orders}, {name: billing}, {name: "
              "shop}, {name: crm}, {name: erp}, {name: archive}, {name: reports}, {name: staging}]",
              collectors::Schemas(), AcceptAll, shard);
    std::vector<std::string> result;
    for (const auto& server : config.servers) result.push_back(server.name);
    EXPECT_THAT(FilesOf(config.servers.at(0).collector("certificates")), ElementsAre("/a")) << "this machine's files";
    return result;
  };
  EXPECT_THAT(names({0, 3}), ElementsAre("shop", "archive"));
  EXPECT_THAT(names({1, 3}), ElementsAre("orders", "crm", "erp"));
  EXPECT_THAT(names({2, 3}), ElementsAre("billing", "reports", "staging"));
  EXPECT_THAT(names({1, 2}), ElementsAre("orders", "shop", "crm"));
  EXPECT_EQ(names({}).size(), 8u);
}

// A mistake in another exporter's server is one in the file all the same; a part without servers is none.
TEST(LoadTest, AShardIsOfAFileThatIsRight) {
  EXPECT_TRUE(Parse("/c.yml", "servers: [{name: orders}]", collectors::Schemas(), AcceptAll, {0, 3}).servers.empty());
  EXPECT_THROW(Parse("/c.yml", "servers: [{name: orders, conninfo: [1]}]", collectors::Schemas(), AcceptAll, {0, 3}),
               ConfigError);
  EXPECT_THROW(Parse("/c.yml", "servers: [{name: orders}, {name: orders}]", collectors::Schemas(), AcceptAll, {0, 3}),
               ConfigError);
}

TEST(LoadTest, ReadsEveryUnitOfDurations) {
  const std::pair<const char*, milliseconds> cases[] = {
      {"500ms", milliseconds(500)}, {"15s", seconds(15)},      {"5m", minutes(5)},          {"1h", hours(1)},
      {"7d", hours(168)},           {"366d", hours(24 * 366)}, {"100ms", milliseconds(100)}};
  for (const auto& [text, duration] : cases) {
    const Config config = Read(std::string("servers: [{name: a, collectors: {hba: {interval: ") + text + "}}}]");
    EXPECT_EQ(config.servers[0].collector("hba").interval, duration) << text;
  }
}

TEST(LoadTest, ModulesAloneAreEnough) {
  const Config config = Read("modules: {m: {collectors: [endpoint], allowed_targets: ['db:5432']}}");
  EXPECT_TRUE(config.servers.empty());
  EXPECT_EQ(config.modules[0].name, "m");
}

TEST(LoadTest, AnchorsWork) {
  const Config config = Read(
      "collectors: {hba: &slow {interval: 5m}, settings: *slow}\n"
      "servers: [{name: a}]\n");
  EXPECT_EQ(config.collectors.at("settings").interval, minutes(5));
}

TEST(LoadTest, EndpointForms) {
  const std::pair<const char*, HostPort> cases[] = {{"db", {"db", 5432}},
                                                    {"db:1", {"db", 1}},
                                                    {"10.0.0.1:65535", {"10.0.0.1", 65535}},
                                                    {"'[::1]:6432'", {"::1", 6432}},
                                                    {"'[::1]'", {"::1", 5432}}};
  for (const auto& [text, endpoint] : cases) {
    EXPECT_EQ(Read(std::string("servers: [{name: a, endpoint: ") + text + "}]").servers[0].endpoint, endpoint) << text;
  }
}

TEST(LoadTest, RelativePathsAreBesideTheFile) {
  const TempDir dir;
  const std::string file = dir.Write("c.yml", "servers: [{name: a, password_file: password}]");
  const Config config = LoadFile(file, collectors::Schemas(), AcceptAll);
  EXPECT_EQ(config.servers[0].password_file, dir.path() + "/password");
}

// It may come later: a secret that is mounted or fetched.
TEST(LoadTest, APasswordFileNeedNotBeThereYet) {
  const TempDir dir;
  const std::string file =
      dir.Write("c.yml",
                "servers:\n- name: a\n  password_file: gone\n"
                "collectors: {certificates: {pkcs12_password_file: /gone/p12}}\n"
                "modules: {m: {password_file: here, collectors: [hba], allowed_targets: ['a:1']}}\n");
  const std::string here = dir.Write("here", "x");
  const Config config = LoadFile(file, collectors::Schemas(), AcceptAll);
  std::map<std::string, std::string> problems;
  for (const auto& secret : config.secret_files) problems[secret.place] = WhyUnreadable(secret).value_or("");
  EXPECT_EQ(problems,
            (std::map<std::string, std::string>{{file + ":3:18: servers[0].password_file",
                                                 "cannot read " + dir.path() + "/gone: No such file or directory"},
                                                {file + ":4:51: collectors.certificates.pkcs12_password_file",
                                                 "cannot read /gone/p12: No such file or directory"},
                                                {file + ":5:30: modules.m.password_file", ""}}));
}

TEST(LoadTest, AFileThatCannotBeReadIsAConfigError) {
  const TempDir dir;
  for (const std::string& path : {dir.path() + "/missing.yml", dir.path()}) {
    try {
      LoadFile(path, collectors::Schemas(), AcceptAll);
      ADD_FAILURE() << "no error";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path));
    }
  }
}

TEST(LoadTest, OneConninfoIsOneServer) {
  const Config config = ForServers({{"db:5432", "host=db"}}, collectors::Schemas());
  ASSERT_EQ(config.servers.size(), 1u);
  EXPECT_EQ(config.servers[0].name, "db:5432");
  EXPECT_EQ(config.servers[0].conninfo, "host=db");
  EXPECT_EQ(config.servers[0].collectors, DefaultCollectors(collectors::Schemas()));
  EXPECT_EQ(config.collectors, DefaultCollectors(collectors::Schemas()));
}

TEST(LoadTest, Requirements) {
  const Config config = Read(
      "policy:\n  require:\n"
      "  - {name: modern, min_version: TLSv1.3, ciphers: [A, B]}\n"
      "  - {name: ours, user: u, database: d, client_addr: 10.0.0.0/8, client_issuers: [CN=Clients CA, /O=X/CN=Y]}\n"
      "servers: [{name: a}]\n");
  const std::vector<Requirement> expected = {{.name = "modern", .min_version = "TLSv1.3", .ciphers = {"A", "B"}},
                                             {.name = "ours",
                                              .user = "u",
                                              .database = "d",
                                              .client_addr = Cidr::Parse("10.0.0.0/8"),
                                              .client_issuers = {"/CN=Clients CA", "/O=X/CN=Y"}}};
  EXPECT_EQ(config.policy.require, expected);
  EXPECT_EQ(config.servers[0].policy.require, expected);
}

}  // namespace
}  // namespace pgtls::config
