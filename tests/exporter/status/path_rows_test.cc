#include "exporter/status/path_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/links/link.h"
#include "exporter/sessions/open_backends.h"
#include "exporter/sessions/open_connections.h"
#include "exporter/settings/pooler_settings.h"
#include "tests/exporter/status/status_fixture.h"

namespace pgtls::status {
namespace {

using links::LinkOf;
using links::Links;
using sessions::OpenBackends;
using sessions::OpenConnections;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

links::Outgoing Open(std::optional<Encryption> encryption, std::int64_t pid, int port) {
  return {.kind = "pgbouncer",
          .database = "shop",
          .user = "app",
          .server_addr = "10.0.0.1",
          .network = Network::kRemote,
          .encryption = encryption,
          .backend_pid = pid,
          .local_port = port};
}

OpenConnections Clients(std::optional<Encryption> encryption, Network network = Network::kRemote) {
  return {.connections = {
              {.user = "app", .database = "shop", .network = network, .encryption = encryption, .connections = 3}}};
}

// A pooler in front of the server "orders": all hops of its database are encrypted, and the server is watched.
class PathRowsTest : public testing::Test {
 protected:
  PathRowsTest() {
    pool_.snapshot().kind = settings::kPgBouncer;
    pool_.Publish("settings", settings::PoolerSettings{.values = {{"client_tls_sslmode", "require"}}});
    pool_.Publish("sessions", Clients(Encryption::kTls));
    orders_.Publish("sessions", OpenBackends{{{100, 40000, Encryption::kTls}, {100, 50000, Encryption::kNone}}});
  }
  void Leads(const std::string& host, const std::string& sslmode,
             std::vector<links::Outgoing> open = {Open(Encryption::kTls, 100, 40000)}) {
    pool_.Publish("links", Links{.links = {LinkOf(links::kPooler, "shop", "", {.host = host, .sslmode = sslmode})},
                                 .outgoing = std::move(open)});
  }
  std::vector<PathRow> Rows() {
    std::vector<ServerFacts> facts;
    facts.emplace_back(pool_.snapshot(), kNow);
    facts.emplace_back(orders_.snapshot(), kNow);
    return PathRows(facts, 10).rows;
  }
  PathRow Row() {
    const std::vector<PathRow> rows = Rows();
    EXPECT_THAT(rows, SizeIs(1));
    return rows.empty() ? PathRow() : rows[0];
  }

