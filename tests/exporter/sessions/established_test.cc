#include "exporter/sessions/established.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "exporter/metrics/series_cap.h"

namespace pgtls::sessions {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStart = 1000 * kSecond;  // of the first server's postmaster
constexpr std::int64_t kBegan = 900 * kSecond;   // of its statistics

// Both clocks tick together, and show other times.
class EstablishedTest : public ::testing::Test {
 protected:
  // A collection, `after` the last one.
  void Read(seconds after = seconds(15)) {
    previous_ = now_;
    now_ += after;
    counter_.Read({.now_us = ServerTime(now_),
                   .postmaster_start_us = postmaster_,
                   .asked = now_,
                   .previous = first_ ? std::nullopt : std::optional(previous_),
                   .max_series = max_series_},
                  statistics_, [this](std::int64_t cluster) { return own_[cluster]; });
    first_ = false;
  }
  static std::int64_t ServerTime(TimePoint time) {
    return kStart + std::chrono::floor<microseconds>(time.time_since_epoch()).count();
  }
  // The server counts sessions, each with a commit.
  void Count(std::int64_t sessions, std::size_t database = 0) {
    statistics_.databases[database].sessions += sessions;
    statistics_.databases[database].commits += sessions;
  }
  // The exporter logs in, so long after the last collection, and knows it so much later.
  void LogIn(seconds after = seconds(1), const std::string& database = "shop", seconds late = seconds(0)) {
    OwnSessions& own = own_[postmaster_][database];
    if (own.account == 0) own.account = ++accounts_;
    ++own.total;
    own.recent.push_back({now_ + after, now_ + after + late});
  }
  void Reset(DatabaseStatistics& database, seconds after = seconds(5)) {
    database.sessions = 0;
    database.commits = 0;
    database.reset_us = ServerTime(now_ + after);
  }
  void RestartPostmaster(seconds after = seconds(5)) { postmaster_ = ServerTime(now_ + after); }
  void CrashPostmaster() {
    RestartPostmaster();
    statistics_.began_us = postmaster_ + kSecond;
    for (DatabaseStatistics& database : statistics_.databases) database.sessions = database.commits = 0;
  }
  int Established(std::string_view database = "shop") const {
    return Number(database, &EstablishedSeries::established);
  }
  int Sampled(std::string_view database = "shop") const { return Number(database, &EstablishedSeries::sampled); }
  // -1: no such series.
  int Number(std::string_view database, std::uint64_t EstablishedSeries::* member) const {
    for (const EstablishedSeries& series : counter_.series()) {
      if (series.database == database) return static_cast<int>(series.*member);
    }
    return -1;
  }

