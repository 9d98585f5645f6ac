#include "exporter/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "exporter/base/error.h"

namespace pgtls {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReloadsTest : public testing::Test {
 protected:
  // What a reload answers.
  std::string Reload() {
    loop_.restart();
    auto done = asio::co_spawn(loop_, reloads_.Run(), asio::use_future);
    loop_.run();
    return done.get();
  }
  static sampling::ResolvedConfig Servers(const std::string& name) {
    config::Config config;
    config.servers.emplace_back().name = name;
    return sampling::Resolve(std::move(config));
  }

  BlockingPool blocking_{1};
  exposition::ReloadStatus status_;
  std::function<sampling::ResolvedConfig()> load_ = [] { return Servers("db"); };
  std::function<void()> adopting_ = [] {};
  bool ending_ = false;
  std::vector<std::string> adopted_;
  Reloads reloads_{blocking_,
                   status_,
                   {.load = [this] { return load_(); },
                    .adopt =
                        [this](const sampling::ResolvedConfig& resolved) {
                          adopting_();
                          adopted_.push_back(resolved.config->servers.at(0).name);
                          status_.Set(true);
                        },
                    .ending = [this] { return ending_; }}};
  asio::io_context loop_{1};
};

// The system has no memory or thread left, or the program has a mistake: no exception ends it.
TEST_F(ReloadsTest, WhateverIsThrownIsARefusalAndTheNextOneWorks) {
  const std::vector<std::pair<std::function<void()>, std::string>> faults = {
      {[] { throw ConfigError("config.yml", 3, 5, "unknown key"); }, "config.yml:3:5: unknown key"},
      {[] { throw std::bad_alloc(); }, "bad_alloc"},
      {[] { throw std::system_error(std::make_error_code(std::errc::too_many_files_open)); }, "Too many open files"},
      {[] { throw std::logic_error("a mistake"); }, "a mistake"},
      {[] { throw TimeoutError("slow"); }, "slow"},
  };
  for (const auto& [fault, message] : faults) {
    for (const bool adopting : {false, true}) {
      SCOPED_TRACE(message);
      adopted_.clear();
      EXPECT_EQ(Reload(), "");
      EXPECT_TRUE(status_.Get().successful);
      const auto last = status_.Get().last_success;
      if (adopting) {
        adopting_ = fault;
      } else {
        load_ = [&] {
          fault();
          return Servers("bad");
        };
      }
      testing::internal::CaptureStderr();
      const std::string answer = Reload();
      const std::string log = testing::internal::GetCapturedStderr();
      EXPECT_THAT(answer, HasSubstr(message));
      EXPECT_THAT(log, HasSubstr("level=error msg=\"the configuration was refused; the previous one stays in force\""));
      EXPECT_THAT(log, HasSubstr(message));
      EXPECT_FALSE(status_.Get().successful);
      EXPECT_EQ(status_.Get().last_success, last);
      adopting_ = [] {};
      load_ = [] { return Servers("next"); };
      EXPECT_EQ(Reload(), "");
      EXPECT_TRUE(status_.Get().successful);
      EXPECT_THAT(adopted_, ElementsAre(testing::_, "next"));
    }
  }
}

TEST_F(ReloadsTest, NothingChangesAtTheEnd) {
  status_.Set(true);
  load_ = [this] {
    ending_ = true;
    return Servers("late");
  };
  EXPECT_EQ(Reload(), "the exporter is ending");
  load_ = []() -> sampling::ResolvedConfig { throw std::runtime_error("torn down"); };
  EXPECT_EQ(Reload(), "the exporter is ending");
  EXPECT_THAT(adopted_, IsEmpty());
  EXPECT_TRUE(status_.Get().successful);
}

}  // namespace
}  // namespace pgtls
