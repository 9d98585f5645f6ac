// The configuration, read again while the program runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdio>
#include <future>

#include "tests/e2e/exporter.h"
#include "tests/support/http_client.h"

namespace pgtls::e2e {
namespace {

using support::TempDir;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kDead = "host=127.0.0.1 port=1";
constexpr const char* kGood = "pg_tls_exporter_config_last_reload_successful 1";
constexpr const char* kRefused = "pg_tls_exporter_config_last_reload_successful 0";

support::HttpResponse Reload(const Exporter& exporter) {
  return support::HttpRequest(exporter.port(), "/-/reload", "POST", "Content-Length: 0\r\n");
}

class ReloadTest : public testing::Test {
 protected:
  // In one step, as an editor does.
  void Configure(const std::string& text) const {
    const std::string path = dir_.Write("new.yml", text);
    ASSERT_EQ(rename(path.c_str(), file_.c_str()), 0);
  }

  TempDir dir_;
  std::string file_ = dir_.Write("config.yml", Config({{"first", kDead}}));
};

TEST_F(ReloadTest, OverHttpOnlyWhereItIsAllowed) {
  const Exporter exporter({"--config.file=" + file_});
  Configure(Config({{"second", kDead}}));
  EXPECT_EQ(Reload(exporter).status, 403);
  EXPECT_THAT(support::HttpGet(exporter.port(), "/sd"), HasSubstr("first"));
}

TEST_F(ReloadTest, OverHttpSaysHowItWent) {
  const Exporter exporter({"--config.file=" + file_, "--web.enable-lifecycle"});
  EXPECT_EQ(support::HttpRequest(exporter.port(), "/-/reload").status, 405);
  EXPECT_TRUE(HasLine(exporter.Page(), kGood));

  Configure(Config({{"second", kDead}}));
  EXPECT_EQ(Reload(exporter).status, 200);
  EXPECT_TRUE(HasLine(exporter.Page(), kGood));
  EXPECT_THAT(support::HttpGet(exporter.port(), "/sd"), HasSubstr("second"));

  Configure("servers:\n  - name: third\n    colour: red\n");
  const auto refused = Reload(exporter);
  EXPECT_EQ(refused.status, 500);
  EXPECT_THAT(refused.body, HasSubstr(file_ + ":3:5: "));
  EXPECT_TRUE(exporter.WaitForLog(file_ + ":3:5: ")) << exporter.Log();
  EXPECT_TRUE(HasLine(exporter.Page(), kRefused));
  EXPECT_THAT(support::HttpGet(exporter.port(), "/sd"), HasSubstr("second"));

  Configure(Config({{"fourth", kDead}}));
  EXPECT_EQ(Reload(exporter).status, 200);
  EXPECT_TRUE(HasLine(exporter.Page(), kGood));
  EXPECT_THAT(support::HttpGet(exporter.port(), "/sd"), HasSubstr("fourth"));
}

TEST_F(ReloadTest, BySignal) {
  Exporter exporter({"--config.file=" + file_});
  Configure(Config({{"second", kDead}}));
  exporter.process().Signal(SIGHUP);
  exporter.WaitForLine("pg_tls_up{server=\"second\"} 0");
  Configure("servers: [\n");
  exporter.process().Signal(SIGHUP);
  const std::string page = exporter.WaitForLine(kRefused);
  EXPECT_TRUE(HasLine(page, "pg_tls_up{server=\"second\"} 0")) << page;
}

// Tells when somebody has read a file to its end and closed it.
class Readings {
 public:
  explicit Readings(const std::string& path) : descriptor_(inotify_init1(IN_CLOEXEC)) {
    if (inotify_add_watch(descriptor_, path.c_str(), IN_CLOSE_NOWRITE) < 0) ADD_FAILURE() << "no watch on " << path;
  }
  ~Readings() { close(descriptor_); }
  Readings(const Readings&) = delete;
  Readings& operator=(const Readings&) = delete;
  bool Wait() const {
    pollfd entry{descriptor_, POLLIN, 0};
    return poll(&entry, 1, 30'000) == 1;
  }

 private:
  int descriptor_;
};

// A file so large that the next one is long read when this one is understood.
std::string Large() {
  std::string text = Config({{"older", kDead}}) + "policy:\n  allow_unencrypted:\n";
  for (int i = 0; i < 30'000; ++i) {
    const std::string name = std::to_string(i);
    text += "    - {name: n" + name + ", user: u" + name + "}\n";
  }
  return text;
}

TEST_F(ReloadTest, TheFileThatIsNewerStays) {
  const Exporter exporter({"--config.file=" + file_, "--web.enable-lifecycle"});
  Configure(Large());
  const Readings readings(file_);
  auto older = std::async(std::launch::async, [&] { return Reload(exporter).status; });
  ASSERT_TRUE(readings.Wait());
  Configure(Config({{"newer", kDead}}));
  EXPECT_EQ(Reload(exporter).status, 200);
  EXPECT_EQ(older.get(), 200);
  const std::string servers = support::HttpGet(exporter.port(), "/sd");
  EXPECT_THAT(servers, HasSubstr("newer"));
  EXPECT_THAT(servers, Not(HasSubstr("older")));
}

TEST_F(ReloadTest, WhatIsWrongWithTheNewerFileIsSaid) {
  const Exporter exporter({"--config.file=" + file_, "--web.enable-lifecycle"});
  Configure(Large());
  const Readings readings(file_);
  auto older = std::async(std::launch::async, [&] { return Reload(exporter).status; });
  ASSERT_TRUE(readings.Wait());
  Configure("nonsense: 1\n");
  EXPECT_EQ(Reload(exporter).status, 500);
  EXPECT_EQ(older.get(), 200);
  EXPECT_TRUE(HasLine(exporter.Page(), kRefused));
}

}  // namespace
}  // namespace pgtls::e2e
