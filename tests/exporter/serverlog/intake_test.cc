// From the bytes of a log to counts.
#include "exporter/serverlog/intake.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace pgtls::serverlog {
namespace {

using namespace std::chrono_literals;
using enum Encryption;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const std::string kTlsSuffix = " SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)";
using Maybe = std::optional<Encryption>;

class IntakeTest : public testing::Test {
 protected:
  Knowledge Known() {
    return {
        .prefix = prefix_,
        .utc_offset = utc_offset_,
        .now = server_now_,
        .exemptions = exemptions_,
        .limits = {.now = now_, .at = now_, .window = 1h, .max_series = max_series_},
        .is_own = [this](const Connection& connection, std::optional<ServerTime>) { return connection.pid == own_; },
        .by_rule = [this](const Authenticated& rule, std::optional<ServerTime>) -> Maybe {
          const auto found = rules_.find(rule.line);
          return found == rules_.end() ? std::nullopt : found->second;
        },
        .by_sample = [this](const Connection& connection, std::optional<ServerTime> at) -> Maybe {
          sampled_at_ = at;
          const auto found = samples_.find(connection.pid);
          return found == samples_.end() ? std::nullopt : found->second;
        }};
  }

  static std::string Line(int pid, const std::string& text) {
    return fmt::format("2026-11-27 20:53:32.454 UTC [{}] bob@shop {}\n", pid, text);
  }
  void Take(const std::string& lines) { intake_.Take(Format::kStderr, lines, Known()); }
  // A session of `pid` from elsewhere.
  void Login(int pid, const std::string& end, int hba_line = 0) {
    std::string lines = Line(pid, "LOG:  connection received: host=192.0.2.1 port=5000");
    if (hba_line != 0)
      lines +=
          Line(pid, fmt::format("LOG:  connection authenticated: identity=\"bob\" method=md5 (/hba:{})", hba_line));
    Take(lines + Line(pid, "LOG:  connection authorized: user=bob database=shop" + end));
  }
  void CheckSamples() { intake_.CheckSamples(Known()); }

  std::map<Maybe, std::size_t> Sessions() {
    std::map<Maybe, std::size_t> sessions;
    for (const auto& [key, counter] : intake_.counts().sessions.counters()) sessions[key.encryption] += counter.count;
    return sessions;
  }
  std::size_t Unencrypted() {
    std::size_t sum = 0;
    for (const auto& [key, count] : intake_.counts().unencrypted) sum += count;
    return sum;
  }

  LinePrefix prefix_{"%m [%p] %q%u@%d "};
  std::chrono::seconds utc_offset_ = 0s;
  // When the records were written.
  ServerTime server_now_ = std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + 20h + 53min + 32s + 454ms;
  std::vector<config::Exemption> entries_;
  sessions::Exemptions exemptions_{entries_, {}};
  SteadyTime now_{1000h};
  std::size_t max_series_ = 100;
  int own_ = -1;
  std::map<int, Maybe> rules_;
  std::map<int, Maybe> samples_;
  std::optional<ServerTime> sampled_at_;
  Intake intake_;
};

TEST_F(IntakeTest, CountsWhatOnlyTheServerCanHaveWritten) {
  Login(7, kTlsSuffix);
  Login(8, "");
  Login(9, " application_name=psql");
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 2), Pair(Maybe(kTls), 1)));
  EXPECT_EQ(Unencrypted(), 2);
  EXPECT_EQ(intake_.counts().contradictions, 0);
}

// Until a rule or a sample decides, and after half a minute for ever.
TEST_F(IntakeTest, WaitsForASampleOfWhatMayBeForged) {
  Login(7, " application_name=psql" + kTlsSuffix);
  EXPECT_THAT(Sessions(), IsEmpty());
  now_ += 29s;
  CheckSamples();
  EXPECT_THAT(Sessions(), IsEmpty());
  now_ += 1s;
  CheckSamples();
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(), 1)));
  samples_[7] = kTls;
  CheckSamples();
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(), 1)));
}

TEST_F(IntakeTest, ASampleDecides) {
  Login(7, " application_name=psql" + kTlsSuffix);
  Login(8, " application_name=x" + kTlsSuffix);
  samples_[7] = kTls;
  samples_[8] = kNone;
  CheckSamples();
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1), Pair(Maybe(kTls), 1)));
  EXPECT_EQ(Unencrypted(), 1);
  EXPECT_EQ(intake_.counts().contradictions, 1);
  samples_[9] = kTls;
  Login(9, " application_name=psql" + kTlsSuffix);
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1), Pair(Maybe(kTls), 2)));
  now_ += 1h;
  CheckSamples();
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1), Pair(Maybe(kTls), 2)));
}

