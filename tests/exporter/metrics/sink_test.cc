#include "exporter/metrics/sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "tests/support/process.h"

namespace pgtls::metrics {
namespace {

constexpr Desc kPlain = {"pg_tls_plain", Type::kGauge, "A metric of the exporter alone.", {}};
constexpr Desc kServer = {"pg_tls_server", Type::kGauge, "A metric of one server.", {"server"}};
constexpr Desc kLabelled = {"pg_tls_labelled", Type::kGauge, "A metric with labels.", {"server", "user", "database"}};
constexpr Desc kCounted = {"pg_tls_counted_total", Type::kCounter, "A counter with a label.", {"server", "kind"}};

std::string Text(Sink& sink) { return std::string(sink.Render()->text()); }

std::string OneLabel(const std::string& value) {
  Sink sink("s");
  sink.Add(kCounted, {value}, 1);
  return Text(sink);
}

TEST(SinkTest, PutsTheServerFirst) {
  Sink sink("db");
  sink.Add(kPlain, {}, 1);
  sink.Add(kServer, {}, 2);
  sink.Add(kLabelled, {"app", "shop"}, 3);
  EXPECT_EQ(Text(sink),
            "pg_tls_plain 1\n"
            "pg_tls_server{server=\"db\"} 2\n"
            "pg_tls_labelled{server=\"db\",user=\"app\",database=\"shop\"} 3\n");
}

TEST(SinkTest, FamiliesInOrderOfArrivalSamplesByLabel) {
  Sink sink("db");
  sink.Add(kCounted, {"b"}, 1);
  sink.Add(kServer, {}, 2);
  sink.Add(kCounted, std::vector<std::string>{"a"}, 3);
  const auto samples = sink.Render();
  const Samples& families = *samples;
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].desc, &kCounted);
  EXPECT_EQ(families[0].text,
            "pg_tls_counted_total{server=\"db\",kind=\"a\"} 3\n"
            "pg_tls_counted_total{server=\"db\",kind=\"b\"} 1\n");
  EXPECT_EQ(families[1].desc, &kServer);
  EXPECT_EQ(families[1].text, "pg_tls_server{server=\"db\"} 2\n");
}

TEST(SinkTest, RenderEmptiesIt) {
  Sink sink("db");
  EXPECT_TRUE(sink.Render()->empty());
  sink.Add(kServer, {}, 1);
  EXPECT_EQ(sink.Render()->size(), 1u);
  EXPECT_TRUE(sink.Render()->empty());
  sink.Add(kServer, {}, 1);  // no duplicate any more
  EXPECT_EQ(sink.Render()->size(), 1u);
}

TEST(SinkTest, KeepsTheFirstOfALabelSetThatIsAddedTwice) {
  const auto add = [](Sink& sink) {
    sink.Add(kServer, {}, 5);
    sink.Add(kLabelled, {"b", "a"}, 1);
    sink.Add(kLabelled, {"a", "b"}, 2);
    sink.Add(kLabelled, {"a", "b"}, 3);
    sink.Add(kLabelled, {"a", "b"}, 2);
  };
  Sink sink("repeating db");
  testing::internal::CaptureStderr();
  add(sink);
  const std::string text = Text(sink);
  EXPECT_THAT(text, testing::EndsWith("pg_tls_labelled{server=\"repeating db\",user=\"a\",database=\"b\"} 2\n"
                                      "pg_tls_labelled{server=\"repeating db\",user=\"b\",database=\"a\"} 1\n"));
  add(sink);
  EXPECT_EQ(Text(sink), text);
  Sink another("another repeating db");
  add(another);
  Text(another);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(log, '\n'), 2) << "once for each server and family: " << log;
  EXPECT_THAT(log, testing::HasSubstr("metric=pg_tls_labelled"));
  EXPECT_THAT(log, testing::HasSubstr("labels=\"a b \""));
}

