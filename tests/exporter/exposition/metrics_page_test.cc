#include "exporter/exposition/metrics_page.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "exporter/metrics/sink.h"

namespace pgtls::exposition {
namespace {

using metrics::Desc;
using metrics::Samples;
using metrics::SharedSamples;
using metrics::Type;

constexpr Desc kFirst = {"pg_tls_first", Type::kGauge, "The first.", {"server"}};
constexpr Desc kSecond = {"pg_tls_second_total", Type::kCounter, "The second.", {"server"}};
constexpr Desc kUp = {"pg_tls_up", Type::kGauge, "Up.", {"server"}};
constexpr Desc kBuild = {"pg_tls_build", Type::kGauge, "Build.", {}};
const auto kOrder =
    std::make_shared<const metrics::FamilyOrder>(std::vector<const Desc*>{&kFirst, &kSecond, &kUp, &kBuild});

// As it is handed out, piece by piece.
std::string Text(const http::Body& body) {
  std::string text;
  const auto pieces = body.Pieces();
  for (std::string_view piece = pieces->Next(); !piece.empty(); piece = pieces->Next()) text += piece;
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
  snapshot.collectors.push_back(State("hba", {{&kSecond, "pg_tls_second_total" + label}}));
  snapshot.collectors.push_back(State("sessions", {{&kFirst, "pg_tls_first" + label}}));
  snapshot.health = Shared({{&kUp, "pg_tls_up" + label}});
  return std::make_shared<const sampling::ServerSnapshot>(std::move(snapshot));
}

SharedSamples Exporter() { return Shared({{&kBuild, "pg_tls_build 1\n"}}); }

TEST(MetricsPageTest, EachFamilyOnceInTheCataloguesOrder) {
  const http::Body page = MetricsPage(kOrder, {Server("a"), Server("b")}, Exporter(), {});
  EXPECT_EQ(Text(page), metrics::Header(kFirst) + "pg_tls_first{server=\"a\"} 1\npg_tls_first{server=\"b\"} 1\n" +
                            metrics::Header(kSecond) +
                            "pg_tls_second_total{server=\"a\"} 1\npg_tls_second_total{server=\"b\"} 1\n" +
                            metrics::Header(kUp) + "pg_tls_up{server=\"a\"} 1\npg_tls_up{server=\"b\"} 1\n" +
                            metrics::Header(kBuild) + "pg_tls_build 1\n");
}

TEST(MetricsPageTest, AFamilyWithoutSamplesHasNoHeader) {
  EXPECT_EQ(Text(MetricsPage(kOrder, {}, nullptr, {})), "");
  EXPECT_EQ(Text(MetricsPage(kOrder, {}, Exporter(), {})), metrics::Header(kBuild) + "pg_tls_build 1\n");
}

TEST(MetricsPageTest, ANewServerHasNothingYet) {
  sampling::ServerSnapshot fresh{.name = "new"};
  fresh.collectors.push_back({.name = "sessions"});
  EXPECT_EQ(Text(MetricsPage(kOrder, {std::make_shared<const sampling::ServerSnapshot>(fresh)}, nullptr, {})), "");
}

TEST(MetricsPageTest, FiltersCollectorsAndTheExporter) {
  const PageFilter only_hba{.collectors = {"hba"}, .exporter = false};
  // Health stays: without it nobody could tell 'nothing' from 'failing'.
  EXPECT_EQ(Text(MetricsPage(kOrder, {Server("a")}, Exporter(), only_hba)),
            metrics::Header(kSecond) + "pg_tls_second_total{server=\"a\"} 1\n" + metrics::Header(kUp) +
                "pg_tls_up{server=\"a\"} 1\n");
}

TEST(MetricsPageTest, ALongPageIsWhole) {
  constexpr int kServers = 50;
  sampling::Snapshots servers;
  for (int i = 0; i < kServers; ++i) servers.push_back(Server("s" + std::to_string(i)));
  std::string expected;
  for (const Desc* desc : {&kFirst, &kSecond, &kUp}) {
    expected += metrics::Header(*desc);
    for (int i = 0; i < kServers; ++i)
      expected += std::string(desc->name) + "{server=\"s" + std::to_string(i) + "\"} 1\n";
  }
  const http::Body page = MetricsPage(kOrder, servers, nullptr, {});
  EXPECT_EQ(Text(page), expected);
  EXPECT_EQ(Text(page), expected) << "the second time";
}

// A result with a family that the catalogue does not have, or twice.
TEST(MetricsPageTest, AFamilyOfNoCatalogueIsOnNoPageAndOneOfTwoPlacesOnce) {
  static constexpr Desc kUnknown = {"pg_tls_unknown", Type::kGauge, "Unknown.", {"server"}};
  const auto order = std::make_shared<const metrics::FamilyOrder>(std::vector<const Desc*>{&kUp, &kFirst, &kUp});
  sampling::ServerSnapshot snapshot{.name = "a"};
  snapshot.health = Shared({{&kUnknown, "pg_tls_unknown 1\n"}, {&kUp, "pg_tls_up 1\n"}});
  snapshot.collectors.push_back(State("sessions", {{&kFirst, "pg_tls_first 1\n"}, {&kUp, "pg_tls_up 2\n"}}));
  EXPECT_EQ(Text(MetricsPage(order, {std::make_shared<const sampling::ServerSnapshot>(snapshot)}, nullptr, {})),
            metrics::Header(kFirst) + "pg_tls_first 1\n" + metrics::Header(kUp) + "pg_tls_up 1\npg_tls_up 2\n");
}

// A page is sent for as long as its reader likes; the results it was made from may be gone by then.
TEST(MetricsPageTest, SharesTextsAndKeepsThemAlive) {
  http::Body page;
  const char* text = nullptr;
  {
    const sampling::Snapshots servers = {Server("a")};
    text = servers[0]->collectors[1].result->samples->text().data();
    page = MetricsPage(kOrder, servers, Exporter(), {});
  }
  const auto pieces = page.Pieces();
  pieces->Next();
  EXPECT_EQ(pieces->Next().data(), text) << "copied";
  EXPECT_TRUE(Text(page).ends_with("pg_tls_build 1\n"));
}

}  // namespace
}  // namespace pgtls::exposition