TEST_F(IntakeTest, ARuleDecides) {
  rules_ = {{1, kTls}, {2, kNone}, {3, std::nullopt}};
  Login(7, " application_name=psql" + kTlsSuffix, 1);
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kTls), 1)));
  Login(8, " application_name=x" + kTlsSuffix, 2);
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1), Pair(Maybe(kTls), 1)));
  EXPECT_EQ(intake_.counts().contradictions, 1);
  Login(9, " application_name=psql" + kTlsSuffix, 3);
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1), Pair(Maybe(kTls), 1)));
}

// A session that is counted already is only compared.
TEST_F(IntakeTest, AContradictionIsCountedOnce) {
  Login(7, kTlsSuffix);
  samples_[7] = kNone;
  CheckSamples();
  CheckSamples();
  now_ += 1min;
  CheckSamples();
  EXPECT_EQ(intake_.counts().contradictions, 1);
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kTls), 1)));

  rules_ = {{1, kTls}};
  samples_[8] = kTls;
  Login(8, "", 1);
  now_ += 1min;
  CheckSamples();
  EXPECT_EQ(intake_.counts().contradictions, 2);
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1), Pair(Maybe(kTls), 1)));
}

TEST_F(IntakeTest, OfTooManyThatWaitNoneIsLost) {
  for (int pid = 1; pid <= 3000; ++pid) Login(pid, " application_name=psql" + kTlsSuffix);
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(), 1000)));
  now_ += 30s;
  CheckSamples();
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(), 3000)));
}

TEST_F(IntakeTest, OwnConnectionsAreNotCounted) {
  own_ = 7;
  Login(7, "", 1);
  Take(Line(7, "FATAL:  no pg_hba.conf entry for host \"192.0.2.1\", user \"bob\", database \"shop\", no encryption"));
  Take(Line(7, "LOG:  could not accept SSL connection: EOF detected"));
  EXPECT_THAT(Sessions(), IsEmpty());
  EXPECT_THAT(intake_.counts().authentications.counters(), IsEmpty());
  EXPECT_THAT(intake_.counts().rejections.counters(), IsEmpty());
  EXPECT_EQ(intake_.counts().handshake_failures.at("eof"), 0);
  own_ = -1;
  Take(Line(7, "FATAL:  no pg_hba.conf entry for host \"192.0.2.1\", user \"bob\", database \"shop\", no encryption"));
  Take(Line(7, "LOG:  could not accept SSL connection: EOF detected"));
  EXPECT_EQ(intake_.counts().rejections.counters().size(), 1);
  EXPECT_EQ(intake_.counts().handshake_failures.at("eof"), 1);
}

TEST_F(IntakeTest, TheTimeIsThatOfLogTimezone) {
  utc_offset_ = 2h;
  Login(7, " application_name=psql" + kTlsSuffix);
  const ServerTime at = std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + 18h + 53min + 32s + 454ms;
  EXPECT_EQ(sampled_at_, at);
  EXPECT_EQ(intake_.last_record(), at);
  // An older record does not turn it back.
  Take("2026-11-26 20:53:32.454 UTC [7] bob@shop LOG:  \n");
  EXPECT_EQ(intake_.last_record(), at);
}

TEST_F(IntakeTest, SaysWhatItCannotRead) {
  EXPECT_FALSE(intake_.malformed());
  EXPECT_FALSE(intake_.ambiguous());
  Take(Line(7, "LOG:  statement: select 'LOG:  connection authorized: user=x database=y'"));
  EXPECT_EQ(intake_.ambiguous(), now_);
  EXPECT_FALSE(intake_.malformed());
  now_ += 1s;
  intake_.Take(Format::kJson, "{\"message\":\"connection authorized: \n", Known());
  EXPECT_EQ(intake_.malformed(), now_);
  EXPECT_THAT(Sessions(), IsEmpty());
  intake_.CountGap(now_);
  EXPECT_EQ(intake_.counts().gaps, 1);
  EXPECT_EQ(intake_.gap(), now_);
}

TEST_F(IntakeTest, AfterAGapRecordsBeforeItSayNothing) {
  rules_ = {{1, kTls}};
  Take(Line(7, "LOG:  connection authenticated: identity=\"bob\" method=md5 (/hba:1)"));
  intake_.CountGap(now_);
  Login(7, " application_name=psql" + kTlsSuffix);
  EXPECT_THAT(Sessions(), IsEmpty());
}

