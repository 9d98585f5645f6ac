// A PgBouncer as a watched server: who speaks plaintext to it, how it is configured, and what the audit says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <ctime>
#include <memory>

#include "tests/e2e/exporter.h"
#include "tests/support/certificates.h"
#include "tests/support/golden.h"
#include "tests/support/pgbouncer.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::PgBouncer;
using support::PgBouncerRelease;
using support::TempDir;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kUp = "pg_tls_up{server=\"pool\"} 1";
constexpr const char* kNobody =
    "pg_tls_unencrypted_connections_by_network{server=\"pool\",network=\"loopback\",allowed=\"false\"} 0";

std::string Unencrypted(const std::string& application) {
  return "pg_tls_unencrypted_connections{server=\"pool\",database=\"postgres\",user=\"app\",client_addr=\"127.0.0.1\","
         "application_name=\"" +
         application + "\",network=\"loopback\",allowed=\"false\"} 1";
}

std::string Connections(const std::string& network, const std::string& encryption) {
  return "pg_tls_connections{server=\"pool\",database=\"postgres\",user=\"app\",client_addr=\"\",network=\"" + network +
         "\",backend_type=\"pgbouncer client\",encryption=\"" + encryption + "\"} 1";
}

class PgBouncerTest : public testing::TestWithParam<PgBouncerRelease> {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute("CREATE ROLE app LOGIN");
  }
  // With TLS where `mode` is not disable.
  void Start(const std::string& mode, const std::vector<std::string>& settings = {}) {
    pooler_.emplace(server_, support::PgBouncerOptions{.release = GetParam(), .settings = settings});
    if (mode == "disable") return;
    InstallCertificate(ca_.IssueForLocalhost());
    pooler_->Configure({"client_tls_cert_file = " + pooler_->directory() + "/server.crt",
                        "client_tls_key_file = " + pooler_->directory() + "/server.key",
                        "client_tls_ca_file = " + pooler_->WriteFile("ca.crt", ca_.certificate()),
                        "server_tls_ca_file = " + pooler_->directory() + "/ca.crt", "client_tls_sslmode = " + mode});
  }
  void InstallCertificate(const support::Certificate& certificate) const {
    pooler_->WriteFile("server.crt", certificate.chain);
    pooler_->WriteFile("server.key", certificate.key);
  }
  std::string ConfigFile(const std::string& conninfo, const std::string& more = "") const {
    return files_.Write("config.yml", Config({{"pool", conninfo}}, more));
  }
  void Watch(const std::string& conninfo, const std::string& more = "") {
    exporter_.emplace(std::vector<std::string>{"--config.file=" + ConfigFile(conninfo, more)});
  }
  std::string Check(const std::string& conninfo) const {
    return RunExporter({"check", "--config.file=" + ConfigFile(conninfo)}).out;
  }
  Client App(const std::string& more, const std::string& name) const {
    Client client(pooler_->Conninfo("user=app application_name=" + name + " " + more));
    client.Query("SELECT 1");
    return client;
  }

  const TempDir files_;
  const support::TestCa ca_;
  support::PostgresServer server_;
  std::optional<PgBouncer> pooler_;
  std::optional<Exporter> exporter_;
};

