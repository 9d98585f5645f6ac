#include "exporter/sampling/own_backends.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace pgtls::sampling {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::seconds;
using Owner = OwnBackends::Owner;

SnapshotTime Now() {
  const Deadline now = std::chrono::steady_clock::now();
  return {now, now};
}

class OwnBackendsTest : public ::testing::Test {
 protected:
  Owner Of(int pid, std::int64_t start, microseconds age = seconds(0), std::string_view user = "exporter") {
    return own_.OwnerOf({{pid, start}, user, age}, Now());
  }
  OwnBackends own_;
};

TEST_F(OwnBackendsTest, ASessionIsItsPidAndItsStart) {
  OwnBackends::Login login(own_, "exporter");
  login.Known(db::BackendId{7, 1000});
  EXPECT_EQ(Of(7, 1000, hours(9)), Owner::kExporter);
  EXPECT_EQ(Of(7, 1001, hours(9)), Owner::kOther) << "another session, that has the pid now";
  EXPECT_EQ(Of(8, 1000, hours(9)), Owner::kOther);
  EXPECT_EQ(own_.pids(), std::vector{7});
}

TEST_F(OwnBackendsTest, APidAloneNeedsTheUserAndTheTimeOfTheLogin) {
  OwnBackends::Login login(own_, "exporter");
  login.Known(7);
  EXPECT_EQ(Of(7, 1000, seconds(0), "app"), Owner::kOther);
  EXPECT_EQ(Of(7, 1000, hours(1)), Owner::kOther) << "it was there before the login";
  EXPECT_EQ(Of(7, 2000), Owner::kExporter);
  // From then on it is known exactly, whatever the clocks do.
  EXPECT_EQ(Of(7, 2000, hours(1)), Owner::kExporter);
  EXPECT_EQ(Of(7, 2001), Owner::kUnsure) << "the pid may be a pooler's own number";
  login.Known(db::BackendId{7, 2000});
  EXPECT_EQ(Of(7, 2001), Owner::kOther);
}

TEST_F(OwnBackendsTest, ALoginInProgressMayBeWhateverIsAsYoung) {
  EXPECT_EQ(Of(7, 1000), Owner::kOther);
  std::optional<OwnBackends::Login> login(std::in_place, own_, "exporter");
  EXPECT_EQ(Of(7, 1000), Owner::kUnsure);
  EXPECT_EQ(Of(7, 1000, seconds(0), ""), Owner::kUnsure) << "who is authenticating has no user yet";
  EXPECT_EQ(Of(7, 1000, seconds(0), "app"), Owner::kOther);
  EXPECT_EQ(Of(7, 1000, hours(1)), Owner::kOther);
  login->Known(db::BackendId{8, 5});
  EXPECT_EQ(Of(7, 1000), Owner::kOther) << "it has become another one";
}

// Its backend ends later than the connection, or hangs; and what a pooler lent serves others.
TEST_F(OwnBackendsTest, WhatHasEndedIsStillKnownUnlessItWasLent) {
  for (const bool lent : {false, true}) {
    std::optional<OwnBackends::Login> login(std::in_place, own_, "exporter");
    login->Known(db::BackendId{7, 1000 + lent});
    if (lent) login->SetLent();
    EXPECT_EQ(Of(7, 1000 + lent), Owner::kExporter);
    login.reset();
    EXPECT_EQ(Of(7, 1000 + lent), lent ? Owner::kOther : Owner::kExporter);
  }
}

TEST_F(OwnBackendsTest, ABackendThatMovesIsTheLastOne) {
  OwnBackends::Login login(own_, "exporter");
  login.Known(12345);  // a pooler's own number
  login.Known(db::BackendId{7, 1});
  login.Known(db::BackendId{8, 2});
  EXPECT_EQ(Of(7, 1), Owner::kOther);
  EXPECT_EQ(Of(8, 2), Owner::kExporter);
  EXPECT_EQ(own_.pids(), std::vector{8});
}

// ---- The server's log

constexpr std::string_view kHere = "192.0.2.7";

db::SocketAddress At(std::string_view address, int port) { return {IpAddress::Parse(address).value(), port}; }

class LogTest : public OwnBackendsTest {
 protected:
  bool Is(LoggedConnection connection, std::chrono::nanoseconds ago = seconds(0)) {
    connection.latest = std::chrono::steady_clock::now() - ago;
    connection.earliest = connection.latest - seconds(1);
    return own_.IsOwn(connection);
  }
};

