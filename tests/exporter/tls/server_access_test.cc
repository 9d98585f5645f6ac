#include "exporter/tls/server_access.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/files.h"

namespace pgtls::tls {
namespace {

// Runs as root or not: the server is this user where that is not root, whose files nobody is refused.
class ServerAccessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(files_.path() + "/inner");
    Give(files_.path(), 0755);
    Give(files_.path() + "/inner", 0755);
  }
  void Give(const std::string& path, mode_t mode) const {
    ASSERT_EQ(lchown(path.c_str(), user_.uid, getegid()), 0);
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  std::string Ask(const std::string& path) const {
    const FileAccess access = AccessOf(user_, path);
    return !access.problem.empty() ? access.problem : access.readable == true ? "yes" : "unknown";
  }

  support::TempDir files_;
  ServerUser user_{.uid = geteuid() == 0 ? 1 : geteuid(), .groups = {{getegid()}}};
};

TEST_F(ServerAccessTest, FollowsDirectoriesAndLinks) {
  const std::string file = files_.Write("inner/file", "x");
  Give(file, 0400);
  EXPECT_EQ(Ask(file), "yes");
  Give(file, 0040);
  EXPECT_EQ(Ask(file), "permission_denied");  // its own bits count, not the group's
  Give(file, 0400);
  std::filesystem::create_symlink("inner/../inner/file", files_.path() + "/link");
  EXPECT_EQ(Ask(files_.path() + "/link"), "yes");
  EXPECT_EQ(Ask(files_.path() + "/./inner//file"), "yes");
  std::filesystem::create_symlink("link2", files_.path() + "/link2");
  EXPECT_EQ(Ask(files_.path() + "/link2"), "other");
  EXPECT_EQ(Ask(files_.path() + "/none"), "missing");
  EXPECT_EQ(Ask(file + "/below"), "missing");
  Give(files_.path() + "/inner", 0600);
  EXPECT_EQ(Ask(file), "permission_denied");
  Give(files_.path() + "/inner", 0755);
}

TEST_F(ServerAccessTest, NamesDirectoriesThatOthersMayWriteTo) {
  const std::string file = files_.Write("inner/file", "x");
  Give(file, 0400);
  const std::string inner = files_.path() + "/inner";
  const auto shared = [&](mode_t mode, gid_t group) {
    EXPECT_EQ(chown(inner.c_str(), user_.uid, group), 0);
    EXPECT_EQ(chmod(inner.c_str(), mode), 0);
    std::vector<std::string> result;
    for (const SharedDirectory& directory : AccessOf(user_, file).shared_directories) {
      if (directory.path == inner) result.push_back(std::to_string(directory.mode));
    }
    return result;
  };
  const gid_t group = geteuid() == 0 ? 4711 : getegid();
  const std::vector<std::string> none;
  EXPECT_EQ(shared(0755, group), none);
  EXPECT_EQ(shared(0775, group), std::vector{std::to_string(0775)});
  EXPECT_EQ(shared(0757, group), std::vector{std::to_string(0757)});
  EXPECT_EQ(shared(01777, group), none) << "only its owner may replace a file";
  if (geteuid() == 0) {
    EXPECT_EQ(shared(0775, 0), none) << "root's group";
    EXPECT_EQ(shared(0777, 0), std::vector{std::to_string(0777)});
  }
  Give(inner, 0777);
  std::filesystem::create_symlink("inner/../inner/file", files_.path() + "/link");
  const FileAccess by_link = AccessOf(user_, files_.path() + "/link");
  EXPECT_TRUE(by_link.status.has_value());
  EXPECT_EQ(by_link.shared_directories, (std::vector<SharedDirectory>{{inner, 0777}}));
}

TEST_F(ServerAccessTest, GroupsThatDisagreeDecideNothing) {
  const std::string file = files_.Write("inner/file", "x");
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  user_.uid = 65533;
  user_.groups = {{getegid()}};
  EXPECT_EQ(Ask(file), "yes");
  user_.groups = {{4711}};
  EXPECT_EQ(Ask(file), "permission_denied");
  user_.groups = {{getegid()}, {4711}};
  EXPECT_EQ(Ask(file), "unknown");
  user_.groups = {};
  EXPECT_EQ(Ask(file), "unknown");
}

}  // namespace
}  // namespace pgtls::tls
