#include "exporter/tls/same_library.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/files.h"
#include "tests/support/process.h"

namespace pgtls::tls {
namespace {

// Of this process.
std::string Library() {
  std::ifstream in("/proc/self/maps");
  for (std::string line; std::getline(in, line);) {
    if (line.find("/libssl.so") != std::string::npos) return line.substr(line.find('/'));
  }
  return "";
}

// A program that has loaded libssl, and runs until the end of the test.
class Loaded {
 public:
  explicit Loaded(const std::string& before = ":", const std::map<std::string, std::string>& environment = {})
      : process_({"unshare", "--mount", "sh", "-c", before + "; LD_PRELOAD=\"$LIBRARY\" exec sleep 600"},
                 Options(environment)) {
    const std::string proc = "/proc/" + std::to_string(process_.pid());
    const bool up = support::WaitUntil([&] {
      return support::ReadFile(proc + "/comm") == "sleep\n" && support::ReadFile(proc + "/maps").contains("/libssl.so");
    });
    if (!up) throw std::runtime_error("not started: " + process_.Err());
  }
  pid_t pid() const { return process_.pid(); }

 private:
  static support::ProcessOptions Options(std::map<std::string, std::string> environment) {
    environment["LIBRARY"] = Library();
    support::ProcessOptions options;
    options.environment = std::move(environment);
    return options;
  }
  support::Process process_;
};

TEST(SameLibraryTest, ThatOfAProcessBesideThisOne) {
  ASSERT_NE(Library(), "");
  EXPECT_TRUE(UsesOurLibrary(Loaded().pid()));
  EXPECT_FALSE(UsesOurLibrary(Loaded(":", {{"OPENSSL_CONF", "/nowhere"}}).pid()));
  EXPECT_FALSE(UsesOurLibrary(0));
}

// As in a container: another library under the same path.
TEST(SameLibraryTest, AnotherFileUnderTheSamePathIsAnother) {
  const support::TempDir dir;
  const std::string copy = dir.path() + "/libssl.so.3";
  std::filesystem::copy_file(Library(), copy);
  EXPECT_FALSE(UsesOurLibrary(Loaded("mount --bind " + copy + " \"$LIBRARY\"").pid()));
}

}  // namespace
}  // namespace pgtls::tls