TEST(SinkTest, TheDigestIsOfWhatIsWritten) {
  Sink sink("db");
  sink.Add(kLabelled, {"a", "b"}, 1);
  const SharedSamples once = sink.RenderAfter(nullptr);
  sink.Add(kLabelled, {"a", "b"}, 1);
  sink.Add(kLabelled, {"a", "b"}, 9);
  EXPECT_EQ(sink.RenderAfter(once), once);
}

TEST(SinkTest, LabelSetsOfTheSameLettersAreNotTheSame) {
  Sink sink("db");
  sink.Add(kLabelled, {"ab", ""}, 1);
  sink.Add(kLabelled, {"a", "b"}, 2);
  sink.Add(kLabelled, {"", "ab"}, 3);
  sink.Add(kLabelled, {"", ""}, 4);
  EXPECT_EQ(Text(sink),
            "pg_tls_labelled{server=\"db\",user=\"\",database=\"\"} 4\n"
            "pg_tls_labelled{server=\"db\",user=\"\",database=\"ab\"} 3\n"
            "pg_tls_labelled{server=\"db\",user=\"a\",database=\"b\"} 2\n"
            "pg_tls_labelled{server=\"db\",user=\"ab\",database=\"\"} 1\n");
}

TEST(SinkTest, WhatIsAsBeforeIsNotWrittenAnew) {
  const auto render = [](const std::string& server, const std::string& user, double value, double count,
                         const SharedSamples& previous) {
    Sink sink(server);
    sink.Add(kLabelled, {user, "shop"}, value);
    sink.Add(kLabelled, {"z", "shop"}, value);
    sink.Add(kCounted, {"a"}, count);
    return sink.RenderAfter(previous);
  };
  const SharedSamples first = render("db", "app", 1, 2, nullptr);
  EXPECT_EQ(render("db", "app", 1, 2, first), first);
  const std::pair<const char*, SharedSamples> changed[] = {{"server", render("dc", "app", 1, 2, first)},
                                                           {"label", render("db", "apq", 1, 2, first)},
                                                           {"value", render("db", "app", 1.5, 2, first)},
                                                           {"last value", render("db", "app", 1, 3, first)}};
  for (const auto& [what, samples] : changed) {
    EXPECT_NE(samples, first) << what;
    EXPECT_NE(samples->text(), first->text()) << what;
  }
  // The order in which they came says nothing.
  Sink sink("db");
  sink.Add(kLabelled, {"z", "shop"}, 1);
  sink.Add(kLabelled, {"app", "shop"}, 1);
  sink.Add(kCounted, {"a"}, 2);
  EXPECT_EQ(sink.RenderAfter(first), first);
  // One that Render() made is never taken for the same.
  Sink empty("db");
  EXPECT_NE(empty.RenderAfter(empty.Render()), nullptr);
  EXPECT_EQ(Text(empty), "");
}

TEST(SinkTest, RefusesAWrongNumberOfLabels) {
  Sink sink("db");
  EXPECT_THROW(sink.Add(kLabelled, {"a"}, 1), std::logic_error);
  EXPECT_THROW(sink.Add(kLabelled, {"a", "b", "c"}, 1), std::logic_error);
  EXPECT_THROW(sink.Add(kPlain, {"a"}, 1), std::logic_error);
}

TEST(SinkTest, EscapesLabels) {
  EXPECT_EQ(OneLabel("a\"b\\c\nd"), "pg_tls_counted_total{server=\"s\",kind=\"a\\\"b\\\\c\\nd\"} 1\n");
  EXPECT_EQ(OneLabel("\xE9\uFFFD"), "pg_tls_counted_total{server=\"s\",kind=\"\uFFFDxe9\uFFFD\uFFFD\"} 1\n");
  EXPECT_EQ(OneLabel(std::string("a\0b", 3)), "pg_tls_counted_total{server=\"s\",kind=\"a\uFFFDx00b\"} 1\n");
  EXPECT_EQ(OneLabel("\n# TYPE x\n"), "pg_tls_counted_total{server=\"s\",kind=\"\\n# TYPE x\\n\"} 1\n");
  EXPECT_EQ(OneLabel("}\t{"), "pg_tls_counted_total{server=\"s\",kind=\"}\t{\"} 1\n");
}