  ServerBuilder pool_{"pool"};
  ServerBuilder orders_{"orders"};
};

TEST_F(PathRowsTest, EveryHopIsEncrypted) {
  Leads("db.example.com", "verify-full");
  const PathRow row = Row();
  EXPECT_EQ(row.level, Level::kGood);
  EXPECT_EQ(row.clients.text, "3 encrypted");
  EXPECT_EQ(row.link.text, "db.example.com port 5432, sslmode=verify-full: 1 encrypted");
  EXPECT_EQ(row.servers.text, "orders: 1 encrypted");
}

TEST_F(PathRowsTest, APlaintextClientSpoilsTheWholeWay) {
  Leads("db.example.com", "verify-full");
  pool_.Publish("sessions", Clients(Encryption::kNone));
  pool_.Edit<sessions::Summary>(
      "sessions", [](auto& summary) { summary.unencrypted = {{.database = "shop", .user = "app", .connections = 3}}; });
  EXPECT_EQ(Row().clients.text, "3 unencrypted");
  EXPECT_EQ(Row().level, Level::kBad);
  // The policy allows it: no all-clear, and no alarm.
  pool_.Edit<sessions::Summary>("sessions", [](auto& summary) { summary.unencrypted[0].allowed = true; });
  EXPECT_EQ(Row().level, Level::kNote);
}

TEST_F(PathRowsTest, ClientsThatAreNotKnownAreNotEncrypted) {
  Leads("db.example.com", "verify-full");
  pool_.Publish("sessions", Clients(std::nullopt));
  EXPECT_EQ(Row().level, Level::kUnknown);
  pool_.Change("sessions", [](auto& result, auto&) { result.facts = {}; });
  EXPECT_THAT(Row().clients.text, HasSubstr("not known"));
  EXPECT_EQ(Row().level, Level::kUnknown);
}

// Whether the next client is encrypted depends on the pooler's setting.
TEST_F(PathRowsTest, NoClientIsNoProof) {
  Leads("db.example.com", "verify-full");
  pool_.Publish("sessions", OpenConnections());
  EXPECT_EQ(Row().clients.text, "none open");
  EXPECT_EQ(Row().level, Level::kGood);
  pool_.Publish("settings", settings::PoolerSettings{.values = {{"client_tls_sslmode", "prefer"}}});
  EXPECT_EQ(Row().level, Level::kUnknown);
}

TEST_F(PathRowsTest, WhatIsDoubtfulIsUnknown) {
  Leads("db.example.com", "verify-full");
  pool_.Change("sessions", [](auto& result, auto&) { result.incomplete.push_back({"processes", "so_reuseport"}); });
  EXPECT_EQ(Row().level, Level::kUnknown);
  pool_.Change("sessions", [](auto& result, auto&) { result.incomplete.clear(); });
  EXPECT_EQ(Row().level, Level::kGood);
  pool_.Change("sessions", [](auto&, auto& state) { state.last_success = kNow - std::chrono::hours(1); });
  EXPECT_EQ(Row().level, Level::kUnknown);
}

TEST_F(PathRowsTest, APoolerWhoseLinksAreNotKnownIsShown) {
  pool_.Fail("links", FailureReason::kTimeout, "no answer");
  EXPECT_EQ(Row().level, Level::kUnknown);
  EXPECT_EQ(Row().pooler, "pool");
}

TEST_F(PathRowsTest, ADatabaseThatIsNewIsUnknown) {
  Leads("db.example.com", "verify-full");
  OpenConnections clients = Clients(Encryption::kTls);
  clients.connections.push_back(clients.connections[0]);
  clients.connections[1].database = "new";
  pool_.Publish("sessions", clients);
  ASSERT_THAT(Rows(), SizeIs(2));
  EXPECT_EQ(Rows()[0].database, "new");
  EXPECT_EQ(Rows()[0].level, Level::kUnknown);
}

// Two servers may have a backend of this pid with a client from this port.
TEST_F(PathRowsTest, ABackendOfTwoServersIsNeithers) {
  Leads("db.example.com", "verify-full");
  ServerBuilder other("other");
  other.Publish("sessions", OpenBackends{{{100, 40000, Encryption::kTls}}});
  std::vector<ServerFacts> facts;
  facts.emplace_back(pool_.snapshot(), kNow);
  facts.emplace_back(orders_.snapshot(), kNow);
  facts.emplace_back(other.snapshot(), kNow);
  EXPECT_EQ(PathRows(facts, 10).rows.at(0).servers.text, "not watched");
}

TEST_F(PathRowsTest, TheWayOnMayBePlaintext) {
  Leads("db.example.com", "prefer");
  EXPECT_EQ(Row().level, Level::kBad);
  Leads("db.example.com", "require");
  EXPECT_EQ(Row().level, Level::kWarning);
  // Open connections keep what they negotiated before the setting was changed.
  Leads("db.example.com", "verify-full", {Open(Encryption::kNone, 100, 40000)});
  EXPECT_EQ(Row().link.text, "db.example.com port 5432, sslmode=verify-full: 1 unencrypted");
  EXPECT_EQ(Row().level, Level::kBad);
  Leads("/run/postgresql", "disable", {});
  EXPECT_EQ(Row().link.level, Level::kGood);
}

// Something between the two ends TLS.
TEST_F(PathRowsTest, TheServerMaySeeAnotherThing) {
  Leads("db.example.com", "verify-full", {Open(Encryption::kTls, 100, 50000)});
  EXPECT_EQ(Row().servers.text, "orders: 1 unencrypted");
  EXPECT_EQ(Row().level, Level::kBad);
}

// The same pid and another port is another server's.
TEST_F(PathRowsTest, AServerThatIsNotWatchedIsUnknown) {
  Leads("db.example.com", "verify-full", {Open(Encryption::kTls, 100, 1)});
  EXPECT_EQ(Row().servers.text, "not watched");
  EXPECT_EQ(Row().level, Level::kUnknown);
  Leads("db.example.com", "verify-full", {Open(Encryption::kTls, 100, 1), Open(Encryption::kTls, 100, 40000)});
  EXPECT_EQ(Row().servers.text, "orders: 1 encrypted; 1 not watched");
  EXPECT_EQ(Row().level, Level::kUnknown);
  // Nor is one whose sessions are not known any more.
  Leads("db.example.com", "verify-full");
  orders_.Change("sessions", [](auto&, auto& state) { state.last_success = kNow - std::chrono::hours(1); });
  EXPECT_EQ(Row().servers.text, "not watched");
  Leads("db.example.com", "verify-full", {});
  EXPECT_EQ(Row().servers.text, "no connection is open");
  EXPECT_EQ(Row().level, Level::kUnknown);
}

TEST_F(PathRowsTest, ThereIsNoneWithoutAPooler) {
  pool_.snapshot().kind = "PostgreSQL";
  Leads("db.example.com", "verify-full");
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(PathRowsTest, IsOnThePage) {
  Leads("db.example.com", "verify-full");
  EXPECT_THAT(PageOf({pool_, orders_}), AllOf(HasSubstr("id=\"paths\""), HasSubstr("orders: 1 encrypted")));
  EXPECT_THAT(PageOf({orders_}), Not(HasSubstr("id=\"paths\"")));
}

}  // namespace
}  // namespace pgtls::status
