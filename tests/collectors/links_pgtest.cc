// The links collector on real servers.
#include "collectors/links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <map>
#include <string>
#include <vector>

#include "exporter/db/pq_handle.h"
#include "exporter/links/link.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/standby.h"
#include "tests/support/certificates.h"
#include "tests/support/client.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using links::Link;
using links::Links;
using links::Protection;
using support::PostgresServer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";

std::vector<std::string> Parts(const sampling::Output& output) {
  std::vector<std::string> parts;
  for (const auto& [part, reason, detail] : output.incomplete) parts.push_back(part + " " + reason + " " + detail);
  return parts;
}

std::vector<std::string> TextsOf(const std::vector<Link>& found) {
  std::vector<std::string> texts;
  for (const Link& link : found) {
    texts.push_back(link.kind + " " + link.database + " " + link.name + " " + link.host + ":" + link.port + " " +
                    link.sslmode + " " + std::string(links::ToString(link.protection)) + " " +
                    std::string(ToString(link.network)));
  }
  return texts;
}

// A literal of SQL.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

class LinksPgTest : public testing::Test {
 protected:
  void SetUp() override { server_.RunSqlFile(kRoleFile); }
  sampling::Output Collect() {
    harness_.Connect(server_.Conninfo("user=tls_exporter"));
    return harness_.Collect();
  }
  std::string Page() {
    harness_.Connect(server_.Conninfo("user=tls_exporter"));
    return harness_.CollectPage();
  }
  std::vector<std::string> LinksNow() { return TextsOf(Collect().facts.Get<Links>()->links); }
  void Subscribe(const std::string& name, const std::string& conninfo) {
    server_.Execute("CREATE SUBSCRIPTION " + name + " CONNECTION " + Quoted(conninfo) +
                    " PUBLICATION p WITH (connect = false)");
  }
  // In a database of its own, as the test may say.
  void ExecuteIn(const std::string& database, const std::string& sql) const {
    support::Client(server_.SocketConninfo("dbname=" + database)).Query(sql);
  }

  support::TestCa ca_;
  PostgresServer server_{
      {.settings = {"wal_level = logical"}, .tls = support::ServerTls{.server = ca_.IssueForLocalhost()}}};
  Harness harness_{LinksCollector()};
};

TEST_F(LinksPgTest, ZeroWhereThereIsNone) {
  const std::string page = Page();
  for (const char* kind : {"wal_receiver", "subscription", "foreign_server"}) {
    for (const char* network : {"loopback", "remote"}) {
      EXPECT_THAT(page, HasSubstr(std::string("pg_tls_links_unprotected{server=\"db\",kind=\"") + kind +
                                  "\",network=\"" + network + "\"} 0\n"));
    }
  }
  EXPECT_THAT(page, AllOf(Not(HasSubstr("pg_tls_link_info{")), Not(HasSubstr("pg_tls_replication_connections{"))));
  EXPECT_THAT(Parts(Collect()), IsEmpty());
}

TEST_F(LinksPgTest, SubscriptionsOfAllDatabases) {
  Subscribe("a", "host=publisher.example.com dbname=x password=geheim");
  server_.Execute("CREATE DATABASE shop");
  ExecuteIn("shop",
            "CREATE SUBSCRIPTION b CONNECTION 'postgresql://u:geheim@[::1]:6432,10.0.0.1/x?sslmode=verify-full' "
            "PUBLICATION p WITH (connect = false)");
  const std::string page = Page();
  EXPECT_THAT(
      page,
      AllOf(HasSubstr("pg_tls_link_info{server=\"db\",kind=\"subscription\",database=\"postgres\",name=\"a\","
                      "host=\"publisher.example.com\",port=\"5432\",sslmode=\"prefer\",protection=\"optional\"} 1\n"),
            HasSubstr("pg_tls_link_info{server=\"db\",kind=\"subscription\",database=\"shop\",name=\"b\","
                      "host=\"::1,10.0.0.1\",port=\"6432,\",sslmode=\"verify-full\",protection=\"verified\"} 1\n"),
            HasSubstr("pg_tls_links_unprotected{server=\"db\",kind=\"subscription\",network=\"remote\"} 1\n"),
            Not(HasSubstr("geheim"))));
  for (const auto& row : server_.Query("SET ROLE tls_exporter; SELECT s::text FROM tls_exporter.subscriptions() s")) {
    EXPECT_THAT(row[0].value_or(""), Not(HasSubstr("geheim")));
  }
}

