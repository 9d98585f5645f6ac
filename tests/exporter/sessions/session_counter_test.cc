#include "exporter/sessions/session_counter.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "exporter/metrics/series_cap.h"

namespace pgtls::sessions {
namespace {

constexpr std::size_t kNoCap = 200;

Session Open(int pid, std::int64_t backend_start_us, std::string_view user = "app") {
  return {.id = pid, .backend_start_us = backend_start_us, .database = "db", .user = user};
}

using Clock = std::chrono::steady_clock;

// The exporter's clock, which has nothing to do with the servers'.
Clock::time_point At(std::chrono::microseconds since_start) { return Clock::time_point(since_start); }

void Collect(SessionCounter& counter, const Collection& collection, const std::vector<Session>& open,
             Network network = Network::kRemote, Encryption encryption = Encryption::kTls, bool allowed = false) {
  counter.StartCollection(collection);
  for (const auto& session : open) counter.Count(session, network, encryption, allowed);
  counter.EndCollection();
}

// All from one server.
void Collect(SessionCounter& counter, std::int64_t now_us, const std::vector<Session>& open,
             std::size_t max_series = kNoCap, Network network = Network::kRemote,
             Encryption encryption = Encryption::kTls, bool allowed = false) {
  Collect(counter, {.now_us = now_us, .asked = At(std::chrono::microseconds(now_us)), .max_series = max_series}, open,
          network, encryption, allowed);
}

// -1: no such series.
int Sessions(const SessionCounter& counter, std::string_view user = "app", Network network = Network::kRemote,
             Encryption encryption = Encryption::kTls) {
  const std::string_view database = user == metrics::kOther ? user : "db";
  for (const SessionSeries& series : counter.sessions()) {
    const bool same = series.database == database && series.user == user && series.network == network &&
                      series.encryption == encryption;
    if (same) return static_cast<int>(series.sessions);
  }
  return -1;
}

TEST(SessionCounter, WhatWasOpenAtTheFirstCollectionIsNotCounted) {
  SessionCounter counter;
  // One began between the reading of the clock and the snapshot: it was there at the first collection all the same.
  Collect(counter, 100, {Open(1, 50), Open(2, 101)});
  EXPECT_EQ(Sessions(counter), 0);
  Collect(counter, 200, {Open(1, 50), Open(2, 101)});
  EXPECT_EQ(Sessions(counter), 0);
}

TEST(SessionCounter, KnowsSinceWhenItCounts) {
  const auto before = std::chrono::system_clock::now();
  const SessionCounter counter;
  EXPECT_GE(counter.since(), before);
  EXPECT_LE(counter.since(), std::chrono::system_clock::now());
}

TEST(SessionCounter, EachLaterSessionOnce) {
  SessionCounter counter;
  Collect(counter, 100, {});
  Collect(counter, 200, {Open(1, 150)});
  Collect(counter, 300, {Open(1, 150), Open(2, 250)});
  Collect(counter, 400, {Open(2, 250)});
  EXPECT_EQ(Sessions(counter), 2);
}

TEST(SessionCounter, AReusedPidIsAnotherSession) {
  SessionCounter counter;
  Collect(counter, 100, {Open(1, 50)});
  Collect(counter, 200, {Open(1, 150)});
  Collect(counter, 300, {Open(1, 250)});
  EXPECT_EQ(Sessions(counter), 2);
}

TEST(SessionCounter, WhatBeganBeforeTheFirstCollectionNeverCounts) {
  SessionCounter counter;
  Collect(counter, 100, {});
  Collect(counter, 200, {Open(1, 99)});  // was at its password prompt before
  EXPECT_EQ(Sessions(counter), 0);
}

TEST(SessionCounter, AGapBetweenCollectionsChangesNothing) {
  SessionCounter counter;
  Collect(counter, 100, {Open(1, 50)});
  Collect(counter, 200, {Open(1, 50), Open(2, 150)});
  // Collections fail meanwhile, and the connection is made anew.
  Collect(counter, 9'000'000, {Open(1, 50), Open(2, 150), Open(3, 8'000'000)});
  EXPECT_EQ(Sessions(counter), 2);
}

TEST(SessionCounter, ACollectionThatBreaksOffCountsNothingTwice) {
  SessionCounter counter;
  Collect(counter, 100, {Open(1, 50)});
  counter.StartCollection({.now_us = 200, .max_series = kNoCap});
  counter.Count(Open(2, 150), Network::kRemote, Encryption::kTls, false);
  Collect(counter, 300, {Open(1, 50), Open(2, 150)});
  EXPECT_EQ(Sessions(counter), 1);
}

TEST(SessionCounter, ForgetsWhatIsClosed) {
  SessionCounter counter;
  Collect(counter, 100, {});
  Collect(counter, 200, {Open(1, 150)});
  Collect(counter, 300, {});
  // No server shows the same session again; that it would count again proves that nothing is kept of it.
  Collect(counter, 400, {Open(1, 150)});
  EXPECT_EQ(Sessions(counter), 2);
}

TEST(SessionCounter, UnencryptedTcpHasItsOwnFourFromTheStart) {
  SessionCounter counter;
  Collect(counter, 100, {});
  EXPECT_EQ(counter.unencrypted().size(), 4u);
  for (const auto& [labels, count] : counter.unencrypted()) EXPECT_EQ(count, 0u);

  Collect(counter, 200, {Open(1, 150)}, kNoCap, Network::kRemote, Encryption::kNone, true);
  Collect(counter, 300, {Open(1, 150), Open(2, 250)}, kNoCap, Network::kRemote, Encryption::kNone, false);
  Collect(counter, 400, {Open(3, 350)}, kNoCap, Network::kLoopback, Encryption::kNone, false);
  Collect(counter, 500, {Open(4, 450)}, kNoCap, Network::kLocal, Encryption::kNone, false);
  Collect(counter, 600, {Open(5, 550)}, kNoCap, Network::kRemote, Encryption::kGss, false);
  EXPECT_EQ(counter.unencrypted().at({Network::kRemote, true}), 1u);
  EXPECT_EQ(counter.unencrypted().at({Network::kRemote, false}), 1u);
  EXPECT_EQ(counter.unencrypted().at({Network::kLoopback, false}), 1u);
  EXPECT_EQ(counter.unencrypted().at({Network::kLoopback, true}), 0u);
  EXPECT_EQ(Sessions(counter, "app", Network::kRemote, Encryption::kNone), 2);
}

TEST(SessionCounter, LabelSetsAreBounded) {
  SessionCounter counter;
  Collect(counter, 100, {Open(1, 50, "a")}, 2);
  Collect(counter, 200, {Open(2, 150, "b"), Open(3, 151, "c"), Open(4, 152, "d")}, 2);
  EXPECT_EQ(Sessions(counter, "a"), 0);
  EXPECT_EQ(Sessions(counter, "b"), 1);
  EXPECT_EQ(Sessions(counter, "c"), -1);
  EXPECT_EQ(Sessions(counter, "__other__"), 2);
  EXPECT_EQ(counter.folded(), 2u);
  // Who is kept stays kept; who is folded stays folded, so that neither counter ever goes down.
  Collect(counter, 300, {Open(5, 250, "c"), Open(6, 251, "b")}, 2);
  EXPECT_EQ(Sessions(counter, "b"), 2);
  EXPECT_EQ(Sessions(counter, "__other__"), 3);
}

TEST(SessionCounter, ALowerCapTakesNothingBack) {
  SessionCounter counter;
  Collect(counter, 100, {}, 2);
  Collect(counter, 200, {Open(1, 150, "a"), Open(2, 151, "b")}, 2);
  Collect(counter, 300, {Open(3, 250, "a"), Open(4, 251, "c")}, 1);
  EXPECT_EQ(Sessions(counter, "a"), 2);
  EXPECT_EQ(Sessions(counter, "b"), 1);
  EXPECT_EQ(Sessions(counter, "__other__"), 1);
}

// ---- Another server

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3600 * kSecond;

// A collection at `second` of the exporter's clock, from a server whose own clock says `now_us`. The collection before
// was `gap` seconds earlier.
Collection From(std::int64_t postmaster_start_us, std::int64_t now_us, int second, int gap) {
  return {.now_us = now_us,
          .postmaster_start_us = postmaster_start_us,
          .asked = At(std::chrono::seconds(second)),
          .previous = At(std::chrono::seconds(second - gap)),
          .max_series = kNoCap};
}
Collection First(std::int64_t postmaster_start_us, std::int64_t now_us) {
  Collection first = From(postmaster_start_us, now_us, 0, 0);
  first.previous.reset();
  return first;
}

std::size_t Unencrypted(const SessionCounter& counter) { return counter.unencrypted().at({Network::kRemote, false}); }
void CollectPlain(SessionCounter& counter, const Collection& collection, const std::vector<Session>& open) {
  Collect(counter, collection, open, Network::kRemote, Encryption::kNone);
}

TEST(SessionCounter, WhatAnotherServerHadOpenIsNotCounted) {
  SessionCounter counter;
  // The other server's clock is an hour ahead, so that all of its sessions look younger than the first collection.
  CollectPlain(counter, First(1, 100 * kHour), {Open(1, 99 * kHour)});
  CollectPlain(counter, From(2, 101 * kHour, 15, 15), {Open(7, 100 * kHour + 1), Open(8, 101 * kHour - kSecond)});
  EXPECT_EQ(Unencrypted(counter), 0u);
  EXPECT_EQ(Sessions(counter, "app", Network::kRemote, Encryption::kNone), 0);
  CollectPlain(counter, From(2, 101 * kHour + 15 * kSecond, 30, 15),
               {Open(7, 100 * kHour + 1), Open(9, 101 * kHour + kSecond)});
  EXPECT_EQ(Unencrypted(counter), 1u) << "what begins there from now on counts";
  EXPECT_EQ(counter.server_changes(), 1);
}

TEST(SessionCounter, AServerWhoseClockIsBehindCountsToo) {
  SessionCounter counter;
  CollectPlain(counter, First(1, 100 * kHour), {});
  CollectPlain(counter, From(2, 50 * kHour, 15, 15), {});
  CollectPlain(counter, From(2, 50 * kHour + 15 * kSecond, 30, 15), {Open(7, 50 * kHour + kSecond)});
  EXPECT_EQ(Unencrypted(counter), 1u);
}

TEST(SessionCounter, AfterARestartEverySessionIsNew) {
  SessionCounter counter;
  CollectPlain(counter, First(1, 100 * kHour), {Open(1, 99 * kHour)});
  // The postmaster has been running for 10 s, and the collection before is 15 s old.
  CollectPlain(counter, From(100 * kHour + 5 * kSecond, 100 * kHour + 15 * kSecond, 15, 15),
               {Open(1, 100 * kHour + 6 * kSecond)});
  EXPECT_EQ(Unencrypted(counter), 1u);
  EXPECT_EQ(Sessions(counter, "app", Network::kRemote, Encryption::kNone), 1);
  EXPECT_EQ(counter.server_changes(), 0);
}

TEST(SessionCounter, TheServerBeforeIsRememberedAndCountsOnWhereItWas) {
  SessionCounter counter;
  CollectPlain(counter, First(1, 100 * kHour), {Open(1, 99 * kHour)});
  CollectPlain(counter, From(1, 100 * kHour + 15 * kSecond, 15, 15), {Open(1, 99 * kHour), Open(2, 100 * kHour + 1)});
  CollectPlain(counter, From(2, 10 * kHour, 30, 15), {Open(1, 9 * kHour)});
  CollectPlain(counter, From(1, 100 * kHour + 45 * kSecond, 45, 15),
               {Open(1, 99 * kHour), Open(2, 100 * kHour + 1), Open(3, 100 * kHour + 30 * kSecond)});
  EXPECT_EQ(Unencrypted(counter), 2u) << "one before, one while the other server was asked, none twice";
  EXPECT_EQ(counter.server_changes(), 2) << "there and back";
  // Many servers in turn: how many are remembered is bounded, and what is forgotten begins anew.
  for (int i = 3; i < 10; ++i) CollectPlain(counter, From(i, 200 * kHour, 15 * i, 15), {Open(i, 199 * kHour)});
  CollectPlain(counter, From(1, 300 * kHour, 200, 15), {Open(4, 299 * kHour)});
  EXPECT_EQ(Unencrypted(counter), 2u);
}

// The processes of a pooler, each with a clock and identifiers of its own; one of them is not always reached.
TEST(SessionCounter, SeveralServersInTurnAreCountedTogether) {
  constexpr std::int64_t kMany = 20;
  SessionCounter counter;
  bool first = true;
  const auto collect = [&](std::int64_t server, std::int64_t now_us, const std::vector<Session>& open) {
    Collect(counter,
            {.now_us = now_us,
             .postmaster_start_us = server,
             .previous = first ? std::nullopt : std::optional(std::chrono::steady_clock::time_point()),
             .max_series = kNoCap,
             .servers = static_cast<std::size_t>(kMany)},
            open);
  };
  for (std::int64_t server = 1; server <= kMany; ++server) collect(server, 100, {Open(1, 50)});
  EXPECT_EQ(Sessions(counter), 0);
  first = false;
  for (std::int64_t server = 1; server <= kMany; ++server) collect(server, 200, {Open(1, 50), Open(2, 150)});
  EXPECT_EQ(Sessions(counter), kMany);
  for (std::int64_t server = 2; server <= kMany; ++server) collect(server, 300, {Open(1, 50), Open(2, 150)});
  for (std::int64_t server = 1; server <= kMany; ++server) collect(server, 400, {Open(1, 50), Open(2, 150)});
  EXPECT_EQ(Sessions(counter), kMany);
  EXPECT_EQ(counter.server_changes(), 0);
  // One was exchanged.
  collect(kMany + 1, 500, {Open(1, 450)});
  for (std::int64_t server = 2; server <= kMany; ++server) collect(server, 500, {Open(1, 50), Open(2, 150)});
  EXPECT_EQ(Sessions(counter), kMany);
  EXPECT_EQ(counter.server_changes(), 1);
}

// ---- The cap

TEST(SessionCounter, UnencryptedSessionsAreNamedHoweverManyOthersThereAre) {
  SessionCounter counter;
  Collect(counter, 100, {}, 2);
  Collect(counter, 200, {Open(1, 150, "a"), Open(2, 151, "b"), Open(3, 152, "c")}, 2);
  EXPECT_EQ(Sessions(counter, "c"), -1);
  Collect(counter, 300, {Open(4, 250, "c"), Open(5, 251, "d"), Open(6, 252, "e")}, 2, Network::kRemote,
          Encryption::kNone);
  EXPECT_EQ(Sessions(counter, "c", Network::kRemote, Encryption::kNone), 1);
  EXPECT_EQ(Sessions(counter, "d", Network::kRemote, Encryption::kNone), 1);
  EXPECT_EQ(Sessions(counter, "__other__", Network::kRemote, Encryption::kNone), 1) << "they have a cap of their own";
  EXPECT_EQ(Sessions(counter, "a"), 1);
}

TEST(SessionCounter, ALabelSetThatHasNotCountedForAWeekGivesItsPlace) {
  constexpr std::int64_t kWeek = kHour * 24 * 7;
  SessionCounter counter;
  Collect(counter, 100, {}, 2);
  Collect(counter, kHour, {Open(1, kHour - 1, "a")}, 2);
  Collect(counter, 2 * kHour, {Open(2, 2 * kHour - 1, "b")}, 2);
  Collect(counter, kWeek, {Open(3, kWeek - 1, "c")}, 2);
  EXPECT_EQ(Sessions(counter, "c"), -1) << "a has counted six days and 23 hours ago";
  EXPECT_EQ(Sessions(counter, "__other__"), 1);
  Collect(counter, kWeek + kHour, {Open(4, kWeek + kHour - 1, "c")}, 2);
  EXPECT_EQ(Sessions(counter, "c"), 1);
  EXPECT_EQ(Sessions(counter, "a"), -1);
  EXPECT_EQ(Sessions(counter, "b"), 1) << "nothing goes whose place nobody needs";
  EXPECT_EQ(Sessions(counter, "__other__"), 1) << "a folded series never goes down";
  // It comes back at what it has counted since, never at its old value: rate() adds what follows a reset.
  Collect(counter, kWeek + 3 * kHour, {Open(5, kWeek + 3 * kHour - 1, "a")}, 2);
  EXPECT_EQ(Sessions(counter, "a"), 1);
  EXPECT_EQ(Sessions(counter, "b"), -1);
}

}  // namespace
}  // namespace pgtls::sessions
