// What is in force? The hba collector against servers whose pg_hba.conf is replaced in every way that leaves times
// alone; real connections are the witness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "collectors/hba.h"
#include "exporter/hba/posture.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::collectors {
namespace {

using support::PostgresServer;
using support::RawClient;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kLocal = "local all,replication all trust\n";
constexpr const char* kStrict = "local all,replication all trust\nhostssl all all all scram-sha-256\n";
constexpr const char* kOpen = "local all,replication all trust\nhost all all all trust\n";
constexpr const char* kNotPending = "pg_tls_hba_pending_reload{server=\"db\"} 0\n";
constexpr const char* kPending = "pg_tls_hba_pending_reload{server=\"db\"} 1\n";
constexpr const char* kRefused = "pg_tls_hba_plaintext_admitted{server=\"db\",network=\"loopback\"} 0\n";

// Whether the collector may follow paths on this machine, or has SQL alone.
enum class Sight { kLocal, kSql };

// The page that an exporter with this sight shows; its first line names the sight.
struct Page {
  Sight sight;
  std::string text;
  bool Has(const std::string& part) const { return text.find(part) != std::string::npos; }
};
using Pages = std::vector<Page>;

class HbaInForcePgTest : public testing::Test {
 protected:
  void SetUp() override { server_.RunSqlFile("deploy/sql/monitoring_role.sql"); }

  // Two exporters that know what they saw at earlier looks, one of each sight.
  struct Watchers {
    Harness local{HbaCollector()};
    Harness sql{HbaCollector()};
  };
  Pages PagesOf(Watchers& watchers) {
    Pages pages;
    for (const Sight sight : {Sight::kLocal, Sight::kSql}) {
      Harness& harness = sight == Sight::kLocal ? watchers.local : watchers.sql;
      harness.Connect(server_.SocketConninfo("user=tls_exporter"));
      if (sight == Sight::kLocal) harness.peer = db::Peer{.host = server_.socket_dir()};
      pages.push_back({sight, (sight == Sight::kLocal ? "# local\n" : "# sql\n") + harness.CollectPage()});
    }
    return pages;
  }
  // Of exporters that have just started.
  Pages PagesOfStrangers() {
    Watchers strangers;
    return PagesOf(strangers);
  }
  static void ExpectAllClear(const Pages& pages) {
    for (const Page& page : pages) EXPECT_THAT(page.text, testing::AllOf(HasSubstr(kNotPending), HasSubstr(kRefused)));
  }
  static void ExpectNoAllClear(const Pages& pages) {
    for (const Page& page : pages) {
      EXPECT_THAT(page.text, testing::AllOf(Not(HasSubstr(kNotPending)), Not(HasSubstr(kRefused))));
    }
  }

  bool AdmitsPlaintext() const { return RawClient({.port = server_.port()}).state() == RawClient::State::kReady; }
  // pg_stat_file knows whole seconds only: what happens now happens in a later one.
  double Now() const {
    return std::stod(server_.Query("SELECT extract(epoch FROM clock_timestamp())").at(0).at(0).value());
  }
  // The next second, and more than a tick of the kernel's clock after its beginning.
  void LetASecondPass() const {
    const double next = std::floor(Now()) + 1.05;
    ASSERT_TRUE(support::WaitUntil([&] { return Now() > next; }));
  }
  void LetATickPass() const {
    const double start = Now();
    ASSERT_TRUE(support::WaitUntil([&] { return Now() > start + 0.05; }));
  }
  // In the data directory, as the server's user would do it.
  void Shell(const std::string& command) const {
    support::MustRun({"sh", "-ec", "cd '" + server_.data_dir() + "'; " + command});
  }
  void MakeDirectory(const std::string& name) const { Shell("mkdir " + name + "; chmod 755 " + name); }