// What libpq makes of a conninfo: the reading in SQL must not differ.
std::map<std::string, std::string> ReadByLibpq(const std::string& conninfo) {
  const db::ConninfoHandle options(PQconninfoParse(conninfo.c_str(), nullptr));
  if (!options) throw std::runtime_error("libpq refuses " + conninfo);
  std::map<std::string, std::string> values;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) values[option->keyword] = option->val;
  }
  return values;
}

TEST_F(LinksPgTest, ReadsAConninfoAsLibpqDoes) {
  const std::vector<std::string> conninfos = {
      "host=a sslmode=require",
      "sslmode = require   host = a",
      "host=a sslmode=verify-full password='x sslmode=disable'",
      "host=a password='it\\'s sslmode=disable' sslmode=verify-ca",
      "host=a password=x\\ sslmode=disable sslmode=require",
      "host=a sslmode=require sslmode=disable",
      "host=a sslmode=disable sslmode=require",
      "host='a b' sslmode='verify-full'",
      "host=a\tsslmode=require\nport=6000",
      "host='' hostaddr=10.0.0.1 sslmode=allow",
      "host=a,b port=1,2 sslmode=prefer",
      "host=a application_name='sslmode=disable' sslmode=require",
      "host=a application_name=x'sslmode=disable sslmode=require",
      "host=a password=\\\\ sslmode=require",
      "host=a password='\\\\' sslmode=require",
      "host=a password= sslmode=require",
      "host=a gssencmode=require sslmode=disable",
      "host=a sslrootcert=system",
      "host=a sslrootcert='/etc/ca file.crt' sslmode=verify-ca",
      "host=/run/postgresql",
      "service=nosuch host=a sslmode=verify-ca",
      "",
      "postgresql://a",
      "postgres://a:6000/db?sslmode=require",
      "postgresql://user:se%40cret@a/db?sslmode=verify-full",
      "postgresql://user:p?sslmode=disable@a/db?sslmode=verify-full",
      "postgresql://user@a,b:6001/db",
      "postgresql://[::1]:6000/",
      "postgresql://%2Frun%2Fpostgresql/db",
      "postgresql:///db?host=a&port=6000&sslmode=require",
      "postgresql://a/db?host=b",
      "postgresql://a/db?ssl=true",
      "postgresql://a/db?sslmode=require&sslmode=disable",
      "postgresql://a?sslmode=require",
      "postgresql://a/db?application_name=x%26sslmode%3Ddisable&sslmode=verify%2Dfull",
      "postgresql://a/d%3Fsslmode=disable?sslmode=require",
      "postgresql://?host=x&sslmode=allow",
      "host=a sslmode=verify-full requiressl=0",
      "host=a sslmode=disable requiressl=1",
      "postgresql://a/db?sslmode=verify-full&requiressl=0",
      "postgresql://a?application_name=u@b/db?sslmode=require",
      "postgresql://a/db?application_name=u@b&sslmode=require",
  };
  int number = 0;
  for (const std::string& conninfo : conninfos) Subscribe("s" + std::to_string(number++), conninfo);
  const sampling::Output output = Collect();
  EXPECT_THAT(Parts(output), IsEmpty());
  const auto found = output.facts.Get<Links>();
  ASSERT_EQ(found->links.size(), conninfos.size());
  for (const Link& link : found->links) {
    const std::string& conninfo = conninfos.at(std::stoul(link.name.substr(1)));
    const auto values = ReadByLibpq(conninfo);
    const auto value = [&](const char* key) { return values.contains(key) ? values.at(key) : std::string(); };
    const Link expected = links::LinkOf(links::kSubscription, link.database, link.name,
                                        {.host = value("host"),
                                         .hostaddr = value("hostaddr"),
                                         .port = value("port"),
                                         .sslmode = value("sslmode"),
                                         .sslrootcert = value("sslrootcert"),
                                         .gssencmode = value("gssencmode"),
                                         .service = !value("service").empty(),
                                         .knows_system_root = server_.major() >= 16});
    EXPECT_EQ(TextsOf({link}), TextsOf({expected})) << conninfo;
  }
}