  EstablishedCounter counter_;
  Statistics statistics_{.began_us = kBegan,
                         .databases = {{.oid = 5, .name = "shop", .sessions = 40, .commits = 90},
                                       {.oid = 7, .name = "bank", .sessions = 2, .commits = 20}}};
  std::map<std::int64_t, OwnSessionsByDatabase> own_;
  std::uint64_t accounts_ = 0;
  std::int64_t postmaster_ = kStart;
  TimePoint now_{seconds(10'000)};
  TimePoint previous_;
  bool first_ = true;
  std::size_t max_series_ = 100;
};

TEST_F(EstablishedTest, CountsWhatTheServerCountsFromTheFirstCollectionOn) {
  Read();
  EXPECT_EQ(Established("shop"), 0);
  EXPECT_EQ(Established("bank"), 0);
  EXPECT_EQ(Sampled("bank"), 0);
  Count(3);
  Read();
  EXPECT_EQ(Established("shop"), 3);
  EXPECT_EQ(Established("bank"), 0);
  Count(1, 1);
  Read();
  EXPECT_EQ(Established("shop"), 3);
  EXPECT_EQ(Established("bank"), 1);
}

TEST_F(EstablishedTest, SampledAreThoseThatWereSeenSince) {
  Read();
  counter_.See("shop", 4);
  EXPECT_EQ(Sampled(), 0) << "they were open at the first collection";
  Count(3);
  Read();
  counter_.See("shop", 2);
  EXPECT_EQ(Sampled(), 2);
  EXPECT_EQ(counter_.last_hour().established, 3);
  EXPECT_EQ(counter_.last_hour().sampled, 2);
}

TEST_F(EstablishedTest, TheExportersOwnAreLeftOut) {
  LogIn(seconds(-1));
  LogIn(seconds(-1));
  Read();
  LogIn();
  LogIn(seconds(2), "bank");
  Count(4);
  Count(1, 1);
  Read();
  EXPECT_EQ(Established("shop"), 3);
  EXPECT_EQ(Established("bank"), 0);
  own_[postmaster_].clear();  // forgotten, for a long time without a login
  Read();
  LogIn();
  Count(1);
  Read();
  EXPECT_EQ(Established("shop"), 3);
}

// The exporter knows its own sessions at once, the server up to ten seconds later.
TEST_F(EstablishedTest, NeverDecreasesAndIsExactLater) {
  Read();
  Count(5);
  Read();
  LogIn();
  Read();
  EXPECT_EQ(Established(), 5);
  Count(2);  // another client, and the login
  Read();
  EXPECT_EQ(Established(), 6);
}

TEST_F(EstablishedTest, ALoginInProgressIsNoOtherClient) {
  Read();
  own_[postmaster_]["shop"].pending = 1;
  Count(1);
  Read();
  EXPECT_EQ(Established(), 0);
  own_[postmaster_]["shop"].pending = 0;
  LogIn(seconds(-1));
  Read();
  EXPECT_EQ(Established(), 0);
  own_[postmaster_]["shop"].pending = 1;
  Count(1);
  Read();
  EXPECT_EQ(Established(), 0);
  own_[postmaster_]["shop"].pending = 0;  // it failed: the session is another client's
  Read();
  EXPECT_EQ(Established(), 1);
}

// It was over, and which server it had reached was not known yet.
TEST_F(EstablishedTest, ALoginBeforeTheFirstCollectionMayBecomeKnownAfterIt) {
  Read();
  LogIn(seconds(-1));
  LogIn(seconds(1));
  Count(2);  // the second one, and another client
  Read();
  EXPECT_EQ(Established(), 1);
  Count(1);
  Read();
  EXPECT_EQ(Established(), 2);
}

TEST_F(EstablishedTest, StatisticsMayBeOlderThanALogin) {
  const auto taken_before = [this](seconds ago) { statistics_.taken_us = ServerTime(now_ + seconds(15) - ago); };
  LogIn(seconds(12));
  LogIn(seconds(14));
  taken_before(seconds(2));
  Read();
  Count(1);  // the second one
  LogIn(seconds(14));
  taken_before(seconds(2));
  Read();
  EXPECT_EQ(Established(), 0);
  Count(2);  // the third one, and another client
  taken_before(seconds(2));
  Read();
  EXPECT_EQ(Established(), 1);
}

// The server counts a login before its answer arrives here.
TEST_F(EstablishedTest, StatisticsMayHaveALoginBeforeItIsKnown) {
  const auto taken_before = [this](seconds ago) { statistics_.taken_us = ServerTime(now_ + seconds(15) - ago); };
  taken_before(seconds(2));
  Read();
  LogIn(seconds(14));
  Count(1);
  taken_before(seconds(2));
  Read();
  EXPECT_EQ(Established(), 0);
  taken_before(seconds(2));
  Read();
  EXPECT_EQ(Established(), 0);
  Count(1);
  taken_before(seconds(2));
  Read();
  EXPECT_EQ(Established(), 1);
}

TEST_F(EstablishedTest, AResetCostsNothingThatWasCountedSince) {
  Read();
  Count(5);
  LogIn();
  Read();
  EXPECT_EQ(Established(), 4);
  LogIn(seconds(1));  // lost
  Reset(statistics_.databases[0]);
  LogIn(seconds(6));
  Count(3);
  Read();
  EXPECT_EQ(Established(), 6);
  Count(1);
  Read();
  EXPECT_EQ(Established(), 7);
}

// More sessions since than before: they look as if the statistics of one table had been reset.
TEST_F(EstablishedTest, AResetThatOnlyItsTimeShowsIsALoss) {
  Read();
  Reset(statistics_.databases[0]);
  Count(50);
  statistics_.databases[0].commits += 100;
  Read();
  EXPECT_EQ(Established(), 10);
  EXPECT_EQ(counter_.losses().resets, 1);
}

// As if fewer sessions had come than the exporter's own: that must not be made up for by later ones.
TEST_F(EstablishedTest, AResetThatOnlyItsTimeShowsHidesNoLaterSession) {
  statistics_.databases[0].sessions = 2;
  statistics_.databases[0].commits = 10;
  Read();
  LogIn(seconds(1));
  Reset(statistics_.databases[0]);
  LogIn(seconds(6));
  statistics_.databases[0].sessions = 3;
  statistics_.databases[0].commits = 12;
  Read();
  EXPECT_EQ(Established(), 0);
  Count(1);
  Read();
  EXPECT_EQ(Established(), 1);
}

TEST_F(EstablishedTest, ALossIsCountedOncePerCollection) {
  EXPECT_EQ(counter_.losses().resets, 0);
  Read();
  Count(2);
  LogIn();
  Count(1, 1);
  Read();
  EXPECT_EQ(counter_.losses().resets, 0);
  for (DatabaseStatistics& database : statistics_.databases) Reset(database);
  Read();
  EXPECT_EQ(counter_.losses().resets, 1) << "both of them";
  Read();
  EXPECT_EQ(counter_.losses().resets, 1);
  // The statistics of the cluster alone show a crash that came before the first session.
  statistics_.began_us += kSecond;
  Read();
  EXPECT_EQ(counter_.losses().resets, 2);
  EXPECT_EQ(counter_.losses().dropped_databases, 0);
  statistics_.databases.clear();
  Read();
  EXPECT_EQ(counter_.losses().dropped_databases, 1);
  EXPECT_EQ(counter_.losses().resets, 2);
}

// The exporter's session was not in the statistics yet, and is lost with them.
TEST_F(EstablishedTest, WhatAResetLosesOfTheExportersDoesNotMaskOthers) {
  Read();
  LogIn();
  LogIn();
  Read();
  Reset(statistics_.databases[0]);
  Count(1);
  Read();
  EXPECT_EQ(Established(), 1);
  Count(1);
  Read();
  EXPECT_EQ(Established(), 2);
}

// The server counted it before, and lost it.
TEST_F(EstablishedTest, ALoginThatBecomesKnownAfterAResetDoesNotMaskOthers) {
  Read();
  LogIn(seconds(1), "shop", seconds(8));
  Reset(statistics_.databases[0]);
  Count(2);
  Read();
  EXPECT_EQ(Established(), 2);
}

// It is still in progress at the first collection after the reset, which lost it.
TEST_F(EstablishedTest, ALoginThatBecomesKnownLongAfterAResetDoesNotMaskOthers) {
  for (const bool only_time_shows_it : {false, true}) {
    Read();
    const int before = Established();
    Reset(statistics_.databases[0]);
    if (only_time_shows_it) statistics_.databases[0].sessions = statistics_.databases[0].commits = 1000;
    Read();
    const int after = Established();
    LogIn(seconds(-12), "shop", seconds(14));
    Count(1);
    Read();
    EXPECT_EQ(Established() - after, 1) << before;
  }
}

TEST_F(EstablishedTest, ALoginThatBecomesKnownAfterARestartDoesNotMaskOthers) {
  Read();
  LogIn(seconds(1), "shop", seconds(8));
  CrashPostmaster();
  Count(2);
  Read();
  EXPECT_EQ(Established(), 2);
}

TEST_F(EstablishedTest, ALoginThatBecomesKnownAfterTheFirstStatisticsDoesNotMaskOthers) {
  Read();
  LogIn(seconds(-1), "shop", seconds(2));
  Count(2);
  Read();
  EXPECT_EQ(Established(), 2);
}

TEST_F(EstablishedTest, TheFirstSessionOfADatabaseIsNoReset) {
  statistics_.databases[0] = {.oid = 5, .name = "shop"};
  Read();
  LogIn();
  Count(3);
  statistics_.databases[0].reset_us = ServerTime(now_ + seconds(9));  // PostgreSQL 14
  Read();
  EXPECT_EQ(Established(), 2);
  EXPECT_EQ(counter_.losses().resets, 0);
}

TEST_F(EstablishedTest, ACrashOfABackendResetsEverything) {
  Read();
  LogIn(seconds(1));
  statistics_.began_us = ServerTime(now_ + seconds(5));
  for (DatabaseStatistics& database : statistics_.databases) database.sessions = database.commits = 0;
  LogIn(seconds(6));
  Count(4);
  Read();
  EXPECT_EQ(Established(), 3);
  EXPECT_EQ(counter_.losses().resets, 1);
}

TEST_F(EstablishedTest, ACleanRestartKeepsTheStatistics) {
  LogIn(seconds(-1));
  Read();
  LogIn(seconds(1));
  Count(3);  // the exporter among them
  RestartPostmaster();
  LogIn(seconds(6));
  Count(2);  // and again
  Read();
  EXPECT_EQ(Established(), 3);
  Count(1);
  Read();
  EXPECT_EQ(Established(), 4);
  EXPECT_EQ(counter_.losses().restarts, 0);
  EXPECT_EQ(counter_.losses().resets, 0);
  EXPECT_EQ(counter_.losses().dropped_databases, 0);
}

TEST_F(EstablishedTest, AfterACrashOfTheServerTheNewStatisticsCountWhole) {
  Read();
  Count(5);
  LogIn();
  CrashPostmaster();
  LogIn(seconds(7));
  Count(60);
  Read();
  EXPECT_EQ(Established(), 59);
  EXPECT_EQ(counter_.losses().restarts, 1);
  EXPECT_EQ(counter_.losses().resets, 0);
}

// A probe that does not know yet that there is another postmaster.
TEST_F(EstablishedTest, LoginsAfterARestartMayBeExpectedBeforeIt) {
  for (const bool crash : {false, true}) {
    const int before = std::max(Established(), 0);
    Read();
    LogIn(seconds(1));
    Count(1);
    const std::int64_t old = postmaster_;
    RestartPostmaster();
    if (crash) {
      statistics_.began_us = postmaster_ + kSecond;
      for (DatabaseStatistics& database : statistics_.databases) database.sessions = database.commits = 0;
    }
    const auto misplace = [&](seconds after) {
      OwnSessions& own = own_[old]["shop"];
      ++own.total;
      own.recent.push_back({now_ + after, now_ + after});
      Count(1);
    };
    misplace(seconds(7));
    LogIn(seconds(8));
    Count(3);  // and two others
    Read();
    EXPECT_EQ(Established(), before + 2) << crash;
    misplace(seconds(1));
    Count(1);
    Read();
    EXPECT_EQ(Established(), before + 3) << crash;
    own_[old].clear();  // forgotten
    Count(1);
    Read();
    EXPECT_EQ(Established(), before + 4) << crash;
  }
}

TEST_F(EstablishedTest, ALoginThatWasInProgressAtACrashIsNoOtherClient) {
  Read();
  own_[postmaster_]["shop"].pending = 1;
  Count(1);
  Read();
  own_[postmaster_]["shop"].pending = 0;
  LogIn(seconds(-1));
  CrashPostmaster();
  Count(2);
  Read();
  EXPECT_EQ(Established(), 2);
}

TEST_F(EstablishedTest, AnotherServerBeginsWithABaseline) {
  Read();
  Count(5);
  Read();
  const Statistics first = statistics_;
  // It has been running for long.
  postmaster_ = kStart - 5000 * kSecond;
  statistics_ = {.began_us = 7, .databases = {{.oid = 5, .name = "shop", .sessions = 100'000}}};
  Read();
  EXPECT_EQ(Established(), 5);
  Count(2);
  Read();
  EXPECT_EQ(Established(), 7);
  // It was restarted meanwhile, with the statistics of years.
  postmaster_ = ServerTime(now_ + seconds(1));
  statistics_ = {.began_us = 8, .databases = {{.oid = 5, .name = "shop", .sessions = 200'000}}};
  Read();
  EXPECT_EQ(Established(), 7);
  // And back to the first one, which is known.
  postmaster_ = kStart;
  statistics_ = first;
  EXPECT_EQ(counter_.losses().restarts, 1);
  Count(1);
  Read();
  EXPECT_EQ(Established(), 8);
  EXPECT_EQ(counter_.losses().restarts, 1) << "SessionCounter counts that";
  EXPECT_EQ(counter_.losses().dropped_databases, 0);
}

TEST_F(EstablishedTest, ADatabaseThatIsNewCountsWhole) {
  Read();
  statistics_.databases.push_back({.oid = 9, .name = "new", .sessions = 3, .commits = 3});
  LogIn(seconds(1), "new");
  Read();
  EXPECT_EQ(Established("new"), 2);
  // Dropped and created again.
  statistics_.databases[2] = {.oid = 10, .name = "new", .sessions = 4, .commits = 4};
  LogIn(seconds(1), "new");
  Read();
  EXPECT_EQ(Established("new"), 5);
  statistics_.databases.pop_back();
  Read();
  EXPECT_EQ(Established("new"), 5) << "a counter does not go away while there is room for it";
}

TEST_F(EstablishedTest, DatabasesBeyondTheCapShareOneSeries) {
  max_series_ = 2;
  statistics_.databases.push_back({.oid = 9, .name = "third"});
  Read();
  Count(2, 2);
  Count(1, 1);
  Read();
  counter_.See("third", 1);
  counter_.See("fourth", 1);  // created since
  EXPECT_EQ(counter_.series().size(), 3);
  EXPECT_EQ(Established("bank"), 1);
  EXPECT_EQ(Established(metrics::kOther), 2);
  EXPECT_EQ(Sampled(metrics::kOther), 2);
  // One that is gone makes room.
  statistics_.databases = {statistics_.databases[0], {.oid = 11, .name = "new", .sessions = 4}};
  Read();
  EXPECT_EQ(Established("new"), 4);
  EXPECT_EQ(Established("bank"), -1);
  EXPECT_EQ(Established("shop"), 0);
  EXPECT_EQ(Established(metrics::kOther), 2);
}

TEST_F(EstablishedTest, TheLastHourIsThat) {
  Read();
  EXPECT_EQ(counter_.last_hour().observed, minutes(0));
  Count(3);
  Read();
  Read(minutes(20));
  EXPECT_EQ(counter_.last_hour().established, 3);
  EXPECT_EQ(counter_.last_hour().observed, minutes(15));
  Count(1);
  counter_.See("shop", 1);
  Read(minutes(45));
  EXPECT_EQ(counter_.last_hour(), (SeenSessions{1, 1, minutes(60)}));
  Read(minutes(61));
  EXPECT_EQ(counter_.last_hour(), (SeenSessions{0, 0, minutes(60)}));
}

TEST_F(EstablishedTest, TheDigestIsOfAllThatWasRead) {
  const auto digest = [this] {
    Digester digester;
    counter_.DigestRead(digester);
    return digester.Finish();
  };
  Read();
  const Digest first = digest();
  Read();
  EXPECT_EQ(digest(), first);
  Count(1);
  Read();
  const Digest second = digest();
  EXPECT_NE(second, first);
  Read();
  EXPECT_EQ(digest(), second);
  LogIn();
  Count(1);
  statistics_.databases[1].commits += 9;
  Read();
  EXPECT_EQ(digest(), second) << "the exporter alone";
  Read(minutes(59));
  const Digest third = digest();
  Read(minutes(2));
  const Digest fourth = digest();
  EXPECT_NE(fourth, third) << "the hour has passed";
  statistics_.began_us += kSecond;
  Read();
  const Digest fifth = digest();
  EXPECT_NE(fifth, fourth);
  statistics_.databases.pop_back();
  Read();
  const Digest sixth = digest();
  EXPECT_NE(sixth, fifth);
  CrashPostmaster();
  Read();
  EXPECT_NE(digest(), sixth);
}

}  // namespace
}  // namespace pgtls::sessions
