#include "exporter/hba/in_force.h"

#include <gtest/gtest.h>

#include "tests/exporter/hba/hba_text.h"

namespace pgtls::hba {
namespace {

using Doubt = InForceView::Doubt;

const RuleSet kOpen = Rules({"host all all all md5"});
const RuleSet kStrict = Rules({"hostssl all all all md5"});

RuleSet Broken() {
  RuleSet set = kStrict;
  set.errors.push_back({"pg_hba.conf", 7, "invalid connection type"});
  return set;
}

std::optional<RuleSet> RulesOf(const InForceView& view) {
  return view.rules ? std::optional(*view.rules) : std::nullopt;
}

TEST(InForceTracker, TakesAnUntouchedFileForLoaded) {
  InForceTracker tracker;
  const InForceView view = tracker.Update({kOpen, 200, 100, 50});
  EXPECT_EQ(view.pending, false);
  EXPECT_EQ(RulesOf(view), kOpen);
}

TEST(InForceTracker, KeepsTheRulesBeforeAChangeThatWaits) {
  InForceTracker tracker;
  EXPECT_EQ(tracker.last_loaded(), nullptr);
  tracker.Update({kOpen, 110, 100, 50});
  const InForceView view = tracker.Update({kStrict, 210, 100, 205});
  EXPECT_EQ(view.pending, true);
  EXPECT_EQ(RulesOf(view), kOpen);
  EXPECT_EQ(*tracker.last_loaded(), kOpen);
  EXPECT_EQ(RulesOf(tracker.Update({kStrict, 260, 250, 205})), kStrict);
}

TEST(InForceTracker, DoesNotKnowTheRulesThatItNeverSaw) {
  InForceTracker tracker;
  EXPECT_EQ(tracker.Update({kStrict, 210, 100, 205}).pending, true);
  EXPECT_EQ(RulesOf(tracker.Update({kStrict, 210, 100, 205})), std::nullopt);
}

TEST(InForceTracker, DoesNotTrustRulesFromBeforeALoadThatItDidNotSee) {
  InForceTracker tracker;
  tracker.Update({kOpen, 110, 100, 50});
  // Loaded at 150, whatever it was then; changed again since.
  const InForceView view = tracker.Update({kStrict, 210, 150, 205});
  EXPECT_EQ(view.pending, true);
  EXPECT_EQ(RulesOf(view), std::nullopt);
}

TEST(InForceTracker, KeepsTheRulesThroughARefusedReload) {
  InForceTracker tracker;
  tracker.Update({kOpen, 110, 100, 50});
  // The broken file was read at 150, and refused; the load time moved on all the same.
  InForceView view = tracker.Update({Broken(), 210, 150, 140});
  EXPECT_EQ(view.pending, true);
  EXPECT_EQ(RulesOf(view), kOpen);
  // Mended, not loaded yet.
  view = tracker.Update({kStrict, 310, 150, 305});
  EXPECT_EQ(view.pending, true);
  EXPECT_EQ(RulesOf(view), kOpen);
}

TEST(InForceTracker, CallsAFileWithErrorsOrWithoutRulesPendingWithoutItsTime) {
  InForceTracker tracker;
  EXPECT_EQ(tracker.Update({Broken(), 210, 150, std::nullopt}).pending, true);
  EXPECT_EQ(tracker.Update({RuleSet{}, 210, 150, std::nullopt}).pending, true);
}

TEST(InForceTracker, TellsWithoutTimesOnlyWhatItSawBeforeAndAfterALoad) {
  InForceTracker tracker;
  InForceView view = tracker.Update({kOpen, 110, 100, std::nullopt});
  EXPECT_EQ(view.pending, std::nullopt);
  EXPECT_EQ(RulesOf(view), std::nullopt);
  view = tracker.Update({kOpen, 210, 150, std::nullopt});
  EXPECT_EQ(view.pending, false);
  EXPECT_EQ(RulesOf(view), kOpen);
  view = tracker.Update({kStrict, 310, 150, std::nullopt});
  EXPECT_EQ(view.pending, std::nullopt);
  EXPECT_EQ(RulesOf(view), kOpen);
}

// Whole seconds cannot tell an edit before the load from one after it.
TEST(InForceTracker, DoesNotTellAChangeInTheSecondOfTheLoad) {
  InForceTracker tracker;
  for (const double now : {100.4, 160.0, 100000.0}) {
    const InForceView view = tracker.Update({kOpen, now, 100.3, 100});
    EXPECT_EQ(view.pending, std::nullopt) << now;
    EXPECT_EQ(view.doubt, Doubt::kSameSecond) << now;
    EXPECT_EQ(view.rules, nullptr) << now;
  }
  // Shown before and after the next load.
  EXPECT_EQ(tracker.Update({kOpen, 100200, 100100.2, 100}).pending, false);
  EXPECT_EQ(InForceTracker().Update({kOpen, 160, 101.0, 100}).pending, false);
}

TEST(InForceTracker, TellsAChangeInTheSecondOfTheLoadByExactTimes) {
  EXPECT_EQ(InForceTracker().Update({kOpen, 160, 100.3, 100.27, std::nullopt, true}).pending, false);
  EXPECT_EQ(InForceTracker().Update({kOpen, 160, 100.3, 100.31, std::nullopt, true}).pending, true);
  // A file edited right after the load bears the time of the clock tick before.
  const InForceView view = InForceTracker().Update({kOpen, 160, 100.3, 100.295, std::nullopt, true});
  EXPECT_EQ(view.pending, std::nullopt);
  EXPECT_EQ(view.doubt, Doubt::kSameSecond);
}

TEST(InForceTracker, SeesAChangeInTheSecondOfTheLoadWhereItLookedBetween) {
  InForceTracker tracker;
  EXPECT_EQ(tracker.Update({kOpen, 100.4, 100.3, 99}).pending, false);
  const InForceView view = tracker.Update({kStrict, 100.8, 100.3, 100});
  EXPECT_EQ(view.pending, true);
  EXPECT_EQ(RulesOf(view), kOpen);
  EXPECT_EQ(tracker.Update({kStrict, 160, 100.3, 100}).pending, true);
  EXPECT_EQ(tracker.Update({kStrict, 160, 150.1, 100}).pending, false);
}

// A path may lead elsewhere since a directory on it changed: what was proven before that stays proven.
TEST(InForceTracker, DoesNotTrustAPathThatMayLeadElsewhere) {
  InForceView view = InForceTracker().Update({kStrict, 210, 100, 50, 150});
  EXPECT_EQ(view.pending, std::nullopt);
  EXPECT_EQ(view.doubt, Doubt::kPath);
  EXPECT_EQ(InForceTracker().Update({kStrict, 210, 100.5, 50, 100}).doubt, Doubt::kPath);
  EXPECT_EQ(InForceTracker().Update({kStrict, 210, 100.5, 50, 100.4, true}).pending, false);

  InForceTracker tracker;
  EXPECT_EQ(tracker.Update({kStrict, 110, 100, 50, 60}).pending, false);
  EXPECT_EQ(tracker.Update({kStrict, 210, 100, 50, 150}).pending, false);
  view = tracker.Update({kOpen, 310, 100, 40, 300});
  EXPECT_EQ(view.pending, true) << "other rules than those that were loaded";
  EXPECT_EQ(RulesOf(view), kStrict);
}

// Switched to another file, loaded, and switched back: the rules are those that were seen before, and not in force.
TEST(InForceTracker, SeesALinkThatWasSwitchedBack) {
  InForceTracker tracker;
  EXPECT_EQ(tracker.Update({kStrict, 110, 100, 50.5, std::nullopt, true}).pending, false);
  const InForceView view = tracker.Update({kStrict, 310, 200, 205.5, std::nullopt, true});
  EXPECT_EQ(view.pending, true);
  EXPECT_EQ(view.rules, nullptr);
}

// The same, where only the directory of the link, or the whole second of the load, shows that something changed.
TEST(InForceTracker, EqualLooksDoNotProveWhatWasLoadedBetweenThem) {
  const auto looked_before = [] {
    InForceTracker tracker;
    EXPECT_EQ(tracker.Update({kStrict, 110, 100, 50, 60}).pending, false);
    return tracker;
  };
  InForceTracker tracker = looked_before();
  InForceView view = tracker.Update({kStrict, 310, 200, 50, 205});
  EXPECT_EQ(view.pending, std::nullopt);
  EXPECT_EQ(view.doubt, Doubt::kPath);
  EXPECT_EQ(view.rules, nullptr);
  // The next load settles it.
  EXPECT_EQ(tracker.Update({kStrict, 510, 400, 50, 205}).pending, false);

  tracker = looked_before();
  view = tracker.Update({kStrict, 310, 200.3, 200, 60});
  EXPECT_EQ(view.pending, std::nullopt);
  EXPECT_EQ(view.doubt, Doubt::kSameSecond);
  EXPECT_EQ(view.rules, nullptr);
}

TEST(InForceTracker, DoesNotKnowTheRulesBehindARefusedFileAfterALoadThatItDidNotSee) {
  InForceTracker tracker;
  tracker.Update({kOpen, 110, 100, 50});
  const InForceView view = tracker.Update({Broken(), 310, 200, 250});
  EXPECT_EQ(view.pending, true);
  EXPECT_EQ(view.rules, nullptr);
}

}  // namespace
}  // namespace pgtls::hba
