#include "exporter/serverlog/connections.h"

#include <gtest/gtest.h>

#include <string>

namespace pgtls::serverlog {
namespace {

using namespace std::chrono_literals;

const LogTime kTime = std::chrono::local_days(std::chrono::year(2026) / 11 / 27);

class ConnectionReaderTest : public testing::Test {
 protected:
  // A record of the plain log, without names in the prefix.
  Record Log(int pid, std::string message, std::chrono::seconds after = 0s) {
    Record record;
    record.time = kTime + after;
    record.pid = pid;
    record.severity = message.starts_with("no pg_hba") ? "FATAL" : "LOG";
    record.message = std::move(message);
    return record;
  }
  void Read(const Record& record) { reader_.Read(record, events_); }
  const LoggedSession& Last() { return events_.sessions.back(); }

  ConnectionReader reader_;
  LoggedEvents events_;
};

constexpr const char* kReceived = "connection received: host=127.0.0.1 port=56136";
constexpr const char* kAuthenticated = "connection authenticated: identity=\"bob\" method=md5 (/hba:3)";
constexpr const char* kAuthorized = "connection authorized: user=bob database=shop";

TEST_F(ConnectionReaderTest, PutsTheRecordsOfAConnectionTogether) {
  Read(Log(7, kReceived));
  Read(Log(8, "connection received: host=[local]"));
  Read(Log(7, kAuthenticated));
  Read(Log(7, kAuthorized));
  Read(Log(8, kAuthorized));
  ASSERT_EQ(events_.sessions.size(), 2);
  EXPECT_EQ(events_.sessions[0].connection.host, "127.0.0.1");
  EXPECT_EQ(events_.sessions[0].connection.port, 56136);
  EXPECT_EQ(events_.sessions[0].connection.user, "bob");
  ASSERT_TRUE(events_.sessions[0].rule);
  EXPECT_EQ(events_.sessions[0].rule->line, 3);
  EXPECT_EQ(Last().connection.host, "[local]");
  EXPECT_FALSE(Last().rule);
  ASSERT_EQ(events_.authentications.size(), 1);
  EXPECT_EQ(events_.authentications[0].connection.port, 56136);
}

// The same pid is another connection after a new "received", or much later.
TEST_F(ConnectionReaderTest, PidsAreUsedAgain) {
  Read(Log(7, kReceived));
  Read(Log(7, kAuthenticated));
  Read(Log(7, "connection received: host=10.0.0.1 port=1"));
  Read(Log(7, kAuthorized));
  EXPECT_FALSE(Last().rule);
  EXPECT_EQ(Last().connection.host, "10.0.0.1");

  Read(Log(7, kAuthenticated, 60s));
  Read(Log(7, kAuthorized, 60s + 11min));
  EXPECT_FALSE(Last().rule);
  EXPECT_EQ(Last().connection.host, "");

  Read(Log(7, kAuthenticated));
  Read(Log(7, kAuthorized));
  EXPECT_TRUE(Last().rule);
  Read(Log(7, kAuthorized));
  EXPECT_FALSE(Last().rule);
}

TEST_F(ConnectionReaderTest, OfAnotherSessionStartIsAnotherConnection) {
  Record authenticated = Log(7, kAuthenticated);
  authenticated.session_start_s = 100;
  Read(authenticated);
  Record authorized = Log(7, kAuthorized);
  authorized.session_start_s = 101;
  Read(authorized);
  EXPECT_FALSE(Last().rule);
}

TEST_F(ConnectionReaderTest, DoubtfulRecordsBelongToNone) {
  Read(Log(7, kReceived));
  Record record = Log(7, kAuthenticated);
  record.doubtful = true;
  Read(record);
  EXPECT_EQ(events_.authentications.size(), 1);
  record = Log(7, kAuthorized);
  record.doubtful = true;
  Read(record);
  EXPECT_EQ(Last().connection.pid, 0);
  EXPECT_EQ(Last().connection.host, "");
  EXPECT_EQ(Last().connection.user, "bob");
  // What is known of the connection is not used up.
  Read(Log(7, kAuthorized));
  EXPECT_EQ(Last().connection.host, "127.0.0.1");
  EXPECT_FALSE(Last().rule);
}

// Of a user's names, those of the record are the right ones.
TEST_F(ConnectionReaderTest, NamesThatContradictTheRecordHaveNoConnection) {
  Read(Log(7, kReceived));
  Record record = Log(7, kAuthorized);
  record.user = "eve";
  record.database = "shop";
  Read(record);
  EXPECT_EQ(Last().connection.pid, 0);
}

TEST_F(ConnectionReaderTest, WithoutPidNothingIsPutTogether) {
  Read(Log(0, kReceived));
  Read(Log(0, kAuthenticated));
  Read(Log(0, kAuthorized));
  EXPECT_FALSE(Last().rule);
  EXPECT_EQ(Last().connection.host, "");
}

TEST_F(ConnectionReaderTest, RejectionsHaveWhoAndWhere) {
  Read(Log(7, kReceived));
  Read(Log(7, "no pg_hba.conf entry for host \"127.0.0.1\", user \"eve\", database \"shop\", no encryption"));
  ASSERT_EQ(events_.rejections.size(), 1);
  EXPECT_EQ(events_.rejections[0].connection.user, "eve");
  EXPECT_EQ(events_.rejections[0].connection.port, 56136);
  EXPECT_TRUE(events_.rejections[0].no_entry);
  Read(Log(9, "connection received: host=10.0.0.1 port=2"));
  Read(Log(9, "could not accept SSL connection: EOF detected"));
  ASSERT_EQ(events_.handshake_failures.size(), 1);
  EXPECT_EQ(events_.handshake_failures[0].reason, "eof");
  EXPECT_EQ(events_.handshake_failures[0].connection.host, "10.0.0.1");
}

TEST_F(ConnectionReaderTest, ForgetsAtAGap) {
  Read(Log(7, kAuthenticated));
  reader_.Forget();
  Read(Log(7, kAuthorized));
  EXPECT_FALSE(Last().rule);
}

// Connections that are never authorized.
TEST_F(ConnectionReaderTest, ForgetsTheOldestOfMany) {
  for (int pid = 1; pid <= 20'000; ++pid) Read(Log(pid, kAuthenticated));
  for (const int pid : {1, 10'000, 10'001, 20'000}) Read(Log(pid, kAuthorized));
  EXPECT_FALSE(events_.sessions[0].rule);
  EXPECT_FALSE(events_.sessions[1].rule);
  EXPECT_TRUE(events_.sessions[2].rule);
  EXPECT_TRUE(events_.sessions[3].rule);
}

}  // namespace
}  // namespace pgtls::serverlog
