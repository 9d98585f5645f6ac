// How passwords are stored, on real servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/settings.h"
#include "exporter/settings/role_passwords.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Verifiers of one iteration, and text that is none: written as no command of PostgreSQL writes it.
constexpr const char* kRoles =
    "SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'geheim'; CREATE ROLE \"zum alten\" LOGIN PASSWORD "
    "'x'; "
    "CREATE ROLE old_group PASSWORD 'x'; SET password_encryption = 'scram-sha-256'; "
    "CREATE ROLE new1 LOGIN PASSWORD 'geheim'; CREATE ROLE new2 LOGIN PASSWORD 'geheim'; CREATE ROLE weak LOGIN "
    "PASSWORD 'x'; "
    "CREATE ROLE odd LOGIN PASSWORD 'x'; "
    "UPDATE pg_authid SET rolpassword = replace(rolpassword, '$4096:', '$4095:') WHERE rolname = 'weak'; "
    "UPDATE pg_authid SET rolpassword = 'md5 is no verifier' WHERE rolname = 'odd'";

class RolePasswordsPgTest : public testing::Test {
 protected:
  RolePasswordsPgTest() {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    server_.Execute(kRoles);
  }
  std::shared_ptr<const settings::RolePasswords> Passwords(const std::string& user) {
    harness_.Connect(server_.Conninfo("user=" + user));
    return harness_.Collect().facts.Get<settings::RolePasswords>();
  }

  support::PostgresServer server_;
  Harness harness_{SettingsCollector()};
};

TEST_F(RolePasswordsPgTest, CountsRolesThatMayLogInAndNamesThoseWithMd5) {
  for (const char* const user : {"tls_exporter", "postgres"}) {
    SCOPED_TRACE(user);
    const auto passwords = Passwords(user);
    ASSERT_NE(passwords, nullptr);
    EXPECT_EQ(passwords->scram, 3u);
    EXPECT_EQ(passwords->few_iterations, 1u);
    EXPECT_EQ(passwords->md5, 2u);
    EXPECT_EQ(passwords->none, 3u) << "postgres, tls_exporter, odd";
    EXPECT_THAT(passwords->md5_roles, ElementsAre("old", "zum alten"));
    EXPECT_THAT(harness_.CollectPage(), HasSubstr("pg_tls_role_passwords{server=\"db\",kind=\"md5\"} 2\n"));
  }
}

TEST_F(RolePasswordsPgTest, NamesAHundredRoles) {
  server_.Execute(
      "SET password_encryption = md5; DO $$ BEGIN FOR i IN 1000..1199 LOOP EXECUTE format('CREATE ROLE many%s LOGIN "
      "PASSWORD "
      "''x''', i); END LOOP; END $$");
  const auto passwords = Passwords("tls_exporter");
  EXPECT_EQ(passwords->md5, 202u);
  EXPECT_EQ(passwords->md5_roles.size(), 100u);
  EXPECT_EQ(passwords->md5_roles.front(), "many1000");
}

TEST_F(RolePasswordsPgTest, ReturnsNoPartOfAVerifier) {
  std::string all;
  for (const auto& row : server_.Query("SET ROLE tls_exporter; SELECT * FROM tls_exporter.role_passwords()")) {
    for (const auto& cell : row) all += cell.value_or("") + "|";
  }
  const auto verifiers = server_.Query(
      "SELECT unnest(regexp_split_to_array(rolpassword, '[$:]')) FROM pg_authid WHERE rolpassword ~ '^(md5|SCRAM)'");
  ASSERT_GE(verifiers.size(), 10u);
  for (const auto& row : verifiers) {
    if (row[0]->size() > 8 && row[0] != "SCRAM-SHA-256") EXPECT_THAT(all, Not(HasSubstr(*row[0])));
  }
  EXPECT_THAT(all, Not(HasSubstr("4095")));
}

TEST_F(RolePasswordsPgTest, BelievesOnlyAFunctionOfASuperuser) {
  server_.Execute("CREATE ROLE mallory LOGIN; ALTER FUNCTION tls_exporter.role_passwords() OWNER TO mallory");
  EXPECT_EQ(Passwords("tls_exporter"), nullptr);
}

}  // namespace
}  // namespace pgtls::collectors
