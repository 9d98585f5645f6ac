// Which client certificates a server accepts: the collector's verdict beside a real server's answer to real clients.
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

using std::chrono::days;
using support::Certificate;
using support::CertificateSpec;
using support::CrlSpec;
using support::TestCa;
using tls::CertificateInventory;

CertificateSpec From(std::chrono::seconds not_before, std::chrono::seconds not_after) {
  return {.not_before = not_before, .not_after = not_after};
}
std::string List(const TestCa& ca, int from, int to) {
  return ca.Crl(CrlSpec{.revoked = {}, .this_update = days(from), .next_update = days(to), .extensions = {}});
}
std::string HashOf(const TestCa& ca) {
  const support::TempDir files;
  return support::MustRun({"openssl", "x509", "-noout", "-hash", "-in", files.Write("c", ca.certificate())})
      .substr(0, 8);
}

// What a server is set up with. `directory`: file names and contents.
struct Scenario {
  std::string name;
  std::string authorities;
  std::optional<std::string> list;
  std::optional<std::vector<std::pair<std::string, std::string>>> directory;
  std::vector<const TestCa*> issuers;  // one for each authority of the file
  std::string expected;                // y or n for each
};

class ClientCertificatesPgTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    harness_.Connect(conninfo_);
    harness_.target = db::ResolveTarget(conninfo_);
    harness_.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_.port(), "localhost", "tls_exporter", "postgres"};
  }

  void Install(const Scenario& scenario) {
    server_.WriteDataFile("root.crt", scenario.authorities);
    server_.WriteDataFile("root.crl", scenario.list.value_or(""));
    server_.Set(scenario.list ? "ssl_crl_file = 'root.crl'" : "ssl_crl_file = ''");
    const std::string directory = server_.data_dir() + "/crls";
    support::MustRun({"rm", "-rf", directory});
    support::MustRun({"install", "-d", "-o", "postgres", directory});
    for (const auto& [name, text] : scenario.directory.value_or(std::vector<std::pair<std::string, std::string>>())) {
      server_.WriteDataFile("crls/" + name, text);
    }
    server_.Set(scenario.directory ? "ssl_crl_dir = 'crls/'" : "ssl_crl_dir = ''");
    Reload();
  }

  // In a later second than the last change. The exporter logs in again after each reload, at the latest for the next
  // collection of settings.
  void Reload() {
    support::LetASecondPass();
    server_.Reload();
    harness_.Connect(conninfo_);
  }

  bool Accepts(const TestCa& issuer) const {
    const Certificate client = issuer.Issue({.common_name = "ann"});
    const support::TempDir files;
    return !support::Client::WhyNot(
        server_.Conninfo("sslmode=require sslcert=" + files.Write("c.crt", client.certificate) +
                         " sslkey=" + files.Write("c.key", client.key)));
  }

  std::string Answers(const Scenario& scenario) const {
    std::string answers;
    for (const TestCa* const issuer : scenario.issuers) answers += Accepts(*issuer) ? 'y' : 'n';
    return answers;
  }

  std::string Verdicts(ReadVia via) {
    harness_.options<CertificatesOptions>().read_via = via;
    const auto inventory = harness_.Collect().facts.Get<CertificateInventory>();
    if (!inventory->clients) return "not judged";
    std::string verdicts;
    for (const auto& authority : inventory->clients->authorities) verdicts += authority.refusals.empty() ? 'y' : 'n';
    lists_ = inventory->lists;
    return verdicts;
  }

  void ExpectNotJudged(const std::string& reason) {
    for (const ReadVia via : {ReadVia::kSql, ReadVia::kLocal}) {
      EXPECT_EQ(Verdicts(via), "not judged");
      const auto parts = harness_.Collect().incomplete;
      EXPECT_TRUE(std::ranges::any_of(
          parts, [&reason](const auto& part) { return part.part == "client_certificates" && part.reason == reason; }));
    }
  }

  // Nothing that is reported as over may leave its issuer's clients accepted.
  void ExpectListsToBeRight(const Scenario& scenario, const std::string& answers) const {
    for (const auto& list : lists_) {
      if (!list.next_update || *list.next_update > std::chrono::system_clock::now()) continue;
      if (list.scope == tls::ListScope::kAuthority) EXPECT_NE(answers.find('n'), std::string::npos) << scenario.name;
    }
  }

  TestCa root_{"Root"};
  TestCa issuing_ = root_.Intermediate("Issuing");
  TestCa other_{"Other"};
  support::PostgresServer server_{{.hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n",
                                   .tls = support::ServerTls{other_.IssueForLocalhost(), root_.certificate(), ""}}};
  std::string conninfo_ = server_.Conninfo(
      "host=localhost hostaddr=127.0.0.1 sslmode=require sslrootcert=/none sslcert=/none user=tls_exporter");
  Harness harness_{CertificatesCollector()};
  std::vector<tls::ListInForce> lists_;
};

