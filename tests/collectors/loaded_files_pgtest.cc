// Client certificates between a change on disk and the reload that loads it: a real server's answer to real clients is
// the witness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "collectors/certificates.h"
#include "exporter/db/target.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/support/files.h"
#include "tests/support/postgres_server.h"
#include "tests/support/seconds.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::TestCa;
using tls::CertificateInventory;

constexpr ReadVia kWays[] = {ReadVia::kSql, ReadVia::kLocal};

class LoadedFilesPgTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    harness_.target = db::ResolveTarget(conninfo_);
    harness_.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_.port(), "localhost", "tls_exporter", "postgres"};
    harness_.Connect(conninfo_);
  }

  bool Accepts(const TestCa& issuer) const {
    const Certificate client = issuer.Issue({.common_name = "ann"});
    const support::TempDir files;
    return !support::Client::WhyNot(
        server_.Conninfo("sslmode=require sslcert=" + files.Write("c.crt", client.certificate) +
                         " sslkey=" + files.Write("c.key", client.key)));
  }

  // The authorities whose client certificates are accepted, or why this is not known. No claim about what is in force
  // may be on the page then.
  std::string Verdict(ReadVia via) {
    harness_.options<CertificatesOptions>().read_via = via;
    auto output = harness_.Collect();
    const auto inventory = output.facts.Get<CertificateInventory>();
    std::string verdict;
    if (inventory->clients) {
      for (const auto& authority : inventory->clients->authorities) {
        verdict += authority.subject + (authority.refusals.empty() ? " accepted " : " refused ");
      }
      return verdict;
    }
    for (const auto& part : output.incomplete) {
      if (part.part == "client_certificates") verdict += part.reason;
    }
    const std::string page = harness_.CollectPage();
    for (const char* family : {"pg_tls_client_ca", "pg_tls_crl"}) EXPECT_THAT(page, Not(testing::HasSubstr(family)));
    EXPECT_EQ(std::ranges::find(inventory->files, "ca", &tls::FileReport::role)->is_served, false);
    return verdict;
  }
  void Expect(const std::string& verdict) {
    for (const ReadVia via : kWays) EXPECT_EQ(Verdict(via), verdict);
  }
  std::string NextStart(ReadVia via) {
    harness_.options<CertificatesOptions>().read_via = via;
    const auto start = harness_.Collect().facts.Get<CertificateInventory>()->next_start;
    return !start || !start->ok() ? "unknown" : *start->ok() ? "yes" : "no";
  }

  void Reload() {
    support::LetASecondPass();
    server_.Reload();
  }
  void LogInAgain() { harness_.Connect(conninfo_); }
  // In the data directory, as the server's user would do it.
  void Shell(const std::string& command) const {
    support::MustRun({"sh", "-ec", "cd '" + server_.data_dir() + "'; " + command});
  }

  TestCa old_{"Old"};
  TestCa new_{"New"};
  Certificate leaf_ = old_.IssueForLocalhost();
  support::PostgresServer server_{{.hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n",
                                   .tls = support::ServerTls{leaf_, old_.certificate(), ""}}};
  const std::string conninfo_ = server_.Conninfo(
      "host=localhost hostaddr=127.0.0.1 sslmode=require sslrootcert=/none sslcert=/none user=tls_exporter");
  Harness harness_{CertificatesCollector()};
};

TEST_F(LoadedFilesPgTest, AReplacedFileIsNotInForceBeforeTheReload) {
  Expect("CN=Old accepted ");
  support::LetASecondPass();
  server_.WriteDataFile("root.crt", new_.certificate());
  EXPECT_TRUE(Accepts(old_));
  EXPECT_FALSE(Accepts(new_));
  Expect("pending_reload");
  EXPECT_EQ(NextStart(ReadVia::kLocal), "yes") << "what the next start will do is known";
  Reload();
  EXPECT_FALSE(Accepts(old_));
  EXPECT_TRUE(Accepts(new_));
  // This session takes the reload over at its next query, with the time of that: a later change would look loaded.
  Expect("reloaded");
  LogInAgain();
  Expect("CN=New accepted ");
}

TEST_F(LoadedFilesPgTest, AChangeInTheSecondOfTheReloadIsNotKnownOverSql) {
  server_.WriteDataFile("root.crt", new_.certificate());
  server_.Reload();
  LogInAgain();
  EXPECT_TRUE(Accepts(new_));
  // Unless a second ended between the two.
  EXPECT_THAT(Verdict(ReadVia::kSql), testing::AnyOf("pending_reload", "CN=New accepted "));
  EXPECT_EQ(Verdict(ReadVia::kLocal), "CN=New accepted ");
}

