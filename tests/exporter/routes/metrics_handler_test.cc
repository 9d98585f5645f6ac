#include "exporter/routes/metrics_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>

#include "collectors/registry.h"
#include "exporter/base/log.h"
#include "exporter/exposition/metrics_page.h"
#include "exporter/exposition/self_metrics.h"
#include "exporter/routes/ready.h"

namespace pgtls::routes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr metrics::Desc kSeries = {"pg_tls_series", metrics::Type::kGauge, "A series.", {"server"}};
constexpr metrics::Desc kOwn = {"pg_tls_own", metrics::Type::kGauge, "The exporter's.", {}};
constexpr std::array kCatalogue = {&kSeries, &kOwn};

std::string Text(const http::Response& response) { return response.body.Text(); }

sampling::SharedSnapshot Server(const std::string& name) {
  sampling::CollectorResult result;
  const std::string text = "pg_tls_series{server=\"" + name + "\"} 1\n";
  result.samples = std::make_shared<const metrics::Samples>(metrics::Samples{{&kSeries, text}});
  sampling::CollectorState state;
  state.name = "sessions";
  state.result = std::make_shared<const sampling::CollectorResult>(std::move(result));
  sampling::ServerSnapshot snapshot{.name = name};
  snapshot.collectors.push_back(std::move(state));
  return std::make_shared<const sampling::ServerSnapshot>(std::move(snapshot));
}

class MetricsHandlerTest : public ::testing::Test {
 protected:
  http::Response Get(const std::string& query) {
    http::Request request;
    request.method = "GET";
    request.path = "/metrics";
    request.query = http::ParseQuery(query);
    return handler_(request);
  }

  int exporter_asked_ = 0;
  http::Handler handler_ = MetricsHandler({.order = std::make_shared<const metrics::FamilyOrder>(kCatalogue),
                                           .collectors = collectors::All(),
                                           .servers = [] { return std::vector{Server("a"), Server("b b")}; },
                                           .exporter =
                                               [this] {
                                                 ++exporter_asked_;
                                                 return std::make_shared<const metrics::Samples>(
                                                     metrics::Samples{{&kOwn, "pg_tls_own 1\n"}});
                                               }});
};

TEST_F(MetricsHandlerTest, TheWholePage) {
  const http::Response response = Get("");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(Text(response), metrics::Header(kSeries) +
                                "pg_tls_series{server=\"a\"} 1\npg_tls_series{server=\"b b\"} 1\n" +
                                metrics::Header(kOwn) + "pg_tls_own 1\n");
}

TEST_F(MetricsHandlerTest, OneServerIsWithoutTheExportersOwn) {
  EXPECT_EQ(Text(Get("server=b+b")), metrics::Header(kSeries) + "pg_tls_series{server=\"b b\"} 1\n");
  EXPECT_EQ(exporter_asked_, 0);
}

TEST_F(MetricsHandlerTest, SeveralServersEachOnce) {
  EXPECT_EQ(Text(Get("server=b%20b&server=a&server=a")),
            metrics::Header(kSeries) + "pg_tls_series{server=\"a\"} 1\npg_tls_series{server=\"b b\"} 1\n");
}

TEST_F(MetricsHandlerTest, SomeCollectors) {
  EXPECT_THAT(Text(Get("collect[]=sessions")), HasSubstr("pg_tls_series"));
  EXPECT_THAT(Text(Get("collect%5B%5D=hba")), Not(HasSubstr("pg_tls_series")));
  EXPECT_THAT(Text(Get("collect[]=hba&collect[]=sessions")), HasSubstr("pg_tls_series"));
}

// A scrape that silently finds nothing reads as an all-clear.
TEST_F(MetricsHandlerTest, UnknownNamesAreNotFound) {
  for (const char* query : {"server=c", "server=a&server=c", "server=", "collect[]=nope", "collect[]="}) {
    const http::Response response = Get(query);
    EXPECT_EQ(response.status, 404) << query;
    EXPECT_THAT(Text(response), Not(HasSubstr("pg_tls_series"))) << query;
  }
  EXPECT_EQ(Text(Get("server=c")), "no server named 'c' is configured\n");
  EXPECT_EQ(Text(Get("collect[]=c%0Ad")), "no collector named 'c\\x0ad' is configured\n");
}

TEST(PagesTest, ReadySaysSoOrNotYet) {
  EXPECT_EQ(ReadyPage(true).status, 200);
  EXPECT_EQ(ReadyPage(false).status, 503);
  EXPECT_NE(Text(ReadyPage(true)), Text(ReadyPage(false)));
}

std::string Rendered(const exposition::ReloadStatus& reload, const http::RequestCounter& requests,
                     const std::optional<sampling::Admission::Figures>& load = std::nullopt) {
  std::string text;
  const metrics::SharedSamples samples = exposition::RenderExporter(reload, &requests, load);
  for (std::size_t i = 0; i < samples->size(); ++i) {
    const metrics::RenderedFamily family = (*samples)[i];
    if (!family.desc->name.starts_with("process_")) text += family.text;
  }
  return text;
}