TEST_F(ClientCertificatesPgTest, TheServerAnswersAsTheVerdictSays) {
  const TestCa expired("Gone", From(-days(90), -days(1)));
  const TestCa renewed = expired.Renewed(From(-days(2), days(90)));
  const TestCa future("Next", From(days(1), days(90)));
  const TestCa below_expired = expired.Intermediate("Below");
  const TestCa impostor("Root");
  const std::string both = root_.certificate() + issuing_.certificate();
  const std::vector<const TestCa*> two = {&root_, &issuing_};
  const std::string hash = HashOf(root_);
  const std::string old = List(root_, -40, -10);
  const std::string good = List(root_, -20, 20);
  using Directory = std::vector<std::pair<std::string, std::string>>;
  const std::vector<Scenario> scenarios = {
      {"no lists asked for", both + old, {}, {}, two, "yy"},
      {"expired and good", expired.certificate() + other_.certificate(), {}, {}, {&expired, &other_}, "ny"},
      {"renewed", expired.certificate() + renewed.certificate(), {}, {}, {&expired}, "y"},
      {"below an expired root",
       expired.certificate() + below_expired.certificate(),
       {},
       {},
       {&expired, &below_expired},
       "nn"},
      {"not valid yet", future.certificate(), {}, {}, {&future}, "n"},
      {"without its root", issuing_.certificate(), {}, {}, {&issuing_}, "n"},
      {"both lists", both, good + issuing_.Crl(), {}, two, "yy"},
      {"an old and a new list", both, old + good + issuing_.Crl({}, -days(3)) + issuing_.Crl(), {}, two, "yy"},
      {"a new and an old list", both, issuing_.Crl() + good + old, {}, two, "yy"},
      {"an intermediate without a list", both, good, {}, two, "yn"},
      {"a root without a list", both, issuing_.Crl(), {}, two, "nn"},
      {"an expired list", both, old + issuing_.Crl(), {}, two, "nn"},
      {"a list that has not begun", both, List(root_, 1, 20) + issuing_.Crl(), {}, two, "nn"},
      {"a list by another key", both, impostor.Crl() + issuing_.Crl(), {}, two, "nn"},
      {"a list of nobody", both, good + issuing_.Crl() + List(other_, -40, -10), {}, two, "yy"},
      {"a list among the authorities", both + issuing_.Crl(), good, {}, two, "yy"},
      {"an empty directory", both, {}, Directory{}, two, "nn"},
      {"r0 and r1", root_.certificate(), {}, Directory{{hash + ".r0", old}, {hash + ".r1", good}}, {&root_}, "y"},
      {"a gap", root_.certificate(), {}, Directory{{hash + ".r0", old}, {hash + ".r2", good}}, {&root_}, "n"},
      {"no r0", root_.certificate(), {}, Directory{{hash + ".r1", good}}, {&root_}, "n"},
      {"another hash", root_.certificate(), {}, Directory{{"0123abcd.r0", good}}, {&root_}, "n"},
      {"no hash", root_.certificate(), {}, Directory{{"root.crl", good}}, {&root_}, "n"},
      {"a broken r0 alone", root_.certificate(), {}, Directory{{hash + ".r0", "?"}}, {&root_}, "n"},
      {"a good r0 and a broken r1",
       root_.certificate(),
       {},
       Directory{{hash + ".r0", good}, {hash + ".r1", "?"}},
       {&root_},
       "y"},
      {"both settings", both, issuing_.Crl(), Directory{{hash + ".r0", good}}, two, "yy"},
      {"both settings, one over", both, old + issuing_.Crl(), Directory{{hash + ".r0", good}}, two, "yy"},
  };
  for (const Scenario& scenario : scenarios) {
    Install(scenario);
    const std::string answers = Answers(scenario);
    EXPECT_EQ(answers, scenario.expected) << scenario.name << ", of the server";
    EXPECT_EQ(Verdicts(ReadVia::kSql), answers) << scenario.name << ", through SQL";
    ExpectListsToBeRight(scenario, answers);
    EXPECT_EQ(Verdicts(ReadVia::kLocal), answers) << scenario.name << ", here";
    ExpectListsToBeRight(scenario, answers);
  }
}