TEST_F(LoadedFilesPgTest, ALinkThatLeadsElsewhereCounts) {
  server_.WriteDataFile("old.crt", old_.certificate());
  server_.WriteDataFile("new.crt", new_.certificate());
  Shell("ln -sfn old.crt root.crt");
  Reload();
  LogInAgain();
  Expect("CN=Old accepted ");
  support::LetASecondPass();
  Shell("ln -sfn new.crt root.crt");
  EXPECT_TRUE(Accepts(old_));
  Expect("pending_reload");
}

TEST_F(LoadedFilesPgTest, ASettingThatWaitsChangesNothing) {
  server_.WriteDataFile("other.crt", new_.certificate());
  Reload();
  LogInAgain();
  server_.Execute("ALTER SYSTEM SET ssl_ca_file = 'other.crt'");
  EXPECT_TRUE(Accepts(old_));
  Expect("CN=Old accepted ");
  Reload();
  LogInAgain();
  EXPECT_TRUE(Accepts(new_));
  Expect("CN=New accepted ");
}

TEST_F(LoadedFilesPgTest, AReloadThatIsRefusedLoadsNothing) {
  server_.WriteDataFile("root.crt", new_.certificate());
  server_.WriteDataFile("server.crt", new_.IssueForLocalhost().chain);  // of another key
  Reload();
  LogInAgain();
  EXPECT_TRUE(Accepts(old_));
  EXPECT_EQ(Verdict(ReadVia::kLocal), "reload_refused");
  EXPECT_EQ(Verdict(ReadVia::kSql), "pending_reload") << "another certificate is served";
  support::LetASecondPass();
  server_.WriteDataFile("server.crt", leaf_.chain);  // what is served, but ssl_ca_file was never loaded
  EXPECT_TRUE(Accepts(old_));
  Expect("pending_reload");
  Reload();
  LogInAgain();
  EXPECT_TRUE(Accepts(new_));
  Expect("CN=New accepted ");
}

TEST_F(LoadedFilesPgTest, AKeyWithAPassphraseIsLoadedByAStartOnly) {
  const support::TempDir files;
  const std::string encrypted =
      support::MustRun({"openssl", "pkey", "-aes256", "-passout", "pass:secret", "-in", files.Write("key", leaf_.key)});
  server_.WriteDataFile("server.key", encrypted);
  server_.Set("ssl_passphrase_command = 'echo secret'");
  support::LetASecondPass();
  server_.Restart();
  LogInAgain();
  Expect("CN=Old accepted ");
  server_.WriteDataFile("root.crt", new_.certificate());
  Reload();
  LogInAgain();
  EXPECT_TRUE(Accepts(old_));
  Expect("pending_restart");
}

TEST_F(LoadedFilesPgTest, ListsInADirectoryAreInForceAtOnce) {
  const support::TempDir files;
  const std::string hash =
      support::MustRun({"openssl", "x509", "-noout", "-hash", "-in", files.Write("c", old_.certificate())})
          .substr(0, 8);
  Shell("install -d -o postgres crls");
  server_.WriteDataFile("crls/" + hash + ".r0", old_.Crl());
  server_.Set("ssl_crl_dir = 'crls'");
  Reload();
  LogInAgain();
  EXPECT_TRUE(Accepts(old_));
  Expect("CN=Old accepted ");
  support::LetASecondPass();
  Shell("rm crls/*");
  EXPECT_FALSE(Accepts(old_));
  Expect("CN=Old refused ");
}

// The one of an older version has no times.
TEST_F(LoadedFilesPgTest, AnOlderRoleFileDoesNotSay) {
  server_.Execute(
      "ALTER FUNCTION tls_exporter.certificate_files() RENAME TO all_of_it; "
      "ALTER FUNCTION tls_exporter.private_key_file() RENAME TO the_key; "
      "CREATE FUNCTION tls_exporter.certificate_files(OUT role text, OUT path text, OUT problem text, OUT data bytea, "
      "OUT whole boolean) RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS "
      "'SELECT role, path, problem, data, whole FROM tls_exporter.all_of_it()'; "
      "CREATE FUNCTION tls_exporter.private_key_file(OUT path text, OUT problem text) RETURNS record LANGUAGE sql "
      "SECURITY DEFINER AS 'SELECT path, problem FROM tls_exporter.the_key()'");
  EXPECT_EQ(Verdict(ReadVia::kSql), "outdated");
  EXPECT_EQ(Verdict(ReadVia::kLocal), "CN=Old accepted ");
}

}  // namespace
}  // namespace pgtls::collectors
