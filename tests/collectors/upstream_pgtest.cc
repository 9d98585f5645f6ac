// The client certificates of standbys and subscribers, as the certificates collector finds them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/certificates.h"
#include "exporter/db/target.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/standby.h"

namespace pgtls::collectors {
namespace {

using support::PostgresServer;
using testing::ElementsAre;
using testing::IsEmpty;

class UpstreamPgTest : public testing::Test {
 protected:
  void Watch(const PostgresServer& server, const std::string& user = "postgres") {
    const std::string conninfo = server.Conninfo("host=localhost hostaddr=127.0.0.1 sslmode=disable user=" + user);
    harness_.Connect(conninfo);
    harness_.target = db::ResolveTarget(conninfo);
    harness_.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server.port(), "localhost", user, "postgres"};
    harness_.options<CertificatesOptions>().read_via = ReadVia::kLocal;
  }
  // "/data/x.crt CN=replica", or the problem in place of the name.
  std::vector<std::string> Found(const std::string& data_dir) {
    std::vector<std::string> found;
    for (const auto& file : harness_.Collect().facts.Get<tls::CertificateInventory>()->files) {
      if (file.role != "upstream") continue;
      std::string path = file.path;
      if (path.starts_with(data_dir)) path.replace(0, data_dir.size(), "/data");
      found.push_back(path + " " +
                      (file.problem.empty() ? file.content.certificates.front().facts.subject : file.problem));
    }
    return found;
  }

  support::TestCa ca_;
  support::Certificate replica_ = ca_.Issue({.common_name = "replica"});
  PostgresServer primary_{{.hba = "local all,replication all trust\n"
                                  "hostssl replication all 127.0.0.1/32 trust clientcert=verify-ca\n"
                                  "host all all 127.0.0.1/32 trust\n",
                           .tls = support::ServerTls{ca_.IssueForLocalhost(), ca_.certificate(), ""}}};
  PostgresServer standby_{{.environment = {{"HOME", "/nonexistent"}}}};
  Harness harness_{CertificatesCollector()};
};

TEST_F(UpstreamPgTest, TheCertificateOfAStandbyThatStreams) {
  primary_.Execute("CREATE ROLE seer LOGIN; GRANT pg_monitor TO seer; CREATE ROLE blind LOGIN");
  primary_.WriteDataFile("replica.crt", replica_.certificate);
  primary_.WriteDataFile("replica.key", replica_.key);
  const std::string base = "host=127.0.0.1 user=postgres sslmode=require ";
  Follow(standby_, primary_, base + "sslcert=replica.crt sslkey=replica.key");
  ASSERT_TRUE(Streams(standby_));
  for (const char* user : {"postgres", "seer"}) {
    Watch(standby_, user);
    EXPECT_THAT(Found(standby_.data_dir()), ElementsAre("/data/replica.crt CN=replica")) << user;
  }
  Watch(standby_, "blind");
  EXPECT_THAT(Found(standby_.data_dir()), IsEmpty());
  Watch(primary_);
  EXPECT_THAT(Found(primary_.data_dir()), IsEmpty()) << "it follows none";
}

// Each way to write it. Whether the standby connects does not matter: a certificate that has expired keeps its series.
TEST_F(UpstreamPgTest, EveryFormOfTheSetting) {
  Follow(standby_, primary_, "host=127.0.0.1 user=postgres sslmode=disable");
  const std::string data = standby_.data_dir();
  for (const char* name : {"a.crt", "b c.crt", "it's.crt"}) standby_.WriteDataFile(name, replica_.certificate);
  standby_.WriteDataFile("broken.crt", "?");
  struct Case {
    std::string conninfo;
    std::vector<std::string> found;
  };
  const std::string host = "host=127.0.0.1 port=1 ";
  const Case cases[] = {
      {host + "sslcert=" + data + "/a.crt", {"/data/a.crt CN=replica"}},
      {host + "sslcert = 'b c.crt' user=x", {"/data/b c.crt CN=replica"}},
      {host + R"(sslcert='it\'s.crt')", {"/data/it's.crt CN=replica"}},
      {host + R"(sslcert=b\ c.crt)", {"/data/b c.crt CN=replica"}},
      {host + "sslcert=broken.crt sslcert=a.crt", {"/data/a.crt CN=replica"}},
      {host + "sslcert=a.crt password='x sslcert=broken.crt'", {"/data/a.crt CN=replica"}},
      {host + "password='x sslcert=a.crt'", {}},
      {host + "sslcert=missing.crt", {}},
      {host + "sslcert=broken.crt", {"/data/broken.crt no_certificate"}},
      {"postgresql://127.0.0.1:1/?sslcert=b%20c.crt&user=x", {"/data/b c.crt CN=replica"}},
      {"postgres://127.0.0.1:1/?user=x&sslcert=" + data + "/a.crt", {"/data/a.crt CN=replica"}},
      {"postgres://127.0.0.1:1/?user=x", {}},
      {host, {}},
      {"", {}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.conninfo);
    std::string quoted;
    for (const char c : one.conninfo) quoted += c == '\'' ? "''" : c == '\\' ? "\\\\" : std::string(1, c);
    standby_.Set("primary_conninfo = '" + quoted + "'");
    standby_.Reload();
    Watch(standby_);
    EXPECT_EQ(Found(data), one.found);
  }
}

TEST_F(UpstreamPgTest, Subscriptions) {
  for (const char* name : {"a.crt", "b c.crt"}) primary_.WriteDataFile(name, replica_.certificate);
  const auto subscribe = [&](const std::string& name, const std::string& conninfo) {
    primary_.Execute("CREATE SUBSCRIPTION " + name + " CONNECTION '" + conninfo +
                     "' PUBLICATION p WITH (connect = false)");
  };
  subscribe("one", "host=127.0.0.1 sslcert=a.crt password=geheim");
  subscribe("again", "host=127.0.0.2 sslcert=a.crt");
  subscribe("uri", "postgresql://127.0.0.1/?sslcert=b%20c.crt");
  subscribe("none", "host=127.0.0.1");
  Watch(primary_);
  EXPECT_THAT(Found(primary_.data_dir()), IsEmpty()) << "there is no function to ask";
  primary_.RunSqlFile("deploy/sql/monitoring_role.sql");
  for (const char* user : {"postgres", "tls_exporter"}) {
    Watch(primary_, user);
    EXPECT_THAT(Found(primary_.data_dir()),
                testing::UnorderedElementsAre("/data/a.crt CN=replica", "/data/b c.crt CN=replica"))
        << user;
  }
}

}  // namespace
}  // namespace pgtls::collectors
