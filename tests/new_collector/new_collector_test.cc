// A collector needs a pair of files and a line in collectors.def, and nothing else: the program finds it everywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "collectors/registry.h"
#include "exporter/app.h"
#include "exporter/audit/check.h"
#include "exporter/base/error.h"
#include "exporter/catalogue.h"
#include "exporter/drivers.h"
#include "exporter/exposition/metrics_page.h"
#include "exporter/report/report.h"
#include "exporter/routes/metrics_handler.h"
#include "exporter/sampling/once.h"
#include "exporter/status/page.h"
#include "tests/support/files.h"

namespace pgtls {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

config::ParsedCommandLine Parsed(std::vector<std::string> arguments) {
  return config::ParseCommandLine(arguments, "", collectors::Schemas());
}

class NewCollectorTest : public testing::Test {
 protected:
  // One server, which runs this collector alone unless `collectors` says otherwise.
  config::Config Load(const std::string& collectors, std::vector<std::string> arguments = {}) {
    arguments.push_back("--config.file=" + dir_.Write("c.yml",
                                                      "servers: [{name: db, conninfo: host=127.0.0.1 port=1}]\n"
                                                      "collectors: {" +
                                                          collectors + "}\n"));
    config::Config config = LoadConfig(Parsed(std::move(arguments)).command_line.value());
    for (auto& [name, settings] : config.servers.at(0).collectors) {
      if (name != "greeting") settings.enabled = false;
    }
    return config;
  }
  sampling::Snapshots Collect(const std::string& collectors) {
    return sampling::CollectOnce(Load(collectors), runtime_);
  }
  static std::string StatusOf(const sampling::Snapshots& servers) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return status::StatusPage(status::ViewOf(servers, now, {}), {});
  }
  static std::string ReportOf(const sampling::Snapshots& servers) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return report::TextReport(audit::Check(servers, now));
  }

  support::TempDir dir_;
  asio::io_context loop_{1};
  BlockingPool blocking_{1};
  db::Connector connector_{blocking_, 1};
  std::shared_ptr<const metrics::FamilyOrder> order_ = std::make_shared<const metrics::FamilyOrder>(Catalogue());
  sampling::Runtime runtime_{loop_, blocking_, connector_, collectors::All(), Drivers()};
};

TEST_F(NewCollectorTest, HasASectionInTheConfiguration) {
  const config::CollectorConfig off = Load("").servers[0].collector("greeting");
  EXPECT_FALSE(off.enabled);
  EXPECT_EQ(off.interval, std::chrono::seconds(42));
  EXPECT_EQ(off.timeout, std::chrono::seconds(3));
  EXPECT_TRUE(Load("greeting: {enabled: true}").servers[0].collector("greeting").enabled);
  EXPECT_NE(off.options, Load("greeting: {text: hi}").servers[0].collector("greeting").options);
}

TEST_F(NewCollectorTest, IsNamedInErrorsOfTheConfiguration) {
  const std::pair<const char*, const char*> cases[] = {
      {"greeting: {text: rude}", "c.yml:2:31: collectors.greeting.text: expected a polite greeting"},
      {"greeting: {texts: hi}", "unknown key 'texts'; known are: enabled, interval, timeout, text"},
      {"greetings: {}", "known are: certificates, endpoint, greeting, hba, links, log, sessions, settings"}};
  for (const auto& [collectors, message] : cases) {
    try {
      Load(collectors);
      ADD_FAILURE() << collectors;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  }
}

TEST_F(NewCollectorTest, IsSwitchedOnTheCommandLine) {
  EXPECT_TRUE(Load("", {"--collector.greeting"}).servers[0].collector("greeting").enabled);
  EXPECT_FALSE(Load("greeting: {enabled: true}", {"--no-collector.greeting"}).servers[0].collector("greeting").enabled);
  const std::string help = Parsed({"--help"}).out;
  EXPECT_THAT(help, AllOf(HasSubstr("Run the greeting collector\n"), Not(HasSubstr("greeting collector (default)")),
                          HasSubstr("Run the hba collector (default)\n")));
}

TEST_F(NewCollectorTest, RunsAndIsOnThePage) {
  const auto servers = Collect("greeting: {enabled: true, text: welcome}");
  const std::string page = exposition::MetricsPage(order_, servers, nullptr, {}).Text();
  EXPECT_THAT(page, AllOf(HasSubstr("pg_tls_greeting_length{server=\"db\"} 7\n"),
                          HasSubstr("pg_tls_collector_success{server=\"db\",collector=\"greeting\"} 1\n"),
                          HasSubstr("pg_tls_collector_interval_seconds{server=\"db\",collector=\"greeting\"} 42\n")));
}

TEST_F(NewCollectorTest, CanBeAskedForAlone) {
  const auto servers = Collect("greeting: {enabled: true}");
  const auto handler = routes::MetricsHandler({.order = order_,
                                               .collectors = collectors::All(),
                                               .servers = [&] { return servers; },
                                               .exporter = [] { return nullptr; }});
  http::Request request;
  request.method = "GET";
  request.query = http::ParseQuery("collect[]=greeting");
  EXPECT_THAT(handler(request).body.Text(), HasSubstr("pg_tls_greeting_length"));
}

TEST_F(NewCollectorTest, IsInTheCatalogue) {
  EXPECT_THAT(CatalogueText(true),
              HasSubstr("| pg_tls_greeting_length | gauge | server | Length of the greeting. |\n"));
}

TEST_F(NewCollectorTest, WhatItMissesIsInTheReportAndOnTheStatusPage) {
  const auto servers = Collect("greeting: {enabled: true, text: silence}");
  EXPECT_THAT(StatusOf(servers), HasSubstr("greeting: the reply"));
  EXPECT_THAT(ReportOf(servers), AllOf(HasSubstr("The reply could not be checked"), HasSubstr("Greet again.")));
}

TEST_F(NewCollectorTest, SaysWhyItHasNothingToCheck) {
  const auto servers = Collect("greeting: {enabled: true, text: nobody}");
  EXPECT_THAT(StatusOf(servers), HasSubstr("nothing to check where nobody is"));
  EXPECT_THAT(ReportOf(servers), AllOf(HasSubstr("the greeting collector has nothing to check where nobody is"),
                                       HasSubstr("Go where somebody is.")));
}

// Only what is on by default is missed.
TEST_F(NewCollectorTest, OffByDefaultIsNoGap) {
  const auto servers = Collect("");
  EXPECT_THAT(ReportOf(servers), AllOf(Not(HasSubstr("greeting")), HasSubstr("the hba collector is disabled")));
  EXPECT_THAT(StatusOf(servers), Not(HasSubstr("greeting")));
}

}  // namespace
}  // namespace pgtls
