// Golden files: the expected output, in testdata/ beside the test, rewritten by PGTLS_UPDATE_GOLDEN=1.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgtls::support {

// Fails with the first lines that differ. `path` is relative to the repository's root (ctest runs the tests there).
// With PGTLS_UPDATE_GOLDEN=1 the file is written and the assertion succeeds: review the diff before you commit it.
::testing::AssertionResult MatchesGolden(const std::string& path, const std::string& text);

// Returns `text` with every match of each regular expression (ECMAScript, line by line) replaced, for parts that differ
// between runs.
std::string Masked(const std::string& text, const std::vector<std::pair<std::string, std::string>>& replacements);

// The exposition's lines of the families whose name starts with `prefix`, HELP and TYPE included.
std::string Families(const std::string& page, std::string_view prefix);

}  // namespace pgtls::support
