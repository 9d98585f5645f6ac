// Three PgBouncers on one port (so_reuseport), watched as one server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "tests/e2e/exporter.h"
#include "tests/support/certificates.h"
#include "tests/support/pgbouncer.h"

namespace pgtls::e2e {
namespace {

using support::Client;
using support::PgBouncer;
using support::PgBouncerRelease;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kIncomplete =
    "pg_tls_collector_incomplete_info{server=\"pool\",collector=\"sessions\",part=\"processes\"";

std::string Incomplete(const std::string& reason) { return std::string(kIncomplete) + ",reason=\"" + reason + "\"} 1"; }
std::string Unencrypted(std::size_t connections) {
  return "pg_tls_unencrypted_connections_by_network{server=\"pool\",network=\"loopback\",allowed=\"false\"} " +
         std::to_string(connections);
}
std::string Encrypted(std::size_t connections) {
  return "pg_tls_connections{server=\"pool\",database=\"postgres\",user=\"app\",client_addr=\"\",network=\"loopback\","
         "backend_type=\"pgbouncer client\",encryption=\"tls\"} " +
         std::to_string(connections);
}
std::string Counted(std::size_t sessions) {
  return "pg_tls_unencrypted_sessions_total{server=\"pool\",network=\"loopback\",allowed=\"false\"} " +
         std::to_string(sessions);
}

// Those with these values, as a console shows them.
std::size_t CountClients(const Client& console, const std::map<std::string, std::string>& values) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> rows(PQexec(console.get(), "SHOW CLIENTS"), &PQclear);
  std::size_t number = 0;
  for (int row = 0; row < PQntuples(rows.get()); ++row) {
    number += std::ranges::all_of(values, [&](const auto& value) {
      return PQgetvalue(rows.get(), row, PQfnumber(rows.get(), value.first.c_str())) == value.second;
    });
  }
  return number;
}

class PgBouncerProcessesTest : public testing::TestWithParam<PgBouncerRelease> {
 protected:
  static constexpr std::size_t kProcesses = 3;

  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute("CREATE ROLE app LOGIN");
    const support::Certificate certificate = ca_.IssueForLocalhost();
    for (std::size_t i = 0; i < kProcesses; ++i) {
      processes_.push_back(
          std::make_unique<PgBouncer>(server_, support::PgBouncerOptions{.release = GetParam(),
                                                                         .pool_mode = "transaction",
                                                                         .port = i == 0 ? 0 : processes_[0]->port(),
                                                                         .settings = {"so_reuseport = 1"}}));
      PgBouncer& process = *processes_.back();
      process.Configure({"client_tls_cert_file = " + process.WriteFile("server.crt", certificate.chain),
                         "client_tls_key_file = " + process.WriteFile("server.key", certificate.key),
                         "client_tls_ca_file = " + process.WriteFile("ca.crt", ca_.certificate()),
                         "server_tls_ca_file = " + process.directory() + "/ca.crt", "client_tls_sslmode = allow"});
    }
    if (HasPeers()) NamePeers(kProcesses);
  }
  static bool HasPeers() { return GetParam() != PgBouncerRelease::k1_18; }
  // The first ones name each other.
  void NamePeers(std::size_t number) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < number; ++i) {
      lines.push_back(std::to_string(i + 1) + " = host=" + processes_[i]->directory() +
                      " port=" + std::to_string(processes_[i]->port()));
    }
    for (std::size_t i = 0; i < kProcesses; ++i) {
      processes_[i]->Configure({"peer_id = " + std::to_string(i + 1)});
      processes_[i]->SetPeers(lines);
    }
  }
  std::string Entry(std::size_t process) const {
    return "host=" + processes_[process]->directory() + " port=" + std::to_string(processes_[process]->port());
  }
  // The conninfo leads to any of them.
  std::string ConfigFile(const std::vector<std::size_t>& listed) const {
    std::string entries;
    for (const std::size_t process : listed) entries += (entries.empty() ? "'" : ", '") + Entry(process) + "'";
    return files_.Write("config.yml", Impatient(Config({{"pool", processes_[0]->ConsoleConninfo()}},
                                                       "    processes: [" + entries + "]\n")));
  }
  void Watch(const std::vector<std::size_t>& listed) {
    exporter_.emplace(std::vector<std::string>{"--config.file=" + ConfigFile(listed)});
  }
  // To any of them.
  void Connect(std::size_t number, const std::string& sslmode) {
    for (std::size_t i = 0; i < number; ++i) {
      clients_.emplace_back(processes_[0]->Conninfo("user=app sslmode=" + sslmode));
      clients_.back().Query("SELECT 1");
    }
  }
  // How many plaintext clients a process has.
  std::size_t PlaintextOf(std::size_t process) const {
    const Client console(processes_[process]->SocketConsoleConninfo());
    return CountClients(console, {{"user", "app"}, {"tls", ""}});
  }
  // PgBouncer's times are whole seconds: what begins later must be in another one.
  static void WaitForAnotherSecond() {
    const std::time_t before = std::time(nullptr);
    ASSERT_TRUE(support::WaitUntil([&] { return std::time(nullptr) > before + 1; }));
  }
  // Whether all processes were asked for sure.
  static bool IsComplete(const std::string& page) { return page.find(kIncomplete) == std::string::npos; }
  std::string WaitForComplete() const {
    return exporter_->WaitForPage([](const std::string& page) {
      return IsComplete(page) && page.find("pg_tls_unencrypted_connections_by_network{") != std::string::npos;
    });
  }

  const support::TempDir files_;
  const support::TestCa ca_;
  support::PostgresServer server_;
  std::vector<std::unique_ptr<PgBouncer>> processes_;
  std::vector<Client> clients_;
  std::optional<Exporter> exporter_;
};

