#include "exporter/http/metrics_page.h"

#include <gtest/gtest.h>

#include <array>

namespace pgtls::http {
namespace {

using metrics::Desc;
using metrics::Samples;
using metrics::SharedSamples;
using metrics::Type;

constexpr Desc kFirst = {"pg_tls_first", Type::kGauge, "The first.", {"server"}};
constexpr Desc kSecond = {"pg_tls_second_total", Type::kCounter, "The second.", {"server"}};
constexpr Desc kUp = {"pg_tls_up", Type::kGauge, "Up.", {"server"}};
constexpr Desc kBuild = {"pg_tls_build", Type::kGauge, "Build.", {}};
constexpr std::array<const Desc*, 4> kCatalogue = {&kFirst, &kSecond, &kUp, &kBuild};

std::string Text(const Body& body) {
  std::string text;
  for (const std::string_view piece : body.pieces()) text += piece;
  EXPECT_EQ(text.size(), body.size());
  return text;
}

SharedSamples Shared(Samples samples) { return std::make_shared<const Samples>(std::move(samples)); }

sampling::CollectorState State(const std::string& name, Samples samples) {
  sampling::CollectorResult result;
  result.samples = Shared(std::move(samples));
  sampling::CollectorState state;
  state.name = name;
  state.result = std::make_shared<const sampling::CollectorResult>(std::move(result));
  return state;
}

sampling::SharedSnapshot Server(const std::string& name) {
  sampling::ServerSnapshot snapshot{.name = name};
  const std::string label = "{server=\"" + name + "\"} 1\n";
  // Arrived in another order than the catalogue's.
  snapshot.collectors.push_back(State("hba", {{&kSecond, "pg_tls_second_total" + label, 1}}));
  snapshot.collectors.push_back(State("sessions", {{&kFirst, "pg_tls_first" + label, 1}}));
  snapshot.health = Shared({{&kUp, "pg_tls_up" + label, 1}});
  return std::make_shared<const sampling::ServerSnapshot>(std::move(snapshot));
}

SharedSamples Exporter() { return Shared({{&kBuild, "pg_tls_build 1\n", 1}}); }

TEST(MetricsPageTest, EachFamilyOnceInTheCataloguesOrder) {
  const Body page = MetricsPage(kCatalogue, {Server("a"), Server("b")}, Exporter(), {});
  EXPECT_EQ(Text(page), metrics::Header(kFirst) + "pg_tls_first{server=\"a\"} 1\npg_tls_first{server=\"b\"} 1\n" +
                            metrics::Header(kSecond) +
                            "pg_tls_second_total{server=\"a\"} 1\npg_tls_second_total{server=\"b\"} 1\n" +
                            metrics::Header(kUp) + "pg_tls_up{server=\"a\"} 1\npg_tls_up{server=\"b\"} 1\n" +
                            metrics::Header(kBuild) + "pg_tls_build 1\n");
}

TEST(MetricsPageTest, AFamilyWithoutSamplesHasNoHeader) {
  EXPECT_EQ(Text(MetricsPage(kCatalogue, {}, nullptr, {})), "");
  EXPECT_EQ(Text(MetricsPage(kCatalogue, {}, Exporter(), {})), metrics::Header(kBuild) + "pg_tls_build 1\n");
}

TEST(MetricsPageTest, ANewServerHasNothingYet) {
  sampling::ServerSnapshot fresh{.name = "new"};
  fresh.collectors.push_back({.name = "sessions"});
  EXPECT_EQ(Text(MetricsPage(kCatalogue, {std::make_shared<const sampling::ServerSnapshot>(fresh)}, nullptr, {})), "");
}

TEST(MetricsPageTest, FiltersCollectorsAndTheExporter) {
  const PageFilter only_hba{.collectors = {"hba"}, .exporter = false};
  // Health stays: without it nobody could tell 'nothing' from 'failing'.
  EXPECT_EQ(Text(MetricsPage(kCatalogue, {Server("a")}, Exporter(), only_hba)),
            metrics::Header(kSecond) + "pg_tls_second_total{server=\"a\"} 1\n" + metrics::Header(kUp) +
                "pg_tls_up{server=\"a\"} 1\n");
}

// A page is sent for as long as its reader likes; the results it was made from may be gone by then.
TEST(MetricsPageTest, SharesTextsAndKeepsThemAlive) {
  Body page;
  const char* text = nullptr;
  {
    const sampling::Snapshots servers = {Server("a")};
    text = servers[0]->collectors[1].result->samples->text().data();
    page = MetricsPage(kCatalogue, servers, Exporter(), {});
  }
  EXPECT_EQ(page.pieces()[1].data(), text) << "copied";
  EXPECT_TRUE(Text(page).ends_with("pg_tls_build 1\n"));
}

}  // namespace
}  // namespace pgtls::http
