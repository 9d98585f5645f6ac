#include "exporter/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "collectors/registry.h"
#include "exporter/metrics/sink.h"
#include "tests/support/process.h"

namespace pgtls {
namespace {

TEST(CatalogueTest, NamesAreUniqueAndWellFormed) {
  std::set<std::string_view> names;
  for (const auto* desc : Catalogue()) {
    EXPECT_TRUE(names.insert(desc->name).second) << desc->name << " is declared twice";
    EXPECT_TRUE(desc->name.starts_with("pg_tls_") || desc->name.starts_with("process_")) << desc->name;
    EXPECT_EQ(desc->type == metrics::Type::kCounter, desc->name.ends_with("_total")) << desc->name;
    // The help is written as it is: one line, no escapes.
    EXPECT_EQ(desc->help.find_first_of("\n\\|"), std::string_view::npos) << desc->name;
    EXPECT_TRUE(desc->help.ends_with('.')) << desc->name;
    std::set<std::string_view> labels;
    for (std::size_t i = 0; i < desc->label_count(); ++i) {
      EXPECT_TRUE(std::regex_match(std::string(desc->labels[i]), std::regex("[a-z][a-z0-9_]*"))) << desc->labels[i];
      EXPECT_TRUE(labels.insert(desc->labels[i]).second) << desc->name << ' ' << desc->labels[i];
      EXPECT_EQ(desc->labels[i] == "server", i == 0 && labels.contains("server")) << desc->name << ": server is first";
    }
  }
}

TEST(CatalogueTest, PromtoolHasNothingToSay) {
  std::string page;
  for (const auto* desc : Catalogue()) {
    metrics::Sink sink("db");
    const std::size_t own = desc->labels[0] == "server" ? 1 : 0;
    sink.Add(*desc, std::vector<std::string>(desc->label_count() - own, "x"), 1);
    page += metrics::Header(*desc) + std::string(sink.Render()->text());
  }
  support::Process promtool({"promtool", "check", "metrics"}, {.input = page});
  EXPECT_EQ(promtool.Wait(), 0);
  EXPECT_EQ(promtool.Err(), "");
}

TEST(CatalogueTest, TextNamesEachMetric) {
  const std::string text = CatalogueText(false);
  const std::string markdown = CatalogueText(true);
  EXPECT_THAT(text, testing::HasSubstr("pg_tls_up\tgauge\tserver\t"));
  EXPECT_THAT(markdown, testing::StartsWith("| metric | type | labels | meaning |\n|---|---|---|---|\n| "));
  EXPECT_THAT(markdown, testing::HasSubstr("| pg_tls_collector_failure_info | gauge | server, collector, reason | "));
  const auto lines = [](const std::string& of) { return std::ranges::count(of, '\n'); };
  EXPECT_EQ(lines(text), static_cast<std::ptrdiff_t>(Catalogue().size()));
  EXPECT_EQ(lines(markdown), lines(text) + 2);
}

TEST(RegistryTest, EachCollectorIsConfigurable) {
  EXPECT_EQ(collectors::Schemas().size(), collectors::All().size());
  for (const auto* type : collectors::All()) {
    EXPECT_FALSE(type->descs.empty()) << type->name;
    EXPECT_NE(type->make(), nullptr) << type->name;
  }
}

}  // namespace
}  // namespace pgtls
