// Following a log through the ways in which its files change. The files are real; tests set their times, since two
// files may be written within one tick of the clock.
#include "exporter/serverlog/follow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "exporter/base/blocking.h"
#include "exporter/files/log_files.h"
#include "tests/support/files.h"

namespace pgtls::serverlog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string Line(const std::string& user) {
  return "2026-11-27 21:30:00.000 UTC [1] LOG:  connection authorized: user=" + user + " database=d\n";
}

// The users in the order in which they were read; "gap" where there was one.
class Taken : public Reader {
 public:
  void Take(Format /*format*/, std::string_view records) override {
    constexpr std::string_view kUser = "user=";
    for (auto at = records.find(kUser); at != std::string_view::npos; at = records.find(kUser, at + 1)) {
      const auto begin = at + kUser.size();
      users.emplace_back(records.substr(begin, records.find(' ', begin) - begin));
    }
  }
  void TakeGap() override { users.emplace_back("gap"); }
  void TakeAmbiguous() override {}

  std::vector<std::string> users;
};

class FollowTest : public testing::Test {
 protected:
  std::vector<std::string> Read(std::size_t most_bytes = 1 << 20) {
    Taken taken;
    files::LogFiles source(blocking_, {directory_.path() + "/*.log"});
    auto future = asio::co_spawn(loop_, follower_.Read(source, most_bytes, taken), asio::use_future);
    loop_.restart();
    loop_.run();
    started_ = future.get().started;
    return taken.users;
  }
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  void Append(const std::string& name, const std::string& text) {
    std::ofstream(Path(name), std::ios::app) << text;
    Touch(name);
  }
  // Later than all files before.
  void Touch(const std::string& name) {
    using std::chrono::seconds;
    std::filesystem::last_write_time(Path(name), std::filesystem::file_time_type(seconds(1'000'000 + ++time_)));
  }
  void Rename(const std::string& from, const std::string& to) { std::filesystem::rename(Path(from), Path(to)); }
  void CopyTruncate(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(Path(from), Path(to));
    Touch(to);
    std::ofstream(Path(from), std::ios::trunc);
    Touch(from);
  }

  support::TempDir directory_;
  asio::io_context loop_;
  BlockingPool blocking_{1};
  Follower follower_;
  bool started_ = false;
  int time_ = 0;
};

TEST_F(FollowTest, BeginsAtTheEnd) {
  Append("a.log", Line("before"));
  EXPECT_THAT(Read(), IsEmpty());
  EXPECT_TRUE(started_);
  Append("a.log", Line("x") + Line("y"));
  EXPECT_THAT(Read(), ElementsAre("x", "y"));
  EXPECT_FALSE(started_);
  EXPECT_THAT(Read(), IsEmpty());
}

TEST_F(FollowTest, AnUnfinishedLineWaits) {
  Append("a.log", "");
  Read();
  const std::string line = Line("x");
  Append("a.log", line.substr(0, 60));
  EXPECT_THAT(Read(), IsEmpty());
  Append("a.log", line.substr(60));
  EXPECT_THAT(Read(), ElementsAre("x"));
}

TEST_F(FollowTest, RotationByTime) {
  Append("1.log", Line("old"));
  Append("2.log", Line("before"));
  Read();
  Append("2.log", Line("x"));
  Append("3.log", Line("y"));
  Append("4.log", Line("z"));
  EXPECT_THAT(Read(), ElementsAre("x", "y", "z"));
}

TEST_F(FollowTest, RotationByRename) {
  Append("a.log", Line("before"));
  Read();
  Append("a.log", Line("x"));
  Rename("a.log", "a.log.1");
  Append("a.log", "");
  // The server still writes to the file that it has open.
  EXPECT_THAT(Read(), ElementsAre("x"));
  Append("a.log.1", Line("late"));
  Append("a.log", Line("y"));
  EXPECT_THAT(Read(), ElementsAre("late", "y"));
}

TEST_F(FollowTest, TwoRotationsByRenameBetweenTwoRuns) {
  Append("a.log", Line("before"));
  Read();
  Append("a.log", Line("x"));
  Rename("a.log", "a.log.2");
  Append("a.log", Line("y"));
  Rename("a.log", "a.log.1");
  Append("a.log", Line("z"));
  EXPECT_THAT(Read(), ElementsAre("x", "y", "z"));
}