TEST_P(PgBouncerTest, TellsWhoIsNotEncrypted) {
  Start("allow");
  std::optional<Client> plain(App("sslmode=disable", "plain"));
  const Client tls = App("sslmode=require", "tls");
  const Client local = App("host=" + pooler_->directory(), "local");
  Watch(pooler_->ConsoleConninfo());
  const std::string page = exporter_->WaitForLine(Unencrypted("plain"));
  EXPECT_TRUE(HasLine(page, kUp));
  EXPECT_TRUE(HasLine(page, Connections("loopback", "none"))) << page;
  EXPECT_TRUE(HasLine(page, Connections("loopback", "tls"))) << page;
  EXPECT_TRUE(HasLine(page, Connections("local", "none"))) << page;
  EXPECT_THAT(page, AllOf(HasSubstr("pg_tls_cipher_connections{server=\"pool\",version=\"TLSv1.3\",cipher=\""),
                          HasSubstr("pg_tls_authenticating_connections{server=\"pool\",network=\"remote\"} 0\n"),
                          Not(HasSubstr("user=\"tls_exporter\"")), Not(HasSubstr("database=\"pgbouncer\""))));
  // It is gone from the page when it is gone.
  plain.reset();
  exporter_->WaitForLine(kNobody);
  // A new one is counted once, however often it is seen. PgBouncer's times are whole seconds: it has to begin in
  // another one than the first collection.
  const std::time_t before = std::time(nullptr);
  ASSERT_TRUE(support::WaitUntil([&] { return std::time(nullptr) > before + 1; }));
  const Client next = App("sslmode=disable", "next");
  exporter_->WaitForLine(Unencrypted("next"));
  const std::string counted =
      "pg_tls_unencrypted_sessions_total{server=\"pool\",network=\"loopback\",allowed=\"false\"} ";
  exporter_->WaitForLine(counted + "1");
  const Client third = App("sslmode=disable", "third");
  exporter_->WaitForLine(Unencrypted("third"));
  EXPECT_TRUE(HasLine(exporter_->Page(), counted + "2"));
}

TEST_P(PgBouncerTest, JudgesItsClientsByThePolicy) {
  Start("allow");
  const Client old = App("sslmode=require ssl_max_protocol_version=TLSv1.2", "old");
  Watch(
      pooler_->ConsoleConninfo(),
      "policy:\n  require:\n    - {name: modern, min_version: TLSv1.3}\n    - {name: ours, client_issuers: [CN=x]}\n");
  const std::string page = exporter_->WaitForLine(
      "pg_tls_policy_violating_connections{server=\"pool\",database=\"postgres\",user=\"app\",client_addr=\"127.0.0."
      "1\","
      "reason=\"version\",allowed=\"false\"} 1");
  EXPECT_THAT(page, AllOf(Not(HasSubstr("reason=\"client_issuer\"")),
                          HasSubstr("collector=\"sessions\",part=\"policy\",reason=\"not_shown\"} 1\n")));
}

TEST_P(PgBouncerTest, ShowsWhichExemptionAllowsItsClients) {
  Start("allow");
  const Client plain = App("sslmode=disable", "plain");
  Watch(pooler_->ConsoleConninfo(),
        "policy:\n  allow_unencrypted:\n    - {name: legacy, user: app}\n    - {name: unused, user: nobody}\n");
  const std::string page = exporter_->WaitForLine(
      "pg_tls_policy_exempted_connections{server=\"pool\",exemption=\"legacy\",database=\"postgres\",user=\"app\","
      "client_addr=\"127.0.0.1\"} 1");
  const std::string sum = "pg_tls_policy_exempted_connections_by_exemption{server=\"pool\",exemption=\"";
  EXPECT_THAT(page, AllOf(HasSubstr(sum + "legacy\"} 1\n"), HasSubstr(sum + "unused\"} 0\n")));
}

TEST_P(PgBouncerTest, TellsItsSettingsAndWhatTheWireShows) {
  Start("require");
  Watch(pooler_->ConsoleConninfo(), "    endpoint: 127.0.0.1:" + std::to_string(pooler_->port()) + "\n");
  const std::string page = exporter_->WaitForPage([](const std::string& text) {
    return text.find("pg_tls_setting_info{server=\"pool\"") != std::string::npos &&
           text.find("pg_tls_plaintext_accepted{server=\"pool\"} 0\n") != std::string::npos &&
           text.find("pg_tls_certificate_not_after_timestamp_seconds{server=\"pool\",source=\"served\"") !=
               std::string::npos;
  });
  EXPECT_THAT(page, HasSubstr("pg_tls_server_info{server=\"pool\",server_version=\"PgBouncer 1."));
  EXPECT_TRUE(HasLine(page, "pg_tls_server_ssl_enabled{server=\"pool\"} 1")) << page;
  EXPECT_TRUE(HasLine(page, "pg_tls_setting_info{server=\"pool\",name=\"client_tls_sslmode\",value=\"require\"} 1"));
  EXPECT_TRUE(HasLine(page, "pg_tls_setting_info{server=\"pool\",name=\"auth_type\",value=\"trust\"} 1"));
  EXPECT_THAT(page, Not(HasSubstr("auth_query")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("pg_tls_hba_")), Not(HasSubstr("collector=\"hba\""))));
  EXPECT_TRUE(HasLine(page, "pg_tls_ssl_request_answer{server=\"pool\",answer=\"S\"} 1")) << page;
}