// The exporter, as root, reads them all; whoever reads for the server is its own user.
TEST_F(ClientCertificatesPgTest, AListInTheDirectoryCountsWhereTheServerMayReadIt) {
  const std::string hash = HashOf(root_);
  const std::string first = server_.data_dir() + "/crls/" + hash + ".r0";
  const std::string second = server_.data_dir() + "/crls/" + hash + ".r1";
  const std::string directory = server_.data_dir() + "/crls";
  const std::string good = List(root_, -20, 20);
  const Scenario scenario = {"", root_.certificate(), {}, {{{hash + ".r0", good}, {hash + ".r1", good}}}, {&root_}, ""};
  struct Case {
    std::string name;
    std::vector<std::vector<std::string>> commands;
    std::string answer;
    std::string over_sql;
  };
  const std::string unlisted = "not judged";
  const std::vector<Case> cases = {
      {"as they were", {}, "y", "y"},
      {"one of root's", {{"chown", "root:root", first}, {"chmod", "600", first}, {"rm", second}}, "n", "n"},
      {"one that nobody may read", {{"chmod", "0", first}, {"rm", second}}, "n", "n"},
      {"a link to one of root's",
       {{"chown", "root:root", first},
        {"chmod", "600", first},
        {"mv", first, directory + "/list"},
        {"ln", "-s", "list", first},
        {"rm", second}},
       "n",
       "n"},
      {"the second of root's", {{"chown", "root:root", second}, {"chmod", "600", second}}, "y", "y"},
      {"one of root's group", {{"chown", "root:postgres", first}, {"chmod", "640", first}}, "y", "y"},
      {"a directory of root's", {{"chown", "root:root", directory}, {"chmod", "700", directory}}, "n", unlisted},
      {"to be searched, not listed", {{"chown", "root:root", directory}, {"chmod", "711", directory}}, "y", unlisted},
      {"to be listed, not searched", {{"chown", "root:root", directory}, {"chmod", "744", directory}}, "n", "n"},
  };
  for (const Case& one : cases) {
    Install(scenario);
    for (const auto& command : one.commands) support::MustRun(command);
    EXPECT_EQ(Answers(scenario), one.answer) << one.name << ", of the server";
    EXPECT_EQ(Verdicts(ReadVia::kLocal), one.answer) << one.name << ", here";
    EXPECT_EQ(lists_.empty(), one.answer == "n") << one.name << ", here";
    EXPECT_EQ(Verdicts(ReadVia::kSql), one.over_sql) << one.name << ", through SQL";
  }
}

// The server's OpenSSL decides by its security level: that of the servers here is 1 or 2.
TEST_F(ClientCertificatesPgTest, OfWeakAuthoritiesNothingIsSaid) {
  const TestCa weak("Weak CA", {.key = support::KeyType::kRsa1024});
  const Scenario scenario = {"", root_.certificate() + weak.certificate(), {}, {}, {&root_, &weak}, ""};
  Install(scenario);
  EXPECT_THAT(Answers(scenario), testing::AnyOf("yn", "yy"));
  ExpectNotJudged("security_level");
  server_.Set("ssl_ciphers = 'HIGH:@SECLEVEL=0'");
  Install(scenario);
  EXPECT_EQ(Answers(scenario), "yy");
  ExpectNotJudged("security_level");
  conninfo_ = server_.SocketConninfo("user=tls_exporter");  // over TCP the exporter itself may be refused
  server_.Set("ssl_ciphers = 'HIGH:@SECLEVEL=3'");
  Install({"", root_.certificate(), {}, {}, {&root_}, ""});
  ExpectNotJudged("security_level");
}