  // Loads the strict file, then the open one, then switches back without a reload: plaintext is admitted.
  void ExpectTheSwitchIsNoticed(const std::function<void(bool strict)>& change) {
    Watchers watchers;
    Watchers absent;  // while the open file is there
    change(true);
    LetASecondPass();
    server_.Reload();
    EXPECT_FALSE(AdmitsPlaintext());
    ExpectAllClear(PagesOf(watchers));
    ExpectAllClear(PagesOf(absent));
    LetASecondPass();
    change(false);
    for (const Page& page : PagesOf(watchers)) EXPECT_THAT(page.text, HasSubstr(kPending));
    server_.Reload();
    EXPECT_TRUE(AdmitsPlaintext());
    LetASecondPass();
    change(true);
    EXPECT_TRUE(AdmitsPlaintext());
    ExpectNoAllClear(PagesOf(watchers));
    ExpectNoAllClear(PagesOf(absent));
    for (int look = 0; look < 2; ++look) ExpectNoAllClear(PagesOfStrangers());
    LetASecondPass();
    server_.Reload();
    EXPECT_FALSE(AdmitsPlaintext());
    ExpectAllClear(PagesOf(watchers));
    ExpectAllClear(PagesOf(absent));
    ExpectAllClear(PagesOfStrangers());
  }