TEST_P(PgBouncerProcessesTest, AreOneServer) {
  Connect(7, "disable");
  Connect(5, "require");
  Watch({0, 1, 2});
  std::string page = exporter_->WaitForLine(Unencrypted(7));
  EXPECT_TRUE(HasLine(page, Encrypted(5))) << page;
  EXPECT_THAT(page, AllOf(Not(HasSubstr("user=\"tls_exporter\"")), Not(HasSubstr("database=\"pgbouncer\""))));
  EXPECT_EQ(IsComplete(page), HasPeers()) << page;
  if (!HasPeers()) EXPECT_TRUE(HasLine(page, Incomplete("no_peers"))) << page;
  EXPECT_TRUE(HasLine(page, Counted(0)));
  // What is new is counted once, and stays so however often it is shown.
  WaitForAnotherSecond();
  Connect(4, "disable");
  exporter_->WaitForLine(Unencrypted(11));
  Connect(1, "disable");
  page = exporter_->WaitForLine(Unencrypted(12));
  EXPECT_TRUE(HasLine(page, Counted(5))) << page;
}

TEST_P(PgBouncerProcessesTest, OneThatIsStoppedHidesNoOther) {
  Connect(8, "disable");
  Watch({0, 1, 2});
  exporter_->WaitForLine(Unencrypted(8));
  const std::size_t rest = PlaintextOf(0) + PlaintextOf(2);
  processes_[1]->Stop();
  std::string page = exporter_->WaitForLine(Incomplete("unreachable"));
  page = exporter_->WaitForLine(Unencrypted(rest));
  EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"pool\"} 1")) << page;
  EXPECT_THAT(page, Not(HasSubstr("reason=\"not_listed\"")));
  EXPECT_THAT(RunExporter({"check", "--config.file=" + ConfigFile({0, 1, 2})}).out,
              AllOf(HasSubstr(Entry(1)), HasSubstr("stats_users there")));
  // Started again, it counts none of those that were open on the others.
  processes_[1]->Start();
  page = exporter_->WaitForPage([](const std::string& text) { return !HasLine(text, Incomplete("unreachable")); });
  EXPECT_EQ(IsComplete(page), HasPeers()) << page;
  EXPECT_TRUE(HasLine(page, Counted(0))) << page;
}

