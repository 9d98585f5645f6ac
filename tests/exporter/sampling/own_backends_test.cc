#include "exporter/sampling/own_backends.h"

#include <gtest/gtest.h>

#include <optional>

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

}  // namespace
}  // namespace pgtls::sampling