  PostgresServer server_{{.hba = kLocal}};
};

TEST_F(HbaInForcePgTest, NoticesASwitchedLink) {
  server_.WriteDataFile("strict.conf", kStrict);
  server_.WriteDataFile("open.conf", kOpen);
  ExpectTheSwitchIsNoticed(
      [&](bool strict) { Shell(std::string("ln -sfn ") + (strict ? "strict" : "open") + ".conf pg_hba.conf"); });
}

TEST_F(HbaInForcePgTest, NoticesASwitchedDirectory) {
  for (const char* directory : {"strict.d", "open.d"}) MakeDirectory(directory);
  server_.WriteDataFile("strict.d/pg_hba.conf", kStrict);
  server_.WriteDataFile("open.d/pg_hba.conf", kOpen);
  Shell("ln -sfn strict.d current");
  server_.Set("hba_file = '" + server_.data_dir() + "/current/pg_hba.conf'");
  server_.Restart();
  ExpectTheSwitchIsNoticed(
      [&](bool strict) { Shell(std::string("ln -sfn ") + (strict ? "strict" : "open") + ".d current"); });
}

// As Kubernetes updates a ConfigMap: the file is a link through ..data, which is replaced.
TEST_F(HbaInForcePgTest, NoticesASwitchedConfigMap) {
  for (const char* directory : {"conf", "conf/..1", "conf/..2"}) MakeDirectory(directory);
  server_.WriteDataFile("conf/..1/pg_hba.conf", kStrict);
  server_.WriteDataFile("conf/..2/pg_hba.conf", kOpen);
  Shell("ln -s ..1 conf/..data; ln -s ..data/pg_hba.conf conf/pg_hba.conf");
  server_.Set("hba_file = '" + server_.data_dir() + "/conf/pg_hba.conf'");
  server_.Restart();
  ExpectTheSwitchIsNoticed([&](bool strict) {
    Shell(std::string("ln -s ..") + (strict ? "1" : "2") + " conf/..tmp; mv -T conf/..tmp conf/..data");
  });
}

TEST_F(HbaInForcePgTest, NoticesARenamedDirectory) {
  for (const char* directory : {"conf", "other"}) MakeDirectory(directory);
  server_.WriteDataFile("conf/pg_hba.conf", kStrict);
  server_.WriteDataFile("other/pg_hba.conf", kOpen);
  server_.Set("hba_file = '" + server_.data_dir() + "/conf/pg_hba.conf'");
  server_.Restart();
  LetASecondPass();
  Shell("mv conf old; mv other conf");
  server_.Reload();
  LetASecondPass();
  Shell("mv conf other; mv old conf");
  EXPECT_TRUE(AdmitsPlaintext());
  ExpectNoAllClear(PagesOfStrangers());
}

TEST_F(HbaInForcePgTest, NoticesASwitchedIncludedFile) {
  std::string include = "host all @names all trust\n";
  std::pair<std::string, std::string> texts = {"+nobody_here\n", "all\n"};
  for (const bool file : {false, true}) {
    if (file && server_.major() < 16) break;
    if (file) {
      include = "include names\n";
      texts = {"hostssl all all all scram-sha-256\n", "host all all all trust\n"};
    }
    server_.WriteDataFile("strict", texts.first);
    server_.WriteDataFile("open", texts.second);
    Shell("ln -sfn strict names");
    server_.SetHba(kLocal + include);
    ExpectTheSwitchIsNoticed(
        [&](bool strict) { Shell(std::string("ln -sfn ") + (strict ? "strict" : "open") + " names"); });
  }
}

// Loaded, then gone: its rules are in force, and no file tells.
TEST_F(HbaInForcePgTest, NoticesAnOptionalFileThatIsGone) {
  if (server_.major() < 16) {
    server_.SetHba(std::string(kLocal) + "include_if_exists conf/more.conf\n");
    for (const Page& page : PagesOfStrangers()) {
      EXPECT_THAT(page.text, HasSubstr("pg_tls_hba_rule_errors{server=\"db\"} 1\n"));
    }
    return;
  }
  MakeDirectory("conf");
  server_.WriteDataFile("conf/more.conf", "host all all all trust\n");
  server_.SetHba(std::string(kLocal) + "include_if_exists conf/more.conf\nhostssl all all all md5\n");
  LetASecondPass();
  server_.Reload();
  LetASecondPass();
  Shell("rm conf/more.conf");
  EXPECT_TRUE(AdmitsPlaintext());
  ExpectNoAllClear(PagesOfStrangers());
}

TEST_F(HbaInForcePgTest, NoticesAnEditInTheSecondOfTheLoad) {
  server_.SetHba(kOpen);
  server_.Reload();
  server_.SetHba(kStrict);
  EXPECT_TRUE(AdmitsPlaintext());
  for (int look = 0; look < 2; ++look) ExpectNoAllClear(PagesOfStrangers());
}

TEST_F(HbaInForcePgTest, KnowsALoadInTheSecondOfTheEditWhereItSeesExactTimes) {
  server_.SetHba(kStrict);
  LetATickPass();
  server_.Reload();
  ExpectAllClear({PagesOfStrangers().front()});
  LetASecondPass();
  server_.Reload();
  ExpectAllClear(PagesOfStrangers());
}

// Any order of edits, switched links and loads. PGTLS_SEED=… repeats a run.
TEST_F(HbaInForcePgTest, NeverGivesAnAllClearThatAConnectionRefutes) {
  const char* given = std::getenv("PGTLS_SEED");
  const std::uint64_t seed = given == nullptr ? 20261127 : std::strtoull(given, nullptr, 10);
  std::cout << "PGTLS_SEED=" << seed << '\n';
  std::mt19937_64 random(seed);
  bool strict[2] = {true, false};  // what each of two files holds
  int target = 0;                  // which of them the link leads to
  server_.WriteDataFile("0", kStrict);
  server_.WriteDataFile("1", kOpen);
  Shell("ln -sfn 0 pg_hba.conf");
  server_.Reload();
  bool loaded_strict = true;
  Watchers watchers;
  std::map<Sight, int> clear;
  for (int step = 0; step < 30; ++step) {
    switch (random() % 6) {
      case 0:
      case 1:
        target = 1 - target;
        Shell("ln -sfn " + std::to_string(target) + " pg_hba.conf");
        break;
      case 2:
        strict[target] = random() % 2 == 0;
        server_.WriteDataFile(std::to_string(target), strict[target] ? kStrict : kOpen);
        break;
      case 3:
        LetASecondPass();
        break;
      default:
        server_.Reload();
        loaded_strict = strict[target];
    }
    SCOPED_TRACE(testing::Message() << "PGTLS_SEED=" << seed << " step " << step);
    ASSERT_EQ(AdmitsPlaintext(), !loaded_strict);
    Pages pages = PagesOfStrangers();
    if (random() % 2 == 0) std::ranges::move(PagesOf(watchers), std::back_inserter(pages));
    for (const Page& page : pages) {
      SCOPED_TRACE(page.text);
      if (page.Has(kNotPending)) {
        EXPECT_EQ(strict[target], loaded_strict);
        ++clear[page.sight];
      }
      if (page.Has(kRefused)) EXPECT_TRUE(loaded_strict);
    }
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(clear[Sight::kLocal], 0);
  EXPECT_GT(clear[Sight::kSql], 0);
}

}  // namespace
}  // namespace pgtls::collectors
