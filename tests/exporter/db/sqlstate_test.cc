#include "exporter/db/sqlstate.h"

#include <gtest/gtest.h>

namespace pgtls::db {
namespace {

TEST(SqlstateTest, ReasonsByClass) {
  const std::pair<const char*, FailureReason> cases[] = {
      {"", FailureReason::kConnection},          {"42501", FailureReason::kInsufficientPrivilege},
      {"28000", FailureReason::kAuthentication}, {"28P01", FailureReason::kAuthentication},
      {"57014", FailureReason::kTimeout},        {"55P03", FailureReason::kTimeout},
      {"08006", FailureReason::kConnection},     {"53300", FailureReason::kConnection},
      {"57P01", FailureReason::kConnection},     {"57P03", FailureReason::kConnection},
      {"42P01", FailureReason::kError},          {"3D000", FailureReason::kError},
      {"53200", FailureReason::kError},          {"XX000", FailureReason::kError},
  };
  for (const auto& [sqlstate, reason] : cases) EXPECT_EQ(ReasonForSqlstate(sqlstate), reason) << sqlstate;
}

constexpr const char* kPrefix = "connection to server at \"db\" (10.0.0.1), port 5432 failed: ";

TEST(SqlstateTest, FoundWhateverTheLanguageOfTheSeverity) {
  for (const char* severity : {"FATAL", "FATAL ", "PANNE", "致命错误", "ВАЖНО", "FATALE"}) {
    EXPECT_EQ(SqlstateInConnectError(std::string(kPrefix) + severity +
                                     ":  28P01: password authentication failed for user \"u\"\n"),
              "28P01")
        << severity;
  }
}

TEST(SqlstateTest, TheLastOfSeveralHosts) {
  EXPECT_EQ(SqlstateInConnectError("connection to server at \"a\" failed: FATAL:  57P03: starting up\n"
                                   "connection to server at \"b\" failed: FATAL:  28000: no pg_hba.conf entry\n"),
            "28000");
}

TEST(SqlstateTest, NoneWhereNoServerAnswered) {
  for (const char* message : {"", "Connection refused", "timeout expired:  none", ":  28P01", "x: 28P01: y",
                              "FATAL:  28p01: lower", "FATAL:  28P011: long", "FATAL:  2801: short"}) {
    EXPECT_EQ(SqlstateInConnectError(message), "") << message;
  }
}

TEST(SpendsConnectionTest, WhereAnotherSessionMayFareBetter) {
  for (const char* code : {"26000", "42P05", "34000", "08P01", "25P02", "0A000", "XX000"}) {
    EXPECT_TRUE(SpendsConnection(code)) << code;
  }
  for (const char* code : {"42501", "57014", "55P03", "22012", "42P01", "53300", ""}) {
    EXPECT_FALSE(SpendsConnection(code)) << code;
  }
}

}  // namespace
}  // namespace pgtls::db