TEST_F(FollowTest, CopyTruncate) {
  Append("a.log", Line("before"));
  Read();
  Append("a.log", Line("x"));
  CopyTruncate("a.log", "a.log.1");
  Append("a.log", Line("y"));
  EXPECT_THAT(Read(), ElementsAre("x", "y"));
}

TEST_F(FollowTest, TruncatedWithoutACopyIsAGap) {
  Append("a.log", Line("before"));
  Read();
  std::ofstream(Path("a.log"), std::ios::trunc);
  // Longer than the old one: the size alone does not tell.
  Append("a.log", Line("x") + Line("y") + Line("z"));
  EXPECT_THAT(Read(), ElementsAre("gap", "x", "y", "z"));
}

TEST_F(FollowTest, ACompressedFileIsAGap) {
  Append("a.log", Line("before"));
  Read();
  Append("a.log", Line("x"));
  Rename("a.log", "a.log.1.gz");
  Append("a.log", Line("y"));
  EXPECT_THAT(Read(), ElementsAre("gap", "y"));
}

// What is left was read before.
TEST_F(FollowTest, AFileThatVanishesDoesNotBringOldOnesBack) {
  Append("1.log", Line("old"));
  Append("2.log", Line("before"));
  Read();
  std::filesystem::remove(Path("2.log"));
  EXPECT_THAT(Read(), ElementsAre("gap"));
  EXPECT_THAT(Read(), IsEmpty());
  Append("3.log", Line("x"));
  EXPECT_THAT(Read(), ElementsAre("x"));
}

// log_filename = 'postgresql-%a.log', with and without log_truncate_on_rotation.
TEST_F(FollowTest, NamesThatAreUsedAgain) {
  Append("mon.log", Line("monday"));
  Append("tue.log", Line("before"));
  Read();
  Append("mon.log", Line("x"));
  EXPECT_THAT(Read(), ElementsAre("x"));
  std::ofstream(Path("tue.log"), std::ios::trunc);
  Append("tue.log", Line("y") + Line("z"));
  EXPECT_THAT(Read(), ElementsAre("y", "z"));
}

TEST_F(FollowTest, TwoFilesThatAreWrittenInTurn) {
  Append("a.log", Line("before"));
  Append("b.log", Line("before"));
  Read();
  std::vector<std::string> users;
  for (int i = 0; i < 3; ++i) {
    Append("a.log", Line("a" + std::to_string(i)));
    for (const std::string& user : Read()) users.push_back(user);
    Append("b.log", Line("b" + std::to_string(i)));
    for (const std::string& user : Read()) users.push_back(user);
  }
  EXPECT_THAT(users, ElementsAre("a0", "b0", "a1", "b1", "a2", "b2"));
}

TEST_F(FollowTest, MoreThanItMayReadIsAGap) {
  Append("a.log", Line("before"));
  Read();
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += Line("x");
  Append("a.log", lines);
  const auto users = Read(65536);
  EXPECT_EQ(users.back(), "gap");
  EXPECT_GT(users.size(), 100u);
  EXPECT_THAT(Read(65536), IsEmpty());
  Append("a.log", Line("y"));
  EXPECT_THAT(Read(65536), ElementsAre("y"));
}

TEST_F(FollowTest, LessIsReadInTheNextRun) {
  Append("a.log", Line("before"));
  Read();
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += Line(std::to_string(i));
  ASSERT_GT(lines.size(), 65536u);
  Append("a.log", lines);
  std::vector<std::string> users = Read(65536);
  for (const std::string& user : Read(65536)) users.push_back(user);
  ASSERT_EQ(users.size(), 1000u);
  EXPECT_EQ(users.back(), "999");
}

TEST_F(FollowTest, ContinuesWhereItIsTold) {
  Append("a.log", Line("before"));
  Read();
  const Position position = *follower_.position();
  Append("a.log", Line("x"));
  follower_ = Follower();
  follower_.Resume(position);
  EXPECT_THAT(Read(), ElementsAre("x"));
}

TEST_F(FollowTest, NoFileIsNoProblemUntilThereIsOne) {
  EXPECT_THAT(Read(), IsEmpty());
  EXPECT_FALSE(follower_.position());
  Append("a.log", Line("x"));
  EXPECT_THAT(Read(), IsEmpty());
  Append("a.log", Line("y"));
  EXPECT_THAT(Read(), ElementsAre("y"));
}

}  // namespace
}  // namespace pgtls::serverlog
