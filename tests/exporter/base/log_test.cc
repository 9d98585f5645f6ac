#include "exporter/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

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

// Standard error is a pipe of which the test has the other end.
class PipeTest : public LogTest {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    reader_ = ends[0];
    saved_ = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
  }
  void TearDown() override {
    Restore();
    close(reader_);
    LogTest::TearDown();
  }
  void Restore() {
    if (saved_ < 0) return;
    dup2(saved_, STDERR_FILENO);
    close(std::exchange(saved_, -1));
  }
  // What was written, until `mark` is in it.
  std::string ReadUntil(const std::string& mark) const {
    std::string text;
    std::array<char, 65536> bytes{};
    while (text.find(mark) == std::string::npos) {
      const ssize_t size = read(reader_, bytes.data(), bytes.size());
      if (size <= 0) break;
      text.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return text;
  }
  int reader_ = -1;
  int saved_ = -1;
};

TEST_F(PipeTest, WhatNobodyReadsStopsNobodyAndIsCounted) {
  Configure(Level::kInfo, Format::kLogfmt);
  const std::uint64_t before = DroppedLines();
  const Background background;
  const std::string filler(900, 'x');
  // Two megabytes: more than the pipe and the queue hold. Written by this thread, the first 64 kB would be the last.
  for (int i = 0; i < 2500; ++i) Info("a line", {{"filler", filler}});
  const std::uint64_t dropped = DroppedLines() - before;
  EXPECT_GT(dropped, 0u);
  EXPECT_FALSE(Flush(std::chrono::milliseconds(1)));
  const std::string text = ReadUntil("were dropped");
  EXPECT_TRUE(Flush(std::chrono::minutes(1)));
  Restore();
  EXPECT_THAT(text, HasSubstr("level=warn msg=\"log lines were dropped, since standard error was not read in time\" "
                              "lines=" +
                              std::to_string(dropped) + "\n"));
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  EXPECT_EQ(lines, 2500 - dropped + 1) << "a line is whole, or not there";
}

TEST_F(PipeTest, TheLastLinesAreWrittenAtTheEnd) {
  {
    const Background background;
    Info("the first");
    Info("the last");
  }
  Info("afterwards");
  Restore();
  EXPECT_THAT(ReadUntil("afterwards"),
              testing::MatchesRegex("(.|\n)*the first(.|\n)*the last(.|\n)*afterwards(.|\n)*"));
}

TEST_F(PipeTest, AReaderThatIsGoneIsNoReader) {
  std::signal(SIGPIPE, SIG_IGN);
  close(std::exchange(reader_, -1));
  const Background background;
  Info("to nobody");
  EXPECT_TRUE(Flush(std::chrono::minutes(1)));
}

// The open file may be shared with somebody who made it non-blocking: a full pipe is then an error, and no line is
// lost.
TEST_F(PipeTest, ANonBlockingPipeLosesNothing) {
  fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
  const Background background;
  for (int i = 0; i < 400; ++i) Info("a line", {{"filler", std::string(900, 'x')}});
  Info("the last");
  const std::string text = ReadUntil("the last");
  Restore();
  EXPECT_EQ(std::ranges::count(text, '\n'), 401);
}

}  // namespace
}  // namespace pgtls::log
