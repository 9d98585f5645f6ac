#include "exporter/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace pgtls::log {
namespace {

using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

constexpr const char* kTime = "2026-01-02T03:04:05.678Z";

// The strings of one flat JSON object in order, keys and values alternating; nullopt where it is not valid (RFC 8259).
std::optional<std::vector<std::string>> ParseJson(const std::string& text) {
  std::vector<std::string> strings;
  std::size_t at = 1;
  if (!text.starts_with('{')) return std::nullopt;
  while (at < text.size()) {
    if (text[at++] != '"') return std::nullopt;
    std::string value;
    for (; at < text.size() && text[at] != '"'; ++at) {
      if (static_cast<unsigned char>(text[at]) < 0x20) return std::nullopt;
      if (text[at] == '\\') {
        ++at;
        if (at == text.size() || (text[at] != '"' && text[at] != '\\')) return std::nullopt;
      }
      value += text[at];
    }
    strings.push_back(value);
    if (++at >= text.size()) return std::nullopt;
    const char next = text[at++];
    if (next == '}') return at == text.size() && strings.size() % 2 == 0 ? std::optional(strings) : std::nullopt;
    if (next != (strings.size() % 2 == 1 ? ':' : ',')) return std::nullopt;
  }
  return std::nullopt;
}

TEST(LogLineTest, LogfmtQuotesWhatNeedsIt) {
  EXPECT_EQ(FormatLine(Format::kLogfmt, kTime, Level::kInfo, "connected",
                       {{"server", "db-1.example:5432"}, {"version", "TLSv1.3"}, {"cipher", ""}, {"user", "a b"}}),
            R"(ts=2026-01-02T03:04:05.678Z level=info msg="connected" server=db-1.example:5432 version=TLSv1.3 )"
            R"(cipher="" user="a b")");
  EXPECT_EQ(FormatLine(Format::kLogfmt, kTime, Level::kError, "no \"way\"", {{"path", "C:\\x"}, {"k", "a=b"}}),
            R"(ts=2026-01-02T03:04:05.678Z level=error msg="no \"way\"" path="C:\\x" k="a=b")");
}

TEST(LogLineTest, JsonOfTheSame) {
  EXPECT_EQ(FormatLine(Format::kJson, kTime, Level::kWarn, "m \"q\"", {{"server", "db"}, {"cipher", ""}}),
            R"({"ts":"2026-01-02T03:04:05.678Z","level":"warn","msg":"m \"q\"","server":"db","cipher":""})");
}

TEST(LogLineTest, NamesEveryLevel) {
  for (const auto& [level, name] :
       {std::pair{Level::kDebug, "debug"}, {Level::kInfo, "info"}, {Level::kWarn, "warn"}, {Level::kError, "error"}}) {
    EXPECT_THAT(FormatLine(Format::kLogfmt, kTime, level, "m", {}), HasSubstr(std::string(" level=") + name + " "));
  }
}

TEST(LogLineTest, AnyBytesGiveOneLineOfValidJson) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string hostile = {'<', static_cast<char>(byte), '>'};
    const std::string line = FormatLine(Format::kJson, kTime, Level::kInfo, hostile, {{"value", hostile}});
    const auto strings = ParseJson(line);
    ASSERT_TRUE(strings) << byte << ": " << line;
    ASSERT_EQ(strings->size(), 8u) << line;
    EXPECT_EQ((*strings)[5], (*strings)[7]) << line;
    EXPECT_TRUE((*strings)[5].starts_with('<') && (*strings)[5].ends_with('>')) << line;
  }
}

TEST(LogLineTest, AFieldCannotForgeAnother) {
  const std::string forged = "x\nts=now level=error msg=\"gone\" up=1";
  EXPECT_EQ(FormatLine(Format::kLogfmt, kTime, Level::kInfo, "m", {{"error", forged}}),
            R"(ts=2026-01-02T03:04:05.678Z level=info msg="m" error="x\\x0ats=now level=error msg=\"gone\" up=1")");
}

TEST(LogLineTest, ValuesAreBoundedWhateverTheyHold) {
  for (const char c : {'a', ' ', '\n', '\xFF'}) {
    const std::string line =
        FormatLine(Format::kLogfmt, kTime, Level::kInfo, std::string(100'000, c), {{"value", std::string(100'000, c)}});
    EXPECT_LT(line.size(), 4'500u) << static_cast<int>(c);
  }
}

class LogTest : public testing::Test {
 protected:
  void TearDown() override { Configure(Level::kInfo, Format::kLogfmt); }
};

TEST_F(LogTest, WritesFromItsLevelOn) {
  Configure(Level::kWarn, Format::kLogfmt);
  CaptureStderr();
  Debug("one");
  Info("two");
  Warn("three", {{"server", "db"}});
  Error("four");
  const std::string text = GetCapturedStderr();
  EXPECT_THAT(text,
              testing::MatchesRegex("ts=....-..-..T..:..:..\\.[0-9][0-9][0-9]Z level=warn msg=\"three\" server=db\n"
                                    "ts=[^ ]* level=error msg=\"four\"\n"));
}

TEST_F(LogTest, LinesOfSeveralThreadsStayWhole) {
  Configure(Level::kDebug, Format::kJson);
  CaptureStderr();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int k = 0; k < 50; ++k) Debug("a line", {{"braces", "{}"}});
      });
    }
  }
  std::istringstream text(GetCapturedStderr());
  int lines = 0;
  for (std::string line; std::getline(text, line); ++lines) {
    EXPECT_THAT(line, HasSubstr(R"("level":"debug","msg":"a line","braces":"{}"})"));
  }
  EXPECT_EQ(lines, 200);
}

}  // namespace
}  // namespace pgtls::log