// libpq decodes the names of options, too: what they are is not seen here.
TEST_F(LinksPgTest, AnEncodedNameOfAnOptionIsNoAnswer) {
  Subscribe("a", "postgresql://a/db?sslmode=verify-full&%73slmode=disable");
  const sampling::Output output = Collect();
  EXPECT_THAT(Parts(output), ElementsAre("subscriptions malformed a in postgres"));
  EXPECT_THAT(TextsOf(output.facts.Get<Links>()->links), IsEmpty());
  EXPECT_THAT(Page(), Not(HasSubstr("kind=\"subscription\"")));
}

// What a service file sets is not known: neither protected nor 0.
TEST_F(LinksPgTest, AServiceFileIsNoAnswer) {
  Subscribe("a", "service=nosuch host=a");
  server_.Execute("CREATE EXTENSION postgres_fdw");
  server_.Execute("CREATE SERVER f FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'a', sslmode 'maybe')");
  EXPECT_THAT(Parts(Collect()), UnorderedElementsAre("subscriptions sslmode_unknown a in postgres",
                                                     "foreign_servers sslmode_unknown f in postgres"));
  EXPECT_THAT(Page(), AllOf(HasSubstr("name=\"a\",host=\"a\",port=\"5432\",sslmode=\"\",protection=\"unknown\"} 1\n"),
                            Not(HasSubstr("links_unprotected{server=\"db\",kind=\"subscription\"")),
                            Not(HasSubstr("links_unprotected{server=\"db\",kind=\"foreign_server\""))));
}

// CREATE SUBSCRIPTION … SERVER (19).
TEST_F(LinksPgTest, ASubscriptionThatNamesAForeignServer) {
  server_.Execute(
      "CREATE EXTENSION postgres_fdw; "
      "CREATE SERVER publisher FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'p.example.com', sslmode 'require')");
  if (server_.major() < 19) {
    EXPECT_THROW(server_.Execute("CREATE SUBSCRIPTION s SERVER publisher PUBLICATION p WITH (connect = false)"),
                 std::runtime_error);
    return;
  }
  server_.Execute("CREATE USER MAPPING FOR postgres SERVER publisher OPTIONS (user 'u', password 'geheim')");
  server_.Execute("CREATE SUBSCRIPTION s SERVER publisher PUBLICATION p WITH (connect = false)");
  EXPECT_THAT(LinksNow(),
              UnorderedElementsAre("subscription postgres s p.example.com:5432 require encrypted remote",
                                   "foreign_server postgres publisher p.example.com:5432 require encrypted remote"));
}

TEST_F(LinksPgTest, ForeignServersOfAllDatabases) {
  server_.Execute("CREATE DATABASE shop");
  ExecuteIn(
      "shop",
      "CREATE EXTENSION postgres_fdw; CREATE EXTENSION dblink; "
      "CREATE FOREIGN DATA WRAPPER other; "
      "CREATE SERVER reports FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'reports.example.com', port '6000'); "
      "CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', sslmode 'disable'); "
      "CREATE SERVER safe FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host 'x.example.com', sslmode 'verify-full'); "
      "CREATE SERVER none FOREIGN DATA WRAPPER postgres_fdw; "
      "CREATE SERVER elsewhere FOREIGN DATA WRAPPER other OPTIONS (host 'x.example.com')");
  EXPECT_THAT(LinksNow(),
              UnorderedElementsAre("foreign_server shop reports reports.example.com:6000 prefer optional remote",
                                   "foreign_server shop here 127.0.0.1:5432 disable none loopback",
                                   "foreign_server shop safe x.example.com:5432 verify-full verified remote",
                                   "foreign_server shop none :5432 prefer local local"));
  EXPECT_THAT(
      Page(),
      AllOf(HasSubstr("pg_tls_links_unprotected{server=\"db\",kind=\"foreign_server\",network=\"loopback\"} 1\n"),
            HasSubstr("pg_tls_links_unprotected{server=\"db\",kind=\"foreign_server\",network=\"remote\"} 1\n")));
}

