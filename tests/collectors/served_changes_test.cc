// When a server began to serve what it serves.
#include "collectors/served_changes.h"

#include <gtest/gtest.h>

namespace pgtls::collectors {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_seconds;

class ServedChangesTest : public testing::Test {
 protected:
  void Show(const std::string& certificate, const std::string& host = "") {
    changes_.Observed(host, certificate, now_);
    now_ += minutes(10);
  }
  // Minutes since the start; -1: absent.
  std::chrono::minutes::rep Changed(const std::string& host = "") const {
    const auto at = changes_.ChangedAt(host, now_);
    return at ? std::chrono::floor<minutes>(*at - kStart).count() : -1;
  }

  static constexpr sys_seconds kStart{hours(500'000)};
  sys_seconds now_ = kStart;
  ServedChanges changes_;
};

TEST_F(ServedChangesTest, AbsentUntilAChangeOrForADay) {
  EXPECT_EQ(Changed(), -1);
  Show("a");
  EXPECT_EQ(Changed(), -1);
  now_ = kStart + hours(24) - std::chrono::seconds(1);
  EXPECT_EQ(Changed(), -1);
  now_ = kStart + hours(24);
  EXPECT_EQ(Changed(), 0);
  Show("a");
  EXPECT_EQ(Changed(), 0);
  Show("b");
  EXPECT_EQ(Changed(), 24 * 60 + 10);
  Show("b");
  EXPECT_EQ(Changed(), 24 * 60 + 10);
}

TEST_F(ServedChangesTest, AnEarlyChange) {
  Show("a");
  Show("b");
  EXPECT_EQ(Changed(), 10);
  Show("c");
  EXPECT_EQ(Changed(), 20);
}

// No handshake succeeds for a week.
TEST_F(ServedChangesTest, AnOutageIsNoChange) {
  Show("a");
  Show("b");
  now_ += hours(24 * 7);
  EXPECT_EQ(Changed(), 10);
  Show("a");
  Show("b");
  EXPECT_EQ(Changed(), 10);
}

TEST_F(ServedChangesTest, CertificatesBehindOneAddressTakeTurns) {
  for (int i = 0; i < 500; ++i) Show(i % 3 == 0 ? "a" : i % 7 == 0 ? "c" : "b");
  EXPECT_EQ(Changed(), 70);
  Show("d");
  EXPECT_EQ(Changed(), 5000);
}

TEST_F(ServedChangesTest, AnOldCertificateThatReturnsIsAChange) {
  Show("a");
  for (std::uint64_t i = 0; i < kHandshakesRemembered; ++i) Show("b");
  Show("a");  // the last time that it is still known
  EXPECT_EQ(Changed(), 10);
  for (std::uint64_t i = 0; i <= kHandshakesRemembered; ++i) Show("b");
  const auto back = std::chrono::floor<minutes>(now_ - kStart).count();
  Show("a");
  EXPECT_EQ(Changed(), back);
}

TEST_F(ServedChangesTest, EachNameHasItsOwn) {
  Show("a");
  Show("x", "a.example");
  EXPECT_EQ(Changed(), -1);
  Show("y", "a.example");
  EXPECT_EQ(Changed(), -1);
  EXPECT_EQ(Changed("a.example"), 20);
  EXPECT_EQ(Changed("b.example"), -1);
}

// Names come and go; the server's own stays.
TEST_F(ServedChangesTest, ManyNames) {
  Show("a");
  Show("b");
  for (int i = 0; i < 1000; ++i) {
    Show("x", "n" + std::to_string(i));
    Show("b");
  }
  EXPECT_EQ(Changed(), 10);
  Show("y", "n999");
  EXPECT_NE(Changed("n999"), -1);
  Show("y", "n0");
  EXPECT_EQ(Changed("n0"), -1) << "it was forgotten";
}

}  // namespace
}  // namespace pgtls::collectors