// The way on to the server, as it is configured and as it is.
TEST_P(PgBouncerTest, TellsWhereItLeads) {
  server_.SetTls({.server = ca_.IssueForLocalhost()});
  server_.Set("ssl = on");
  server_.Reload();
  Start("require", {"server_tls_sslmode = disable"});
  Client client = App("sslmode=require", "tls");
  const auto page = [&] {
    return RunExporter({"collect", "--config.file=" + ConfigFile(pooler_->ConsoleConninfo("sslmode=require"))}).out;
  };
  const std::string link =
      "pg_tls_link_info{server=\"pool\",kind=\"pgbouncer\",database=\"postgres\",name=\"\",host=\"127.0.0.1\",port=\"" +
      std::to_string(server_.port()) + "\",sslmode=\"";
  const std::string unprotected = "pg_tls_links_unprotected{server=\"pool\",kind=\"pgbouncer\",network=\"loopback\"} ";
  const auto open = [](const std::string& encryption) {
    return "pg_tls_link_connections{server=\"pool\",kind=\"pgbouncer\",database=\"postgres\",user=\"app\",server_addr="
           "\"127.0.0.1\","
           "network=\"loopback\",encryption=\"" +
           encryption + "\"} 1\n";
  };
  EXPECT_THAT(page(), AllOf(HasSubstr(link + "disable\",protection=\"none\"} 1\n"), HasSubstr(unprotected + "1\n"),
                            HasSubstr(open("none")), Not(HasSubstr(open("tls")))));
  EXPECT_THAT(Check(pooler_->ConsoleConninfo("sslmode=require")), HasSubstr("[link_unencrypted]"));

  pooler_->Configure({"server_tls_sslmode = verify-full"});
  pooler_->Command("RECONNECT");
  client.Close();
  const Client next = App("sslmode=require", "tls");
  EXPECT_THAT(page(), AllOf(HasSubstr(link + "verify-full\",protection=\"verified\"} 1\n"),
                            HasSubstr(unprotected + "0\n"), HasSubstr(open("tls")), Not(HasSubstr(open("none")))));
  EXPECT_THAT(Check(pooler_->ConsoleConninfo("sslmode=require")), Not(HasSubstr("[link_unencrypted]")));
}

// A pooler keeps what it has read until it is told to read it again.
TEST_P(PgBouncerTest, ARenewedCertificateNeedsAReload) {
  Start("allow");
  const std::string matches = "pg_tls_served_certificate_matches_file{server=\"pool\"} ";
  exporter_.emplace(std::vector<std::string>{
      "--config.file=" + files_.Write("config.yml",
                                      "collectors:\n  certificates: {interval: 300ms, read_via: local}\n"
                                      "  endpoint: {interval: 300ms}\nservers:\n  - name: pool\n    conninfo: \"" +
                                          pooler_->ConsoleConninfo() + "\"\n")});
  exporter_->WaitForLine(matches + "1");
  InstallCertificate(ca_.IssueForLocalhost());
  exporter_->WaitForLine(matches + "0");
  EXPECT_THAT(
      RunExporter({"check", "--config.file=" + files_.path() + "/config.yml"}).out,
      AllOf(HasSubstr("[served_not_file]"), HasSubstr("Run RELOAD on the console"), Not(HasSubstr("pg_reload_conf"))));
  pooler_->Command("RELOAD");
  exporter_->WaitForLine(matches + "1");
}