TEST(ExporterMetricsTest, NamesWhatItIsBuiltFrom) {
  const std::string text = Rendered({}, {});
  EXPECT_THAT(text,
              ::testing::ContainsRegex("pg_tls_exporter_build_info[{]version=\"[0-9.]+\",revision=\"[0-9a-z]+\","
                                       "compiler=\"[^\"]*Clang [^\"]+\",libpq=\"[0-9.]+\",openssl=\"3[^\"]+\"[}] 1\n"));
  EXPECT_THAT(exposition::VersionText(), ::testing::MatchesRegex("pg_tls_exporter [0-9.]+ \\(revision .*\\)"));
}

TEST(ExporterMetricsTest, AShardSaysOfHowMany) {
  const exposition::ReloadStatus reload;
  const http::RequestCounter requests;
  const auto shards = [&](const config::Shard& shard) {
    std::string text;
    const auto samples = exposition::RenderExporter(reload, &requests, std::nullopt, shard);
    for (std::size_t i = 0; i < samples->size(); ++i) {
      if ((*samples)[i].desc->name == "pg_tls_exporter_shards") text += (*samples)[i].text;
    }
    return text;
  };
  EXPECT_THAT(shards({2, 3}), HasSubstr("pg_tls_exporter_shards{shard=\"2\"} 3\n"));
  EXPECT_EQ(shards({}), "");
}

TEST(ExporterMetricsTest, TheReloadBeforeAndAfter) {
  exposition::ReloadStatus reload;
  EXPECT_THAT(Rendered(reload, {}), Not(HasSubstr("timestamp_seconds"))) << "never is absent";
  reload.Set(true);
  const auto loaded = reload.Get().last_success;
  EXPECT_THAT(Rendered(reload, {}), HasSubstr("pg_tls_exporter_config_last_reload_successful 1\n"));
  reload.Set(false);
  EXPECT_EQ(reload.Get().last_success, loaded) << "the configuration in force is the old one";
  const std::string text = Rendered(reload, {});
  EXPECT_THAT(text, HasSubstr("pg_tls_exporter_config_last_reload_successful 0\n"));
  EXPECT_THAT(text, HasSubstr("pg_tls_exporter_config_last_reload_success_timestamp_seconds "));
}

TEST(ExporterMetricsTest, ShowsTheLoadWhereThereIsALimit) {
  EXPECT_THAT(Rendered({}, {}), Not(HasSubstr("collections")));
  const std::string text =
      Rendered({}, {}, sampling::Admission::Figures{.limit = 16, .overloaded = true, .delayed = 7});
  EXPECT_THAT(text, HasSubstr("pg_tls_exporter_overloaded 1\n"));
  EXPECT_THAT(text, HasSubstr("pg_tls_exporter_delayed_collections_total 7\n"));
  EXPECT_THAT(text, HasSubstr("pg_tls_exporter_concurrent_collections_limit 16\n"));
}

TEST(ExporterMetricsTest, CountsLogLinesThatNobodyReads) {
  signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  std::string text;
  {
    const log::Background background;
    // Two megabytes: more than the pipe and the queue hold.
    for (int i = 0; i < 2500; ++i) log::Error("a line", {{"filler", std::string(900, 'x')}});
    text = Rendered({}, {});
    close(ends[0]);  // ends the write that waits
  }
  dup2(saved, STDERR_FILENO);
  close(saved);
  EXPECT_GT(log::DroppedLines(), 0U);
  EXPECT_THAT(text, HasSubstr("pg_tls_exporter_log_lines_dropped_total " + std::to_string(log::DroppedLines()) + "\n"));
}

TEST(ExporterMetricsTest, CountsRequests) {
  http::RequestCounter requests;
  requests.Count("metrics", 200);
  requests.Count("metrics", 200);
  requests.Count(http::RequestCounter::kOther, 404);
  const std::string text = Rendered({}, requests);
  EXPECT_THAT(text, HasSubstr("pg_tls_exporter_http_requests_total{handler=\"metrics\",code=\"200\"} 2\n"
                              "pg_tls_exporter_http_requests_total{handler=\"other\",code=\"404\"} 1\n"));
}

TEST(ExporterMetricsTest, EveryFamilyIsDeclared) {
  http::RequestCounter requests;
  requests.Count("metrics", 200);
  exposition::ReloadStatus reload;
  reload.Set(true);
  const metrics::SharedSamples samples = exposition::RenderExporter(reload, &requests, sampling::Admission::Figures{});
  for (std::size_t i = 0; i < samples->size(); ++i) {
    const metrics::RenderedFamily family = (*samples)[i];
    const auto descs = exposition::ExporterDescs();
    EXPECT_TRUE(family.desc->name.starts_with("process_") ||
                std::find(descs.begin(), descs.end(), family.desc) != descs.end())
        << family.desc->name;
  }
}

}  // namespace
}  // namespace pgtls::routes
