// A collector that runs as a superuser uses the same SQL as the functions of monitoring_role.sql: both files contain
// it, and the texts must be the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include "collectors/hba_sql.h"
#include "collectors/role_passwords.h"
#include "collectors/settings_sql.h"
#include "tests/support/files.h"

namespace pgtls::collectors {
namespace {

// Without indentation and empty lines.
std::string Lines(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin != std::string_view::npos) lines += std::string(line.substr(begin)) + '\n';
  }
  return lines;
}

std::string BodyOf(const std::string& function) {
  const std::string file = support::ReadFile("deploy/sql/monitoring_role.sql");
  const std::size_t create = file.find("CREATE FUNCTION tls_exporter." + function + "(");
  const std::size_t begin = file.find("$$", create);
  const std::size_t end = file.find("$$", begin + 2);
  if (create == std::string::npos || end == std::string::npos) return "there is no such function";
  return Lines(std::string_view(file).substr(begin + 2, end - begin - 2));
}

std::string WithoutSpace(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
  return text;
}

TEST(RoleSqlTest, TheFunctionForTheConfigurationFilesShowsTheValuesOfTheSameSettings) {
  EXPECT_EQ(WithoutSpace(BodyOf("file_settings")),
            WithoutSpace("SELECT seqno, sourcefile, sourceline, name, CASE WHEN " PGTLS_RELEVANT_SETTING_SQL
                         " THEN setting END, error FROM pg_file_settings"));
}

TEST(RoleSqlTest, TheFunctionsForPgHbaConfAreTheSuperusersQueries) {
  EXPECT_EQ(BodyOf("hba_rules"), Lines(kHbaRulesSql.front().sql));
  EXPECT_EQ(BodyOf("hba_files"), Lines(kHbaFilesSql.front().sql));
}

// A server without the view has the function, too.
TEST(RoleSqlTest, TheFunctionForPgIdentConfHasTheSuperusersQuery) {
  EXPECT_NE(BodyOf("ident_mappings").find(Lines(kIdentSql.front().sql)), std::string::npos);
}

TEST(RoleSqlTest, TheFunctionForPasswordsIsTheSuperusersQuery) {
  EXPECT_EQ(BodyOf("role_passwords"), Lines(kRolePasswordsSql.front().sql));
}

}  // namespace
}  // namespace pgtls::collectors
