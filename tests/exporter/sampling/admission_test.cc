#include "exporter/sampling/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AdmissionTest : public ::testing::Test {
 protected:
  // A collection by its name: asks for a permit, and holds it until Finish(). It has been due for `late`.
  void Ask(const std::string& name, Urgency urgency, milliseconds interval = seconds(15), bool repeated = false,
           milliseconds late = {}) {
    asio::co_spawn(loop_, Hold(name, {urgency, now_ - late, interval, repeated}), asio::detached);
    Drain();
  }
  asio::awaitable<void> Hold(std::string name, Work work) {
    Admission::Permit permit(&admission_, name, work);
    const bool granted = co_await permit.Wait(Deadline::max());
    if (!granted) co_return;
    begun_.push_back(name);
    asio::steady_timer held(loop_, Deadline::max());
    holders_.push_back({&permit, &held});
    std::error_code error;
    co_await held.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  // Ends the collection that began first, of those that have not ended.
  void Finish(std::optional<milliseconds> took = milliseconds(1), int holder = 0) {
    const auto [permit, held] = holders_.at(static_cast<std::size_t>(holder));
    holders_.erase(holders_.begin() + holder);
    permit->Report(took.value_or(seconds(5)), seconds(5), took.has_value());
    held->cancel();
    Drain();
  }
  void FinishAll() {
    while (!holders_.empty()) Finish();
  }
  void Drain() {
    loop_.restart();
    loop_.poll();
  }
  // As many collections as may be in progress.
  void Fill() {
    for (std::size_t i = 0; i < admission_.figures().limit; ++i) Ask("filler", Urgency::kWire);
    begun_.clear();
  }
  void TearDown() override { FinishAll(); }

  struct Holder {
    Admission::Permit* permit;
    asio::steady_timer* held;
  };
  asio::io_context loop_;
  Deadline now_{std::chrono::hours(1)};
  Admission admission_{loop_, Admission::kBounds, [this] { return now_; }};
  std::deque<Holder> holders_;
  std::vector<std::string> begun_;
};

TEST_F(AdmissionTest, AllBeginAtOnceBelowTheLimit) {
  for (std::size_t i = 0; i < admission_.figures().limit; ++i) Ask("db", Urgency::kWire);
  EXPECT_EQ(begun_.size(), admission_.figures().limit);
  Ask("one more", Urgency::kFirstSessions);
  EXPECT_EQ(begun_.size(), admission_.figures().limit);
  Finish();
  EXPECT_EQ(begun_.back(), "one more");
}

TEST_F(AdmissionTest, FirstSessionsThenSessionsThenSettingsThenTheWire) {
  Fill();
  Ask("wire 1", Urgency::kWire);
  Ask("settings 1", Urgency::kSettings);
  Ask("sessions 1", Urgency::kSessions);
  Ask("first 1", Urgency::kFirstSessions);
  Ask("wire 2", Urgency::kWire);
  Ask("sessions 2", Urgency::kSessions);
  Ask("first 2", Urgency::kFirstSessions);
  FinishAll();
  EXPECT_THAT(begun_, ElementsAre("first 1", "first 2", "sessions 1", "sessions 2", "settings 1", "wire 1", "wire 2"));
}

TEST_F(AdmissionTest, WhatIsOverdueComesNextButAfterFirstSessions) {
  Fill();
  Ask("sessions", Urgency::kSessions);
  Ask("wire", Urgency::kWire, minutes(1), true, minutes(2));
  Ask("settings", Urgency::kSettings, minutes(1), true, minutes(3));
  Ask("first", Urgency::kFirstSessions);
  FinishAll();
  EXPECT_THAT(begun_, ElementsAre("first", "settings", "wire", "sessions"));
}

TEST_F(AdmissionTest, SettingsAndTheWireWaitForFirstSessionsInProgress) {
  Ask("first", Urgency::kFirstSessions);
  Ask("settings", Urgency::kSettings);
  Ask("wire", Urgency::kWire);
  Ask("sessions", Urgency::kSessions);
  Ask("overdue", Urgency::kWire, minutes(1), true, minutes(2));
  EXPECT_THAT(begun_, ElementsAre("first", "sessions", "overdue"));
  Finish();
  EXPECT_THAT(begun_, ElementsAre("first", "sessions", "overdue", "settings", "wire"));
  // Not for one that is silent.
  Ask("silent", Urgency::kFirstSessions);
  now_ += seconds(1);
  Ask("other wire", Urgency::kWire);
  EXPECT_EQ(begun_.back(), "other wire");
}

TEST_F(AdmissionTest, WhatIsOverdueByItsIntervalIsServedBeforeWhatIsMoreUrgent) {
  const Deadline due = now_;
  const Work settings{Urgency::kSettings, due, minutes(1), true};
  const Work wire{Urgency::kWire, due, minutes(5), true};
  const auto sessions = [](Deadline at) { return Work{Urgency::kSessions, at, seconds(15), true}; };
  EXPECT_TRUE(IsBefore(sessions(due), settings, due));
  EXPECT_TRUE(IsBefore(sessions(due + seconds(59)), settings, due + seconds(59)));
  EXPECT_TRUE(IsBefore(settings, sessions(due + seconds(60)), due + seconds(60)));
  EXPECT_FALSE(IsBefore(sessions(due + seconds(60)), settings, due + seconds(60)));
  // Both are: the one whose interval ended first.
  EXPECT_TRUE(IsBefore(sessions(due), settings, due + minutes(2)));
  EXPECT_TRUE(IsBefore(settings, sessions(due + minutes(1)), due + minutes(2)));
  EXPECT_TRUE(IsBefore(settings, wire, due + minutes(10)));
  const Work first{Urgency::kFirstSessions, due + minutes(10), seconds(15), false};
  EXPECT_TRUE(IsBefore(first, settings, due + minutes(10)));
  EXPECT_FALSE(IsBefore(settings, first, due + minutes(10)));
  EXPECT_FALSE(IsBefore(first, first, due + minutes(10)));
}

