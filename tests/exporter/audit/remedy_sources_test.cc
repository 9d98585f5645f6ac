// The sources themselves are searched for reasons, so that one that no test causes has a remedy as well.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "collectors/registry.h"

namespace pgtls::audit {
namespace {

// Calls use(path, text) with the source files of a folder.
template <typename F>
void EachSource(const char* folder, F use) {
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".cc") continue;
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    use(file.path(), text.str());
  }
}

template <typename F>
int EachMatch(const std::string& text, const std::regex& pattern, F use) {
  int count = 0;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), pattern); match != std::sregex_iterator(); ++match) {
    ++count;
    use(*match);
  }
  return count;
}

TEST(RemediesOfTheSources, WhatCollectorsReportIsDeclared) {
  std::set<std::string> declared;
  for (const sampling::CollectorType* type : collectors::All()) {
    for (const sampling::DeclaredPart& part : type->parts) {
      declared.insert(std::string(part.name));
      for (const auto& remedy : part.remedies)
        declared.insert(std::string(part.name) + " " + std::string(remedy.reason));
    }
  }
  const std::regex report(
      R"re((?:incomplete\.(?:push|emplace)_back\(\{?|parts\.push_back\(\{|Deny\(|Miss\(|add\()"(\w+)"(?:,\s*"(\w+)")?)re");
  int reports = 0;
  for (const char* folder : {"collectors", "exporter/files", "exporter/wire"}) {
    EachSource(folder, [&](const auto& path, const std::string& text) {
      reports += EachMatch(text, report, [&](const auto& match) {
        const std::string reason = match[2];
        EXPECT_TRUE(declared.contains(std::string(match[1]) + (reason.empty() ? "" : " " + reason)))
            << path << ": " << match[1] << " " << reason;
      });
    });
  }
  EXPECT_GE(reports, 15) << "the expression fits the sources no longer";
}

// A part of the next start that is not known has its reason from far away: a file that is not read, a setting that is
// not visible.
TEST(RemediesOfTheSources, WhatIsNotKnownOfTheNextStartIsDeclared) {
  std::set<std::string> declared;
  for (const sampling::CollectorType* type : collectors::All()) {
    for (const sampling::DeclaredPart& part : type->parts) {
      if (!part.name.starts_with("next_start_")) continue;
      for (const auto& remedy : part.remedies) declared.insert(std::string(remedy.reason));
    }
  }
  const std::regex statement(R"re((?:\bUnknown\(|unknown = |unknown\.push_back\()[^;]*;)re");
  const std::regex word(R"re("([a-z]\w*)")re");
  const std::set<std::string> roles = {"server", "key", "ca", "crl", "dh", "hba"};
  int reasons = 0;
  for (const char* folder : {"collectors", "exporter/files", "exporter/tls"}) {
    EachSource(folder, [&](const auto& path, const std::string& text) {
      EachMatch(text, statement, [&](const auto& match) {
        reasons += EachMatch(match.str(), word, [&](const auto& found) {
          const std::string reason = found[1];
          if (roles.contains(reason) || reason.starts_with("ssl_")) return;
          EXPECT_TRUE(declared.contains(reason)) << path << ": " << match.str();
        });
      });
    });
  }
  EXPECT_GE(reasons, 20) << "the expression fits the sources no longer";
}

}  // namespace
}  // namespace pgtls::audit