TEST_P(PgBouncerProcessesTest, OneThatHangsHidesNoOther) {
  // Its port still accepts: no more connections over it.
  Connect(8, "disable");
  Watch({0, 1, 2});
  exporter_->WaitForLine(Unencrypted(8));
  std::size_t hung = 0;
  // Not the one that the conninfo leads to: without an answer from there the server is down.
  for (std::size_t i = 0; i < kProcesses; ++i) {
    const Client console(processes_[i]->SocketConsoleConninfo());
    if (CountClients(console, {{"database", "pgbouncer"}, {"addr", "127.0.0.1"}}) == 0) hung = i;
  }
  std::size_t rest = 0;
  for (std::size_t i = 0; i < kProcesses; ++i) rest += i == hung ? 0 : PlaintextOf(i);
  processes_[hung]->Signal(SIGSTOP);
  exporter_->WaitForLine(Incomplete("unreachable"));
  exporter_->WaitForLine(Unencrypted(rest));
  processes_[hung]->Signal(SIGCONT);
  const std::string page = exporter_->WaitForLine(Unencrypted(8));
  EXPECT_TRUE(HasLine(page, Counted(0))) << page;
}

TEST_P(PgBouncerProcessesTest, OneThatIsNotListedIsReported) {
  // The conninfo leads to one of those that are listed.
  const std::string file = files_.Write("config.yml", Config({{"pool", processes_[0]->SocketConsoleConninfo()}},
                                                             "    processes: ['" + Entry(1) + "']\n"));
  const std::string page = RunExporter({"collect", "--config.file=" + file}).out;
  EXPECT_TRUE(HasLine(page, Incomplete(HasPeers() ? "not_listed" : "no_peers"))) << page;
  EXPECT_THAT(RunExporter({"check", "--config.file=" + file}).out, HasSubstr(HasPeers() ? "peer_id 3" : "peer_id"));
}

TEST_P(PgBouncerProcessesTest, OneThatIsListedTwiceIsCountedOnce) {
  Connect(3, "disable");
  const std::string link = processes_[0]->directory() + "/again";
  std::filesystem::create_directory_symlink(processes_[0]->directory(), link);
  const std::string file = files_.Write("config.yml", Config({{"pool", processes_[0]->ConsoleConninfo()}},
                                                             "    processes: ['" + Entry(0) + "', 'host=" + link +
                                                                 " port=" + std::to_string(processes_[0]->port()) +
                                                                 "', '" + Entry(1) + "', '" + Entry(2) + "']\n"));
  const std::string page = RunExporter({"collect", "--config.file=" + file}).out;
  EXPECT_TRUE(HasLine(page, Unencrypted(3))) << page;
  EXPECT_TRUE(HasLine(page, Incomplete("listed_twice"))) << page;
}

// Of all processes, too.
TEST_P(PgBouncerProcessesTest, TellWhereTheyLead) {
  for (const auto& process : processes_) {
    clients_.emplace_back("host=" + process->directory() + " port=" + std::to_string(process->port()) +
                          " user=app dbname=postgres");
    clients_.back().Query("SELECT 1");
  }
  const std::string page = RunExporter({"collect", "--config.file=" + ConfigFile({0, 1, 2})}).out;
  EXPECT_THAT(page, HasSubstr("server_addr=\"127.0.0.1\",network=\"loopback\",encryption=\"none\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_links_unprotected{server=\"pool\",kind=\"pgbouncer\",network=\"loopback\"} 1\n"));
  const std::string incomplete = "collector=\"links\",part=\"processes\"";
  if (HasPeers()) {
    EXPECT_THAT(page, Not(HasSubstr(incomplete)));
  } else {
    EXPECT_THAT(page, HasSubstr(incomplete + ",reason=\"no_peers\"} 1\n"));
  }
}

std::string NameOf(PgBouncerRelease release) {
  return release == PgBouncerRelease::k1_18 ? "1_18" : release == PgBouncerRelease::k1_24 ? "1_24" : "1_26";
}

INSTANTIATE_TEST_SUITE_P(Releases, PgBouncerProcessesTest,
                         testing::Values(PgBouncerRelease::k1_18, PgBouncerRelease::k1_24, PgBouncerRelease::k1_26),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace pgtls::e2e
