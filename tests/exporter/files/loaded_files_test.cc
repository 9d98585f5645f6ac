#include "exporter/files/loaded_files.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgtls::files {
namespace {

// A server that started at 1000 and was reloaded at 2000; the files have not changed since long before the start.
struct Case {
  std::string name;
  std::string expected;
  std::vector<std::pair<std::string, double>> changed = {};
  LoadTime load = {.not_before = 2000, .exact = true};
  bool serves_another = false;
  std::vector<tls::StartFailure> failures = {};
  std::vector<tls::StartUnknown> unknown = {};
  std::optional<bool> passphrase_command = false;
};

std::string Why(const Case& one) {
  StartAnswers answers;
  answers.current = {{"ssl_ca_file", "/ca"}, {"ssl_crl_file", "/crl"}};
  answers.start_time = 1000;
  answers.last_load = one.load;
  answers.passphrase_command = one.passphrase_command;
  FileChanges changes{.by_role = {{"ca", 500}, {"crl", 500}, {"server", 500}, {"key", 500}}};
  for (const auto& [role, time] : one.changed) changes.by_role[role] = time;
  return WhyNotLoaded(answers, {one.failures, one.unknown}, one.serves_another, changes);
}

TEST(LoadedFilesTest, AChangeIsLoadedByWhatFollowsIt) {
  const LoadTime later_session = {.not_before = 2000, .exact = false};
  const std::vector<tls::StartUnknown> encrypted = {{"key", "passphrase"}};
  const std::vector<tls::StartUnknown> unseen = {{"key", "sql"}};
  const std::vector<Case> cases = {
      {"from the start on", ""},
      {"at the reload", "", {{"ca", 2000}}},
      {"after the reload", "pending_reload", {{"ca", 2000.01}}},
      {"lists, too", "pending_reload", {{"crl", 2000.01}}},
      {"during the start", "pending_reload", {{"ca", 999}}, {900, true}},
      {"with the certificate after the reload", "pending_reload", {{"ca", 1500}, {"server", 2001}}},
      {"with the key after the reload", "pending_reload", {{"ca", 1500}, {"key", 2001}}},
      {"the certificate alone after the reload", "", {{"server", 2001}}},
      {"a reload that was refused", "pending_reload", {{"ca", 1500}}, {2000, true}, true},
      {"a refused reload, older files", "", {}, {2000, true}, true},
      {"a reload that would be refused", "reload_refused", {}, {2000, true}, false, {{"key", "/key", "mode"}}},
      {"by a setting", "reload_refused", {}, {2000, true}, false, {{"setting", "ssl_ciphers", "other"}}},
      {"by what is not of TLS", "", {}, {2000, true}, false, {{"hba", "", "missing"}, {"setting", "port", "other"}}},
      {"of a session that saw a later reload", "", {{"ca", 1999}}, later_session},
      {"after that session's start", "reloaded", {{"ca", 1999.5}}, later_session},
      {"encrypted key", "pending_restart", {{"ca", 1500}}, {2000, true}, false, {}, encrypted},
      {"encrypted key, since the start", "", {{"ca", 990}}, {990, true}, false, {}, encrypted},
      {"encrypted key, after the start", "pending_restart", {{"ca", 991}}, {990, true}, false, {}, encrypted},
      {"encrypted key, older files", "", {}, {2000, true}, false, {}, encrypted},
      {"a key out of sight", "", {{"ca", 1500}}, {2000, true}, false, {}, unseen},
      {"a key out of sight, with a command", "pending_restart", {{"ca", 1500}}, {2000, true}, false, {}, unseen, true},
  };
  for (const Case& one : cases) EXPECT_EQ(Why(one), one.expected) << one.name;
}

TEST(LoadedFilesTest, WithoutTimesItIsNotKnown) {
  StartAnswers answers;
  answers.current = {{"ssl_ca_file", "/ca"}};
  answers.start_time = 1000;
  answers.last_load = {.not_before = 2000, .exact = true};
  EXPECT_EQ(WhyNotLoaded(answers, {}, false, {.by_role = {}, .outdated = true}), "outdated");
  EXPECT_EQ(WhyNotLoaded(answers, {}, false, {}), "pending_reload");
  answers.current["ssl_ca_file"] = "";
  EXPECT_EQ(WhyNotLoaded(answers, {}, false, {}), "");
}

}  // namespace
}  // namespace pgtls::files
