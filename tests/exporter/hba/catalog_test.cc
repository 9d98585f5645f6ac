#include "exporter/hba/catalog.h"

#include <gmock/gmock.h>

namespace pgtls::hba {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Catalog, FollowsMembershipsAllTheWay) {
  Catalog catalog;
  catalog.AddRole("u");
  catalog.AddMembership("u", "team");
  catalog.AddMembership("team", "staff");
  EXPECT_THAT(catalog.GroupsOf("u"), UnorderedElementsAre("u", "team", "staff"));
  EXPECT_TRUE(catalog.IsMember("u", "staff"));
  EXPECT_TRUE(catalog.IsMember("u", "u"));
  EXPECT_FALSE(catalog.IsMember("staff", "u"));
}

TEST(Catalog, SaysNoForRolesThatDoNotExist) {
  Catalog catalog;
  catalog.AddRole("u");
  EXPECT_THAT(catalog.GroupsOf("nobody"), IsEmpty());
  EXPECT_FALSE(catalog.IsMember("nobody", "nobody"));
  EXPECT_FALSE(catalog.IsMember("u", "nobody"));
}

TEST(Catalog, EndsOnACircle) {  // the server lets none arise; two reads of a changing catalog may
  Catalog catalog;
  catalog.AddMembership("a", "b");
  catalog.AddMembership("b", "a");
  EXPECT_THAT(catalog.GroupsOf("a"), UnorderedElementsAre("a", "b"));
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
