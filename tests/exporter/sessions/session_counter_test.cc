#include "exporter/sessions/session_counter.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "exporter/sessions/series_cap.h"

namespace pgtls::sessions {
namespace {

constexpr std::size_t kNoCap = 200;

Session Open(int pid, std::int64_t backend_start_us, std::string_view user = "app") {
  return {.pid = pid, .backend_start_us = backend_start_us, .database = "db", .user = user};
}

void Collect(SessionCounter& counter, std::int64_t now_us, const std::vector<Session>& open,
             std::size_t max_series = kNoCap, Network network = Network::kRemote,
             Encryption encryption = Encryption::kTls, bool allowed = false) {
  counter.StartCollection(now_us, max_series);
  for (const auto& session : open) counter.Count(session, network, encryption, allowed);
  counter.EndCollection();
}

// -1: no such series.
int Sessions(const SessionCounter& counter, std::string_view user = "app", Network network = Network::kRemote,
             Encryption encryption = Encryption::kTls) {
  const std::string_view database = user == kOther ? user : "db";
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
  counter.StartCollection(200, kNoCap);
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

}  // namespace
}  // namespace pgtls::sessions
