#include "tests/support/golden.h"

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>

#include "tests/support/files.h"

namespace pgtls::support {

::testing::AssertionResult MatchesGolden(const std::string& path, const std::string& text) {
  const char* update = std::getenv("PGTLS_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    WriteFile(path, text, 0644);
    return ::testing::AssertionSuccess();
  }
  if (!std::filesystem::exists(path)) {
    return ::testing::AssertionFailure() << path << " does not exist; PGTLS_UPDATE_GOLDEN=1 writes it:\n" << text;
  }
  const std::string golden = ReadFile(path);
  if (golden == text) return ::testing::AssertionSuccess();
  // Differences as diff(1) shows them: tests have no time for an algorithm of their own.
  const TempDir dir;
  const std::string actual = dir.Write("actual", text);
  const std::string command = "diff -u '" + path + "' '" + actual + "' >'" + dir.path() + "/diff'";
  [[maybe_unused]] const int differs = std::system(command.c_str());  // NOLINT(cert-env33-c): fixed text
  return ::testing::AssertionFailure() << ReadFile(dir.path() + "/diff");
}

std::string Masked(const std::string& text, const std::vector<std::pair<std::string, std::string>>& replacements) {
  std::vector<std::pair<std::regex, std::string>> compiled;
  compiled.reserve(replacements.size());
  for (const auto& [pattern, replacement] : replacements) compiled.emplace_back(std::regex(pattern), replacement);
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const bool blank = line.empty();
    for (const auto& [regex, replacement] : compiled) line = std::regex_replace(line, regex, replacement);
    if (blank || !line.empty()) out += line + "\n";
  }
  return out;
}

std::string Families(const std::string& page, std::string_view prefix) {
  std::istringstream in(page);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const std::string_view name = line.starts_with("# ") ? std::string_view(line).substr(7) : std::string_view(line);
    if (name.starts_with(prefix)) out += line + "\n";
  }
  return out;
}

}  // namespace pgtls::support
