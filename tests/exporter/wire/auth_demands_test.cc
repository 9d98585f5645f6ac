#include "exporter/wire/auth_demands.h"

#include <gtest/gtest.h>

namespace pgtls::wire {
namespace {

using tls::Start;

constexpr std::uint32_t kOk = 0;
constexpr std::uint32_t kPassword = 3;
constexpr std::uint32_t kSasl = 10;

Start After(const AuthDemands& demands, std::uint32_t request, bool certificate_sent = false) {
  return WithDemands(demands, Start::kAdmitted, request, certificate_sent);
}

TEST(AuthDemandsTest, TheMethodsThatAreRequired) {
  EXPECT_EQ(After({}, kPassword), Start::kAdmitted);
  EXPECT_EQ(After({"password"}, kPassword), Start::kAdmitted);
  EXPECT_EQ(After({"md5,scram-sha-256"}, kPassword), Start::kCutOff);
  EXPECT_EQ(After({"md5,scram-sha-256"}, kSasl), Start::kAdmitted);
  EXPECT_EQ(After({"scram-sha-256"}, kOk), Start::kCutOff);
  EXPECT_EQ(After({"scram-sha-256,none"}, kOk), Start::kAdmitted);
}

TEST(AuthDemandsTest, TheMethodsThatAreForbidden) {
  EXPECT_EQ(After({"!password,!md5"}, kPassword), Start::kCutOff);
  EXPECT_EQ(After({"!password,!md5"}, kSasl), Start::kAdmitted);
  EXPECT_EQ(After({"!password,!md5"}, kOk), Start::kAdmitted);
  EXPECT_EQ(After({"!none"}, kOk), Start::kCutOff);
  EXPECT_EQ(After({"!none"}, 99), Start::kAdmitted);
}

// SCRAM and OAuth are both SASL.
TEST(AuthDemandsTest, OauthIsNotKnown) { EXPECT_EQ(After({"oauth"}, kSasl), Start::kUnknown); }

TEST(AuthDemandsTest, ACertificate) {
  EXPECT_EQ(After({"", true}, kOk), Start::kCutOff);
  EXPECT_EQ(After({"", true}, kOk, true), Start::kAdmitted);
  EXPECT_EQ(After({"none", true}, kSasl, true), Start::kCutOff);
}

TEST(AuthDemandsTest, WithoutARequestNothingChanges) {
  for (const Start start : {Start::kUnknown, Start::kAuthFailed, Start::kRefused, Start::kCutOff}) {
    EXPECT_EQ(WithDemands({"none", true}, start, std::nullopt, false), start);
    EXPECT_EQ(WithDemands({"md5", true}, start, kOk, false), start);
  }
}

}  // namespace
}  // namespace pgtls::wire