TEST_F(AdmissionTest, ServersThatAreSilentHoldNobodyUp) {
  Fill();
  Ask("next", Urgency::kSessions);
  now_ += milliseconds(999);
  Ask("urgent", Urgency::kFirstSessions);
  EXPECT_THAT(begun_, IsEmpty());
  now_ += milliseconds(1);
  // One ends, and two begin.
  Finish();
  EXPECT_THAT(begun_, ElementsAre("urgent", "next"));
}

TEST_F(AdmissionTest, ServersThatAreSlowTogetherCount) {
  // Of ten servers all answer late.
  for (int i = 0; i < 10; ++i) Ask("db" + std::to_string(i), Urgency::kSessions);
  for (int i = 0; i < 10; ++i) {
    now_ += milliseconds(200);
    Finish(milliseconds(3000 + i));
  }
  EXPECT_TRUE(admission_.answers_are_late());
  EXPECT_EQ(admission_.figures().limit, 16U);
  Fill();
  Ask("next", Urgency::kSessions);
  now_ += seconds(4);
  Ask("another", Urgency::kSessions);
  EXPECT_THAT(begun_, IsEmpty());
  Finish();
  EXPECT_THAT(begun_, ElementsAre("next"));
}

TEST_F(AdmissionTest, DeadServersDoNotShrinkTheLimit) {
  for (int i = 0; i < 100; ++i) {
    now_ += milliseconds(100);
    Ask("dead" + std::to_string(i), Urgency::kSessions);
    Finish(std::nullopt);
  }
  EXPECT_FALSE(admission_.answers_are_late());
  EXPECT_EQ(admission_.figures().limit, 32U);
}

TEST_F(AdmissionTest, APlaceInTheQueueIsKeptOverAWaitThatEnds) {
  Fill();
  Admission::Permit patient(&admission_, "patient", {Urgency::kSessions, now_, seconds(15), true});
  std::vector<bool> granted;
  const auto wait = [&](Deadline deadline) {
    asio::co_spawn(loop_, patient.Wait(deadline), [&](const std::exception_ptr&, bool got) { granted.push_back(got); });
    Drain();
  };
  wait(std::chrono::steady_clock::now() - seconds(1));
  EXPECT_THAT(granted, ElementsAre(false));
  Ask("later", Urgency::kSessions);
  Finish();
  EXPECT_THAT(begun_, IsEmpty());
  wait(Deadline::max());
  EXPECT_THAT(granted, ElementsAre(false, true));
}

TEST_F(AdmissionTest, ACancelledWaiterLeavesTheQueueAndItsPermitIsNotLost) {
  Fill();
  asio::cancellation_signal cancel;
  bool ended = false;
  asio::co_spawn(
      loop_, Hold("cancelled", {Urgency::kFirstSessions, now_, seconds(15), false}),
      asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& error) { ended = error != nullptr; }));
  Drain();
  Ask("next", Urgency::kSessions);
  cancel.emit(asio::cancellation_type::terminal);
  Drain();
  EXPECT_TRUE(ended);
  Finish();
  EXPECT_THAT(begun_, ElementsAre("next"));
}

TEST_F(AdmissionTest, WithoutAnAdmissionEveryPermitIsGranted) {
  Admission::Permit permit(nullptr, "db", {Urgency::kWire, now_, seconds(15), true});
  bool granted = false;
  asio::co_spawn(loop_, permit.Wait(Deadline::max()), [&](const std::exception_ptr&, bool got) { granted = got; });
  Drain();
  EXPECT_TRUE(granted);
  permit.Report(seconds(5), seconds(5), false);
}

TEST_F(AdmissionTest, OverloadBeginsWhereIntervalsGrowByHalfAndEndsWhereTheyDoNot) {
  const auto run = [&](Urgency urgency, bool repeated) {
    Fill();
    for (int i = 0; i < 200; ++i) Ask("db", urgency, seconds(2), repeated);
    for (int i = 0; i < 200; ++i) {
      now_ += milliseconds(20);
      Finish();
    }
    const Admission::Figures figures = admission_.figures();
    FinishAll();
    return figures;
  };
  // What a start takes is no overload.
  EXPECT_FALSE(run(Urgency::kFirstSessions, false).overloaded);
  EXPECT_EQ(admission_.figures().delayed, 0U);
  const Admission::Figures figures = run(Urgency::kSessions, true);
  EXPECT_TRUE(figures.overloaded);
  EXPECT_GT(figures.delayed, 100U);
  EXPECT_LT(figures.delayed, 200U);
  for (int i = 0; i < 400; ++i) {
    Ask("db", Urgency::kSessions, seconds(2), true);
    Finish();
  }
  EXPECT_FALSE(admission_.figures().overloaded);
}

}  // namespace
}  // namespace pgtls::sampling
