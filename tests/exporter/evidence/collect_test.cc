#include "exporter/evidence/collect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/exporter/evidence/samples.h"

namespace pgtls::evidence {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr int kInterval = 15;  // of the scrapes; the collection is two seconds older

// A Prometheus that knows the answers to a few queries about one exporter.
class Scripted : public Source {
 public:
  using Value = std::function<std::optional<double>(int second)>;

  Scripted() {
    const auto one = [](int /*second*/) { return 1; };
    Answer(Queries::Exporters("orders", std::chrono::hours(1)), [](int /*second*/) { return 20; },
           {{"job", exporter_.job}, {"instance", exporter_.instance}});
    AnswerAll("count(present_over_time(pg_tls_established_sessions_total", one);
    AnswerAll("sum by () (", one);
    Answer(of_.Good(true), Scrape);
    Answer(of_.Collected(), [](int second) { return Scrape(second) - 2; });
    Answer(of_.CountedSince(), [](int /*second*/) { return Seconds(-90'000); });
  }
  // From the scrape at this second on.
  void Lose(int begin, const std::string& reason = "statistics_reset") {
    Answer(of_.Losses(), [begin](int second) { return Latest(second) < begin ? 3 : 4; }, {{"reason", reason}});
  }
  void Answer(const std::string& expression, Value value, const Labels& labels = {}) {
    exact_[expression] = {labels, std::move(value)};
  }
  // To every query that begins so.
  void AnswerAll(const std::string& begin, Value value, const Labels& labels = {}) {
    beginnings_[begin] = {labels, std::move(value)};
  }

  std::vector<Series> Query(const std::string& expression, Time at) override {
    return QueryRange(expression, {at, at}, Duration(1));
  }
  std::vector<Series> QueryRange(const std::string& expression, TimeRange range, Duration step) override {
    const Known* const known = Find(expression);
    if (known == nullptr) return {};
    Series series{known->labels, {}};
    for (Time time = range.begin; time <= range.end; time += step) {
      const auto second = std::chrono::floor<std::chrono::seconds>(time - At(0)).count();
      if (const auto value = known->value(static_cast<int>(second))) series.points.push_back({time, *value});
    }
    return {series};
  }

  static double Seconds(int second) { return static_cast<double>(At(second).time_since_epoch().count()) / 1000; }
  static int Latest(int second) { return second - ((second % kInterval) + kInterval) % kInterval; }
  static double Scrape(int second) { return Seconds(Latest(second)); }

 private:
  struct Known {
    Labels labels;
    Value value;
  };
  const Known* Find(const std::string& expression) const {
    if (const auto found = exact_.find(expression); found != exact_.end()) return &found->second;
    for (const auto& [begin, known] : beginnings_) {
      if (expression.starts_with(begin)) return &known;
    }
    return nullptr;
  }

  const Exporter exporter_{"pg_tls", "mon1:9743"};
  const Queries of_{"orders", exporter_};
  std::map<std::string, Known> exact_;
  std::map<std::string, Known> beginnings_;
};

ServerEvidence CollectFrom(Scripted& source, TimeRange period = Range(0, kPeriod), int after = 300) {
  return Collect(source, "orders", period, period.end + std::chrono::seconds(after));
}

TEST(Collect, WithoutALossAllIsObserved) {
  Scripted source;
  source.Lose(-5000);
  const ServerEvidence server = CollectFrom(source);
  EXPECT_THAT(server.gaps, IsEmpty());
  EXPECT_EQ(server.exporters.at(0).losses, 0);
  EXPECT_EQ(Judge(server), Verdict::kProven);
}

TEST(Collect, ALossIsAGapWithItsReason) {
  for (const std::string reason : {"statistics_reset", "database_dropped", "server_changed", "server_restarted"}) {
    Scripted source;
    source.Lose(3000, reason);
    const ServerEvidence server = CollectFrom(source);
    ASSERT_THAT(server.gaps, SizeIs(1));
    EXPECT_EQ(server.gaps[0].range, Range(2973, 2998));
    ASSERT_THAT(server.gaps[0].reasons, SizeIs(1));
    EXPECT_EQ(server.gaps[0].reasons[0].why, reason);
    EXPECT_EQ(server.exporters.at(0).losses, reason.starts_with("server_") ? 0 : 1);
    EXPECT_EQ(Judge(server), Verdict::kNotProven);
  }
}

// Of the answers to range queries.
TEST(Collect, ALossBetweenTwoPagesIsOne) {
  constexpr int kPage = Source::kMostSteps * 300 / 21;
  for (int loss = Scripted::Latest(kPage) - 30; loss < kPage + 45; loss += 15) {
    Scripted source;
    source.Lose(loss);
    const ServerEvidence server = CollectFrom(source, Range(0, kPage + 3600));
    ASSERT_THAT(server.gaps, SizeIs(1)) << loss;
    EXPECT_EQ(server.gaps[0].range, Range(loss - 27, loss - 2));
    EXPECT_EQ(server.exporters.at(0).losses, 1);
  }
}

// Whether the time of the loss, 27 to 2 seconds before it is known, is in the period.
TEST(Collect, ALossCountsWhereItMeetsThePeriod) {
  for (int loss = -60; loss <= kPeriod + 120; loss = loss == 60 ? kPeriod - 60 : loss + 15) {
    Scripted source;
    source.Lose(loss);
    const ServerEvidence server = CollectFrom(source);
    const bool meets = loss - 2 > 0 && loss - 27 < kPeriod;
    EXPECT_THAT(server.gaps, SizeIs(meets ? 1 : 0)) << loss;
    EXPECT_EQ(server.exporters.at(0).losses, meets ? 1 : 0) << loss;
  }
}

TEST(Collect, ALossBeforeThePeriodIsNoReasonForAGapAtItsBegin) {
  const Queries of("orders", {"pg_tls", "mon1:9743"});
  Scripted source;
  source.Lose(-3000);
  source.Answer(of.Good(true),
                [](int second) { return second < 600 ? std::nullopt : std::optional(Scripted::Scrape(second)); });
  const ServerEvidence server = CollectFrom(source);
  ASSERT_THAT(server.gaps, SizeIs(1));
  EXPECT_EQ(server.gaps[0].reasons.at(0).why, "no_samples");
  EXPECT_EQ(server.exporters.at(0).losses, 0);
}

// At the period's begin, the server's count is late.
TEST(Collect, WhatWasMissedIsComparedWithTheHourBefore) {
  const Queries of("orders", {"pg_tls", "mon1:9743"});
  Scripted source;
  source.AnswerAll("max_over_time((sum by (database)", [](int /*second*/) { return 0; }, {{"database", "app"}});
  source.Answer(of.MissedNow(), [](int second) { return second < 60 ? -3 : 0; }, {{"database", "app"}});
  EXPECT_EQ(CollectFrom(source).exporters.at(0).missed, 0);
}

// The exporter did not say since when it counts before it was upgraded.
TEST(Collect, WhatWasCountedBeforeAnUpgradeCounts) {
  const Queries of("orders", {"pg_tls", "mon1:9743"});
  Scripted source;
  source.Answer(of.CountedSince(),
                [](int second) { return second < 3600 ? std::nullopt : std::optional(Scripted::Seconds(3590)); });
  const auto counter = [](int second) { return second < 1000 ? 2 : second < 3600 ? 7 : 1; };
  const Labels labels = {{"network", "remote"}, {"allowed", "false"}};
  source.Answer(of.NowOf("pg_tls_unencrypted_sessions_total", "network, allowed"), counter, labels);
  source.AnswerAll("sum by (network, allowed) (max_over_time(pg_tls_unencrypted_sessions_total", counter, labels);
  const ServerEvidence server = CollectFrom(source);
  EXPECT_EQ(server.exporters.at(0).unencrypted.at({"remote", "false"}), 5 + 1);
}

TEST(Collect, WhatWasOpenWhenThePeriodBeganCounts) {
  const Queries of("orders", {"pg_tls", "mon1:9743"});
  Scripted source;
  EXPECT_EQ(CollectFrom(source).exporters.at(0).most_open, 0);
  source.Answer(of.OpenNow(), [](int second) { return second == 0 ? 2 : 0; });
  Labels bob = {
      {"database", "app"}, {"user", "bob"}, {"client_addr", "::2"}, {"network", "remote"}, {"allowed", "false"}};
  source.Answer(of.ClientsNow("pg_tls_unencrypted_connections"), [](int second) { return second == 0 ? 2 : 0; }, bob);
  ServerEvidence server = CollectFrom(source);
  EXPECT_EQ(server.exporters.at(0).most_open, 2);
  ASSERT_THAT(server.clients, SizeIs(1));
  EXPECT_EQ(server.clients[0].user, "bob");
  EXPECT_EQ(server.clients[0].seen, Range(0, 0));
  // He was there later, too: one client.
  source.AnswerAll(
      "max by (database, user, client_addr, network, allowed) (max_over_time(", [](int /*second*/) { return 1; }, bob);
  server = CollectFrom(source);
  ASSERT_THAT(server.clients, SizeIs(1));
  EXPECT_EQ(server.clients[0].most, 2);
  EXPECT_EQ(server.clients[0].seen, Range(0, kPeriod));
}

}  // namespace
}  // namespace pgtls::evidence
