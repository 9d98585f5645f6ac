#include "exporter/hba/ident_maps.h"

#include <gmock/gmock.h>

#include "tests/exporter/hba/hba_text.h"

namespace pgtls::hba {
namespace {

constexpr int kOld = 150000;
constexpr int kNew = 160000;

IdentLine Line(std::string system_user, std::string role) {
  return {.file = "/data/pg_ident.conf",
          .line = 7,
          .map = "os",
          .system_user = std::move(system_user),
          .role = std::move(role)};
}

Catalog Cluster() {
  return {{"postgres", "app", "admin"},
          {{"admin", "ops"}},
          {},
          PrivilegedRolesOf({{"admin", true, false, {}}, {"postgres", true, true, {}}, {"repl", false, true, {}}})};
}

TEST(IdentMaps, AreThoseThatRulesName) {
  EXPECT_THAT(MapsOf(Rules({"local all all peer map=os", "hostssl all all all cert map=dn", "local x x peer map=os",
                            "local y y peer", "local z z peer map="})),
              testing::ElementsAre("dn", "os"));
}

TEST(IdentMaps, AnyUserIsOneThatNobodyNamed) {
  IdentLine line = Line("/^(.*)$", "app");
  EXPECT_FALSE(AdmitsAnyUser(line, kNew));
  line.any_user = true;
  EXPECT_TRUE(AdmitsAnyUser(line, kNew));
  line.role = "\\1";
  EXPECT_FALSE(AdmitsAnyUser(line, kNew)) << "the role of the same name, as without a map";
  line.any_domain = true;
  EXPECT_TRUE(AdmitsAnyUser(line, kNew));
  line = Line("/^x$", "/^(.*)\\1$");
  line.any_user = true;
  EXPECT_TRUE(AdmitsAnyUser(line, kNew)) << "a regular expression has a \\1 of its own";
  EXPECT_FALSE(AdmitsAnyUser(line, kOld)) << "the name of a role";
}

TEST(IdentMaps, SeveralRolesExistSince16) {
  for (const char* role : {"all", "+ops", "/^a"}) {
    EXPECT_TRUE(AdmitsAsSeveral(Line("bob", role), kNew)) << role;
    EXPECT_FALSE(AdmitsAsSeveral(Line("bob", role), kOld)) << role;
  }
  EXPECT_FALSE(AdmitsAsSeveral(Line("bob", "app"), kNew));
}

TEST(IdentMaps, KnowWhereASuperuserIsReached) {
  const auto reaches = [](const IdentLine& line, int version = kNew) {
    return ReachesSuperuser(line, version, Cluster());
  };
  EXPECT_TRUE(reaches(Line("bob", "postgres")));
  EXPECT_FALSE(reaches(Line("bob", "app")));
  EXPECT_FALSE(reaches(Line("bob", "repl")));
  EXPECT_TRUE(reaches(Line("bob", "all")));
  EXPECT_FALSE(reaches(Line("bob", "all"), kOld)) << "the name of a role";
  EXPECT_TRUE(reaches(Line("bob", "+ops")));
  EXPECT_FALSE(reaches(Line("bob", "+staff")));
  IdentLine pattern = Line("bob", "/^p");
  EXPECT_FALSE(reaches(pattern));
  pattern.superuser = true;
  EXPECT_TRUE(reaches(pattern));
  EXPECT_TRUE(reaches(Line("/^(.*)@.*$", "\\1")));
  EXPECT_TRUE(reaches(Line("/^(.*)@.*$", "ad\\1")));
  EXPECT_FALSE(reaches(Line("/^(.*)@.*$", "app_\\1")));
  EXPECT_FALSE(reaches(Line("bob", "\\1"))) << "nothing is replaced";
  EXPECT_FALSE(ReachesSuperuser(Line("bob", "postgres"), kNew, Catalog())) << "not known";
}

}  // namespace
}  // namespace pgtls::hba
