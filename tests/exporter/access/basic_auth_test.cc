#include "exporter/access/basic_auth.h"

#include <crypt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "exporter/access/bcrypt.h"
#include "exporter/access/client_network.h"

namespace pgtls::access {
namespace {

using Verdict = BasicAuth::Verdict;

// The lowest cost, so that the tests are quick.
std::string Hash(const std::string& password) {
  crypt_data data{};
  return crypt_r(password.c_str(), "$2y$04$abcdefghijklmnopqrstuu", &data);
}

class BasicAuthTest : public ::testing::Test {
 protected:
  // Runs the checks at once and gives their verdicts in order.
  std::vector<Verdict> Check(const std::vector<Credentials>& all, const std::string& address = "192.0.2.1") {
    std::vector<Verdict> verdicts(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      asio::co_spawn(io_, auth_.Check(users_, all[i], address),
                     [&verdicts, i](const std::exception_ptr&, Verdict verdict) { verdicts[i] = verdict; });
    }
    io_.restart();
    io_.run();
    return verdicts;
  }

  asio::io_context io_;
  BasicAuth auth_;
  std::shared_ptr<const Users> users_ = std::make_shared<const Users>(Users{{"alice", Hash("secret")}});
};

TEST_F(BasicAuthTest, KnowsRightFromWrong) {
  EXPECT_EQ(Check({{"alice", "secret"}})[0], Verdict::kYes);
  EXPECT_EQ(Check({{"alice", "wrong"}})[0], Verdict::kNo);
  EXPECT_EQ(Check({{"bob", "secret"}})[0], Verdict::kNo);
  EXPECT_EQ(Check({{"alice", std::string("secret\0x", 8)}})[0], Verdict::kNo);
  EXPECT_EQ(Check({{"alice", ""}})[0], Verdict::kNo);
}

TEST_F(BasicAuthTest, LetsAnUnknownUserWaitLikeAKnownOne) {
  // Both need the one thread: behind 32 that wait, one more is turned away, known or not.
  for (const char* user : {"bob", "alice"}) {
    const auto verdicts = Check(std::vector<Credentials>(34, {user, "wrong"}));
    EXPECT_EQ(std::ranges::count(verdicts, Verdict::kNo), 32) << user;
    EXPECT_EQ(std::ranges::count(verdicts, Verdict::kBusy), 2) << user;
  }
}

// Two Prometheus servers, Grafana and a few people behind one proxy, after a restart.
TEST_F(BasicAuthTest, SeveralColdClientsOfOneNetworkAllGetIn) {
  Users users;
  std::vector<Credentials> all;
  for (int i = 0; i < 8; ++i) {
    users["user" + std::to_string(i)] = Hash("secret" + std::to_string(i));
    for (int j = 0; j < 4; ++j) all.push_back({"user" + std::to_string(i), "secret" + std::to_string(i)});
  }
  users_ = std::make_shared<const Users>(std::move(users));
  EXPECT_THAT(Check(all), testing::Each(Verdict::kYes));
}

// One network's guesses wait for each other, so that the first check of another is behind one of them only.
TEST_F(BasicAuthTest, NetworksTakeTurns) {
  std::vector<std::string> order;
  const auto check = [&](const Credentials& credentials, const std::string& network) {
    asio::co_spawn(io_, auth_.Check(users_, credentials, network),
                   [&order, network](const std::exception_ptr&, Verdict) { order.push_back(network); });
  };
  for (int i = 0; i < 20; ++i) check({"alice", "guess"}, "192.0.2.1");
  check({"alice", "secret"}, "192.0.2.2");
  io_.run();
  ASSERT_EQ(order.size(), 21u);
  EXPECT_EQ(order[1], "192.0.2.2");
}

TEST(ClientNetwork, IsAnAddressOrASubnet) {
  EXPECT_EQ(ClientNetwork("192.0.2.7:51234"), "192.0.2.7");
  EXPECT_EQ(ClientNetwork("[2001:db8:1:2:3:4:5:6]:51234"), "2001:db8:1:2::/64");
  EXPECT_EQ(ClientNetwork("[2001:db8:1:2:ffff::]:1"), "2001:db8:1:2::/64");
  EXPECT_EQ(ClientNetwork("[2001:db8:1:3::1]:1"), "2001:db8:1:3::/64");
  EXPECT_EQ(ClientNetwork("[fe80::1%eth0]:1"), "fe80::/64");
  EXPECT_EQ(ClientNetwork("[::ffff:192.0.2.7]:51234"), "192.0.2.7");
  EXPECT_EQ(ClientNetwork(""), "");
}

TEST_F(BasicAuthTest, DoesNotDelayThoseItKnows) {
  ASSERT_EQ(Check({{"alice", "secret"}})[0], Verdict::kYes);
  EXPECT_THAT(Check({{"x", "a"}, {"x", "b"}, {"alice", "secret"}}),
              testing::ElementsAre(Verdict::kNo, Verdict::kNo, Verdict::kYes));
}

TEST_F(BasicAuthTest, ForgetsAPasswordThatWasChanged) {
  ASSERT_EQ(Check({{"alice", "secret"}})[0], Verdict::kYes);
  users_ = std::make_shared<const Users>(Users{{"alice", Hash("other")}});
  EXPECT_EQ(Check({{"alice", "secret"}})[0], Verdict::kNo);
  EXPECT_EQ(Check({{"alice", "other"}})[0], Verdict::kYes);
}

TEST(ParseBasic, DecodesCredentials) {
  const auto credentials = ParseBasic("bAsIc  YWxpY2U6czplY3JldA==");
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->user, "alice");
  EXPECT_EQ(credentials->password, "s:ecret");
  for (const char* bad : {"", "Basic", "Basic ", "Basic YWxp", "Basic ====", "Bearer YWxpY2U6c2VjcmV0",
                          "Basic YWxpY2U6*2Vj", "Basic YWxpY2U6czplY3JldA"}) {
    EXPECT_FALSE(ParseBasic(bad)) << bad;
  }
}

TEST(Bcrypt, KnowsItsHashes) {
  const std::string rest = std::string(53, 'a');
  EXPECT_TRUE(IsBcryptHash("$2y$10$" + rest));
  EXPECT_TRUE(IsBcryptHash("$2a$04$" + rest));
  EXPECT_TRUE(IsBcryptHash(UnmatchableBcrypt("10")));
  EXPECT_FALSE(IsBcryptHash("$2y$03$" + rest));
  EXPECT_FALSE(IsBcryptHash("$2y$32$" + rest));
  EXPECT_FALSE(IsBcryptHash("$2x$10$" + rest));
  EXPECT_FALSE(IsBcryptHash("$2y$10$" + rest + "a"));
  EXPECT_FALSE(IsBcryptHash("$6$abc$def"));
  EXPECT_FALSE(IsBcryptHash("password"));
  // htpasswd's own.
  EXPECT_TRUE(BcryptMatches("x", Hash("x")));
  EXPECT_FALSE(BcryptMatches("", UnmatchableBcrypt("04")));
}

}  // namespace
}  // namespace pgtls::access