// What was not seen is no 0.
TEST_F(LinksPgTest, DatabasesThatAreNotVisited) {
  server_.Execute("CREATE DATABASE closed");
  server_.Execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
  sampling::Output output = Collect();
  EXPECT_THAT(Parts(output), ElementsAre(StartsWith("foreign_servers insufficient_privilege closed: ")));
  std::string page = Page();
  EXPECT_THAT(page, AllOf(Not(HasSubstr("foreign_server")), HasSubstr("subscription")));

  // It is not asked again at once: each refusal is a line in the server's log.
  const std::size_t logged = server_.LogSize();
  EXPECT_THAT(Parts(Collect()), ElementsAre(StartsWith("foreign_servers insufficient_privilege closed: ")));
  EXPECT_THAT(server_.Log(logged), Not(HasSubstr("permission denied for database")));

  harness_.options<LinksOptions>().max_databases = 2;
  EXPECT_THAT(Parts(Collect()), ElementsAre(StartsWith("foreign_servers insufficient_privilege closed: "),
                                            "foreign_servers max_databases 1 of 3 databases: template1 …"));
}

TEST_F(LinksPgTest, WithoutTheRoleFile) {
  server_.Execute("DROP SCHEMA tls_exporter CASCADE; REVOKE pg_monitor FROM tls_exporter");
  EXPECT_THAT(Parts(Collect()),
              ElementsAre("wal_receiver insufficient_privilege ", "replication insufficient_privilege ",
                          "subscriptions insufficient_privilege "));
  EXPECT_THAT(Page(), AllOf(Not(HasSubstr("kind=\"subscription\"")), Not(HasSubstr("kind=\"wal_receiver\"")),
                            HasSubstr("kind=\"foreign_server\"")));
}

TEST_F(LinksPgTest, AStandbyAndItsUpstream) {
  PostgresServer standby({.environment = {{"HOME", "/nonexistent"}}});
  Follow(standby, server_, "host=127.0.0.1 user=postgres sslmode=disable application_name=replica");
  ASSERT_TRUE(Streams(standby));
  EXPECT_THAT(Page(), HasSubstr("pg_tls_replication_connections{server=\"db\",application_name=\"replica\","
                                "client_addr=\"127.0.0.1\",replication=\"physical\",sync_state=\"async\","
                                "network=\"loopback\",encryption=\"none\"} 1\n"));
  EXPECT_THAT(harness_.Collect().facts.Get<links::Links>()->replication,
              ElementsAre(testing::Field(&links::Replication::user, "postgres")));
  harness_.Connect(standby.Conninfo("user=tls_exporter"));
  EXPECT_THAT(
      harness_.CollectPage(),
      AllOf(HasSubstr("kind=\"wal_receiver\",database=\"\",name=\"\",host=\"127.0.0.1\",port=\"" +
                      std::to_string(server_.port()) + "\",sslmode=\"disable\",protection=\"none\"} 1\n"),
            HasSubstr("pg_tls_links_unprotected{server=\"db\",kind=\"wal_receiver\",network=\"loopback\"} 1\n")));
  // Its subscriptions do not run there.
  EXPECT_THAT(harness_.CollectPage(), HasSubstr("kind=\"subscription\",network=\"remote\"} 0\n"));
  // Configured and not connected is not protected.
  server_.Stop();
  ASSERT_TRUE(support::WaitUntil([&] { return standby.Query("SELECT pid FROM pg_stat_wal_receiver").empty(); }));
  harness_.Connect(standby.Conninfo("user=tls_exporter"));
  const sampling::Output output = harness_.Collect();
  EXPECT_THAT(Parts(output), ElementsAre("wal_receiver not_connected "));
}

TEST_F(LinksPgTest, ALogicalSubscriberByName) {
  const support::Client subscriber(
      server_.Conninfo("user=postgres replication=database sslmode=require application_name=app"));
  EXPECT_THAT(Page(), HasSubstr("pg_tls_replication_connections{server=\"db\",application_name=\"app\","
                                "client_addr=\"127.0.0.1\",replication=\"logical\",sync_state=\"async\","
                                "network=\"loopback\",encryption=\"tls\"} 1\n"));
}

}  // namespace
}  // namespace pgtls::collectors