TEST_P(PgBouncerTest, AUserWithoutRightsSeesNoZero) {
  Start("allow");
  Watch(pooler_->Conninfo("dbname=pgbouncer user=app"));
  const std::string page = exporter_->WaitForLine(
      "pg_tls_collector_failure_info{server=\"pool\",collector=\"sessions\",reason=\"insufficient_privilege\"} 1");
  EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"pool\"} 0"));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_unencrypted_connections_by_network")));
  EXPECT_THAT(Check(pooler_->Conninfo("dbname=pgbouncer user=app")), HasSubstr("stats_users"));
}

// The default: PgBouncer has no TLS, and the exporter asks for it.
TEST_P(PgBouncerTest, SaysHowToReachAConsoleWithoutTls) {
  Start("disable");
  const std::string strict = pooler_->Conninfo("dbname=pgbouncer user=tls_exporter sslmode=require");
  EXPECT_THAT(Check(strict), AllOf(HasSubstr("[no_login]"), HasSubstr("Unix socket"), HasSubstr("sslmode=prefer")));
  for (const std::string& conninfo : {pooler_->ConsoleConninfo(), pooler_->SocketConsoleConninfo()}) {
    const std::string report = Check(conninfo);
    EXPECT_THAT(report, AllOf(HasSubstr("pool (PgBouncer 1."), HasSubstr("[pooler_client_tls_off]"),
                              Not(HasSubstr("[no_login]"))));
  }
}

TEST_P(PgBouncerTest, IsAudited) {
  Start("prefer");
  const Client plain = App("sslmode=disable", "plain");
  const std::string report = Check(pooler_->ConsoleConninfo());
  EXPECT_THAT(report, AllOf(HasSubstr("[plaintext_sessions_loopback]"), HasSubstr("user app, database postgres"),
                            HasSubstr("[pooler_client_tls_optional]"), HasSubstr("[pooler_server_tls_optional]"),
                            HasSubstr("[pooler_trust]"), HasSubstr("does not support PgBouncer")));
  EXPECT_THAT(report,
              AllOf(Not(HasSubstr("pg_hba.conf")), Not(HasSubstr("pg_reload_conf")), Not(HasSubstr("ssl_off"))));
}

// What the exporter does elsewhere through the same pooler is its own, too.
TEST_P(PgBouncerTest, CountsNoSessionOfTheExporter) {
  Start("allow");
  const std::string more = "  - name: behind\n    conninfo: \"" + pooler_->Conninfo("user=tls_exporter") + "\"\n";
  Watch(pooler_->ConsoleConninfo(), more);
  exporter_->WaitForLine("pg_tls_up{server=\"behind\"} 1");
  for (int page = 0; page < 10; ++page) {
    EXPECT_THAT(exporter_->Page(), Not(HasSubstr("pg_tls_connections{server=\"pool\",database=\"postgres\",user=\"tls_"
                                                 "exporter\"")));
  }
  exporter_->WaitForLine(kNobody);
}

TEST_P(PgBouncerTest, ComesBackAfterARestart) {
  Start("allow");
  Watch(pooler_->ConsoleConninfo());
  exporter_->WaitForLine(kUp);
  pooler_->Restart();
  const Client plain = App("sslmode=disable", "plain");
  exporter_->WaitForLine(Unencrypted("plain"));
}

TEST_P(PgBouncerTest, ThatHangsIsDownAndShowsNoZero) {
  Start("allow");
  exporter_.emplace(std::vector<std::string>{
      "--config.file=" + files_.Write("config.yml", Impatient(Config({{"pool", pooler_->ConsoleConninfo()}})))});
  exporter_->WaitForLine(kNobody);
  pooler_->Signal(SIGSTOP);
  const std::string page = exporter_->WaitForLine("pg_tls_up{server=\"pool\"} 0");
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_unencrypted_connections_by_network")));
  pooler_->Signal(SIGCONT);
  exporter_->WaitForLine(kUp);
}

