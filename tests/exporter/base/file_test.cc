#include "exporter/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <functional>
#include <system_error>

#include "exporter/base/error.h"
#include "tests/support/files.h"

namespace pgtls {
namespace {

using support::TempDir;
using testing::HasSubstr;

std::string FailureOf(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), FailureReason::kError);
    return error.what();
  }
  return "";
}

TEST(ReadFileTest, GivesTheBytes) {
  const TempDir dir;
  const std::string bytes("a\0b\r\n\xFF", 6);
  EXPECT_EQ(ReadFile(dir.Write("file", bytes), 6), bytes);
  EXPECT_EQ(ReadFile(dir.Write("empty", ""), 0), "");
  const std::string large(200'000, 'x');
  EXPECT_EQ(ReadFile(dir.Write("large", large), large.size()), large);
}

TEST(ReadFileTest, ABiggerFileIsRefusedAndNotCut) {
  const TempDir dir;
  const std::string path = dir.Write("file", "1234567");
  EXPECT_EQ(FailureOf([&] { ReadFile(path, 6); }), path + ": larger than 6 bytes");
}

TEST(ReadFileTest, AMissingFileIsItsErrno) {
  const TempDir dir;
  try {
    ReadFile(dir.path() + "/missing", 10);
    FAIL() << "no error";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_THAT(error.what(), HasSubstr(dir.path() + "/missing"));
  }
}

// Each of these would hang or never end if it were read.
TEST(ReadFileTest, RefusesWhatIsNoRegularFile) {
  const TempDir dir;
  const std::string fifo = dir.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, dir.path(), std::string("/dev/zero")}) {
    EXPECT_EQ(FailureOf([&] { ReadFile(path, 10); }), path + ": not a regular file");
  }
}

TEST(ReadFileTest, FollowsLinks) {
  const TempDir dir;
  const std::string link = dir.path() + "/..data";  // as Kubernetes mounts secrets
  ASSERT_EQ(symlink(dir.Write("file", "x").c_str(), link.c_str()), 0);
  EXPECT_EQ(ReadFile(link, 10), "x");
}

TEST(PasswordFileTest, LosesOneLineEndAndNothingElse) {
  const TempDir dir;
  const std::pair<std::string, std::string> cases[] = {
      {"secret", "secret"},
      {"secret\n", "secret"},
      {"secret\r\n", "secret"},
      {"secret\n\n", "secret\n"},
      {" secret \n", " secret "},
      {"secret\r", "secret\r"},
      {"", ""},
      {"\n", ""},
      {"\r\n", ""},
      {"a\nb\n", "a\nb"},
  };
  for (const auto& [content, password] : cases) {
    EXPECT_EQ(ReadPasswordFile(dir.Write("password", content)), password) << testing::PrintToString(content);
  }
}

TEST(PasswordFileTest, IsSmall) {
  const TempDir dir;
  EXPECT_EQ(ReadPasswordFile(dir.Write("password", std::string(4096, 'x'))).size(), 4096u);
  const std::string path = dir.Write("password", std::string(4097, 'x'));
  const std::string message = FailureOf([&] { ReadPasswordFile(path); });
  EXPECT_THAT(message, HasSubstr("larger than"));
  EXPECT_THAT(message, testing::Not(HasSubstr("xxx")));
}

}  // namespace
}  // namespace pgtls
