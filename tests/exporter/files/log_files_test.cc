// Following a log through real files.
#include "exporter/files/log_files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <asio.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/files.h"

namespace pgtls::files {
namespace {

using serverlog::Follower;
using serverlog::Format;
using support::TempDir;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

// Records by the numbers of their users; a gap is -1.
class Taken : public serverlog::Reader {
 public:
  void Take(Format format, std::string_view records) override {
    EXPECT_EQ(format, Format::kJson);
    constexpr std::string_view kUser = "user=";
    for (auto at = records.find(kUser); at != std::string_view::npos; at = records.find(kUser, at + 1))
      numbers.push_back(std::stoi(std::string(records.substr(at + kUser.size(), 6))));
  }
  void TakeGap() override { numbers.push_back(-1); }
  void TakeAmbiguous() override { ADD_FAILURE(); }
  std::vector<int> numbers;
};

std::string Line(int number) {
  return fmt::format(
      R"({{"timestamp":"2026-11-27 20:53:32.074 UTC","pid":{},"error_severity":"LOG","message":"connection authorized: user={} database=d"}})"
      "\n",
      number, number);
}

class LogFilesTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void Append(const std::string& name, const std::string& text) {
    std::ofstream(Path(name), std::ios::app) << text;
    // Each write is later than the one before, whatever the granularity of the file system's times.
    const timespec times[2] = {{.tv_sec = ++now_, .tv_nsec = 0}, {.tv_sec = now_, .tv_nsec = 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, Path(name).c_str(), times, 0), 0);
  }
  void Rename(const std::string& from, const std::string& to) { std::filesystem::rename(Path(from), Path(to)); }

  template <typename T>
  T Wait(asio::awaitable<T> work) {
    asio::io_context loop;
    auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
    loop.run();
    return result.get();
  }
  // What a run finds.
  std::vector<int> Run(std::size_t most_bytes = kMegabyte) {
    Taken taken;
    LogFiles source(pool_, patterns_);
    Wait(follower_.Read(source, most_bytes, taken));
    return taken.numbers;
  }

  const TempDir dir_;
  time_t now_ = 1'795'000'000;
  std::vector<std::string> patterns_ = {dir_.path() + "/*.json"};
  BlockingPool pool_{1};
  Follower follower_;
};

TEST_F(LogFilesTest, ReadsWholeRecordsOnly) {
  Append("a.json", Line(1));
  Run();
  Append("a.json", Line(2) + Line(3).substr(0, 60));
  EXPECT_THAT(Run(), ElementsAre(2));
  Append("a.json", Line(3).substr(60));
  EXPECT_THAT(Run(), ElementsAre(3));
}

TEST_F(LogFilesTest, FollowsARenamedFileToOneThatIsLarger) {
  Append("a.json", Line(1));
  Run();
  Append("a.json", Line(2));
  Rename("a.json", "a.json-20261127");
  Append("a.json", Line(3) + Line(4) + Line(5) + Line(6));
  EXPECT_THAT(Run(), ElementsAre(2, 3, 4, 5, 6));
}

TEST_F(LogFilesTest, CompressedFilesAreIgnored) {
  patterns_ = {dir_.path() + "/*"};
  Append("a.json", Line(1));
  Run();
  for (const char* name : {"a.json.2.gz", "a.json.3.xz", "a.json.4.zst", "b.json.bz2"}) Append(name, Line(99));
  Append("a.json", Line(2));
  EXPECT_THAT(Run(), ElementsAre(2));
}

TEST_F(LogFilesTest, AFifoIsNotOpened) {
  ASSERT_EQ(mkfifo(Path("a.json").c_str(), 0600), 0);
  EXPECT_THROW(Run(), serverlog::NoRegularFile);
  // Beside a file, it is ignored.
  Append("b.json", Line(1));
  Run();
  Append("b.json", Line(2));
  EXPECT_THAT(Run(), ElementsAre(2));
}

TEST_F(LogFilesTest, PiecesOfEverySizeHaveTheSameRecords) {
  std::string text;
  std::vector<int> all;
  for (int i = 1; i <= 40; ++i) {
    text += Line(i) + std::string(static_cast<std::size_t>(i * 7 % 50), 'x') + "\n";
    all.push_back(i);
  }
  Append("a.json", text);
  LogFiles source(pool_, patterns_);
  for (std::size_t size = 2 * Line(40).size(); size < text.size() + 2; size += 13) {
    Taken taken;
    serverlog::Position position{.file = Path("a.json")};
    for (bool at_end = false; !at_end;) {
      const serverlog::Piece piece = Wait(source.Read(position, size));
      ASSERT_EQ(piece.problem, serverlog::Piece::Problem::kNone);
      taken.Take(Format::kJson, piece.records);
      position = piece.next;
      at_end = piece.at_end;
    }
    ASSERT_EQ(taken.numbers, all) << size;
  }
}

}  // namespace
}  // namespace pgtls::files