// All its clients wait, and its console answers.
TEST_P(PgBouncerTest, APausedPoolerStillTellsItsClients) {
  Start("allow");
  App("sslmode=disable", "first");  // only now PgBouncer can welcome clients without a server
  pooler_->Command("PAUSE");
  const Client waiting(pooler_->Conninfo("user=app sslmode=disable application_name=waiting"));
  Watch(pooler_->ConsoleConninfo());
  exporter_->WaitForLine(Unencrypted("waiting"));
}

TEST_P(PgBouncerTest, OneOfSeveralProcessesIsNotAll) {
  Start("allow", {"so_reuseport = 1"});
  Watch(pooler_->ConsoleConninfo());
  exporter_->WaitForLine(
      "pg_tls_collector_incomplete_info{server=\"pool\",collector=\"sessions\",part=\"processes\",reason="
      "\"so_reuseport\"} 1");
}

TEST_P(PgBouncerTest, PasswordsWork) {
  Start("allow");
  pooler_->WriteFile("users", "\"tls_exporter\" \"it's secret\"\n\"postgres\" \"\"\n\"app\" \"\"\n");
  pooler_->Configure({"auth_type = scram-sha-256"});
  exporter_.emplace(std::vector<std::string>{"--config.file=" + ConfigFile(pooler_->ConsoleConninfo())},
                    std::map<std::string, std::string>{{"PGPASSWORD", "it's secret"}});
  exporter_->WaitForLine(kUp);
  EXPECT_THAT(exporter_->Log(), Not(HasSubstr("secret")));
}

// Its server connection is not there yet: it may still be refused.
TEST_P(PgBouncerTest, WhoWaitsForAuthQueryHasNotLoggedIn) {
  server_.Execute("CREATE ROLE newbie LOGIN");
  Start("allow", {"auth_user = postgres"});
  App("sslmode=disable", "first");  // only now PgBouncer can welcome clients without a server
  pooler_->Command("PAUSE");
  const std::unique_ptr<PGconn, decltype(&PQfinish)> waiting(
      PQconnectStart(pooler_->Conninfo("user=newbie application_name=waiting gssencmode=disable").c_str()), &PQfinish);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  ASSERT_TRUE(support::WaitUntil([&] {
    if (next == PGRES_POLLING_WRITING) next = PQconnectPoll(waiting.get());
    return next == PGRES_POLLING_READING;
  }));
  Watch(pooler_->ConsoleConninfo());
  const std::string page =
      exporter_->WaitForLine("pg_tls_authenticating_connections{server=\"pool\",network=\"loopback\"} 1");
  EXPECT_TRUE(HasLine(page, kNobody)) << page;
  EXPECT_THAT(page, AllOf(Not(HasSubstr("user=\"\"")), Not(HasSubstr("(nouser)"))));
  pooler_->Command("RESUME");
  ASSERT_TRUE(support::WaitUntil([&] { return PQconnectPoll(waiting.get()) == PGRES_POLLING_OK; }));
  exporter_->WaitForLine(
      "pg_tls_unencrypted_connections{server=\"pool\",database=\"postgres\",user=\"newbie\",client_addr=\"127.0.0.1\","
      "application_name=\"waiting\",network=\"loopback\",allowed=\"false\"} 1");
}

TEST_P(PgBouncerTest, ItsOwnRulesAreNotChecked) {
  Start("allow");
  pooler_->Configure(
      {"auth_hba_file = " + pooler_->WriteFile("hba", "local all all trust\nhost all all 0.0.0.0/0 trust\n"),
       "auth_type = hba"});
  Watch(pooler_->ConsoleConninfo());
  exporter_->WaitForLine(
      "pg_tls_collector_incomplete_info{server=\"pool\",collector=\"settings\",part=\"auth_hba_file\",reason="
      "\"unsupported\"} 1");
  EXPECT_THAT(Check(pooler_->ConsoleConninfo()),
              AllOf(HasSubstr("auth_hba_file could not be checked"), HasSubstr(pooler_->directory() + "/hba"),
                    HasSubstr("host lines admit clients without TLS")));
}

