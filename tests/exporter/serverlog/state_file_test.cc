#include "exporter/serverlog/state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "exporter/base/error.h"
#include "tests/support/files.h"

namespace pgtls::serverlog {
namespace {

using support::TempDir;
using testing::HasSubstr;

const Position kPosition{
    .file = "/var/log/postgresql.csv", .offset = 123'456'789'012, .inside = Inside::kQuotes, .mark = "0aff"};

std::string FailureOf(const std::string& path) {
  try {
    LoadPosition(path, "orders", "id");
  } catch (const Error& error) {
    return error.what();
  }
  return "no failure";
}

TEST(StateFile, KeepsEachServersPosition) {
  const TempDir dir;
  const std::string path = dir.path() + "/state";
  EXPECT_EQ(LoadPosition(path, "orders", "id"), std::nullopt);
  StorePosition(path, "orders", "id", kPosition);
  StorePosition(path, "billing", "id2", {.file = "b", .offset = 0});
  EXPECT_EQ(LoadPosition(path, "orders", "id"), kPosition);
  EXPECT_EQ(LoadPosition(path, "billing", "id2"), (Position{.file = "b"}));
  StorePosition(path, "billing", "id2", {.file = "c", .offset = 7, .mark = "00"});
  EXPECT_EQ(LoadPosition(path, "orders", "id"), kPosition);
  EXPECT_EQ(LoadPosition(path, "billing", "id2"), (Position{.file = "c", .offset = 7, .mark = "00"}));
}

TEST(StateFile, OfAnotherLogIsNotUsed) {
  const TempDir dir;
  const std::string path = dir.path() + "/state";
  StorePosition(path, "orders", "id", kPosition);
  EXPECT_EQ(LoadPosition(path, "orders", "other"), std::nullopt);
  EXPECT_EQ(LoadPosition(path, "other", "id"), std::nullopt);
}

TEST(StateFile, IsPrivate) {
  const TempDir dir;
  const std::string path = dir.Write("state", "{}", 0644);
  StorePosition(path, "orders", "id", kPosition);
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600);
  EXPECT_NE(stat((path + ".new").c_str(), &status), 0);
}

// A link that another user left beside it is not followed.
TEST(StateFile, IsReplacedWithoutFollowingLinks) {
  const TempDir dir;
  const std::string victim = dir.Write("victim", "keep");
  const std::string path = dir.path() + "/state";
  ASSERT_EQ(symlink(victim.c_str(), (path + ".new").c_str()), 0);
  StorePosition(path, "orders", "id", kPosition);
  EXPECT_EQ(support::ReadFile(victim), "keep");
  EXPECT_EQ(LoadPosition(path, "orders", "id"), kPosition);
}

TEST(StateFile, ThatIsDamagedSaysWhatToDo) {
  const TempDir dir;
  for (const char* content : {"", "{", "[]", "null", "1", "{\"orders\":"}) {
    const std::string path = dir.Write("state", content);
    EXPECT_THAT(FailureOf(path), HasSubstr("remove it to begin at the end of the logs")) << content;
    EXPECT_THROW(StorePosition(path, "orders", "id", kPosition), Error) << content;
    EXPECT_EQ(support::ReadFile(path), content);
  }
  for (const char* content : {R"({"orders":1})", R"({"orders":[]})", R"({"orders":{}})", R"({"orders":{"log":1}})",
                              R"({"orders":{"log":"id","inside":0,"file":"x","offset":"1","mark":""}})",
                              R"({"orders":{"log":"id","inside":0,"file":"x","offset":1}})"}) {
    EXPECT_THAT(FailureOf(dir.Write("state", content)), HasSubstr("orders")) << content;
  }
  for (const char* content : {R"({"orders":{"log":"id","inside":3,"file":"x","offset":1,"mark":""}})",
                              R"({"orders":{"log":"id","inside":0,"file":"x","offset":-1,"mark":""}})"}) {
    EXPECT_EQ(LoadPosition(dir.Write("state", content), "orders", "id"), std::nullopt) << content;
  }
}

TEST(StateFile, ThatCannotBeWrittenIsNamed) {
  const TempDir dir;
  try {
    StorePosition(dir.path() + "/missing/state", "orders", "id", kPosition);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(dir.path() + "/missing/state"));
  }
  EXPECT_THAT(FailureOf(dir.path()), HasSubstr(dir.path()));
}

}  // namespace
}  // namespace pgtls::serverlog