TEST_F(LogTest, AConnectionWithoutALoginIsItsAddressItsPortAndItsTime) {
  EXPECT_FALSE(Is({.from = At(kHere, 4711)}));
  own_.Connected(At(kHere, 4711));
  EXPECT_TRUE(Is({.pid = 7, .from = At(kHere, 4711), .user = "exporter"}));
  EXPECT_TRUE(Is({.from = At("::ffff:192.0.2.7", 4711)}));
  EXPECT_FALSE(Is({.from = At(kHere, 4712)}));
  EXPECT_FALSE(Is({.from = At("192.0.2.8", 4711)}));
  EXPECT_TRUE(Is({.from = At(kHere, 4711)}, seconds(-2))) << "two clocks are compared";
  EXPECT_TRUE(Is({.from = At(kHere, 4711)}, seconds(1)));
  EXPECT_FALSE(Is({.from = At(kHere, 4711)}, seconds(30))) << "the port was another client's before";
  EXPECT_FALSE(Is({.from = At(kHere, 4711)}, seconds(-30))) << "and may be again";
}

TEST_F(LogTest, ALoginIsItsPidItsUserAndItsTime) {
  std::optional<OwnBackends::Login> login(std::in_place, own_, "exporter");
  login->Known(7);
  login.reset();
  EXPECT_TRUE(Is({.pid = 7, .from = At(kHere, 1), .user = "exporter"})) << "the address may be translated on the way";
  EXPECT_TRUE(Is({.pid = 7}));
  EXPECT_FALSE(Is({.pid = 7, .user = "app"}));
  EXPECT_FALSE(Is({.pid = 8, .user = "exporter"}));
  EXPECT_FALSE(Is({.pid = 7}, seconds(30)));
  EXPECT_FALSE(Is({.user = "exporter"})) << "nothing else is known";
}

TEST_F(LogTest, WhatAPoolerLentIsAConnectionOfThePooler) {
  OwnBackends::Login login(own_, "exporter");
  login.SetLent();
  login.Known(db::BackendId{7, 1});
  EXPECT_FALSE(Is({.pid = 7, .user = "exporter"}));
}

// ---- What servers count

class CountedTest : public OwnBackendsTest {
 protected:
  std::uint64_t Total(std::int64_t cluster, std::string_view database) { return Counted(cluster, database).total; }
  std::size_t Pending(std::int64_t cluster, std::string_view database) { return Counted(cluster, database).pending; }
  sessions::OwnSessions Counted(std::int64_t cluster, std::string_view database) {
    const auto all = own_.CountedBy(cluster);
    const auto found = all.find(database);
    return found == all.end() ? sessions::OwnSessions() : found->second;
  }
};

TEST_F(CountedTest, ALoginCountsOnceItsPidAndItsServerAreKnown) {
  OwnBackends::Login login(own_, "exporter", {0, "db"});
  EXPECT_EQ(Pending(5, "db"), 1) << "it may lead to any server";
  login.Known(7);
  EXPECT_EQ(Total(5, "db"), 0);
  EXPECT_EQ(Pending(5, "db"), 1);
  login.Reached({5, "db"});
  EXPECT_EQ(Total(5, "db"), 1);
  EXPECT_EQ(Pending(5, "db"), 0);
  EXPECT_EQ(Counted(5, "db").recent.size(), 1);
  login.Reached({5, "db"});
  login.Known(db::BackendId{7, 1000});
  EXPECT_EQ(Total(5, "db"), 1);
  EXPECT_EQ(Total(6, "db"), 0);
  EXPECT_EQ(Total(5, "other"), 0);
}

TEST_F(CountedTest, AProbeIsExpectedWhereItsServerIs) {
  for (const std::uint64_t probes : {1U, 2U}) {
    OwnBackends::Login probe(own_, "exporter", {5, "db"});
    EXPECT_EQ(Pending(5, "db"), 1);
    EXPECT_EQ(Pending(6, "db"), 0);
    probe.Known(7);
    {
      const OwnBackends::Login ended = std::move(probe);
    }
    EXPECT_EQ(Total(5, "db"), probes);
    EXPECT_EQ(Pending(5, "db"), 0);
  }
}

TEST_F(CountedTest, NoSessionNoCount) {
  {
    OwnBackends::Login refused(own_, "exporter", {5, "db"});
  }
  {
    OwnBackends::Login lent(own_, "exporter", {5, "db"});
    lent.Known(1234);
    lent.SetLent();
    EXPECT_EQ(Pending(5, "db"), 0);
  }
  {
    OwnBackends::Login pooler(own_, "exporter", {5, "db"});
    pooler.Known(1'500'000'000);  // no process has that number
  }
  {
    OwnBackends::Login console(own_, "exporter", {5, "db"});
    console.HasNoBackend();
    EXPECT_EQ(Pending(5, "db"), 0);
  }
  {
    OwnBackends::Login unplaced(own_, "exporter", {0, "db"});
    unplaced.Known(7);
  }
  EXPECT_EQ(Total(5, "db"), 0);
  EXPECT_EQ(Pending(5, "db"), 0);
}

}  // namespace
}  // namespace pgtls::sampling