// Here and in the next test releases of OpenSSL differ, and which one the server has is not known.
TEST_F(ClientCertificatesPgTest, OfAListAfterABrokenOneNothingIsSaid) {
  const std::string hash = HashOf(root_);
  const Scenario scenario = {
      "", root_.certificate(), {}, {{{hash + ".r0", "?"}, {hash + ".r1", List(root_, -20, 20)}}}, {&root_}, ""};
  Install(scenario);
  const bool has_openssl_3_5 = server_.major() == 17 || server_.major() == 19;
  EXPECT_EQ(Answers(scenario), has_openssl_3_5 ? "y" : "n");
  ExpectNotJudged("openssl_version");
}

// Of delta lists, and of lists of a root that are for user certificates alone. With a whole list of the same issuer the
// releases agree, but that one may expire.
TEST_F(ClientCertificatesPgTest, OfListsThatReleasesReadDifferentlyNothingIsSaid) {
  const auto list = [](const TestCa& ca, const std::vector<std::string>& extensions) {
    return ca.Crl(CrlSpec{.revoked = {}, .extensions = extensions});
  };
  const std::vector<std::string> delta = {"deltaCRL=critical,DER:02:01:01", "crlNumber=DER:02:01:02"};
  const std::vector<std::string> for_users = {"issuingDistributionPoint=critical,onlyuser:TRUE"};
  const std::string both = root_.certificate() + issuing_.certificate();
  const std::vector<const TestCa*> two = {&root_, &issuing_};
  const bool has_openssl_3_5 = server_.major() == 17;
  const bool has_openssl_3_6 = server_.major() == 19;
  const auto of_release = [&](const std::string& older, const std::string& openssl_3_5, const std::string& newer) {
    return has_openssl_3_6 ? newer : has_openssl_3_5 ? openssl_3_5 : older;
  };
  const std::vector<Scenario> scenarios = {
      {"delta of the root", both, list(root_, delta) + issuing_.Crl(), {}, two, of_release("yy", "nn", "nn")},
      {"delta of the other", both, root_.Crl() + list(issuing_, delta), {}, two, of_release("yy", "yn", "yn")},
      {"delta and whole", both, list(root_, delta) + root_.Crl() + issuing_.Crl(), {}, two, "yy"},
      {"for users, root", both, list(root_, for_users) + issuing_.Crl(), {}, two, of_release("nn", "nn", "yn")},
  };
  for (const Scenario& scenario : scenarios) {
    SCOPED_TRACE(scenario.name);
    Install(scenario);
    EXPECT_EQ(Answers(scenario), scenario.expected);
    ExpectNotJudged("openssl_version");
  }
  // No release needs a list for certificates of authorities from an authority that issues to users alone.
  const Scenario same = {"for users, not of a root", both, root_.Crl() + list(issuing_, for_users), {}, two, "yy"};
  Install(same);
  EXPECT_EQ(Answers(same), same.expected);
  EXPECT_EQ(Verdicts(ReadVia::kLocal), same.expected);
}

TEST_F(ClientCertificatesPgTest, OfSeveralDirectoriesNothingIsSaid) {
  const Scenario scenario = {"", root_.certificate(), {}, {{{HashOf(root_) + ".r0", List(root_, -20, 20)}}}, {&root_},
                             ""};
  Install(scenario);
  server_.Set("ssl_crl_dir = '/none:crls'");
  Reload();
  EXPECT_EQ(Answers(scenario), "y");
  ExpectNotJudged("not_modelled");
}

TEST_F(ClientCertificatesPgTest, WhereNoneIsVerifiedNothingIsSaid) {
  Install({"", root_.certificate(), List(root_, -40, -10), {}, {}, ""});
  EXPECT_EQ(Verdicts(ReadVia::kSql), "n");
  server_.Set("ssl_ca_file = ''");
  Reload();
  EXPECT_EQ(Verdicts(ReadVia::kSql), "not judged");
  const auto output = harness_.Collect();
  EXPECT_TRUE(output.facts.Get<CertificateInventory>()->lists.empty());
  EXPECT_EQ(std::ranges::count(output.incomplete, "client_certificates", &sampling::IncompletePart::part), 0);
}

}  // namespace
}  // namespace pgtls::collectors