// Its record has a name that may have changed the others: it may come from anywhere.
TEST_F(IntakeTest, ADoubtfulSessionIsCountedWithoutAddress) {
  Take("2026-11-27 20:53:32.454 UTC [7] a@b@shop LOG:  connection authorized: user=a@b database=shop\n");
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1)));
  EXPECT_EQ(intake_.counts().unencrypted[(std::pair(Network::kRemote, false))], 1);
  EXPECT_FALSE(intake_.without_address());
  Take(Line(7, "LOG:  connection authorized: user=bob database=shop"));
  EXPECT_THAT(Sessions(), ElementsAre(Pair(Maybe(kNone), 1)));
  EXPECT_EQ(intake_.without_address(), now_);
}

// A name that is not certain matches no exemption.
TEST_F(IntakeTest, ExemptsByEveryReadingOfTheNames) {
  prefix_ = LinePrefix("%m [%p] ");
  entries_ = {{.name = "shop", .database = "shop"}};
  exemptions_ = sessions::Exemptions(entries_, {});
  const auto login = [&](const std::string& names) {
    Take(
        "2026-11-27 20:53:32.454 UTC [7] LOG:  connection received: host=192.0.2.1 port=5000\n"
        "2026-11-27 20:53:32.454 UTC [7] LOG:  connection authorized: " +
        names + "\n");
    return intake_.counts().unencrypted[{Network::kRemote, true}];
  };
  EXPECT_EQ(login("user=bob database=shop"), 1);
  EXPECT_EQ(login("user=bob database=shop application_name=psql"), 1);  // or a database "shop application_name=psql"
  EXPECT_EQ(login("user=bob database=shop application_name=" + std::string(60, 'x')), 2);  // too long for one
  EXPECT_EQ(login("user=bob database=shop database=x"), 2);
  EXPECT_EQ(login("user=bob database=shop GSS (authenticated=no, encrypted=no, principal=)"), 2);
  entries_ = {{.name = "bob", .user = "bob"}};
  exemptions_ = sessions::Exemptions(entries_, {});
  EXPECT_EQ(login("user=bob database=shop application_name=psql"), 3);  // it is bob, whatever the database
  entries_ = {{.name = "psql", .application_name = "psql"}};
  exemptions_ = sessions::Exemptions(entries_, {});
  EXPECT_EQ(login("user=bob database=shop application_name=psql"), 3);
  EXPECT_EQ(intake_.counts().unencrypted[(std::pair(Network::kRemote, false))], 4);
}

TEST_F(IntakeTest, SeriesAreLimited) {
  max_series_ = 3;
  for (int i = 0; i < 10; ++i) {
    Take(
        Line(7, fmt::format("LOG:  connection authenticated: identity=\"bob\" method=m{} (/hba{}:{})", i, i, i)) +
        Line(7, fmt::format("FATAL:  no pg_hba.conf entry for host \"192.0.2.{}\", user \"bob\", database \"shop\", no "
                            "encryption",
                            i)));
  }
  EXPECT_EQ(intake_.counts().authentications.counters().size(), 4);
  EXPECT_EQ(intake_.counts().authentications.folded(), 7);
  EXPECT_EQ(intake_.counts().rejections.counters().size(), 4);
}

TEST_F(IntakeTest, NamesAreShownAsBoundedUtf8) {
  intake_.Take(
      Format::kCsv,
      "2026-11-27 20:53:32.454 UTC,\"\xff\",\"shop\",7,\"192.0.2.1:1\",6b09edcc.7,3,\"authentication\",2026-11-27 "
      "20:53:32 UTC,2/1,0,LOG,00000,\"connection authorized: user=\xff database=shop application_name=" +
          std::string(9000, 'x') + "\",,,,,,,,,\"\",\"client backend\",,0\n",
      Known());
  const auto clients = intake_.counts().unencrypted_clients.Current(now_, 1h);
  ASSERT_EQ(clients.size(), 1);
  EXPECT_EQ(clients.begin()->first.user, "\xef\xbf\xbdxff");
  EXPECT_LE(clients.begin()->first.application_name.size(), 200);
  EXPECT_EQ(clients.begin()->first.client_addr, "192.0.2.1");
}

TEST(NetworkOf, IsByTheAddress) {
  const auto network = [](const char* host) {
    return NetworkOf(
        {.time = {}, .epoch = {}, .session_start_s = {}, .host = host, .port = {}, .user = {}, .database = {}});
  };
  EXPECT_EQ(network("[local]"), Network::kLocal);
  EXPECT_EQ(network("127.3.2.1"), Network::kLoopback);
  EXPECT_EQ(network("::1"), Network::kLoopback);
  EXPECT_EQ(network("192.0.2.1"), Network::kRemote);
  EXPECT_EQ(network("localhost"), Network::kRemote);  // log_hostname
  EXPECT_EQ(network(""), Network::kRemote);
}

}  // namespace
}  // namespace pgtls::serverlog