// A client is who its certificate says; PgBouncer does not show certificates.
TEST_P(PgBouncerTest, ClientsMayLogInByCertificate) {
  Start("verify-full");
  const std::string root = " sslrootcert=" + files_.Write("ca.crt", ca_.certificate());
  const auto as = [&](const std::string& user) {
    const support::Certificate certificate = ca_.Issue({.common_name = user});
    return "user=" + user +
           " sslmode=verify-full host=localhost sslcert=" + files_.Write(user + ".crt", certificate.chain) +
           " sslkey=" + files_.Write(user + ".key", certificate.key, 0600) + root;
  };
  pooler_->Configure({"auth_type = cert"});
  const Client client = App(as("app"), "certified");
  const std::string conninfo = pooler_->Conninfo("dbname=pgbouncer " + as("tls_exporter"));
  Watch(conninfo);
  const std::string page = exporter_->WaitForLine(Connections("loopback", "tls"));
  EXPECT_TRUE(HasLine(page, kUp)) << page;
  EXPECT_TRUE(HasLine(page, kNobody)) << page;
  EXPECT_THAT(page,
              AllOf(HasSubstr("encryption=\"tls\",version=\"TLSv1.3\""), Not(HasSubstr("user=\"tls_exporter\""))));
  EXPECT_THAT(Check(conninfo), AllOf(HasSubstr("[client_protection]"), Not(HasSubstr("[no_login]")),
                                     Not(HasSubstr("[pooler_client_tls_o")), Not(HasSubstr("[pooler_password")),
                                     Not(HasSubstr("[pooler_trust]"))));
}

TEST_P(PgBouncerTest, ABadOneIsToldInItsOwnWords) {
  Start("allow");
  InstallCertificate(support::SelfSigned({.common_name = "old.example.com",
                                          .not_before = -std::chrono::days(400),
                                          .not_after = -std::chrono::days(30),
                                          .key = support::KeyType::kRsa2048}));
  pooler_->Configure({"client_tls_protocols = all", "listen_addr = *"});
  InstallCertificate(ca_.IssueForLocalhost());  // without a reload
  const Client plain = App("sslmode=disable", "plain");
  const std::string file = files_.Write(
      "config.yml", "collectors: {certificates: {read_via: local}}\nservers:\n  - name: pool\n    conninfo: \"" +
                        pooler_->ConsoleConninfo() + "\"\n");
  const std::string report = support::Masked(RunExporter({"check", "--config.file=" + file}).out,
                                             {{"PgBouncer 1[0-9.]+", "PgBouncer N"},
                                              {"(/dev/shm|/tmp)/pgtls-[A-Za-z0-9]*", "/tmp/DIR"},
                                              {"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:]{8} UTC)?", "TIME"},
                                              {"127\\.0\\.0\\.1:[0-9]+", "127.0.0.1:PORT"},
                                              {"serial [0-9A-Fa-f]+", "serial N"},
                                              {"SHA-256 [0-9a-f]+", "SHA-256 N"}});
  EXPECT_TRUE(support::MatchesGolden("tests/e2e/testdata/bad_pooler.txt", report));
  EXPECT_THAT(report, AllOf(Not(HasSubstr("pg_reload_conf")), Not(HasSubstr("pg_hba.conf")), Not(HasSubstr("ALTER ")),
                            Not(HasSubstr(" ssl_cert_file")), Not(HasSubstr("server log"))));
}

std::string NameOf(PgBouncerRelease release) {
  return release == PgBouncerRelease::k1_18 ? "1_18" : release == PgBouncerRelease::k1_24 ? "1_24" : "1_26";
}

INSTANTIATE_TEST_SUITE_P(Releases, PgBouncerTest,
                         testing::Values(PgBouncerRelease::k1_18, PgBouncerRelease::k1_24, PgBouncerRelease::k1_26),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace pgtls::e2e
