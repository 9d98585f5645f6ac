#include "collectors/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/base/error.h"
#include "exporter/sessions/open_connections.h"
#include "exporter/sessions/seen_sessions.h"
#include "exporter/sessions/summary.h"
#include "tests/collectors/harness.h"
#include "tests/support/golden.h"

namespace pgtls::collectors {
namespace {

using support::Families;
using testing::HasSubstr;
using testing::Not;
using Text = std::optional<std::string>;

const std::vector<std::string> kColumns = {"sees_all",
                                           "blind_role",
                                           "now_us",
                                           "postmaster_start_us",
                                           "pid",
                                           "backend_start_us",
                                           "datname",
                                           "usename",
                                           "application_name",
                                           "client_addr",
                                           "client_port",
                                           "backend_type",
                                           "authenticating",
                                           "ssl",
                                           "version",
                                           "cipher",
                                           "bits",
                                           "client_serial",
                                           "client_dn",
                                           "issuer_dn",
                                           "gss_encrypted"};

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kNow = 1'800'000'000 * kSecond;  // 2027-01-15 08:00:00 UTC

// A row of the statement. The default: an unencrypted client from elsewhere.
struct Row {
  int pid = 100;
  std::int64_t start = kNow - 60 * kSecond;
  Text database = "shop";
  Text user = "app";
  Text application_name = "";
  Text address = "10.1.2.3";
  std::optional<int> port = 40000;
  std::string backend_type = "client backend";
  bool authenticating = false;
  Text version, cipher, bits;  // TLS where version is there
  Text client_dn, issuer_dn;   // a client certificate where client_dn is there
  bool gss = false;
  bool told = true;  // how it is protected
};

const Row kTls13 = {.version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384", .bits = "256"};
const Row kTls12 = {.version = "TLSv1.2", .cipher = "ECDHE-ECDSA-AES128-GCM-SHA256", .bits = "128"};

Text Bool(bool value) { return value ? "t" : "f"; }

class SessionsTest : public testing::Test {
 protected:
  void Show(const std::vector<Row>& rows, std::int64_t now = kNow) {
    FakeSession::Rows table;
    for (const Row& row : rows) {
      table.push_back({"t",
                       std::nullopt,
                       std::to_string(now),
                       std::to_string(postmaster_start_),
                       std::to_string(row.pid),
                       std::to_string(row.start),
                       row.database,
                       row.user,
                       row.application_name,
                       row.address,
                       row.port ? Text(std::to_string(*row.port)) : std::nullopt,
                       row.backend_type,
                       Bool(row.authenticating),
                       row.told ? Bool(row.version.has_value()) : std::nullopt,
                       row.version,
                       row.cipher,
                       row.bits,
                       row.client_dn ? Text("10") : std::nullopt,
                       row.client_dn,
                       row.issuer_dn,
                       Bool(row.gss)});
    }
    if (rows.empty()) table.push_back(NoSession("t", std::nullopt, now));
    harness_.fake.answers["sessions"] = {kColumns, table};
    ShowStatistics();
  }
  void ShowStatistics() {
    harness_.fake.answers["database_statistics"] = {
        {"datid", "datname", "sessions", "commits", "reset_us", "began_us", "taken_us"},
        {{"16384", "shop", std::to_string(shop_sessions_), "900", std::nullopt, "500", std::nullopt},
         {"5", "postgres", "7", "70", "600", "500", std::nullopt}}};
  }
  // What the server answers where there is no session, or the role may not see them.
  static std::vector<Text> NoSession(const std::string& sees_all, Text blind_role, std::int64_t now) {
    std::vector<Text> row(kColumns.size());
    row[0] = sees_all;
    row[1] = std::move(blind_role);
    row[2] = std::to_string(now);
    row[3] = "1";
    row[12] = "f";
    row[17] = "f";
    row[20] = "f";
    return row;
  }
  std::string Page(const std::vector<Row>& rows, std::int64_t now = kNow) {
    Show(rows, now);
    return harness_.CollectPage();
  }

  Harness harness_{SessionsCollector()};
  std::int64_t postmaster_start_ = 1;
  int shop_sessions_ = 100;
};

Row With(Row row, const std::function<void(Row&)>& change) {
  change(row);
  return row;
}

TEST_F(SessionsTest, GoldenPage) {
  harness_.server.policy.allow_unencrypted = {
      {.name = "legacy-erp",
       .user = "erp",
       .client_addr = Cidr::Parse("10.9.0.0/16"),
       .until = std::chrono::sys_days(std::chrono::year{2027} / 1 / 31)},
      {.name = "ended", .user = "old", .until = std::chrono::sys_days(std::chrono::year{2027} / 1 / 14)},
      {.name = "endless", .database = "public"}};
  const std::vector<Row> rows = {
      With(kTls13, [](Row& r) { r.pid = 1; }),
      With(kTls13, [](Row& r) { r.pid = 2, r.address = "::ffff:10.1.2.3"; }),
      With(kTls13, [](Row& r) { r.pid = 3, r.database = {}, r.user = "standby", r.backend_type = "walsender"; }),
      With(kTls12, [](Row& r) { r.pid = 4, r.client_dn = "/CN=app\"\\", r.issuer_dn = "/CN=Test CA"; }),
      {.pid = 5, .address = {}, .port = -1},
      {.pid = 6, .gss = true},
      {.pid = 7, .start = kNow - 10 * kSecond - 250'000, .application_name = "psql"},
      {.pid = 8, .start = kNow - 90 * kSecond, .address = "2001:db8::7"},
      {.pid = 9, .start = kNow - 900 * kSecond, .user = "erp", .address = "10.9.1.1"},
      {.pid = 10, .user = "erp", .address = "10.10.1.1"},
      {.pid = 11, .user = "old"},
      {.pid = 12, .database = "public", .address = "127.0.0.1"},
      {.pid = 13, .start = kNow - 990 * kSecond, .address = "127.0.5.5"},
      {.pid = 14, .database = "a\"b\\c\nd", .user = "\xff", .address = "::1"},
      {.pid = 15, .database = "a\"b\\c\nd", .user = "\xfe", .address = "::1"},
      {.pid = 16, .user = {}, .address = "10.0.0.1"},
      {.pid = 17, .database = {}, .user = {}, .authenticating = true},
      {.pid = 18, .database = {}, .user = {}, .address = {}, .port = -1, .authenticating = true},
  };
  Page({rows.begin(), rows.begin() + 8}, kNow - 30 * kSecond);
  std::vector<Row> later = rows;
  later[8].start = later[9].start = later[13].start = kNow - 5 * kSecond;
  later.push_back(With(kTls13, [](Row& r) { r.pid = 19, r.start = kNow - 5 * kSecond; }));
  const std::string page = support::Masked(Page(later), {{"^(pg_tls_sessions_counted_since\\S+) .*", "$1 #"}});
  EXPECT_TRUE(support::MatchesGolden("tests/collectors/testdata/sessions.prom", page));
}

TEST_F(SessionsTest, NobodyConnectedIsSaidAndNotSilence) {
  const std::string page = Page({});
  EXPECT_THAT(
      page,
      HasSubstr("pg_tls_unencrypted_connections_by_network{server=\"db\",network=\"remote\",allowed=\"false\"} 0\n"));
  EXPECT_THAT(page,
              HasSubstr("pg_tls_unencrypted_sessions_total{server=\"db\",network=\"remote\",allowed=\"false\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("pg_tls_authenticating_connections{server=\"db\",network=\"remote\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_connections{")));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_oldest_")));
}

TEST_F(SessionsTest, BlindRoleIsAFailureThatNamesTheGrant) {
  harness_.fake.answers["sessions"] = {kColumns, {NoSession("f", "\"Mon itor\"", kNow)}};
  ShowStatistics();
  try {
    harness_.Collect();
    FAIL() << "a role that sees nothing must not report counts";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), FailureReason::kInsufficientPrivilege);
    EXPECT_THAT(error.what(), HasSubstr("GRANT pg_read_all_stats TO \"Mon itor\""));
  }
}

TEST_F(SessionsTest, CountersOutliveAFailure) {
  Show({}, kNow);
  harness_.Collect();
  Page({With(kTls13, [](Row& r) { r.start = kNow + kSecond; })}, kNow + 2 * kSecond);
  harness_.fake.answers["sessions"] = {kColumns, {NoSession("f", "monitor", kNow + 3 * kSecond)}};
  EXPECT_THROW(harness_.Collect(), Error);
  EXPECT_THAT(Page({With(kTls13, [](Row& r) { r.start = kNow + kSecond; })}, kNow + 4 * kSecond),
              HasSubstr("pg_tls_sessions_total{server=\"db\",database=\"shop\",user=\"app\",network=\"remote\","
                        "encryption=\"tls\"} 1\n"));
}

// What follows from the same sessions is not worked out again, and nothing else is taken for the same.
TEST_F(SessionsTest, TheSameSessionsAreSaidToBeUnchanged) {
  const std::vector<Row> rows = {{.pid = 1}, {.pid = 2, .user = "web"}};
  // One collection; its result is stored, so that the next one may refer to it.
  const auto unchanged = [this](const std::vector<Row>& shown, std::int64_t now = kNow, bool stored = true) {
    Show(shown, now);
    const sampling::Output output = harness_.Collect();
    if (!output.unchanged) EXPECT_TRUE(output.basis);
    if (stored && !output.unchanged) harness_.basis = output.basis;
    return output.unchanged;
  };
  EXPECT_FALSE(unchanged(rows));
  EXPECT_TRUE(unchanged(rows));
  EXPECT_TRUE(unchanged(rows, kNow + 15 * kSecond)) << "the clock alone";
  EXPECT_FALSE(unchanged(rows, kNow + kSecond * 3600 * 24)) << "an exemption may have ended";
  EXPECT_FALSE(unchanged({rows[0]}));
  EXPECT_FALSE(unchanged(rows));

  Row moved = rows[1];
  moved.start += 1;
  EXPECT_FALSE(unchanged({rows[0], moved})) << "the pid's next session";
  Row encrypted = rows[1];
  encrypted.version = "TLSv1.3";
  EXPECT_FALSE(unchanged({rows[0], encrypted}));
  EXPECT_FALSE(unchanged(rows));
  ++harness_.config_version;
  EXPECT_FALSE(unchanged(rows)) << "another configuration";
  EXPECT_TRUE(unchanged(rows));
  harness_.basis.reset();
  EXPECT_FALSE(unchanged(rows)) << "the last result was a failure";
}

// A collection whose result was thrown away has counted a session that is gone by the next one.
TEST_F(SessionsTest, WhatWasCountedMeanwhileIsSaidThoughTheSessionsAreTheSame) {
  const std::vector<Row> rows = {{.pid = 1}};
  Show(rows);
  harness_.basis = harness_.Collect().basis;
  Show({rows[0], {.pid = 2, .start = kNow + kSecond}}, kNow + 15 * kSecond);
  harness_.Collect();
  Show(rows, kNow + 30 * kSecond);
  sampling::Output output = harness_.Collect();
  EXPECT_FALSE(output.unchanged);
  EXPECT_THAT(std::string(output.sink.Render()->text()),
              HasSubstr("pg_tls_unencrypted_sessions_total{server=\"db\",network=\"remote\",allowed=\"false\"} 1\n"));
}

TEST_F(SessionsTest, SaysHowManySessionsThereWereAndHowManyOfThemItSaw) {
  const auto families = [](const std::string& page) {
    return Families(page, "pg_tls_established_sessions_total{") + Families(page, "pg_tls_sampled_sessions_total{");
  };
  EXPECT_EQ(families(Page({{.pid = 1}})),
            "pg_tls_established_sessions_total{server=\"db\",database=\"postgres\"} 0\n"
            "pg_tls_established_sessions_total{server=\"db\",database=\"shop\"} 0\n"
            "pg_tls_sampled_sessions_total{server=\"db\",database=\"postgres\"} 0\n"
            "pg_tls_sampled_sessions_total{server=\"db\",database=\"shop\"} 0\n");
  shop_sessions_ += 12;
  const std::int64_t later = kNow + 15 * kSecond;
  const Row seen = {.pid = 2, .start = later - kSecond};
  Row replica = seen;
  replica.pid = 3;
  replica.backend_type = "walsender";
  Row replicated = replica;
  replicated.pid = 4;
  replicated.database.reset();
  Row authenticating = seen;
  authenticating.pid = 5;
  authenticating.authenticating = true;
  EXPECT_EQ(families(Page({seen, replica, replicated, authenticating}, later)),
            "pg_tls_established_sessions_total{server=\"db\",database=\"postgres\"} 0\n"
            "pg_tls_established_sessions_total{server=\"db\",database=\"shop\"} 12\n"
            "pg_tls_sampled_sessions_total{server=\"db\",database=\"postgres\"} 0\n"
            "pg_tls_sampled_sessions_total{server=\"db\",database=\"shop\"} 1\n");
  const auto hour = harness_.Collect().facts.Get<sessions::SeenSessions>();
  ASSERT_TRUE(hour);
  EXPECT_EQ(hour->established, 12);
  EXPECT_EQ(hour->sampled, 1);
}

TEST_F(SessionsTest, SessionsBetweenTwoSamplesChangeTheResult) {
  const std::vector<Row> rows = {{.pid = 1}};
  Show(rows);
  harness_.basis = harness_.Collect().basis;
  ++shop_sessions_;
  Show(rows);
  const sampling::Output output = harness_.Collect();
  EXPECT_FALSE(output.unchanged);
  harness_.basis = output.basis;
  EXPECT_TRUE(harness_.Collect().unchanged);
}

TEST_F(SessionsTest, StatisticsThatCannotBeReadAreMissedAndNoFailure) {
  Show({});
  harness_.fake.failures.emplace("database_statistics",
                                 DbError(FailureReason::kInsufficientPrivilege, "42501", "permission denied"));
  sampling::Output output = harness_.Collect();
  EXPECT_THAT(std::string(output.sink.Render()->text()), Not(HasSubstr("pg_tls_established_sessions_total")));
  ASSERT_EQ(output.incomplete.size(), 1);
  EXPECT_EQ(output.incomplete[0].part, "established");
  EXPECT_EQ(output.incomplete[0].reason, "insufficient_privilege");
}

TEST_F(SessionsTest, ServersThatCountNoSessionsAreNotAsked) {
  harness_.fake.version = 130000;
  Show({});
  harness_.fake.answers.erase("database_statistics");
  EXPECT_THAT(harness_.CollectPage(), Not(HasSubstr("pg_tls_sampled_sessions_total")));
}

TEST_F(SessionsTest, ServersThatDoNotShowAuthenticationSayNothingAboutIt) {
  harness_.fake.version = 170000;
  EXPECT_THAT(Page({}), Not(HasSubstr("pg_tls_authenticating_connections")));
}

TEST_F(SessionsTest, ServersTooOldAreRefused) {
  harness_.fake.version = 110000;
  Show({});
  EXPECT_THROW(harness_.Collect(), Error);
}

TEST_F(SessionsTest, LeavesOutTheExportersSessionsAndNoOtherOfTheirPid) {
  const Row own = {.pid = 12, .start = kNow - 5 * kSecond, .user = "tls_exporter"};
  sampling::OwnBackends::Login login(harness_.own_backends, "tls_exporter");
  login.Known(db::BackendId{.pid = own.pid, .start_us = own.start});
  EXPECT_THAT(Page({own, {.pid = 13}}), Not(HasSubstr("tls_exporter")));
  Row other = own;
  other.start += 1;
  EXPECT_THAT(Page({other}), HasSubstr("user=\"tls_exporter\""));
}

// The rows are the same, and one of them is known to be the exporter's only since then.
TEST_F(SessionsTest, AResultIsMadeAnewWhenARowTurnsOutToBeItsOwn) {
  const Row row = {.pid = 12};
  Show({row});
  harness_.basis = harness_.Collect().basis;
  Show({row});
  EXPECT_TRUE(harness_.Collect().unchanged);
  sampling::OwnBackends::Login login(harness_.own_backends, "app");
  login.Known(db::BackendId{.pid = row.pid, .start_us = row.start});
  Show({row});
  EXPECT_FALSE(harness_.Collect().unchanged);
}

TEST_F(SessionsTest, AddressesAreBucketedAndShownWhenAsked) {
  harness_.options<SessionsOptions>().client_addr = true;
  harness_.options<SessionsOptions>().ipv4_prefix = 24;
  const std::string page = Page({{.pid = 1}, {.pid = 2, .address = "10.1.2.9"}, {.pid = 3, .address = {}, .port = -1}});
  EXPECT_EQ(
      Families(page, "pg_tls_connections{"),
      "pg_tls_connections{server=\"db\",database=\"shop\",user=\"app\",client_addr=\"\",network=\"local\","
      "backend_type=\"client backend\",encryption=\"none\"} 1\n"
      "pg_tls_connections{server=\"db\",database=\"shop\",user=\"app\",client_addr=\"10.1.2.0/24\",network=\"remote\","
      "backend_type=\"client backend\",encryption=\"none\"} 2\n");
  EXPECT_EQ(Families(page, "pg_tls_unencrypted_connections{"),
            "pg_tls_unencrypted_connections{server=\"db\",database=\"shop\",user=\"app\",client_addr=\"10.1.2.0/24\","
            "application_name=\"\",network=\"remote\",allowed=\"false\"} 2\n");
}

TEST_F(SessionsTest, TheCapFoldsNamesAndNeverWhatMatters) {
  harness_.options<SessionsOptions>().max_series = 1;
  const std::string page =
      Page({{.pid = 1},
            {.pid = 2},
            {.pid = 3, .user = "b", .address = "10.0.0.9", .port = 1},
            {.pid = 4, .user = "c", .address = "127.0.0.1", .port = 1},
            With(kTls13, [](Row& r) { r.pid = 5; }),
            With(kTls13, [](Row& r) { r.pid = 6, r.client_dn = "/CN=a"; }),
            With(kTls12, [](Row& r) { r.pid = 7, r.client_dn = "/CN=b", r.issuer_dn = "/CN=ca"; })});
  EXPECT_EQ(Families(page, "pg_tls_unencrypted_connections{"),
            "pg_tls_unencrypted_connections{server=\"db\",database=\"__other__\",user=\"__other__\",client_addr=\"__"
            "other__\","
            "application_name=\"__other__\",network=\"loopback\",allowed=\"false\"} 1\n"
            "pg_tls_unencrypted_connections{server=\"db\",database=\"__other__\",user=\"__other__\",client_addr=\"__"
            "other__\","
            "application_name=\"__other__\",network=\"remote\",allowed=\"false\"} 1\n"
            "pg_tls_unencrypted_connections{server=\"db\",database=\"shop\",user=\"app\",client_addr=\"10.1.2.3\","
            "application_name=\"\",network=\"remote\",allowed=\"false\"} 2\n");
  EXPECT_EQ(
      Families(page, "pg_tls_connections{"),
      "pg_tls_connections{server=\"db\",database=\"__other__\",user=\"__other__\",client_addr=\"\",network="
      "\"loopback\","
      "backend_type=\"client backend\",encryption=\"none\"} 1\n"
      "pg_tls_connections{server=\"db\",database=\"__other__\",user=\"__other__\",client_addr=\"\",network=\"remote\","
      "backend_type=\"client backend\",encryption=\"none\"} 3\n"
      "pg_tls_connections{server=\"db\",database=\"shop\",user=\"app\",client_addr=\"\",network=\"remote\","
      "backend_type=\"client backend\",encryption=\"tls\"} 3\n");
  EXPECT_EQ(Families(page, "pg_tls_cipher_connections{"),
            "pg_tls_cipher_connections{server=\"db\",version=\"TLSv1.2\",cipher=\"__other__\",bits=\"__other__\"} 1\n"
            "pg_tls_cipher_connections{server=\"db\",version=\"TLSv1.3\",cipher=\"TLS_AES_256_GCM_SHA384\",bits="
            "\"256\"} 2\n");
  EXPECT_EQ(Families(page, "pg_tls_client_certificate_connections{"),
            "pg_tls_client_certificate_connections{server=\"db\",user=\"__other__\",client_dn=\"__other__\",issuer_dn="
            "\"__other__\"} 1\n"
            "pg_tls_client_certificate_connections{server=\"db\",user=\"app\",client_dn=\"/CN=a\",issuer_dn=\"\"} 1\n");
  EXPECT_EQ(Families(page, "pg_tls_folded_connections{"),
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_cipher_connections\"} 1\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_client_certificate_connections\"} 1\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_connections\"} 4\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_established_sessions_total\"} 0\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_policy_exempted_connections\"} 0\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_policy_violating_connections\"} 0\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_sampled_sessions_total\"} 0\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_sessions_total\"} 0\n"
            "pg_tls_folded_connections{server=\"db\",metric=\"pg_tls_unencrypted_connections\"} 2\n");
}

// What the server cannot print the address of is remote, the least harmless reading, and in every count that it belongs
// to.
TEST_F(SessionsTest, AnAddressThatTheServerCannotPrintIsRemote) {
  const std::string page = Page({{.pid = 1, .address = {}, .port = {}}});
  EXPECT_EQ(Families(page, "pg_tls_unencrypted_connections{"),
            "pg_tls_unencrypted_connections{server=\"db\",database=\"shop\",user=\"app\",client_addr=\"\","
            "application_name=\"\",network=\"remote\",allowed=\"false\"} 1\n");
}

TEST_F(SessionsTest, HowASessionIsProtectedMayBeUnknown) {
  Show({With(kTls13, [](Row& r) { r.pid = 1; }), {.pid = 2, .address = {}, .port = {}, .told = false}});
  sampling::Output output = harness_.Collect();
  ASSERT_EQ(output.incomplete.size(), 1u);
  EXPECT_EQ(output.incomplete[0].part, "encryption");
  const std::string page(output.sink.Render()->text());
  EXPECT_THAT(page, HasSubstr("pg_tls_connections{server=\"db\",database=\"shop\",user=\"app\",client_addr=\"\","
                              "network=\"remote\",backend_type=\"client backend\",encryption=\"unknown\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("pg_tls_unencrypted_connections{")));
  EXPECT_TRUE(output.facts.Get<sessions::Summary>()->HasUnknown());
}

// Two servers without a session say the same but for who they are. What begins on the second one counts.
TEST_F(SessionsTest, AnotherServerIsNotTheSameThoughItSaysTheSame) {
  const std::string counter = "pg_tls_unencrypted_sessions_total{server=\"db\",network=\"remote\",allowed=\"false\"} ";
  const std::vector<Row> other = {{.pid = 9, .user = {}, .authenticating = true}};
  Show(other);
  harness_.basis = harness_.Collect().basis;
  postmaster_start_ = 2;
  Show(other, kNow + 1000 * kSecond);
  const sampling::Output output = harness_.Collect();
  EXPECT_FALSE(output.unchanged);
  harness_.basis = output.basis;
  EXPECT_THAT(Page({{.pid = 1, .start = kNow + 1001 * kSecond}}, kNow + 1002 * kSecond), HasSubstr(counter + "1\n"));
}

TEST_F(SessionsTest, PublishesWhatItFound) {
  harness_.server.policy.allow_unencrypted = {{.name = "erp", .user = "erp"}};
  Show({{.pid = 1},
        {.pid = 2, .address = "127.0.0.1"},
        With(kTls13, [](Row& r) { r.pid = 3; }),
        {.pid = 4, .start = kNow - 300 * kSecond, .user = "erp"},
        {.pid = 5, .start = kNow - 30 * kSecond}});
  const auto summary = harness_.Collect().facts.Get<sessions::Summary>();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->connections.at({Network::kRemote, Encryption::kTls}), 1u);
  EXPECT_EQ(summary->connections.at({Network::kRemote, Encryption::kNone}), 3u);
  ASSERT_EQ(summary->unencrypted.size(), 3u);
  EXPECT_EQ(summary->unencrypted[0].client.ToString(), "10.1.2.3");
  EXPECT_EQ(summary->unencrypted[0].network, Network::kRemote);
  EXPECT_EQ(summary->unencrypted[0].connections, 2u);
  EXPECT_FALSE(summary->unencrypted[0].allowed);
  EXPECT_EQ(summary->unencrypted[1].network, Network::kLoopback);
  EXPECT_TRUE(summary->unencrypted[2].allowed);
  EXPECT_EQ(summary->oldest_unencrypted_us, kNow - 60 * kSecond);
}

// As pg_hba.conf tells connections apart, whatever the cap on series leaves of their names.
TEST_F(SessionsTest, PublishesTheOpenConnections) {
  harness_.options<SessionsOptions>().max_series = 0;
  harness_.options<SessionsOptions>().ipv4_prefix = 24;
  Show({{.pid = 1},
        {.pid = 2},
        With(kTls13, [](Row& r) { r.pid = 3, r.client_dn = "/CN=app"; }),
        {.pid = 4, .database = {}, .user = "standby", .address = "::1", .backend_type = "walsender"},
        {.pid = 5, .user = "local", .address = {}, .port = -1},
        {.pid = 6, .user = {}, .authenticating = true},
        {.pid = 7, .user = "unprintable", .address = {}, .port = {}, .told = false}});
  const auto open = harness_.Collect().facts.Get<sessions::OpenConnections>();
  using sessions::OpenConnection;
  const auto address = IpAddress::Parse("10.1.2.3");
  const sessions::ShownClient range{.range = Cidr::Parse("10.1.2.0/24")};
  EXPECT_EQ(open->postmaster_start_us, 1);
  EXPECT_THAT(open->connections,
              testing::ElementsAre(
                  OpenConnection{.user = "app",
                                 .database = "shop",
                                 .address = address,
                                 .network = Network::kRemote,
                                 .client = range,
                                 .connections = 2},
                  OpenConnection{.user = "app",
                                 .database = "shop",
                                 .address = address,
                                 .network = Network::kRemote,
                                 .encryption = Encryption::kTls,
                                 .client_certificate = true,
                                 .client = range,
                                 .connections = 1},
                  OpenConnection{.user = "local", .database = "shop", .network = Network::kLocal, .connections = 1},
                  OpenConnection{.user = "standby",
                                 .address = IpAddress::Parse("::1"),
                                 .network = Network::kLoopback,
                                 .replication = true,
                                 .client = {.range = Cidr::Parse("::1")},
                                 .connections = 1},
                  OpenConnection{.user = "unprintable",
                                 .database = "shop",
                                 .network = Network::kRemote,
                                 .encryption = std::nullopt,
                                 .connections = 1}));
}

// Those who read them have nothing to do then.
TEST_F(SessionsTest, TheSameOpenConnectionsAreTheSameFact) {
  const auto open = [this](const std::vector<Row>& rows) {
    Show(rows);
    return harness_.Collect().facts.Get<sessions::OpenConnections>();
  };
  const auto first = open({{.pid = 1}, {.pid = 2}});
  EXPECT_EQ(open({{.pid = 2}, {.pid = 3}}), first) << "other sessions, of the same clients";
  EXPECT_NE(open({{.pid = 2}}), first);
}

}  // namespace
}  // namespace pgtls::collectors