TEST(SinkTest, BoundsLabelsAndKeepsThemDistinct) {
  Sink sink("s");
  const std::string common(5'000, 'x');
  sink.Add(kCounted, {common + "1"}, 1);
  sink.Add(kCounted, {common + "2"}, 1);
  const auto samples = sink.Render();
  const Samples& families = *samples;
  EXPECT_EQ(std::ranges::count(families[0].text, '\n'), 2);
  EXPECT_LT(families[0].text.size(), 2'300u);
  // The limit is that of the page: bytes that are written as more than one count as written.
  Sink bad("s");
  bad.Add(kCounted, {std::string(1'024, '\xFF')}, 1);
  EXPECT_LT(bad.Render()->text().size(), 1'100u);
}

TEST(SinkTest, WritesNumbersInFull) {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},
      {-1, "-1"},
      {1786000000.5, "1786000000.5"},
      {9007199254740992, "9007199254740992"},
      {std::numeric_limits<double>::infinity(), "+Inf"},
      {-std::numeric_limits<double>::infinity(), "-Inf"},
      {std::numeric_limits<double>::quiet_NaN(), "Nan"},
  };
  for (const auto& [value, text] : cases) {
    Sink sink("s");
    sink.Add(kServer, {}, value);
    EXPECT_EQ(Text(sink), std::string("pg_tls_server{server=\"s\"} ") + text + "\n");
  }
}

TEST(SinkTest, AnOptionalLabelIsLeftOutWhereItIsEmpty) {
  static constexpr Desc kOptional = {"pg_tls_o", Type::kGauge, "o", {"server", "path", "host"}, "host"};
  Sink sink("s");
  sink.Add(kOptional, {"", ""}, 1);
  sink.Add(kOptional, {"", "a"}, 2);
  EXPECT_EQ(Text(sink),
            "pg_tls_o{server=\"s\",path=\"\"} 1\n"
            "pg_tls_o{server=\"s\",path=\"\",host=\"a\"} 2\n");
}

TEST(SinkTest, HeaderNamesTheType) {
  EXPECT_EQ(Header(kServer), "# HELP pg_tls_server A metric of one server.\n# TYPE pg_tls_server gauge\n");
  EXPECT_EQ(Header(kCounted),
            "# HELP pg_tls_counted_total A counter with a label.\n# TYPE pg_tls_counted_total counter\n");
}

TEST(SinkTest, PrometheusReadsEveryByteInALabel) {
  std::string page = Header(kCounted);
  Sink sink("a \"server\"\\\n\xFF");
  for (int byte = 0; byte < 256; ++byte) sink.Add(kCounted, {std::string(1, static_cast<char>(byte))}, byte);
  sink.Add(kServer, {}, std::numeric_limits<double>::quiet_NaN());
  const auto samples = sink.Render();
  const Samples& families = *samples;
  EXPECT_EQ(std::ranges::count(families[0].text, '\n'), 256);
  page += families[0].text;
  page += Header(kServer);
  page += families[1].text;
  support::Process promtool({"promtool", "check", "metrics"}, {.input = page});
  EXPECT_EQ(promtool.Wait(), 0) << promtool.Err();
  EXPECT_EQ(promtool.Err(), "");
}

TEST(DescTest, CountsItsLabels) {
  static_assert(kPlain.label_count() == 0);
  static_assert(kLabelled.label_count() == 3);
  constexpr Desc kFull = {
      "x", Type::kGauge, "x", {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"}};
  static_assert(kFull.label_count() == kMaxLabels);
}

}  // namespace
}  // namespace pgtls::metrics
