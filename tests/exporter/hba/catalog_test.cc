#include "exporter/hba/catalog.h"

#include <gmock/gmock.h>

namespace pgtls::hba {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Catalog, FollowsMembershipsAllTheWay) {
  const Catalog catalog({"u"}, {{"u", "team"}, {"team", "staff"}}, {});
  EXPECT_THAT(catalog.GroupsOf("u"), UnorderedElementsAre("u", "team", "staff"));
  EXPECT_TRUE(catalog.IsMember("u", "staff"));
  EXPECT_TRUE(catalog.IsMember("u", "u"));
  EXPECT_FALSE(catalog.IsMember("staff", "u"));
}

TEST(Catalog, SaysNoForRolesThatDoNotExist) {
  const Catalog catalog({"u"}, {}, {});
  EXPECT_THAT(catalog.GroupsOf("nobody"), IsEmpty());
  EXPECT_FALSE(catalog.IsMember("nobody", "nobody"));
  EXPECT_FALSE(catalog.IsMember("u", "nobody"));
}

TEST(Catalog, EndsOnACircle) {  // the server lets none arise; two reads of a changing catalog may
  const Catalog catalog({}, {{"a", "b"}, {"b", "a"}}, {});
  EXPECT_THAT(catalog.GroupsOf("a"), UnorderedElementsAre("a", "b"));
}

TEST(PrivilegedRoles, SuperusersFirstAndNotTooMany) {
  std::vector<PrivilegedRole> roles = {
      {"b", false, true, {}}, {"z", true, false, {}}, {"a", false, true, {"CREATEDB"}}};
  EXPECT_EQ(PrivilegedRolesOf(roles), (PrivilegedRoles{{roles[1], roles[2], roles[0]}, 3}));
  roles.resize(kMaxPrivilegedRoles + 5);
  const PrivilegedRoles many = PrivilegedRolesOf(roles);
  EXPECT_EQ(many.roles.size(), kMaxPrivilegedRoles);
  EXPECT_EQ(many.count, kMaxPrivilegedRoles + 5);
  EXPECT_EQ(many.roles[0].name, "z");
}

TEST(Catalog, TheSameInAnyOrderAndWithRepetitions) {
  const Catalog one({"b", "a", "b"}, {{"b", "y"}, {"a", "z"}, {"a", "y"}, {"a", "z"}}, {"d"});
  const Catalog other({"a", "z"}, {{"a", "z"}, {"a", "y"}, {"b", "y"}}, {"d"});
  EXPECT_EQ(one, other);
  EXPECT_THAT(one.roles(), ElementsAre("a", "b", "y", "z"));
  EXPECT_THAT(one.GroupsOf("a"), UnorderedElementsAre("a", "y", "z"));
  EXPECT_THAT(one.GroupsOf("b"), UnorderedElementsAre("b", "y"));
}

TEST(RegexAnswers, TellsNoFromNotAsked) {
  RegexAnswers answers;
  answers.AddPattern("^a");
  answers.AddName("abc");
  answers.AddName("xyz");
  answers.AddMatch("^a", "abc");
  EXPECT_EQ(answers.Get("^a", "abc"), true);
  EXPECT_EQ(answers.Get("^a", "xyz"), false);
  EXPECT_EQ(answers.Get("^b", "abc"), std::nullopt);
  EXPECT_EQ(answers.Get("^a", "a"), std::nullopt);
}

}  // namespace
}  // namespace pgtls::hba
