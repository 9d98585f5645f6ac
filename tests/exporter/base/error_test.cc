#include "exporter/base/error.h"

#include <gtest/gtest.h>

namespace pgtls {
namespace {

// The label values are a contract: alerts match them.
TEST(ErrorTest, ReasonsHaveTheirLabels) {
  EXPECT_EQ(ToString(FailureReason::kInsufficientPrivilege), "insufficient_privilege");
  EXPECT_EQ(ToString(FailureReason::kAuthentication), "authentication");
  EXPECT_EQ(ToString(FailureReason::kTls), "tls");
  EXPECT_EQ(ToString(FailureReason::kTimeout), "timeout");
  EXPECT_EQ(ToString(FailureReason::kConnection), "connection");
  EXPECT_EQ(ToString(FailureReason::kError), "error");
}

TEST(ErrorTest, EachKindCarriesItsReason) {
  EXPECT_EQ(TimeoutError("t").reason(), FailureReason::kTimeout);
  EXPECT_EQ(TlsError("t").reason(), FailureReason::kTls);
  const DbError error(FailureReason::kAuthentication, "28P01", "m");
  EXPECT_EQ(error.reason(), FailureReason::kAuthentication);
  EXPECT_EQ(error.sqlstate(), "28P01");
  EXPECT_STREQ(error.what(), "m");
}

TEST(ErrorTest, AConfigErrorNamesItsPlace) {
  EXPECT_STREQ(ConfigError("/etc/x.yml", 3, 14, "no").what(), "/etc/x.yml:3:14: no");
}

}  // namespace
}  // namespace pgtls
